#include <gtest/gtest.h>

#include <algorithm>

#include "common/protocol.h"
#include "tests/unit/scheduler/scheduler_world.h"

namespace assay {
namespace {

TEST(Scheduler, ASecondAgentOfTheSameNameIsRefusedWhileTheFirstIsHeard) {
  World world(4, 1);
  world.Step();
  FakeAgent impostor = world.agent(0);
  impostor.life = 7;
  world.Connect(impostor);
  ASSERT_TRUE(world.refusal);
  EXPECT_NE(world.refusal->find("--name"), std::string::npos);
  world.agent(0).up = false;
  world.Step(11 * kSecond);
  world.Connect(impostor);
  EXPECT_FALSE(world.refusal) << "a name whose holder is silent is taken over";
}

TEST(Scheduler, AnotherProtocolVersionIsRefused) {
  Scheduler scheduler({});
  v1::Hello hello = MakeHello("a", "1");
  hello.set_protocol_version(kProtocolVersion + 1);
  const auto refusal = scheduler.RefusalOf(hello, 0);
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->find("protocol version"), std::string::npos);
}

TEST(Scheduler, NoAgentMayBeNamedAsThePlaceOfTheCoordinatorsHooks) {
  const auto refusal = Scheduler({}).RefusalOf(MakeHello("coordinator", "1"), 0);
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->find("--name"), std::string::npos);
}

TEST(Scheduler, AnEarlierSessionThatIsHeardOfLaterTakesNothingOver) {
  Scheduler scheduler({});
  const v1::Hello hello = MakeHello("a", "1");
  scheduler.Connect(2, 1, hello, kSecond);
  scheduler.Connect(1, 1, hello, 2 * kSecond);
  EXPECT_FALSE(scheduler.Knows(1));
  EXPECT_TRUE(scheduler.Knows(2));
  scheduler.Disconnected(1, 3 * kSecond);
  EXPECT_EQ(scheduler.Agents({}, 3 * kSecond).agents(0).state(), "connected");
  scheduler.Connect(3, 1, MakeHello("a", "2"), 20 * kSecond);
  EXPECT_FALSE(scheduler.Knows(2)) << "another process has the name now";
}

TEST(Scheduler, TellsTheAgentsThatASweepWouldTake) {
  World world(15, 3);
  world.agent(1).role = "db";
  world.Step();
  v1::ListAgentsRequest request;
  EXPECT_EQ(world.scheduler().Agents(request, world.now_ns()).agents_size(), 3);
  (*request.mutable_select()->mutable_labels())["role"] = "load";
  EXPECT_EQ(world.scheduler().Agents(request, world.now_ns()).agents_size(), 2);
  world.CutOff(world.agent(0));
  const v1::ListAgentsReply left = world.scheduler().Agents(request, world.now_ns());
  ASSERT_EQ(left.agents_size(), 1);
  EXPECT_EQ(left.agents(0).name(), "a2");
  request.mutable_select()->clear_labels();
  EXPECT_EQ(world.scheduler().Agents(request, world.now_ns()).agents_size(), 2) << "any label will do";
}

TEST(Scheduler, ADeadAgentLosesItsShareOnlyAfterItsLeaseAndTheRunIsRepeated) {
  World world(5, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "running"; }));
  world.Kill(world.agent(1));
  const int64_t died_ns = world.now_ns();
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.at(1).state == "ended"; }));
  EXPECT_GE(world.now_ns() - died_ns, 25 * kSecond);
  EXPECT_EQ(world.runs.at(1).verdict, "rejected");
  world.Revive(world.agent(1));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.runs.at(2).attempt, 2u);
  EXPECT_EQ(world.runs.at(2).verdict, "accepted");
}

TEST(Scheduler, ItsOwnPauseIsNoAgentsSilence) {
  World world(5, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "preparing"; }));
  world.Pause(60 * kSecond);
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.at(1).state == "running"; }));
  world.Pause(60 * kSecond);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.runs.size(), 1u);
  EXPECT_EQ(world.Accepted(1), 1);
}

TEST(Scheduler, AnAgentThatFellSilentOnALinkThatStandsIsWaitedFor) {
  World world(5, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "running"; }));
  world.agent(1).up = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.at(1).state == "ended"; }));
  for (int i = 0; i < 20; ++i) world.Step();
  EXPECT_EQ(world.runs.size(), 1u) << "no try is spent on it";
  world.agent(1).up = true;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.runs.at(2).verdict, "accepted");
}

TEST(Scheduler, ARestartedAgentEndsTheRunAtOnceThroughItsSpool) {
  World world(6, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "running"; }));
  world.Kill(world.agent(1));
  world.Revive(world.agent(1));
  const int64_t died_ns = world.now_ns();
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_LT(world.now_ns() - died_ns, 20 * kSecond);
  EXPECT_EQ(world.runs.at(1).verdict, "rejected");
  EXPECT_EQ(world.Accepted(1), 1);
}

// The host that is only sampled must not become one that fires, nor those that fire fewer.
TEST(Scheduler, ARestartKeepsTheAgentsThatFire) {
  const std::set<std::string> load = {"a0", "a1", "a2"};
  for (const bool between_runs : {false, true}) {
    World world(15, 4);
    world.agent(3).role = "target";
    SweepRow sweep = MakeSweep(1, 3, 1, 1);
    for (CellRow& cell : sweep.cells)
      (*cell.spec.mutable_sampling()->mutable_where()->mutable_labels())["role"] = "target";
    sweep.cells[0].spec.mutable_load()->mutable_closed()->set_concurrency(1);  // only one of them has anything to do
    sweep.spec.mutable_after_sweep()->add_argv("tidy");
    world.AddSweep(sweep);
    size_t restarted = 0;
    ASSERT_TRUE(world.RunUntil([&] {
      if (!world.runs.empty() && world.runs.size() > restarted &&
          world.runs.rbegin()->second.state == (between_runs ? "ended" : "running")) {
        restarted = world.runs.size();
        world.RestartCoordinator();
        world.agent(0).up = false;
        world.agent(2).up = false;
        world.Step();
        world.Step();
        world.agent(0).up = true;
        world.agent(2).up = true;
      }
      return world.Ended(1);
    }));
    EXPECT_EQ(world.sweeps[1].state, "finished") << world.sweeps[1].failure;
    EXPECT_EQ(restarted, 3u);
    EXPECT_EQ(world.Accepted(1), 3);
    for (const auto& [id, run] : world.runs) {
      const std::set<std::string> firing = world.FiringAgents(id);
      EXPECT_EQ(firing.size(), run.cell_id == 1000 ? 1u : 3u);
      EXPECT_TRUE(std::includes(load.begin(), load.end(), firing.begin(), firing.end())) << "run " << id;
      EXPECT_EQ(std::count_if(run.shares.begin(), run.shares.end(), [](const ShareRow& s) { return s.samples; }), 1);
    }
    EXPECT_EQ(world.HooksOf("after_sweep", "ok"), 3);
  }
}

}  // namespace
}  // namespace assay
