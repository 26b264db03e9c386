#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/scheduler/scheduler_world.h"

namespace assay {
namespace {

TEST(Scheduler, RunsEveryCellOncePerBlockInShuffledOrder) {
  World world(1, 2);
  world.AddSweep(MakeSweep(1, 5, 3, 2));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 15);
  ASSERT_EQ(world.runs.size(), 15u);
  std::vector<std::vector<int64_t>> order(4);
  for (const auto& [id, run] : world.runs) order[run.block].push_back(run.cell_id);
  EXPECT_NE(order[1], order[2]);
  for (int block = 1; block <= 3; ++block) {
    std::sort(order[block].begin(), order[block].end());
    EXPECT_EQ(order[block], (std::vector<int64_t>{1000, 1001, 1002, 1003, 1004}));
  }
}

TEST(Scheduler, SharesCoverAllTriggersAndSlots) {
  World world(2, 3);
  world.AddSweep(MakeSweep(1, 1, 1, 3));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  uint64_t count = 0;
  uint32_t slots = 0;
  for (const ShareRow& share : world.runs.at(1).shares) {
    count += share.count;
    slots += share.slots;
  }
  EXPECT_EQ(count, 100u);
  EXPECT_EQ(slots, 16u);
}

TEST(Scheduler, WaitsForAgentsAndSaysForWhom) {
  World world(3, 1);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  for (int i = 0; i < 10; ++i) world.Step();
  EXPECT_EQ(world.sweeps[1].state, "pending");
  EXPECT_EQ(world.scheduler().Progress(1, world.now_ns())->doing(),
            "waiting for 1 more agent with role=load; start assay-agent --label role=load");
  world.AddSweep(MakeSweep(2, 1, 1, 1));
  world.Step();
  EXPECT_EQ(world.scheduler().Progress(2, world.now_ns())->doing(), "waiting for sweep 1 to end");
  world.Cancel(1, false);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(2); }));
  EXPECT_EQ(world.sweeps[1].state, "cancelled");
  EXPECT_EQ(world.sweeps[2].state, "finished");
}

TEST(Scheduler, ARunBeginsOnlyWhenAllItsAgentsAreThereToHearOfIt) {
  World world(5, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "preparing"; }));
  world.agent(0).up = false;  // its link stands, but it says nothing yet
  for (int i = 0; i < 3; ++i) world.Step();
  world.CutOff(world.agent(1));
  world.agent(1).up = false;
  world.agent(0).up = true;
  for (int i = 0; i < 10; ++i) world.Step();
  EXPECT_EQ(world.runs.at(1).state, "preparing");
  world.agent(1).up = true;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.Accepted(1), 1);
  EXPECT_EQ(world.runs.size(), 1u);
}

TEST(Scheduler, ThePolicyForALostAgentIsKept) {
  for (const auto policy : {v1::SweepSpec::FAIL, v1::SweepSpec::REPEAT}) {
    World world(7, 1);
    SweepRow sweep = MakeSweep(1, 1, 1, 1);
    sweep.spec.set_on_agent_loss(policy);
    sweep.spec.set_repeat_limit(1);
    world.AddSweep(sweep);
    int kills = 0;
    size_t killed = 0;
    ASSERT_TRUE(world.RunUntil([&] {
      if (!world.runs.empty() && world.runs.rbegin()->second.state == "running" && world.runs.size() > killed) {
        killed = world.runs.size();
        ++kills;
        world.Kill(world.agent(0));
        world.Revive(world.agent(0));
      }
      return world.Ended(1);
    }));
    EXPECT_EQ(kills, policy == v1::SweepSpec::FAIL ? 1 : 2);
    EXPECT_EQ(world.Accepted(1), 0);
    EXPECT_EQ(world.sweeps[1].state, "finished");
  }
}

TEST(Scheduler, ACancelEndsTheRunAndTheSweep) {
  for (const bool now : {false, true}) {
    World world(8, 2);
    world.AddSweep(MakeSweep(1, 3, 2, 2));
    ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 2 && world.runs.at(2).state == "running"; }));
    world.Cancel(1, now);
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.sweeps[1].state, "cancelled");
    EXPECT_EQ(world.runs.at(1).verdict, "accepted");
    EXPECT_EQ(world.runs.at(2).verdict, "rejected");
    EXPECT_EQ(world.runs.size(), 2u);
  }
}

TEST(Scheduler, ACancelCutsTheCooldownShort) {
  World world(8, 2);
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  sweep.cells[0].spec.mutable_sampling()->set_cooldown_ns(3600 * kSecond);
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "draining"; }));
  world.Cancel(1, false);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 100));
  EXPECT_EQ(world.troubles.at(1), "cancelled");
}

TEST(Scheduler, TheEtaIsThePlansShortestTimeUntilTheFirstRunIsKnownAndThenShrinks) {
  World world(12, 1);
  world.AddSweep(MakeSweep(1, 4, 2, 1));
  const v1::SweepProgress planned = *world.scheduler().Progress(1, world.now_ns());
  EXPECT_EQ(planned.eta_ns(), 8 * 7 * kMs) << "100 sleeps of 1 ms on 16 slots, in 8 runs";
  EXPECT_TRUE(planned.eta_is_least());
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 2; }));
  EXPECT_FALSE(world.scheduler().Progress(1, world.now_ns())->eta_is_least());
  const int64_t early_ns = world.scheduler().Progress(1, world.now_ns())->eta_ns();
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 7; }));
  const int64_t late_ns = world.scheduler().Progress(1, world.now_ns())->eta_ns();
  EXPECT_GT(early_ns, 0);
  EXPECT_LT(late_ns, early_ns);
}

TEST(Scheduler, TheRateIsToldWhileTheRunFires) {
  World world(12, 1);
  SweepRow sweep = MakeSweep(1, 1, 1, 1);
  sweep.cells[0].spec.mutable_sampling()->set_cooldown_ns(3600 * kSecond);
  world.AddSweep(sweep);
  const auto progress = [&] { return *world.scheduler().Progress(1, world.now_ns()); };
  ASSERT_TRUE(world.RunUntil([&] { return progress().triggers_done() > 0; }));
  EXPECT_GT(progress().rate_per_s(), 0);
  ASSERT_TRUE(world.RunUntil([&] { return progress().run_phase() == "cooldown"; }));
  EXPECT_EQ(progress().triggers_done(), 100u);
  EXPECT_EQ(progress().rate_per_s(), 0) << "the cool-down is no time of firing";
}

TEST(Scheduler, WhatIsWrongWithSharesIsNoted) {
  World world(12, 5);
  SweepRow sweep = MakeSweep(1, 1, 1, 5);
  sweep.cells[0].spec.mutable_sampling()->set_cooldown_ns(3600 * kSecond);
  world.AddSweep(sweep);
  for (int i = 0; i < 5; ++i) world.agent(i).notices = {"no look went well"};
  const auto progress = [&] { return *world.scheduler().Progress(1, world.now_ns()); };
  ASSERT_TRUE(world.RunUntil([&] { return progress().notices_size() == 4; }));
  EXPECT_EQ(progress().notices(0), "agent a0: no look went well");
  EXPECT_EQ(progress().notices(3), "and 2 more of the agents");
  for (int i = 0; i < 5; ++i) world.agent(i).notices.clear();
  ASSERT_TRUE(world.RunUntil([&] { return progress().notices_size() == 0; }));
}

TEST(Scheduler, TheEtaOfProcessesIsUnknownUntilARunIsKnown) {
  World world(12, 1);
  SweepRow sweep = MakeSweep(1, 1, 2, 1);
  sweep.cells[0].spec.mutable_trigger()->mutable_exec()->add_argv("true");
  world.AddSweep(sweep);
  EXPECT_FALSE(world.scheduler().Progress(1, world.now_ns())->has_eta_ns());
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 2; }));
  EXPECT_GT(world.scheduler().Progress(1, world.now_ns())->eta_ns(), 0);
}

TEST(Scheduler, AShareThatEndsBeforeTheRunBeginsInterruptsIt) {
  World world(16, 2);
  world.agent(1).loses_lease_when_ready = true;
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.troubles[1], "interrupted");
  EXPECT_EQ(world.Accepted(1), 1);
}

TEST(Scheduler, ASweepThatComesInLateDoesNotTakeOverInTheMiddleOfARun) {
  World world(17, 2);
  world.AddSweep(MakeSweep(2, 2, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "running"; }));
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  world.Step();
  EXPECT_EQ(world.scheduler().Progress(1, world.now_ns())->doing(), "waiting for sweep 2 to end");
  EXPECT_EQ(world.scheduler().Progress(2, world.now_ns())->doing(), "running");
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1) && world.Ended(2); }));
  EXPECT_EQ(world.Accepted(2), 2);
  EXPECT_EQ(world.runs.size(), 3u);
  EXPECT_EQ(world.runs.at(2).sweep_id, 2);
}

}  // namespace
}  // namespace assay
