// The agent's links, and the whole agent, against a coordinator that is played by the test: over real gRPC on loopback.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <thread>

#include "agent/agent.h"
#include "agent/links/control_link.h"
#include "agent/links/results_link.h"
#include "agent/spool/spool.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "common/rpc.h"
#include "tests/cluster/fake_coordinator.h"
#include "tests/unit/captured_log.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
constexpr int64_t kHourNs = 3600 * kSecond;

v1::Batch Record(int64_t run_id, uint64_t index, size_t output_bytes = 0) {
  v1::Batch batch;
  batch.set_run_id(run_id);
  batch.add_triggers()->set_index(index);
  batch.mutable_triggers(0)->set_output(std::string(output_bytes, 'x'));
  return batch;
}

class LinkTest : public ::testing::Test {
 protected:
  std::unique_ptr<Spool> OpenSpool(const std::string& incarnation) {
    auto spool = Spool::Open({.directory = directory_, .limit_bytes = 1 << 30, .incarnation = incarnation});
    EXPECT_TRUE(spool.ok()) << spool.status();
    EXPECT_TRUE((*spool)->UseCluster("cluster-a").ok());
    return *std::move(spool);
  }

  ResultsLink::Options Options() const {
    return {.agent = "a", .cluster_id = "cluster-a", .max_in_flight_bytes = 8 << 20, .refused_retry_ms = 20};
  }

  void ExpectInOrder(uint64_t count) {
    std::lock_guard lock(coordinator_.mutex);
    ASSERT_EQ(coordinator_.batches.size(), count);
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(coordinator_.batches[i].seq(), i + 1);
      ASSERT_EQ(coordinator_.batches[i].triggers(0).index(), i);
    }
    EXPECT_EQ(coordinator_.gaps, 0u);
  }

  const TempDir temp_;
  const std::string directory_ = temp_.path();
  CapturedLog log_;
  FakeCoordinator coordinator_;
};

using ResultsLinkTest = LinkTest;

TEST_F(ResultsLinkTest, DeliversAllInOrderAndTrimsTheSpool) {
  auto spool = OpenSpool("one");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  for (uint64_t i = 0; i < 500; ++i) spool->Append(Record(1, i));
  ASSERT_TRUE(Eventually([&] { return spool->undelivered().batches == 0; }));
  ExpectInOrder(500);
  std::lock_guard lock(coordinator_.mutex);
  EXPECT_EQ(coordinator_.results_hellos.at(0).agent(), "a");
  EXPECT_EQ(coordinator_.results_hellos.at(0).protocol_version(), kProtocolVersion);
  EXPECT_EQ(coordinator_.results_hellos.at(0).streams(0), "one");
  EXPECT_EQ(coordinator_.duplicates, 0u);
}

TEST_F(ResultsLinkTest, DroppedConnectionsLoseAndDoubleNothing) {
  coordinator_.drop_results_after = 60;
  auto spool = OpenSpool("one");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  for (uint64_t i = 0; i < 300; ++i) spool->Append(Record(1, i));
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 300; }));
  ExpectInOrder(300);
  std::lock_guard lock(coordinator_.mutex);
  EXPECT_GE(coordinator_.results_hellos.size(), 5u);
  // Each connection began exactly behind what was committed.
  EXPECT_EQ(coordinator_.duplicates, 0u);
}

TEST_F(ResultsLinkTest, ACoordinatorThatIsRestartedGetsTheRest) {
  auto spool = OpenSpool("one");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  for (uint64_t i = 0; i < 100; ++i) spool->Append(Record(1, i));
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 100; }));
  coordinator_.Shutdown();
  for (uint64_t i = 100; i < 200; ++i) spool->Append(Record(1, i));
  coordinator_.Restart();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 200; }));
  ExpectInOrder(200);
}

TEST_F(ResultsLinkTest, WithoutAcksNoMoreThanTheWindowIsSentAndAllIsKept) {
  coordinator_.acks = false;
  auto spool = OpenSpool("one");
  ResultsLink::Options options = Options();
  options.max_in_flight_bytes = 100'000;
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, options);
  for (uint64_t i = 0; i < 100; ++i) spool->Append(Record(1, i, 10'000));
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.received_bytes >= 100'000; }));
  ASSERT_TRUE(spool->Flush().ok());
  EXPECT_EQ(spool->undelivered().batches, 100u);
  // The next connection commits: all comes again, from the first on.
  uint64_t received = 0;
  coordinator_.Set([&] {
    received = coordinator_.received_bytes;
    coordinator_.acks = true;
  });
  EXPECT_LT(received, 115'000u);
  coordinator_.Restart();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 100; }));
  ExpectInOrder(100);
}

TEST_F(ResultsLinkTest, ARefusalIsLoggedAndTriedAgain) {
  coordinator_.results_refusal = "the database is being moved";
  auto spool = OpenSpool("one");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  spool->Append(Record(1, 0));
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.results_hellos.size() >= 3; }));
  EXPECT_EQ(spool->undelivered().batches, 1u);
  coordinator_.Set([&] { coordinator_.results_refusal.clear(); });
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 1; }));
  link.Stop();
  EXPECT_THAT(log_.Text(), HasSubstr("the database is being moved"));
  EXPECT_EQ(log_.Count("being moved"), 1) << "said once, not at every try";
}

TEST_F(ResultsLinkTest, AnEarlierIncarnationGoesFirst) {
  {
    auto spool = OpenSpool("early");
    for (uint64_t i = 0; i < 50; ++i) spool->Append(Record(1, i));
    ASSERT_TRUE(spool->Flush().ok());
  }
  coordinator_.watermark["early"] = 20;
  auto spool = OpenSpool("late");
  spool->Append(Record(2, 0));
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 31; }));
  std::lock_guard lock(coordinator_.mutex);
  for (size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(coordinator_.batches[i].stream(), "early");
    EXPECT_EQ(coordinator_.batches[i].seq(), i + 21);
  }
  EXPECT_EQ(coordinator_.batches[30].stream(), "late");
}

TEST_F(ResultsLinkTest, ARefusedStreamIsKeptAndTheOthersGoOn) {
  {
    auto spool = OpenSpool("early");
    spool->Append(Record(1, 0));
    ASSERT_TRUE(spool->Flush().ok());
  }
  coordinator_.refused_streams["early"] = "start it with --name b";
  auto spool = OpenSpool("late");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  for (uint64_t i = 0; i < 10; ++i) spool->Append(Record(2, i));
  ASSERT_TRUE(Eventually([&] { return spool->undelivered().batches == 1; }));
  link.Stop();
  const std::string kept = directory_ + "/cluster-a/early";
  EXPECT_FALSE(fs::is_empty(kept));
  EXPECT_THAT(log_.Text(), HasSubstr("results: those in " + kept +
                                     " stay there, not taken by the coordinator: start it "
                                     "with --name b"));
  std::lock_guard lock(coordinator_.mutex);
  for (const v1::Batch& batch : coordinator_.batches) EXPECT_EQ(batch.stream(), "late");
}

// ------------------------------------------------------------------------------------------------- control

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

// --------------------------------------------------------------------------------------------- the whole agent

class AgentTest : public LinkTest {
 protected:
  ~AgentTest() override {
    if (thread_.joinable()) {
      Stop(/*now=*/true);
      Join();
    }
  }

  void StartAgent() {
    Agent::Options options;
    options.coordinator = coordinator_.address();
    options.name = "a";
    options.labels = {{"role", "load"}, {"role", "target"}};
    options.spool_directory = directory_;
    options.max_processes = 100;
    loop_ = std::make_unique<EventLoop>();
    auto agent = Agent::Start(*loop_, options);
    ASSERT_TRUE(agent.ok()) << agent.status();
    agent_ = *std::move(agent);
    thread_ = std::thread([this] { loop_->Run(); });
  }
  void Stop(bool now) {
    loop_->Post([this, now] { agent_->Stop(now); });
  }
  int Join() {
    thread_.join();
    const int exit_code = agent_->exit_code();
    agent_.reset();
    loop_.reset();
    return exit_code;
  }

  // Under the coordinator's mutex: the phase that was reported last.
  v1::SharePhase Phase(int64_t run_id) const {
    if (coordinator_.reports.empty()) return v1::SHARE_PHASE_UNSPECIFIED;
    for (const v1::ShareStatus& status : coordinator_.reports.back().shares()) {
      if (status.run_id() == run_id) return status.phase();
    }
    return v1::SHARE_PHASE_UNSPECIFIED;
  }
  void SetPhase(v1::SharePhase phase) {
    coordinator_.Set([&] {
      coordinator_.shares.at(0).set_phase(phase);
      if (phase == v1::RUN) coordinator_.shares.at(0).set_t0_ns(coordinator_.Clock() + 20'000'000);
      if (phase == v1::COOLDOWN) coordinator_.shares.at(0).set_sample_until_ns(coordinator_.Clock());
    });
  }
  bool AwaitPhase(int64_t run_id, v1::SharePhase phase) {
    return coordinator_.Await([&] { return Phase(run_id) == phase; });
  }
  bool AwaitShareEnd() {
    return coordinator_.Await([&] {
      for (const v1::Batch& batch : coordinator_.batches) {
        if (batch.has_share_end()) return true;
      }
      return false;
    });
  }
  std::vector<uint64_t> Indices() {
    std::lock_guard lock(coordinator_.mutex);
    std::vector<uint64_t> indices;
    for (const v1::Batch& batch : coordinator_.batches) {
      for (const v1::TriggerRecord& record : batch.triggers()) indices.push_back(record.index());
    }
    std::sort(indices.begin(), indices.end());
    return indices;
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Agent> agent_;
  std::thread thread_;
};

TEST_F(AgentTest, RunsAShareOverConnectionsThatBreakAllTheTime) {
  coordinator_.skew_ns = kHourNs;
  coordinator_.drop_control_after = 25;
  coordinator_.drop_results_after = 2;
  coordinator_.shares = {Sleeps(7, 200, 1'000'000)};
  StartAgent();
  ASSERT_TRUE(AwaitPhase(7, v1::READY)) << log_.Text();
  SetPhase(v1::RUN);
  ASSERT_TRUE(AwaitPhase(7, v1::FIRED)) << log_.Text();
  SetPhase(v1::COOLDOWN);
  ASSERT_TRUE(AwaitPhase(7, v1::ENDED)) << log_.Text();
  ASSERT_TRUE(AwaitShareEnd());
  coordinator_.Set([&] { coordinator_.shares.clear(); });
  const std::vector<uint64_t> indices = Indices();
  ASSERT_EQ(indices.size(), 200u);
  for (uint64_t i = 0; i < 200; ++i) EXPECT_EQ(indices[i], i);
  {
    std::lock_guard lock(coordinator_.mutex);
    EXPECT_TRUE(coordinator_.batches.front().has_share_start());
    EXPECT_EQ(coordinator_.batches.back().share_end().fired(), 200u);
    EXPECT_EQ(coordinator_.gaps, 0u);
    EXPECT_EQ(coordinator_.hellos.front().labels_size(), 2);
    EXPECT_FALSE(coordinator_.hellos.front().cgroup_layout().empty());
  }
  // A connection that holds, to hear of the leave.
  size_t reports = 0;
  coordinator_.Set([&] {
    coordinator_.drop_control_after = 0;
    reports = coordinator_.reports.size();
  });
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.size() > reports + 2; }));
  Stop(/*now=*/false);
  EXPECT_EQ(Join(), 0);
  // Its last words may still be on their way when it has ended.
  EXPECT_TRUE(coordinator_.Await([&] { return coordinator_.reports.back().leaving(); }));
  std::lock_guard lock(coordinator_.mutex);
  EXPECT_TRUE(fs::is_empty(directory_ + "/cluster-a"));
}

TEST_F(AgentTest, LeavingLetsWhatIsInFlightEndAndDeliversIt) {
  coordinator_.shares = {Sleeps(7, 1'000'000, 30'000'000)};
  StartAgent();
  ASSERT_TRUE(AwaitPhase(7, v1::READY)) << log_.Text();
  SetPhase(v1::RUN);
  ASSERT_TRUE(coordinator_.Await([&] {
    return !coordinator_.reports.back().shares().empty() && coordinator_.reports.back().shares(0).fired() > 8;
  }));
  Stop(/*now=*/false);
  EXPECT_EQ(Join(), 0);
  // Its last words may still be on their way when it has ended.
  EXPECT_TRUE(coordinator_.Await([&] { return coordinator_.reports.back().leaving(); }));
  std::lock_guard lock(coordinator_.mutex);
  ASSERT_FALSE(coordinator_.batches.empty());
  const v1::ShareEnd& end = coordinator_.batches.back().share_end();
  uint64_t records = 0;
  for (const v1::Batch& batch : coordinator_.batches) {
    for (const v1::TriggerRecord& record : batch.triggers()) {
      EXPECT_EQ(record.outcome(), v1::OK);
      ++records;
    }
  }
  EXPECT_EQ(end.fired(), records);
  EXPECT_FALSE(end.error().empty());
}

TEST_F(AgentTest, StoppedNowWithoutAcksItKeepsAllForTheNextAgent) {
  coordinator_.acks = false;
  coordinator_.shares = {Sleeps(7, 1'000'000, 60'000'000'000)};
  StartAgent();
  ASSERT_TRUE(AwaitPhase(7, v1::READY)) << log_.Text();
  SetPhase(v1::RUN);
  ASSERT_TRUE(coordinator_.Await([&] {
    return !coordinator_.reports.back().shares().empty() && coordinator_.reports.back().shares(0).in_flight() == 4;
  }));
  Stop(/*now=*/false);
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.back().leaving(); }));
  Stop(/*now=*/true);
  EXPECT_EQ(Join(), 0);
  EXPECT_THAT(log_.Text(), HasSubstr("are not delivered; they stay in " + directory_));
  coordinator_.Set([&] {
    coordinator_.acks = true;
    coordinator_.shares.clear();
  });
  StartAgent();
  ASSERT_TRUE(AwaitShareEnd());
  std::lock_guard lock(coordinator_.mutex);
  EXPECT_FALSE(coordinator_.batches.back().share_end().crashed());
  EXPECT_EQ(coordinator_.batches.back().share_end().fired(), 4u);
}

TEST_F(AgentTest, AnotherDatabaseEndsTheAgentWithOne) {
  StartAgent();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.size() > 3; }));
  coordinator_.Shutdown();
  coordinator_.Set([&] { coordinator_.cluster_id = "cluster-b"; });
  coordinator_.Restart();
  EXPECT_EQ(Join(), 1);
  EXPECT_THAT(log_.Text(), HasSubstr("now serves another Assay database (cluster-b)"));
}

TEST_F(AgentTest, AnotherProtocolVersionEndsTheAgentWithTwo) {
  coordinator_.refusal =
      "agent a speaks protocol version 1, this coordinator 9: install the same version of Assay on both";
  StartAgent();
  EXPECT_EQ(Join(), 2);
  EXPECT_THAT(log_.Text(), HasSubstr("install the same version of Assay on both"));
}

TEST_F(AgentTest, ANameInUseIsNoReasonToEnd) {
  coordinator_.refusal = "an agent named 'a' is connected already";
  StartAgent();
  ASSERT_TRUE(coordinator_.Await([&] { return !coordinator_.hellos.empty(); }));
  coordinator_.Set([&] { coordinator_.refusal.clear(); });
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.size() > 10; }));
  Stop(/*now=*/false);
  EXPECT_EQ(Join(), 0);
}

}  // namespace
}  // namespace assay
