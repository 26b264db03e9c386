#include <gtest/gtest.h>

#include "tests/unit/scheduler/scheduler_world.h"

namespace assay {
namespace {

TEST(Scheduler, CollectorsReadAfterTheSharesAndBeforeTheAfterRunHook) {
  World world(21, 3);
  world.agent(2).role = "db";
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  *sweep.cells[0].spec.add_collect() = Collector("");
  *sweep.cells[0].spec.add_collect() = Collector("db");
  *sweep.cells[0].spec.add_collect() = Collector("load");
  sweep.cells[0].spec.mutable_after_run()->add_argv("tidy");
  world.hooks_hang = true;
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("collect", "running") == 3; }));
  for (const ShareRow& share : world.runs.at(1).shares) EXPECT_EQ(share.state, "ended");
  std::vector<std::string> places;
  for (const auto& [id, hook] : world.hooks) places.push_back(fmt::format("{} {}", hook.position, hook.where));
  EXPECT_EQ(places, (std::vector<std::string>{"0 coordinator", "1 a2", "2 a0"})) << "each in one place";
  v1::CollectorStatus status;
  status.set_records(640);
  world.scheduler().Collecting(1, status);
  const v1::SweepProgress progress = *world.scheduler().Progress(1, world.now_ns());
  EXPECT_EQ(progress.run_phase(), "collecting");
  ASSERT_EQ(progress.collectors_size(), 3);
  EXPECT_EQ(progress.collectors(0).records(), 640u);
  for (int i = 0; i < 20; ++i) world.Step();
  EXPECT_EQ(world.HooksOf("after_run", "running"), 0);
  world.hooks_hang = false;
  world.results_are_held_up = true;
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("collect", "ok") == 1; }));
  for (int i = 0; i < 20; ++i) world.Step();
  EXPECT_EQ(world.HooksOf("collect", "running"), 2) << "what those on agents found is not stored yet";
  world.results_are_held_up = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.HooksOf("collect", "ok"), 3);
  EXPECT_EQ(world.HooksOf("after_run", "ok"), 2);
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
}

TEST(Scheduler, ACollectorThatFailsOrHasNoPlaceLeavesTheRunAccepted) {
  World world(22, 2);
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  *sweep.cells[0].spec.add_collect() = Collector("nobody");
  *sweep.cells[0].spec.add_collect() = Collector("load");
  world.hook_ok = [](const v1::DesiredHook&) { return false; };
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
  EXPECT_EQ(world.HooksOf("collect", "failed"), 2);
  EXPECT_NE(world.hooks.at(1).error.find("no connected agent has role=nobody"), std::string::npos);
}

TEST(Scheduler, MoreIdsThanAMessageHoldsAreNotSentToAnAgent) {
  World world(25, 2);
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  *sweep.cells[0].spec.add_collect() = Collector("load");
  world.remote_ids = 200'000;
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_TRUE(world.hooks_started.empty());
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
  EXPECT_NE(world.hooks.at(1).error.find("the run has 200000 remote ids"), std::string::npos);
}

TEST(Scheduler, ACollectorOnTheCoordinatorReadsAgainAfterARestart) {
  World world(23, 2);
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  *sweep.cells[0].spec.add_collect() = Collector("");
  world.hooks_hang = true;
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("collect", "running") == 1; }));
  world.RestartCoordinator();
  world.hooks_hang = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.HooksOf("collect", "ok"), 1);
  EXPECT_EQ(world.runs.size(), 1u);
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
}

TEST(Scheduler, ACancelEndsCollectorsAndKeepsTheRun) {
  for (const char* role : {"", "load"}) {
    World world(24, 2);
    SweepRow sweep = MakeSweep(1, 1, 2, 2);
    *sweep.cells[0].spec.add_collect() = Collector(role);
    world.hooks_hang = true;
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("collect", "running") == 1; }));
    world.Cancel(1, false);
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 20));
    EXPECT_EQ(world.sweeps[1].state, "cancelled");
    EXPECT_EQ(world.runs.at(1).verdict, "accepted");
    EXPECT_EQ(world.hooks.at(1).error, "the sweep was cancelled");
  }
}

}  // namespace
}  // namespace assay
