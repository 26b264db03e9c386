#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/scheduler/scheduler_world.h"

namespace assay {
namespace {

// A sweep with hooks around it and its runs, each in one of the places where hooks run.
SweepRow MakeSweepWithHooks(World& world, int64_t id) {
  SweepRow sweep = MakeSweep(id, 3, 2, 2);
  sweep.spec.set_repeat_limit(1000);
  const auto fill = [&](v1::Hook& hook, const char* program) {
    if (world.Chance(25)) return;
    hook.add_argv(program);
    if (world.Chance(30)) {
      hook.set_on_coordinator(true);
    } else if (world.Chance(50)) {
      (*hook.mutable_where()->mutable_labels())["role"] = "target";
    }
  };
  fill(*sweep.spec.mutable_before_sweep(), "prepare");
  fill(*sweep.spec.mutable_after_sweep(), "tidy");
  if (world.Chance(50)) {
    v1::TargetHooks& hooks = *sweep.spec.add_targets();
    hooks.set_target("t");
    fill(*hooks.mutable_setup(), "up");
    fill(*hooks.mutable_teardown(), "down");
  }
  for (CellRow& cell : sweep.cells) {
    fill(*cell.spec.mutable_before_run(), "reset");
    fill(*cell.spec.mutable_after_run(), "collect");
    for (int i = 0; i < 2; ++i) {
      if (world.Chance(50)) *cell.spec.add_collect() = Collector(world.Chance(50) ? "" : "target");
    }
    if (world.Chance(50)) (*cell.spec.mutable_sampling()->mutable_where()->mutable_labels())["role"] = "target";
  }
  return sweep;
}

// Every cell is accepted, or a hook failed; no hook is left running.
void CheckEnding(const World& world, const SweepRow& sweep) {
  for (const auto& [id, hook] : world.hooks) EXPECT_NE(hook.state, "running") << "hook " << id;
  if (sweep.state == "failed") {
    EXPECT_GT(world.HooksOf("before_sweep", "failed") + world.HooksOf("after_sweep", "failed") +
                  world.HooksOf("teardown", "failed") + (sweep.failure.find("no connected agent") != std::string::npos),
              0)
        << sweep.failure;
  }
  if (sweep.state != "finished") return;
  std::map<std::pair<int64_t, uint32_t>, const RunRow*> last;
  for (const auto& [id, run] : world.runs) {
    if (run.sweep_id == sweep.sweep_id) last[{run.cell_id, run.block}] = &run;
  }
  EXPECT_EQ(last.size(), 6u);
  for (const auto& [key, run] : last) {
    EXPECT_TRUE(run->verdict == "accepted" || world.troubles.at(run->run_id) == "hook_failed")
        << run->run_id << world.troubles.at(run->run_id);
  }
}

// Thousands of steps with dying agents, cut links, refused writes and restarted coordinators: no two runs at once, no
// finished cell again, no share for two processes, no hook twice, nobody fires who was not chosen, and the sweeps end.
TEST(Scheduler, SurvivesARandomWorld) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed, 4);
    const bool hooks = seed % 3 != 0;
    const int restarts_percent = static_cast<int>(seed % 5);
    if (hooks) world.agent(3).role = "target";
    world.fail_writes_percent = 10;
    SweepRow plain = MakeSweep(2, 3, 2, 2);
    plain.spec.set_repeat_limit(1000);
    world.AddSweep(hooks ? MakeSweepWithHooks(world, 2) : plain);
    const auto ended = [&] {
      return std::all_of(world.sweeps.begin(), world.sweeps.end(),
                         [&](const auto& sweep) { return world.Ended(sweep.first); });
    };
    for (int step = 0; step < 1500 && !ended(); ++step) {
      for (size_t i = 0; i < 4; ++i) {
        FakeAgent& agent = world.agent(i);
        if (agent.up && world.Chance(1)) world.Kill(agent);
        if (agent.up && world.Chance(3)) world.CutOff(agent);
        if (agent.up && world.Chance(1)) agent.loses_lease_when_ready = true;
        if (!agent.up && world.Chance(20)) world.Revive(agent);
      }
      if (world.Chance(restarts_percent)) world.RestartCoordinator();
      if (hooks && step == 100) world.AddSweep(MakeSweepWithHooks(world, 1));
      if (seed % 7 == 0 && step == 150 && !world.Ended(2)) world.Cancel(2, world.Chance(50));
      world.Step(world.Chance(1) ? 30 * kSecond : 200 * kMs);
      if (HasFatalFailure()) return;
    }
    world.fail_writes_percent = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (!world.agent(i).up) world.Revive(world.agent(i));
    }
    ASSERT_TRUE(world.RunUntil(ended));
    for (const auto& [id, sweep] : world.sweeps) CheckEnding(world, sweep);
    if (hooks || seed % 7 == 0) continue;
    EXPECT_EQ(world.sweeps[2].state, "finished");
    EXPECT_EQ(world.Accepted(2), 6);
  }
}

}  // namespace
}  // namespace assay
