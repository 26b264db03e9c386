// The whole agent against a coordinator that is played by the test.
#include "agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "tests/cluster/link_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

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
