#include <gtest/gtest.h>

#include "tests/unit/scheduler/scheduler_world.h"

namespace assay {
namespace {

TEST(Scheduler, HooksRunOnceOnEachAgentAndAFailedOneFailsTheSweep) {
  World world(9, 2);
  SweepRow sweep = MakeSweep(1, 2, 1, 2);
  sweep.spec.mutable_before_sweep()->add_argv("prepare");
  sweep.spec.mutable_after_sweep()->add_argv("tidy");
  sweep.spec.mutable_after_sweep()->set_on_coordinator(true);
  for (CellRow& cell : sweep.cells) cell.spec.mutable_before_run()->add_argv("reset");
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.hooks.size(), 2u + 2u * 2u + 1u);

  World failing(10, 2);
  failing.hook_ok = [](const v1::DesiredHook& hook) { return hook.hook().argv(0) != "prepare"; };
  failing.AddSweep(sweep);
  ASSERT_TRUE(failing.RunUntil([&] { return failing.Ended(1); }));
  EXPECT_EQ(failing.sweeps[1].state, "failed");
  EXPECT_NE(failing.sweeps[1].failure.find("before_sweep"), std::string::npos);
  EXPECT_TRUE(failing.runs.empty());
}

TEST(Scheduler, AFailedRunHookRejectsItsRunAndTheSweepGoesOn) {
  World world(11, 1);
  SweepRow sweep = MakeSweep(1, 2, 1, 1);
  sweep.cells[0].spec.mutable_before_run()->add_argv("reset");
  world.hook_ok = [](const v1::DesiredHook&) { return false; };
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 1);
  EXPECT_EQ(world.runs.size(), 2u);
}

TEST(Scheduler, ARunWhoseHookWasCutOffIsTriedAgain) {
  for (const bool on_coordinator : {true, false}) {
    SCOPED_TRACE(on_coordinator);
    World world(17, 2);
    SweepRow sweep = MakeSweep(1, 1, 1, 2);
    v1::Hook& hook = *sweep.cells[0].spec.mutable_after_run();
    hook.add_argv("collect");
    hook.set_on_coordinator(on_coordinator);
    world.AddSweep(sweep);
    world.hooks_hang = true;
    ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("after_run", "running") > 0; }));
    world.Step();
    if (on_coordinator) {
      world.RestartCoordinator();
    } else {
      world.Kill(world.agent(1));
      world.Revive(world.agent(1));
    }
    world.hooks_hang = false;
    world.Step();
    world.RestartCoordinator();  // what it was is stored
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.troubles.at(1), "interrupted");
    EXPECT_EQ(world.runs.at(1).verdict, "rejected");
    EXPECT_EQ(world.runs.at(2).verdict, "accepted");
  }
}

TEST(Scheduler, ARestartWhileAHookRunsOnAnAgentWithoutAShareGoesOn) {
  World world(13, 2);
  world.agent(1).role = "db";
  world.hooks_hang = true;
  SweepRow sweep = MakeSweep(1, 1, 1, 1);
  sweep.spec.mutable_before_sweep()->add_argv("prepare");
  (*sweep.spec.mutable_before_sweep()->mutable_where()->mutable_labels())["role"] = "db";
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.hooks_started.size() == 1; }));
  world.RestartCoordinator();
  world.agent(1).up = false;  // not the first to come back
  world.Step();
  world.agent(1).up = true;
  world.hooks_hang = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.hooks.size(), 1u);
}

TEST(Scheduler, AHookIsNotGivenToTheNextProcessOfItsAgent) {
  for (const bool coordinator_too : {false, true}) {
    World world(14, 1);
    world.hooks_hang = true;
    SweepRow sweep = MakeSweep(1, 1, 1, 1);
    sweep.spec.mutable_before_sweep()->add_argv("prepare");
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] { return world.hooks_started.size() == 1; }));
    world.Kill(world.agent(0));  // before it could report the hook
    world.Revive(world.agent(0));
    if (coordinator_too) world.RestartCoordinator();
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.sweeps[1].failure, "before_sweep hook on a0: the agent was restarted while the hook ran");
  }
}

// Whatever it had stored when it died: every agent runs the sweep's hooks once, and no run goes before them.
TEST(Scheduler, ACoordinatorThatDiesAtAnyWriteSkipsNoHookOfTheSweep) {
  for (int at = 1; at <= 30; ++at) {
    SCOPED_TRACE(fmt::format("write {}", at));
    World world(18, 2);
    world.crash_at_write = at;
    SweepRow sweep = MakeSweep(1, 1, 1, 2);
    sweep.spec.mutable_before_sweep()->add_argv("prepare");
    sweep.spec.mutable_after_sweep()->add_argv("tidy");
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] {
      if (!world.runs.empty()) EXPECT_EQ(world.HooksOf("before_sweep", "ok"), 2);
      return world.Ended(1);
    }));
    EXPECT_EQ(world.sweeps[1].state, "finished");
    EXPECT_EQ(world.HooksOf("before_sweep", "ok"), 2);
    EXPECT_EQ(world.HooksOf("after_sweep", "ok"), 2);
    EXPECT_EQ(world.hooks.size(), 4u);
    EXPECT_EQ(world.Accepted(1), 1);
  }
}

TEST(Scheduler, ACancelLeavesARunThatIsMeasured) {
  World world(8, 2);
  SweepRow sweep = MakeSweep(1, 1, 2, 2);
  sweep.cells[0].spec.mutable_after_run()->add_argv("collect");
  world.AddSweep(sweep);
  world.hooks_hang = true;
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("after_run", "running") > 0; }));
  world.Cancel(1, false);
  world.Step();
  world.hooks_hang = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps.at(1).state, "cancelled");
  EXPECT_EQ(world.runs.size(), 1u);
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
}

// On an agent and on the coordinator, and when the coordinator dies before it has acted.
TEST(Scheduler, ACancelNowEndsTheHookThatTidiesUpAndSaysSo) {
  for (const std::string kind : {"after_run", "after_sweep", "teardown"}) {
    for (int way = 0; way < 4; ++way) {
      SCOPED_TRACE(fmt::format("{} {}", kind, way));
      const bool on_coordinator = way % 2 == 1;
      World world(20, 1);
      world.hooks_hang = true;
      SweepRow sweep = MakeSweep(1, 1, 1, 1);
      v1::TargetHooks& target = *sweep.spec.add_targets();
      target.set_target("t");
      v1::Hook& hook = kind == "after_run"     ? *sweep.cells[0].spec.mutable_after_run()
                       : kind == "after_sweep" ? *sweep.spec.mutable_after_sweep()
                                               : *target.mutable_teardown();
      hook.add_argv("tidy");
      hook.set_on_coordinator(on_coordinator);
      world.AddSweep(sweep);
      ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf(kind, "running") == 1; }));
      for (int i = 0; i < 5; ++i) world.Step();
      world.Cancel(1, false);
      for (int i = 0; i < 20; ++i) world.Step();
      ASSERT_FALSE(world.Ended(1)) << "a cancel lets it end by itself";
      world.Cancel(1, true);
      if (way > 1) world.RestartCoordinator();
      ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 50));
      EXPECT_EQ(world.sweeps[1].state, "cancelled");
      EXPECT_EQ(world.hooks.at(1).error, "ended by `assay sweep cancel --now`");
      EXPECT_TRUE(world.hooks.at(1).cut);
      EXPECT_FALSE(world.hooks.at(1).interrupted);
      const std::string of = kind == "teardown" ? " of t" : "";
      const std::string told = fmt::format("{} hook{} on {}: ended by `assay sweep cancel --now`", kind, of,
                                           on_coordinator ? "coordinator" : "a0");
      EXPECT_EQ(world.sweeps[1].failure, kind == "after_run" ? "" : told);
      EXPECT_EQ(world.troubles.at(1), kind == "after_run" ? "cancelled" : "");
      EXPECT_EQ(world.runs.size(), 1u);
    }
  }
}

TEST(Scheduler, WhatIsStillToTidyUpRunsAfterACancelNowUntilItIsCutToo) {
  World world(21, 1);
  world.hooks_hang = true;
  SweepRow sweep = MakeSweep(1, 1, 1, 1);
  sweep.cells[0].spec.mutable_after_run()->add_argv("collect");
  sweep.spec.mutable_after_sweep()->add_argv("tidy");
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("after_run", "running") == 1; }));
  world.Cancel(1, true);
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("after_sweep", "running") == 1; }));
  EXPECT_EQ(world.HooksOf("after_run", "failed"), 1);
  for (int i = 0; i < 20; ++i) world.Step();
  ASSERT_FALSE(world.Ended(1));
  world.Cancel(1, true);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 50));
  EXPECT_EQ(world.sweeps[1].state, "cancelled");
}

TEST(Scheduler, AHookThatFailedByItselfFailsASweepThatIsCancelledToo) {
  World world(22, 2);
  world.hooks_hang = true;
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  sweep.spec.mutable_after_sweep()->add_argv("tidy");
  world.hook_ok = [](const v1::DesiredHook&) { return false; };
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("after_sweep", "running") == 2; }));
  world.Step();
  world.agent(1).up = false;
  world.hooks_hang = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("after_sweep", "failed") == 1; }));
  world.Cancel(1, true);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 50));
  EXPECT_EQ(world.sweeps[1].state, "failed");
  EXPECT_EQ(world.sweeps[1].failure, "after_sweep hook on a0: exited with 1");
}

TEST(Scheduler, ACancelStopsAHookWhereverItRuns) {
  for (const bool on_coordinator : {false, true}) {
    World world(19, 1);
    world.hooks_hang = true;
    SweepRow sweep = MakeSweep(1, 1, 1, 1);
    sweep.spec.mutable_before_sweep()->add_argv("prepare");
    sweep.spec.mutable_before_sweep()->set_on_coordinator(on_coordinator);
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] { return world.hooks_started.size() == 1; }));
    world.Cancel(1, true);
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 10));
    EXPECT_EQ(world.sweeps[1].state, "cancelled");
    EXPECT_EQ(world.hooks.at(1).error, "the sweep was cancelled");
  }
}

}  // namespace
}  // namespace assay
