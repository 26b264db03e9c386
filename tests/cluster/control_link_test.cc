// The agent's control link against a coordinator that is played by the test.
#include "agent/links/control_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "common/clock.h"
#include "common/nanoseconds.h"
#include "common/rpc.h"
#include "tests/cluster/link_fixture.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

class ControlLinkTest : public LinkTest {
 protected:
  struct Heard {
    v1::Desired desired;
    std::optional<ClockOffset::Estimate> clock;
    int64_t trust_until_ns;
  };

  std::unique_ptr<ControlLink> Connect() {
    ControlLink::Options options;
    options.coordinator = coordinator_.address();
    options.hello.set_name("a");
    options.hello.set_protocol_version(kProtocolVersion);
    options.refused_retry_ms = 20;
    options.silence_ns = silence_ns_;
    ControlLink::Callbacks callbacks;
    callbacks.fill = [](v1::Report& report) { report.add_shares()->set_run_id(77); };
    callbacks.welcome = [this](const v1::Welcome& welcome) {
      coordinator_.Set([&] { welcomes_.push_back(welcome); });
      return absl::OkStatus();
    };
    callbacks.desired = [this](v1::Desired&& desired, std::optional<ClockOffset::Estimate> clock,
                               int64_t trust_until_ns) {
      coordinator_.Set([&] { heard_.push_back({std::move(desired), clock, trust_until_ns}); });
    };
    callbacks.refused_at_first = [this](const std::string& reason) {
      coordinator_.Set([&] { refused_at_first_.push_back(reason); });
    };
    return std::make_unique<ControlLink>(MakeChannel(coordinator_.address()), options, callbacks);
  }

  // True minus estimated offset of this process's monotonic clock to the coordinator's, which runs on the same clock.
  int64_t OffsetError(const ClockOffset::Estimate& estimate) const {
    int64_t least_ns = std::numeric_limits<int64_t>::max();
    int64_t offset_ns = 0;
    // Of several readings that between whose two clocks the least time passed: this thread may be held up in between.
    for (int i = 0; i < 10; ++i) {
      const int64_t before_ns = MonotonicNs();
      const int64_t there_ns = coordinator_.Clock();
      const int64_t took_ns = MonotonicNs() - before_ns;
      if (took_ns < least_ns) offset_ns = there_ns - before_ns;
      least_ns = std::min(least_ns, took_ns);
    }
    return offset_ns - estimate.offset_ns;
  }

  int64_t silence_ns_ = 5 * kSecond;
  std::vector<Heard> heard_;  // under coordinator_.mutex
  std::vector<v1::Welcome> welcomes_;
  std::vector<std::string> refused_at_first_;
};

TEST_F(ControlLinkTest, BeginsWithAHelloAndABurstThenKeepsTheInterval) {
  coordinator_.report_every_ms = 60'000;
  auto link = Connect();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.size() >= 8; }));
  {
    std::lock_guard lock(coordinator_.mutex);
    EXPECT_EQ(coordinator_.hellos.size(), 1u);
    for (size_t i = 0; i < coordinator_.reports.size(); ++i) {
      EXPECT_EQ(coordinator_.reports[i].report_id(), i + 1);
      EXPECT_EQ(coordinator_.reports[i].has_hello(), i == 0);
      EXPECT_EQ(coordinator_.reports[i].shares(0).run_id(), 77);
      if (i > 0) EXPECT_GT(coordinator_.reports[i].sent_ns(), coordinator_.reports[i - 1].sent_ns());
    }
  }
  // After the burst the next report is a minute away, unless something changes.
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.size() >= 9 && heard_.size() >= 9; }));
  link->ReportNow();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.size() >= 10; }));
  v1::DesiredShare share;
  share.set_phase(v1::PREPARE);
  share.set_run_id(5);
  coordinator_.Set([&] { coordinator_.shares = {share}; });
  link->ReportNow();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.size() >= 18; }))
      << "a share in PREPARE asks for a good clock";
}

TEST_F(ControlLinkTest, ALongIntervalBetweenReportsIsNoSilence) {
  silence_ns_ = kSecond / 2;
  coordinator_.report_every_ms = 3000;
  auto link = Connect();
  // The burst and two at the long interval.
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.size() >= 11; }));
  link->Stop();
  EXPECT_EQ(log_.Count("no answer"), 0) << log_.Text();
}

TEST_F(ControlLinkTest, EstimatesAClockThatIsAnHourAhead) {
  coordinator_.skew_ns = kHourNs;
  auto link = Connect();
  ASSERT_TRUE(coordinator_.Await([&] { return heard_.size() >= 20; }));
  std::lock_guard lock(coordinator_.mutex);
  const auto estimate = heard_.back().clock;
  ASSERT_TRUE(estimate.has_value());
  EXPECT_LE(std::abs(OffsetError(*estimate)), estimate->bound_ns + 1'000'000);
  EXPECT_LT(estimate->bound_ns, kSecond);
  EXPECT_TRUE(coordinator_.reports.back().has_clock());
}

TEST_F(ControlLinkTest, ANewTermIsANewClock) {
  auto link = Connect();
  ASSERT_TRUE(coordinator_.Await([&] { return heard_.size() >= 20; }));
  coordinator_.Shutdown();
  coordinator_.Set([&] {
    coordinator_.term = 2;
    coordinator_.skew_ns = -kHourNs;
  });
  coordinator_.Restart();
  // An answer of the old coordinator may still have been on its way.
  ASSERT_TRUE(coordinator_.Await([&] {
    return welcomes_.size() == 2 && !heard_.empty() && heard_.back().clock &&
           heard_.back().desired.sent_ns() < SteadyWallNs() - kHourNs / 2;
  }));
  std::lock_guard lock(coordinator_.mutex);
  const auto estimate = heard_.back().clock;
  ASSERT_TRUE(estimate.has_value());
  EXPECT_LE(std::abs(OffsetError(*estimate)), estimate->bound_ns + 1'000'000);
}

TEST_F(ControlLinkTest, TheLeaseCountsFromWhenTheAnsweredReportWasSent) {
  coordinator_.lease_ttl_ms = 7000;
  auto link = Connect();
  ASSERT_TRUE(coordinator_.Await([&] { return heard_.size() >= 12; }));
  std::lock_guard lock(coordinator_.mutex);
  for (const Heard& heard : heard_) {
    const v1::Report& answered = coordinator_.reports.at(heard.desired.report_id() - 1);
    EXPECT_EQ(heard.trust_until_ns, answered.sent_ns() + 6'300'000'000);
  }
}

TEST_F(ControlLinkTest, DroppedConnectionsAreMadeAgainEachWithAHello) {
  coordinator_.drop_control_after = 5;
  auto link = Connect();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.hellos.size() >= 3 && welcomes_.size() >= 3; }));
  link->Stop();
  EXPECT_THAT(log_.Text(), HasSubstr("connected to the coordinator at " + coordinator_.address()));
  EXPECT_THAT(log_.Text(), HasSubstr("connected again"));
}

TEST_F(ControlLinkTest, ARefusalIsSaidOnceAndTriedAgainUntilItIsLifted) {
  coordinator_.refusal = "an agent named 'a' is connected already";
  auto link = Connect();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.hellos.size() >= 3 && !refused_at_first_.empty(); }));
  {
    std::lock_guard lock(coordinator_.mutex);
    EXPECT_TRUE(heard_.empty());
    EXPECT_TRUE(welcomes_.empty());
  }
  coordinator_.Set([&] { coordinator_.refusal.clear(); });
  ASSERT_TRUE(coordinator_.Await([&] { return !heard_.empty(); }));
  link->Stop();
  EXPECT_EQ(refused_at_first_.size(), 1u);
  EXPECT_EQ(log_.Count("is connected already"), 1);
}

TEST_F(ControlLinkTest, WaitsForACoordinatorThatIsNotThereYetAndSaysSoOnce) {
  coordinator_.Shutdown();
  auto link = Connect();
  const std::string waiting = "waiting for the coordinator at " + coordinator_.address() + " (";
  ASSERT_TRUE(Eventually([&] { return log_.Count(waiting + "Connection refused)") == 1; })) << log_.Text();
  {
    // Three more tries, each cut off by a peer that is no coordinator.
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(coordinator_.port()));
    ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(listen(listener, 8), 0);
    for (int i = 0; i < 3; ++i) close(accept(listener, nullptr, nullptr));
    close(listener);
  }
  coordinator_.Restart();
  ASSERT_TRUE(coordinator_.Await([&] { return !heard_.empty(); }));
  link->Stop();
  EXPECT_EQ(log_.Count("waiting for"), 1) << log_.Text();
}

}  // namespace
}  // namespace assay
