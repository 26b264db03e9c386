// A whole cluster in one process on loopback: a coordinator, three agents, and a private PostgreSQL.
#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <pqxx/pqxx>
#include <thread>

#include "agent/agent.h"
#include "assay/v1/control.grpc.pb.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "common/protocol.h"
#include "common/rpc.h"
#include "coordinator/coordinator.h"
#include "coordinator/server.h"
#include "storage/table.h"
#include "tests/storage/postgres_fixture.h"
#include "tests/storage/store_fixture.h"
#include "tests/unit/captured_log.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

// An agent on a thread of its own.
class RunningAgent {
 public:
  RunningAgent(const std::string& coordinator, const std::string& name, const std::string& directory,
               const std::string& role = "load") {
    Agent::Options options;
    options.coordinator = coordinator;
    options.name = name;
    options.labels = {{"role", role}};
    options.spool_directory = fmt::format("{}/{}-{}", directory, name, role);
    options.max_processes = 100;
    absl::StatusOr<std::unique_ptr<Agent>> agent = Agent::Start(loop_, std::move(options));
    EXPECT_TRUE(agent.ok()) << agent.status();
    if (!agent.ok()) return;
    agent_ = *std::move(agent);
    thread_ = std::thread([this] { loop_.Run(); });
  }
  ~RunningAgent() { Stop(true); }
  // Now: what is in flight is killed.
  void Stop(bool now) {
    if (!thread_.joinable()) return;
    loop_.Post([this, now] { agent_->Stop(now); });
    thread_.join();
  }

 private:
  EventLoop loop_;
  std::unique_ptr<Agent> agent_;
  std::thread thread_;
};

class ClusterTest : public ::testing::Test {
 protected:
  ClusterTest() : url_(MigratedDatabaseUrl()), connection_(url_, "test") {}
  ~ClusterTest() override {
    agents_.clear();
    server_.reset();
  }

  void Serve(const std::string& listen, const Scheduler::Options& scheduler = {}) {
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(
        {.database_url = url_, .listen = listen, .scheduler = scheduler}, stop_, [](const absl::Status&) {});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::string Value(const std::string& sql) {
    const absl::StatusOr<Table> table = Query(connection_, sql);
    EXPECT_TRUE(table.ok()) << table.status();
    return table.ok() && !table->rows.empty() ? table->rows[0][0].value_or("null") : "nothing";
  }
  static bool Comes(const std::function<bool()>& done) {
    for (int i = 0; i < 2400; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  bool Becomes(const std::string& sql, const std::string& value) {
    return Comes([&] { return Value(sql) == value; });
  }
  void Execute(const std::string& sql) {
    const absl::Status done = connection_.Transact([&](pqxx::transaction_base& transaction) {
      transaction.exec(sql);
      return absl::OkStatus();
    });
    ASSERT_EQ(done, absl::OkStatus());
  }
  // Stored before the coordinator starts: it takes up what is unfinished.
  void StoreSweep(uint64_t triggers, uint32_t blocks, const v1::Hook& before_sweep = {}, uint32_t repeat_limit = 0,
                  int64_t sleep_ns = 3 * kMs) {
    SweepRow sweep;
    *sweep.spec.mutable_before_sweep() = before_sweep;
    sweep.scenario_yaml = "name: cluster\n";
    sweep.spec.set_name("cluster");
    sweep.spec.set_seed(7);
    sweep.spec.set_blocks(blocks);
    sweep.spec.set_agents_min(3);
    sweep.spec.set_repeat_limit(repeat_limit);
    sweep.spec.mutable_limits()->set_failures_fraction(-1);
    sweep.spec.mutable_limits()->set_slip_p99_ns(-1);
    sweep.spec.mutable_limits()->set_start_skew_ns(-1);
    CellRow cell;
    cell.label = "tasks";
    cell.params = "{}";
    cell.spec.set_target("t");
    cell.spec.mutable_load()->mutable_closed()->set_concurrency(12);
    cell.spec.mutable_load()->set_triggers(triggers);
    cell.spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_uniform()->set_min_ns(kMs);
    cell.spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_uniform()->set_max_ns(sleep_ns);
    sweep.cells.push_back(cell);
    ASSERT_EQ(SweepStore(connection_).CreateSweep(sweep), absl::OkStatus());
  }

  // Whether a message to somebody who watches sweep 1 is what is looked for; the last message comes at the sweep's end.
  bool Shows(const std::function<bool(const v1::SweepProgress&)>& wanted) {
    const auto stub = v1::ControlService::NewStub(MakeChannel(server_->address()));
    grpc::ClientContext call;
    v1::WatchSweepRequest request;
    request.set_sweep_id(1);
    const auto reader = stub->WatchSweep(&call, request);
    v1::SweepProgress progress;
    bool found = false;
    while (!found && reader->Read(&progress)) found = wanted(progress);
    call.TryCancel();
    (void)reader->Finish();
    return found;
  }

  void StartThreeAgents() {
    for (const char* name : {"a", "b", "c"})
      agents_.push_back(std::make_unique<RunningAgent>(server_->address(), name, directory_));
  }

  const std::string url_;
  Connection connection_;
  const TempDir temp_;
  const std::string directory_ = temp_.path();
  std::atomic<bool> stop_ = false;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<RunningAgent>> agents_;
};

TEST_F(ClusterTest, ThreeAgentsShareASweep) {
  StoreSweep(3000, 2);
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0"));
  StartThreeAgents();
  ASSERT_TRUE(Becomes("SELECT state FROM assay.sweep", "finished"));
  EXPECT_EQ(Value("SELECT count(*) FROM assay.run WHERE verdict = 'accepted'"), "2");
  EXPECT_EQ(Value("SELECT count(*) || ' ' || count(DISTINCT (run_id, index)) FROM assay.trigger WHERE outcome = 'ok'"),
            "6000 6000");
  EXPECT_EQ(Value("SELECT count(*) FROM assay.share WHERE fired > 0 AND clock_bound_ns > 0"), "6");
  // The first dispatch of each agent lies at T0 or after it, never before.
  EXPECT_EQ(Value("SELECT bool_and(first_dispatch_ns >= 0) FROM assay.share"), "t");
  EXPECT_EQ(Value("SELECT bool_and(makespan_s >= list_schedule_s * 0.999) FROM assay.run_summary"), "t");
}

TEST_F(ClusterTest, TheCoordinatorIsReplacedInTheMiddleOfARun) {
  StoreSweep(6000, 2, {}, 0, 12 * kMs);  // seconds per run, so that the replacement falls into the first
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0"));
  const std::string address = server_->address();
  StartThreeAgents();
  ASSERT_TRUE(Becomes("SELECT count(*) FROM assay.run WHERE state = 'running'", "1"));
  server_.reset();
  ASSERT_NO_FATAL_FAILURE(Serve(address));
  ASSERT_TRUE(Becomes("SELECT state FROM assay.sweep", "finished"));
  EXPECT_EQ(Value("SELECT count(*) FROM assay.run"), "2") << "nothing had to be repeated";
  EXPECT_EQ(Value("SELECT count(*) || ' ' || count(DISTINCT (run_id, index)) FROM assay.trigger WHERE outcome = 'ok'"),
            "12000 12000");
  EXPECT_EQ(Value("SELECT max(term) >= 2 FROM assay.coordinator"), "t");
}

TEST_F(ClusterTest, ARunWhoseAgentIsStoppedIsRepeated) {
  StoreSweep(12000, 1, {}, 2, 8 * kMs);
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0"));
  StartThreeAgents();
  ASSERT_TRUE(Becomes("SELECT count(*) > 0 FROM assay.trigger", "t"));
  agents_.back()->Stop(/*now=*/false);
  agents_.back().reset();
  agents_.back() = std::make_unique<RunningAgent>(server_->address(), "c", directory_);
  ASSERT_TRUE(Becomes("SELECT state FROM assay.sweep", "finished"));
  EXPECT_EQ(Value("SELECT string_agg(verdict, ' ' ORDER BY run_id) FROM assay.run"), "rejected accepted");
  EXPECT_EQ(Value("SELECT string_agg(code, ' ') FROM assay.flags WHERE severity = 'reject'"), "interrupted");
}

TEST_F(ClusterTest, ACancelledSweepStopsItsHookOnTheCoordinator) {
  v1::Hook hook;
  for (const char* word : {"sleep", "3600"}) hook.add_argv(word);
  hook.set_timeout_ns(int64_t{3600} * 1'000'000'000);
  hook.set_on_coordinator(true);
  StoreSweep(3, 1, hook);
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0"));
  StartThreeAgents();
  ASSERT_TRUE(Becomes("SELECT count(*) FROM assay.hook", "1"));
  grpc::ClientContext context;
  v1::CancelSweepRequest request;
  request.set_sweep_id(std::stoll(Value("SELECT sweep_id FROM assay.sweep")));
  request.set_now(true);
  v1::CancelSweepReply reply;
  ASSERT_TRUE(
      v1::ControlService::NewStub(MakeChannel(server_->address()))->CancelSweep(&context, request, &reply).ok());
  ASSERT_TRUE(Becomes("SELECT state FROM assay.sweep", "cancelled"));
  EXPECT_EQ(Value("SELECT state || ' ' || error FROM assay.hook"), "failed the sweep was cancelled");
}

TEST_F(ClusterTest, ARefusedAgentLeavesTheRowOfTheOneThatHasItsName) {
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0"));
  agents_.push_back(std::make_unique<RunningAgent>(server_->address(), "a", directory_));
  ASSERT_TRUE(Becomes("SELECT count(*) FROM assay.agent", "1"));
  const std::string before = Value("SELECT agent::text FROM assay.agent");
  const CapturedLog log;
  agents_.push_back(std::make_unique<RunningAgent>(server_->address(), "a", directory_, "other"));
  ASSERT_TRUE(Comes([&] { return log.Count("refused: an agent named 'a' is connected already") > 0; }));
  EXPECT_EQ(Value("SELECT agent::text FROM assay.agent"), before);
}

TEST_F(ClusterTest, AStandbyLeavesTheSchemaAloneUntilItHasTheLease) {
  Connection connection(url_, "older coordinator");
  Lease lease(connection, "older coordinator", 3'600'000);
  ASSERT_TRUE(lease.TryAcquire()->acquired);
  Execute("UPDATE assay.schema_migration SET checksum = 'of an older program' WHERE name = 'flags'");
  const std::string before = Value("SELECT 'assay.flags'::regclass::oid");
  const CapturedLog log;
  absl::StatusOr<std::unique_ptr<Server>> standby = absl::UnknownError("not started");
  std::thread thread([&] {
    standby =
        Server::Start({.database_url = url_, .listen = "127.0.0.1:0", .scheduler = {}}, stop_, [](const auto&) {});
  });
  EXPECT_TRUE(Comes([&] { return log.Count("another coordinator holds this database") > 0; }));
  EXPECT_EQ(Value("SELECT 'assay.flags'::regclass::oid"), before);
  EXPECT_EQ(lease.Release(), absl::OkStatus());
  thread.join();
  ASSERT_TRUE(standby.ok()) << standby.status();
  EXPECT_NE(Value("SELECT 'assay.flags'::regclass::oid"), before);
}

// The thread that hears agents waits for the database then.
TEST_F(ClusterTest, ADatabaseThatHangsMakesNoAgentLost) {
  StoreSweep(12, 1, {}, 0, 8'000'000'000);
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0", {.lease_ttl_ns = 2 * kSecond, .grace_ns = kSecond}));
  StartThreeAgents();
  // All of it is in flight or over: whose lease runs out meanwhile has fired what it should.
  ASSERT_TRUE(Shows([](const v1::SweepProgress& progress) {
    return progress.run_id() != 0 && progress.triggers_done() + progress.in_flight() == 12;
  }));
  // Every write of the coordinator looks at this row.
  ASSERT_EQ(connection_.Transact([](pqxx::transaction_base& transaction) {
    transaction.exec("SELECT FROM assay.coordinator FOR UPDATE");
    transaction.exec("SELECT pg_sleep(5)");
    return absl::OkStatus();
  }),
            absl::OkStatus());
  ASSERT_TRUE(Becomes("SELECT state FROM assay.sweep", "finished"));
  EXPECT_EQ(Value("SELECT string_agg(verdict, ' ') FROM assay.run"), "accepted");
  EXPECT_EQ(Value("SELECT count(*) FROM assay.flag WHERE code = 'agent_lost'"), "0");
}

TEST_F(ClusterTest, RowsThatTheLastCoordinatorDidNotJudgeAreJudgedByTheNext) {
  StoreSweep(12, 1);
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0"));
  StartThreeAgents();
  ASSERT_TRUE(Becomes("SELECT state FROM assay.sweep", "finished"));
  server_.reset();
  // As if one row had come late, and the coordinator had died when it was stored.
  Execute("DELETE FROM assay.trigger WHERE index = 5");
  Execute("SELECT assay.refresh_run(run_id) FROM assay.run");
  ASSERT_EQ(Value("SELECT ok FROM assay.run_summary"), "11");
  v1::Batch late;
  late.set_stream("earlier");
  late.set_seq(1);
  late.set_run_id(std::stoll(Value("SELECT run_id FROM assay.run")));
  v1::TriggerRecord& record = *late.add_triggers();
  record.set_index(5);
  record.set_outcome(v1::OK);
  record.set_started_ns(1);
  record.set_finished_ns(2 * kMs);
  ResultWriter writer(connection_);
  ASSERT_TRUE(writer.OpenStream("earlier", *writer.AgentId("a")).ok());
  ASSERT_TRUE(writer.Write({late}).ok());
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0"));
  EXPECT_TRUE(Becomes("SELECT ok FROM assay.run_summary", "12"));
  EXPECT_TRUE(Becomes("SELECT has_late_rows FROM assay.run", "f"));
}

TEST_F(ClusterTest, AStandbyOutlivesADatabaseThatIsAwayAndATransactionThatHangs) {
  Connection connection(url_, "first coordinator");
  Lease lease(connection, "first coordinator", 3'600'000);
  ASSERT_TRUE(lease.TryAcquire()->acquired);
  const CapturedLog log;
  absl::StatusOr<std::unique_ptr<Server>> standby = absl::UnknownError("not started");
  std::thread thread([&] {
    standby =
        Server::Start({.database_url = url_, .listen = "127.0.0.1:0", .scheduler = {}}, stop_, [](const auto&) {});
  });
  EXPECT_TRUE(Comes([&] { return log.Count("another coordinator holds this database") > 0; }));
  // What a restart of the database does to it.
  Execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'assay-coordinator'");
  EXPECT_TRUE(Comes([&] { return log.Count("cannot take the database over yet, trying on") > 0; }));
  EXPECT_EQ(lease.Release(), absl::OkStatus());
  thread.join();
  EXPECT_TRUE(standby.ok()) << standby.status();
}

TEST_F(ClusterTest, WhoWatchesIsToldThatTheDatabaseTakesNoResults) {
  StoreSweep(2000, 1);
  ASSERT_NO_FATAL_FAILURE(Serve("127.0.0.1:0"));
  Execute(
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no room' USING ERRCODE = "
      "'53100'; END $$");
  Execute(
      "CREATE TRIGGER full_disk BEFORE INSERT ON assay_partitions.trigger_1 FOR EACH STATEMENT EXECUTE FUNCTION "
      "full_disk()");
  StartThreeAgents();
  EXPECT_TRUE(Shows([](const v1::SweepProgress& progress) {
    return progress.notices_size() == 1 && progress.notices(0).find("takes no writes") != std::string::npos &&
           progress.notices(0).find("no room") != std::string::npos;
  }));
  Execute("DROP TRIGGER full_disk ON assay_partitions.trigger_1");
  EXPECT_TRUE(Shows([](const v1::SweepProgress& progress) {
    return progress.sweep().state() == "finished" && progress.notices_size() == 0;
  }));
}

// Sessions as the service makes them, with the reports that a slow or doubled link brings.
TEST_F(ClusterTest, AnAgentWhoseNameWasTakenMeanwhileIsToldSo) {
  Lease lease(connection_, "test", 20'000);
  const int64_t term = lease.TryAcquire()->term;
  Coordinator coordinator({.database_url = url_, .cluster_id = "c", .term = term, .scheduler = {}}, connection_, lease,
                          [](const absl::Status& status) { ADD_FAILURE() << status; });
  ASSERT_EQ(coordinator.Start(), absl::OkStatus());
  std::mutex mutex;
  std::map<uint64_t, std::vector<v1::Desired>> heard;
  const auto session = [&](uint64_t id) {
    return Coordinator::Session{id, [&, id](v1::Desired&& desired) {
                                  const std::lock_guard lock(mutex);
                                  heard[id].push_back(std::move(desired));
                                }};
  };
  const auto answers = [&](uint64_t id) {
    const std::lock_guard lock(mutex);
    return heard[id].size();
  };
  const auto report = [](const std::string& incarnation) {
    v1::Report made;
    made.set_report_id(1);
    made.mutable_hello()->set_protocol_version(kProtocolVersion);
    made.mutable_hello()->set_name("a");
    made.mutable_hello()->set_incarnation(incarnation);
    return made;
  };
  const int64_t now_ns = SteadyWallNs();
  coordinator.AgentReported(session(2), report("one"), now_ns - 12'000'000'000);
  EXPECT_TRUE(Comes([&] { return answers(2) == 1; }));
  // An earlier connection of the same process, whose words were held up: nobody listens there any more.
  coordinator.AgentReported(session(1), report("one"), now_ns - 12'000'000'000);
  coordinator.AgentReported(session(2), report("one"), now_ns - 12'000'000'000);
  EXPECT_TRUE(Comes([&] { return answers(2) == 2; }));
  EXPECT_EQ(coordinator.Agents({}).agents(0).state(), "connected");
  EXPECT_EQ(answers(1), 0u);
  // Another process takes the name of one that was silent; that one comes back.
  coordinator.AgentReported(session(3), report("two"), now_ns);
  EXPECT_TRUE(Comes([&] { return answers(3) == 1; }));
  coordinator.AgentReported(session(2), report("one"), now_ns);
  EXPECT_TRUE(Comes([&] { return answers(2) == 3; }));
  coordinator.Stop();
  EXPECT_NE(heard[2].back().refusal().find("is connected already"), std::string::npos);
  EXPECT_EQ(heard[3].back().refusal(), "");
}

TEST_F(ClusterTest, AfterAFatalErrorNobodyWaitsForAnAnswer) {
  Connection connection(url_, "coordinator");
  Lease lease(connection, "replaced", 20'000);
  const int64_t term = lease.TryAcquire()->term;
  connection.FenceWith(term);
  std::promise<absl::Status> fatal;
  Coordinator coordinator({.database_url = url_, .cluster_id = "", .term = term, .scheduler = {}}, connection, lease,
                          [&](absl::Status status) { fatal.set_value(std::move(status)); });
  ASSERT_EQ(coordinator.Start(), absl::OkStatus());
  Execute("UPDATE assay.coordinator SET term = term + 1");
  EXPECT_EQ(fatal.get_future().get().code(), absl::StatusCode::kFailedPrecondition);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(coordinator.Agents({}).agents_size(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << "patience is 30 s";
}

}  // namespace
}  // namespace assay
