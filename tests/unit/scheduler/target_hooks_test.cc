#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/scheduler/scheduler_world.h"

namespace assay {
namespace {

// Two targets of one cell each, of which "t" has hooks on each agent.
SweepRow MakeSweepOfTargets(uint32_t blocks) {
  SweepRow sweep = MakeSweep(1, 2, blocks, 2);
  sweep.cells[1].spec.set_target("other");
  v1::TargetHooks& hooks = *sweep.spec.add_targets();
  hooks.set_target("t");
  hooks.mutable_setup()->add_argv("up");
  hooks.mutable_teardown()->add_argv("down");
  return sweep;
}

TEST(Scheduler, ATargetIsSetUpBeforeItsFirstRunAndTornDownAfterItsLast) {
  World world(31, 2);
  world.AddSweep(MakeSweepOfTargets(3));
  const auto runs_of_t = [&](bool all) {
    return std::count_if(world.runs.begin(), world.runs.end(), [&](const auto& run) {
      return run.second.cell_id == 1000 && (all || run.second.state == "ended");
    });
  };
  ASSERT_TRUE(world.RunUntil([&] {
    if (runs_of_t(true) > 0) EXPECT_EQ(world.HooksOf("setup", "ok"), 2);
    if (world.HooksOf("teardown", "ok") + world.HooksOf("teardown", "running") > 0) EXPECT_EQ(runs_of_t(false), 3);
    return world.Ended(1);
  }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 6);
  EXPECT_EQ(world.HooksOf("setup", "ok"), 2);
  EXPECT_EQ(world.HooksOf("teardown", "ok"), 2);
  for (const auto& [id, hook] : world.hooks) EXPECT_EQ(hook.target, "t");
}

TEST(Scheduler, AFailedSetupRejectsTheRunsOfItsTargetAndIsTornDown) {
  World world(32, 2);
  world.hook_ok = [](const v1::DesiredHook& hook) { return hook.hook().argv(0) != "up"; };
  world.AddSweep(MakeSweepOfTargets(2));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 2);
  EXPECT_EQ(world.runs.size(), 4u);
  for (const auto& [id, run] : world.runs) {
    EXPECT_EQ(run.verdict, run.cell_id == 1000 ? "rejected" : "accepted");
    if (run.cell_id == 1000) EXPECT_EQ(world.troubles.at(id), "hook_failed");
  }
  EXPECT_EQ(world.HooksOf("setup", "failed"), 2) << "once, not for each run";
  EXPECT_EQ(world.HooksOf("teardown", "ok"), 2);
}

TEST(Scheduler, ASetupThatNoAgentCanRunRejectsTheRunsOfItsTarget) {
  World world(33, 2);
  SweepRow sweep = MakeSweepOfTargets(1);
  (*sweep.spec.mutable_targets(0)->mutable_setup()->mutable_where()->mutable_labels())["role"] = "target";
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 1);
  EXPECT_EQ(world.HooksOf("setup", "ok"), 0);
}

TEST(Scheduler, AFailedTeardownFailsTheSweepWhenAllRunsAreDone) {
  World world(34, 2);
  world.hook_ok = [](const v1::DesiredHook& hook) { return hook.hook().argv(0) != "down"; };
  world.AddSweep(MakeSweepOfTargets(2));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "failed");
  EXPECT_NE(world.sweeps[1].failure.find("teardown hook of t on a"), std::string::npos) << world.sweeps[1].failure;
  EXPECT_EQ(world.Accepted(1), 4);
}

TEST(Scheduler, ACancelledSweepIsTornDownIfASetupHadBegun) {
  for (const bool begun : {false, true}) {
    World world(35, 1);
    SweepRow sweep = MakeSweepOfTargets(1);
    sweep.spec.set_agents_min(1);
    if (!begun) sweep.cells.erase(sweep.cells.begin());
    if (!begun) sweep.cells[0].position = 0;
    world.hooks_hang = begun;
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] { return begun ? world.HooksOf("setup", "running") == 1 : !world.runs.empty(); }));
    world.Cancel(1, true);
    world.hooks_hang = false;
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.sweeps[1].state, "cancelled");
    EXPECT_EQ(world.HooksOf("teardown", "ok"), begun ? 1 : 0);
  }
}

TEST(Scheduler, ACoordinatorThatDiesAtAnyWriteSetsUpAndTearsDownOnce) {
  for (int at = 1; at <= 40; ++at) {
    SCOPED_TRACE(fmt::format("write {}", at));
    World world(36, 2);
    world.crash_at_write = at;
    world.AddSweep(MakeSweepOfTargets(1));
    ASSERT_TRUE(world.RunUntil([&] {
      for (const auto& [id, run] : world.runs) {
        if (run.cell_id == 1000) EXPECT_EQ(world.HooksOf("setup", "ok"), 2);
      }
      return world.Ended(1);
    }));
    EXPECT_EQ(world.sweeps[1].state, "finished");
    EXPECT_EQ(world.Accepted(1), 2);
    EXPECT_EQ(world.HooksOf("setup", "ok"), 2);
    EXPECT_EQ(world.HooksOf("teardown", "ok"), 2);
    EXPECT_EQ(world.hooks.size(), 4u);
  }
}

}  // namespace
}  // namespace assay
