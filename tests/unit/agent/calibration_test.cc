// Floors: measured while a share gets ready, kept, and no hindrance where they cannot be had.
#include "agent/floors/calibration.h"

#include <gmock/gmock.h>

#include "agent/floors/floor_book.h"
#include "agent/triggers/null_trigger.h"
#include "common/floor_bound.h"
#include "executor_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

class CalibrationTest : public ExecutorTest {
 protected:
  void SetUp() override {
    ExecutorTest::SetUp();
    Restart(options_);
  }

  v1::Floor FloorOf(const v1::ShareSpec& spec) {
    const Written written = Execute(spec);
    EXPECT_EQ(written.triggers.size(), spec.count()) << "null triggers are kept nowhere";
    EXPECT_TRUE(written.start->has_floor());
    return written.start->floor();
  }

  static v1::ShareSpec RequestSpec(int64_t run_id) {
    v1::ShareSpec spec = SleepSpec(run_id, 3, 2, 0);
    v1::HttpTrigger& http = *spec.mutable_trigger()->mutable_http();
    http.set_method("GET");
    http.set_url("http://127.0.0.1:1/");
    return spec;
  }

  static v1::ShareSpec CallSpec(int64_t run_id) {
    v1::ShareSpec spec = SleepSpec(run_id, 3, 2, 0);
    v1::GrpcTrigger& grpc = *spec.mutable_trigger()->mutable_grpc();
    grpc.set_target("127.0.0.1:1");
    grpc.set_method("some.Service/Call");
    return spec;
  }

  static v1::ShareSpec TaskSpec(int64_t run_id) {
    v1::ShareSpec spec = SleepSpec(run_id, 3, 2, 0);
    v1::DriverTrigger& driver = *spec.mutable_trigger()->mutable_driver();
    for (const char* word : {ASSAY_BINARY_DIR "/agent/assay-agent", "--echo", "driver"}) driver.add_argv(word);
    return spec;
  }

  Executor::Options options_{.agent_name = "alpha", .cgroup_name = "", .sampler = {}, .calibrate_ns = 50 * kMs};
};

TEST_F(CalibrationTest, TheFloorOfAKindAndConcurrencyIsMeasuredOnceAndToldWithEachShare) {
  const v1::Floor first = FloorOf(ExecSpec(1, 3, 2, {"sh", "-c", "exit 0"}));
  EXPECT_EQ(first.error(), "");
  EXPECT_EQ(first.kind(), "exec");
  EXPECT_EQ(first.concurrency(), 2U);
  EXPECT_GT(first.triggers(), 0U);
  EXPECT_GT(first.rate_per_s(), 0);
  EXPECT_GT(first.service_p50_ns(), 0);
  EXPECT_GE(first.service_p99_ns(), first.service_p50_ns());
  EXPECT_GT(first.measured_wall_ns(), 0);
  const v1::Floor again = FloorOf(ExecSpec(2, 3, 2, {"echo", "another"}));
  EXPECT_EQ(again.SerializeAsString(), first.SerializeAsString());
  EXPECT_NE(FloorOf(ExecSpec(3, 3, 3, {"true"})).measured_wall_ns(), first.measured_wall_ns());
  EXPECT_EQ(FloorOf(SleepSpec(4, 3, 2, kMs)).kind(), "sleep");
}

TEST_F(CalibrationTest, AShareThatSaysWhoseFloorItWantsGetsItAnew) {
  v1::ShareSpec spec = SleepSpec(1, 3, 2, 0);
  spec.mutable_floor_of()->mutable_exec()->add_argv("another");
  const v1::Floor first = FloorOf(spec);
  EXPECT_EQ(first.kind(), "exec");
  EXPECT_EQ(first.error(), "");
  spec.set_run_id(2);
  const v1::Floor anew = FloorOf(spec);
  EXPECT_EQ(anew.kind(), "exec");
  EXPECT_GT(anew.measured_wall_ns(), first.measured_wall_ns());
  // It is as good for those that follow as one that was measured for them.
  EXPECT_EQ(FloorOf(ExecSpec(3, 3, 2, {"true"})).SerializeAsString(), anew.SerializeAsString());
}

TEST_F(CalibrationTest, AFloorThatIsTooOldIsMeasuredAnew) {
  WorkThreads spawner({.name = "test-spawner"});
  const FiringLease lease{.until_ns = MonotonicNs() + kPatience};
  const Calibration::Context context{.loop = loop_,
                                     .spawner = spawner,
                                     .lease = lease,
                                     .agent_name = "alpha",
                                     .max_processes = 0,
                                     .max_sockets = 0,
                                     .echo_argv = {},
                                     .for_ns = 20 * kMs};
  const auto measured_at = [this](FloorBook& book) {
    std::promise<int64_t> at;
    loop_.Post([&] {
      book.Find(SleepSpec(1, 3, 2, 0),
                [&at](const std::optional<v1::Floor>& floor) { at.set_value(floor->measured_wall_ns()); });
    });
    return at.get_future().get();
  };
  auto hour = std::make_unique<FloorBook>(context);
  const int64_t first = measured_at(*hour);
  EXPECT_EQ(measured_at(*hour), first);
  auto instant = std::make_unique<FloorBook>(context, /*fresh_ns=*/1);
  const int64_t second = measured_at(*instant);
  EXPECT_GT(measured_at(*instant), second);
  OnLoop([&] {
    hour.reset();
    instant.reset();
  });
}

TEST_F(CalibrationTest, WhereTheTimeIsTooShortForAPercentileItGoesOnUntilThereAreSome) {
  options_.calibrate_ns = 5 * kMs;
  Restart(options_);
  EXPECT_GE(FloorOf(ExecSpec(1, 3, 1, {"true"})).triggers(), 30U);
  options_.calibrate_ns = 1;
  Restart(options_);
  EXPECT_EQ(FloorOf(ExecSpec(2, 3, 1, {"true"})).error(), "not one null trigger was fired")
      << "who wants none has none";
}

TEST_F(CalibrationTest, ItIsBoundedInNumberAndConcurrency) {
  const v1::Floor many = FloorOf(SleepSpec(1, 2000, 1000, 0));
  EXPECT_EQ(many.concurrency(), kMostNullTriggers);
  EXPECT_LE(many.triggers(), 20'000U);
  v1::ShareSpec open = SleepSpec(2, 5, 100, 0);
  open.mutable_open()->mutable_waves()->set_size(5);
  EXPECT_EQ(FloorOf(open).concurrency(), 1U);
}

TEST_F(CalibrationTest, WhereItIsSwitchedOffOrTheShareOnlySamplesThereIsNone) {
  EXPECT_FALSE(Execute([] {
                 v1::ShareSpec spec = SleepSpec(1, 0, 0, 0);
                 spec.set_duration_ns(kMs);
                 return spec;
               }())
                   .start->has_floor());
  options_.calibrate_ns = 0;
  Restart(options_);
  EXPECT_FALSE(Execute(SleepSpec(2, 3, 2, 0)).start->has_floor());
}

TEST_F(CalibrationTest, AFloorThatCannotBeMeasuredSaysWhyAndStopsNothing) {
  const v1::Floor none = FloorOf(RequestSpec(1));
  EXPECT_THAT(none.error(), HasSubstr("no echo server"));
  EXPECT_EQ(none.triggers(), 0U);
  options_.echo_argv = {"true"};
  Restart(options_);
  EXPECT_THAT(FloorOf(RequestSpec(2)).error(), HasSubstr("true ended before it listened"));
  options_.echo_argv = {"/no/such/program"};
  Restart(options_);
  EXPECT_THAT(FloorOf(RequestSpec(3)).error(), HasSubstr("/no/such/program"));
  // Nobody listens there: the null triggers themselves fail.
  options_.echo_argv = {"sh", "-c", "echo listening http=127.0.0.1:1; exec sleep 1000"};
  Restart(options_);
  EXPECT_THAT(FloorOf(RequestSpec(4)).error(), HasSubstr("a null trigger was not ok: "));
  Restart(options_);
  EXPECT_EQ(Children(), 0U) << "the echo server goes with its calibration";
}

// As the agent itself has it: its own program is the echo server.
TEST_F(CalibrationTest, RequestsCallsAndTasksAreMeasuredAtTheAgentsOwnEcho) {
  options_.echo_argv = {ASSAY_BINARY_DIR "/agent/assay-agent", "--echo"};
  Restart(options_);
  const std::vector<std::string> kinds{"http", "grpc", "driver"};
  for (const v1::ShareSpec& spec : {RequestSpec(1), CallSpec(2), TaskSpec(3)}) {
    const v1::Floor floor = FloorOf(spec);
    EXPECT_EQ(floor.error(), "");
    EXPECT_EQ(floor.kind(), kinds[static_cast<size_t>(spec.run_id()) - 1]);
    EXPECT_EQ(floor.concurrency(), 2U);
    EXPECT_GT(floor.triggers(), 0U);
    EXPECT_GT(floor.service_p50_ns(), 0);
  }
  Restart(options_);
  EXPECT_EQ(Children(), 0U) << "the echo server goes with its calibration";
}

TEST_F(CalibrationTest, AShareThatIsCancelledMeanwhileEnds) {
  options_.calibrate_ns = 3 * kSecond;  // so that it is met in the middle of it
  Restart(options_);
  const v1::ShareSpec spec = ExecSpec(1, 3, 2, {"true"});
  Want(spec, v1::PREPARE);
  Exchange();
  WaitForPhase(1, v1::PREPARING);
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(1, v1::ENDED);
  EXPECT_TRUE(sink_.Of(1).triggers.empty());
}

TEST_F(CalibrationTest, TheExecutorMayGoWhileItLasts) {
  options_.calibrate_ns = kPatience;
  Restart(options_);
  Want(ExecSpec(1, 3, 2, {"true"}), v1::PREPARE);
  Exchange();
  WaitForPhase(1, v1::PREPARING);
  Restart(options_);
  OnLoop([] {});  // what was just being started is met, and killed, by what it posted
  EXPECT_EQ(Children(), 0U);
}

TEST(NullTrigger, OfACallIsAnEmptyMessageOverAsManyConnections) {
  v1::Trigger trigger;
  v1::GrpcTrigger& grpc = *trigger.mutable_grpc();
  grpc.set_target("db:7000");
  grpc.set_method("orders.Orders/Place");
  grpc.set_json("{}");
  grpc.set_tls(true);
  grpc.set_connections(4);
  auto null = NullTriggerOf(trigger);
  ASSERT_TRUE(null);
  PointAtEcho(null->trigger, "127.0.0.1:1234");
  EXPECT_EQ(null->trigger.grpc().ShortDebugString(),
            "target: \"127.0.0.1:1234\" method: \"assay.mock.v1.Echo/Call\" connections: 4");
}

TEST(NullTrigger, OfAContainerIsTrueInTheSameOne) {
  v1::Trigger trigger;
  v1::ContainerTrigger& container = *trigger.mutable_container();
  container.set_name("web");
  container.set_socket("/run/other.sock");
  container.set_user("app");
  container.add_argv("slow");
  container.set_cwd("/elsewhere");
  const auto null = NullTriggerOf(trigger);
  ASSERT_TRUE(null);
  EXPECT_EQ(null->trigger.container().ShortDebugString(),
            "name: \"web\" argv: \"true\" user: \"app\" socket: \"/run/other.sock\"");
  EXPECT_FALSE(NullTriggerOf(v1::Trigger()));
}

}  // namespace
}  // namespace assay
