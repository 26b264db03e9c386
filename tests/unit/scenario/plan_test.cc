#include "coordinator/scenario/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <numeric>

#include "common/counter_random.h"
#include "common/units.h"
#include "coordinator/scenario/plan_text.h"
#include "coordinator/scenario/scenario_loader.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

v1::CellSpec Sleeps(uint64_t triggers, uint32_t slots) {
  v1::CellSpec spec;
  spec.mutable_load()->set_triggers(triggers);
  spec.mutable_load()->mutable_closed()->set_concurrency(slots);
  auto* uniform = spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_uniform();
  uniform->set_min_ns(1'000'000);
  uniform->set_max_ns(10'000'000);
  spec.set_key(99);
  return spec;
}

v1::CellSpec Processes(uint64_t triggers, uint32_t slots) {
  v1::CellSpec spec = Sleeps(triggers, slots);
  spec.mutable_trigger()->mutable_exec()->add_argv("true");
  return spec;
}

int64_t WorkNs(const v1::CellSpec& spec, uint64_t key, const ShareRange& share) {
  int64_t sum = 0;
  for (uint64_t k = 0; k < share.count; ++k)
    sum += DrawSleepNs(spec.trigger().sleep().length(), key, share.first_index + k * share.stride);
  return sum;
}

TEST(BlockOrder, IsAPermutationThatDiffersByBlockAndSeed) {
  const std::vector<uint32_t> order = BlockOrder(42, 0, 100);
  std::vector<uint32_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<uint32_t> all(100);
  std::iota(all.begin(), all.end(), 0U);
  EXPECT_EQ(sorted, all);
  EXPECT_NE(order, all);
  EXPECT_EQ(order, BlockOrder(42, 0, 100));
  EXPECT_NE(order, BlockOrder(42, 1, 100));
  EXPECT_NE(order, BlockOrder(43, 0, 100));
  EXPECT_TRUE(BlockOrder(42, 0, 0).empty());
  EXPECT_EQ(BlockOrder(42, 0, 1), std::vector<uint32_t>{0});
}

v1::CellSpec Open(uint64_t triggers, uint32_t in_flight, double per_s) {
  v1::CellSpec spec = Processes(triggers, 1);
  v1::OpenLoop& open = *spec.mutable_load()->mutable_open();
  open.set_in_flight(in_flight);
  open.mutable_rates()->add_segments()->set_from_per_s(per_s);
  return spec;
}

// The instant of a trigger belongs to its index, so every agent takes each n-th.
TEST(SplitRun, OfAnOpenLoopGoesByStrides) {
  const std::vector<ShareRange> shares = SplitRun(Open(11, 100, 10), 1, 3);
  ASSERT_EQ(shares.size(), 3U);
  std::map<uint64_t, int> fired;
  uint32_t slots = 0;
  for (const ShareRange& share : shares) {
    slots += share.slots;
    for (uint64_t k = 0; k < share.count; ++k) ++fired[share.first_index + k * share.stride];
  }
  EXPECT_EQ(slots, 100U);
  EXPECT_EQ(fired.size(), 11U);
  EXPECT_EQ(fired.rbegin()->first, 10U);
}

TEST(ShortestRun, OfAnOpenLoopReachesToItsLastArrival) {
  EXPECT_EQ(ShortestRunNs(Open(101, 1, 10), 1), 10'000'000'000);
  EXPECT_NEAR(static_cast<double>(ShortestRunNs(Open(10'000'001, 1, 1000), 1)), 1e13, 1e6) << "extrapolated";
  v1::CellSpec timed = Open(0, 1, 10);
  timed.mutable_load()->set_duration_ns(7);
  EXPECT_EQ(ShortestRunNs(timed, 1), 7);
  v1::CellSpec both = Open(1000, 1, 10);
  both.mutable_load()->set_duration_ns(2'000'000'000);
  EXPECT_EQ(ShortestRunNs(both, 1), 1'900'000'000) << "what would arrive at the end of the duration is not fired";
}

TEST(BlockOrder, EveryOrderIsAsLikely) {
  std::map<std::vector<uint32_t>, int> seen;
  constexpr int kRounds = 6'000;
  for (uint32_t block = 0; block < kRounds; ++block) ++seen[BlockOrder(7, block, 3)];
  ASSERT_EQ(seen.size(), 6);
  // Six standard deviations of a binomial count of mean 1,000.
  for (const auto& [order, count] : seen) EXPECT_NEAR(count, kRounds / 6, 175);
}

struct Split {
  uint64_t triggers;
  uint32_t slots;
  uint32_t agents;
};

TEST(SplitRun, CoversEveryTriggerOnceAndGivesAllSlots) {
  for (const bool processes : {false, true}) {
    for (const Split& split : {Split{1000, 16, 2},
                               {1000, 16, 3},
                               {50, 50, 2},
                               {100, 100, 7},
                               {3, 4, 3},
                               {10, 16, 2},
                               {1, 16, 5},
                               {7, 2, 5},
                               {100'000, 16, 1},
                               {100'000, 1'000, 999},
                               {5, 5, 5},
                               {17, 16, 16}}) {
      const v1::CellSpec spec =
          processes ? Processes(split.triggers, split.slots) : Sleeps(split.triggers, split.slots);
      const std::vector<ShareRange> shares = SplitRun(spec, 5, split.agents);
      ASSERT_EQ(shares.size(), split.agents);
      uint64_t next = 0;
      uint64_t slots = 0;
      for (const ShareRange& share : shares) {
        // A share that has slots but no bound would fire for ever.
        EXPECT_EQ(share.slots == 0, share.count == 0);
        if (share.slots == 0) continue;
        EXPECT_EQ(share.first_index, next);
        EXPECT_EQ(share.stride, 1);
        if (split.triggers >= split.slots) {
          EXPECT_GE(share.count, share.slots);
        } else {
          EXPECT_LE(share.count, share.slots);
        }
        next += share.count;
        slots += share.slots;
      }
      EXPECT_EQ(next, split.triggers);
      EXPECT_EQ(slots, split.slots);
    }
  }
}

TEST(SplitRun, SharesOutTheWorkOfSleepsInProportionToSlots) {
  const v1::CellSpec spec = Sleeps(10'000, 16);
  const uint64_t key = RunKey(42, spec.key(), 0);
  const std::vector<ShareRange> shares = SplitRun(spec, key, 3);
  const double all = static_cast<double>(WorkNs(spec, key, {0, 10'000, 1, 16}));
  for (const ShareRange& share : shares) {
    const double fair = all * share.slots / 16;
    // Never more than one sleep off.
    EXPECT_NEAR(static_cast<double>(WorkNs(spec, key, share)), fair, 10'000'000);
  }
}

TEST(SplitRun, SleepsOfNoLengthAreSharedOutByCount) {
  v1::CellSpec spec = Sleeps(100, 4);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->set_fixed_ns(0);
  EXPECT_EQ(SplitRun(spec, 1, 2)[0].count, 50);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_list()->add_ns(0);
  uint64_t sum = 0;
  for (const ShareRange& share : SplitRun(spec, 1, 2)) sum += share.count;
  EXPECT_EQ(sum, 100);
}

TEST(SplitRun, BoundedByTimeIndicesAreInterleaved) {
  v1::CellSpec spec = Processes(0, 5);
  spec.mutable_load()->set_duration_ns(1'000'000'000);
  const std::vector<ShareRange> shares = SplitRun(spec, 1, 8);
  for (uint32_t a = 0; a < 8; ++a) {
    EXPECT_EQ(shares[a].slots, a < 5 ? 1 : 0);
    EXPECT_EQ(shares[a].count, 0);
    if (a < 5) {
      EXPECT_EQ(shares[a].first_index, a);
      EXPECT_EQ(shares[a].stride, 5);
    }
  }
}

// The workload belongs to the plan, not to the agents: whoever fires trigger i sleeps as long.
TEST(SplitRun, TheSameSeedGivesTheSameSleepsWhateverTheNumberOfAgents) {
  const auto load = [] {
    return LoadScenario(
        "name: t\nseed: 42\ngrid: {tasks: [5000]}\nload: {closed: {concurrency: 16}, triggers: $(tasks)}\n"
        "trigger: {sleep: {for: {uniform: [1ms, 10ms]}}}\n",
        "s.yaml", {});
  };
  const auto sleeps = [&](uint32_t agents) {
    const absl::StatusOr<Plan> plan = load();
    const v1::CellSpec& spec = plan->cells.at(0).spec;
    const uint64_t key = RunKey(plan->spec.seed(), spec.key(), 3);
    std::vector<int64_t> lengths(5'000, -1);
    for (const ShareRange& share : SplitRun(spec, key, agents)) {
      for (uint64_t k = 0; k < share.count; ++k) {
        const uint64_t index = share.first_index + k * share.stride;
        lengths.at(index) = DrawSleepNs(spec.trigger().sleep().length(), key, index);
      }
    }
    return lengths;
  };
  const std::vector<int64_t> alone = sleeps(1);
  EXPECT_EQ(std::count(alone.begin(), alone.end(), -1), 0);
  EXPECT_EQ(sleeps(2), alone);
  EXPECT_EQ(sleeps(7), alone);
  EXPECT_EQ(sleeps(1'000), alone);
}

TEST(ListSchedule, IsTheGreedyReplay) {
  EXPECT_EQ(ListScheduleNs({}, 4), 0);
  EXPECT_EQ(ListScheduleNs({5, 3, 2}, 1), 10);
  EXPECT_EQ(ListScheduleNs({5, 3, 2}, 3), 5);
  EXPECT_EQ(ListScheduleNs({5, 3, 2, 4}, 2), 9);  // 5 | 3+2, then 4 to either
  EXPECT_EQ(ListScheduleNs({1, 1, 1, 9}, 3), 10);
  EXPECT_EQ(ListScheduleNs({1, 2}, 1'000'000), 2);
  EXPECT_EQ(ListScheduleNs({std::numeric_limits<int64_t>::max(), 5}, 1), std::numeric_limits<int64_t>::max());
}

TEST(ListSchedule, LiesBetweenTheBoundsAndIsQuick) {
  std::vector<int64_t> durations(100'000);
  for (size_t i = 0; i < durations.size(); ++i)
    durations[i] = static_cast<int64_t>(DrawBits(1, i) % 9'000'000) + 1'000'000;
  const int64_t sum = std::accumulate(durations.begin(), durations.end(), int64_t{0});
  const int64_t longest = *std::max_element(durations.begin(), durations.end());
  const auto begin = std::chrono::steady_clock::now();
  for (const uint32_t slots : {1U, 16U, 1'000U, 100'000U}) {
    const int64_t makespan = ListScheduleNs(durations, slots);
    EXPECT_GE(makespan, std::max(longest, sum / slots));
    EXPECT_LE(makespan, sum / slots + longest);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(ShortestRun, AddsUpWhatIsKnown) {
  v1::CellSpec spec = Sleeps(1'000, 16);
  const uint64_t key = 7;
  const int64_t sleeps = ShortestRunNs(spec, key);
  EXPECT_GE(sleeps, WorkNs(spec, key, {0, 1'000, 1, 16}) / 16);
  EXPECT_LE(sleeps, WorkNs(spec, key, {0, 1'000, 1, 16}) / 16 + 10'000'000);
  spec.mutable_sampling()->set_cooldown_ns(5'000'000'000);
  EXPECT_EQ(ShortestRunNs(spec, key), sleeps + 5'000'000'000);
  spec.mutable_load()->set_duration_ns(1'000'000);
  EXPECT_EQ(ShortestRunNs(spec, key), 5'001'000'000);
  v1::CellSpec processes = Processes(1'000, 16);
  EXPECT_EQ(ShortestRunNs(processes, key), 0);
  processes.mutable_load()->set_triggers(0);
  processes.mutable_load()->set_duration_ns(3'000'000'000);
  EXPECT_EQ(ShortestRunNs(processes, key), 3'000'000'000);
}

TEST(ShortestRun, IsEstimatedWhereExactnessWouldTakeLong) {
  // 100 million sleeps of 1-10 ms, mean 5.5 ms, on 16 slots.
  const double expected = 1e8 * 5.5e6 / 16;
  EXPECT_NEAR(static_cast<double>(ShortestRunNs(Sleeps(100'000'000, 16), 7)), expected, expected / 100);
}

// What a part of the sleeps takes with most slots empty at its end is not what so many parts take.
TEST(ShortestRun, AnEstimateIsNoLongerThanTheWhole) {
  const v1::CellSpec spec = Sleeps(100'000, 1'000);
  const int64_t exact_ns = ShortestRunNs(spec, 7);
  const int64_t estimate_ns = ShortestRunNs(spec, 7, 1'000);
  EXPECT_NEAR(static_cast<double>(estimate_ns), static_cast<double>(exact_ns), static_cast<double>(exact_ns) / 20);
}

TEST(PlanText, TellsWhatWillHappen) {
  const absl::StatusOr<Plan> plan = LoadScenario(
      "name: t\nabout: words\nblocks: 3\ngrid: {tasks: [100, 200], unused: [1]}\nagents: {select: {role: load}, count: "
      "2}\n"
      "load: {closed: {concurrency: 4}, triggers: $(tasks)}\ntrigger: {sleep: {for: 10ms}}\nsample: {cooldown: 1s}\n",
      "s.yaml", {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const std::string text = DescribePlan(*plan, 2);
  EXPECT_THAT(text, HasSubstr("2 cells x 3 blocks = 6 runs, 900 triggers"));
  EXPECT_THAT(text, HasSubstr("at least 2 with role=load"));
  EXPECT_THAT(text, HasSubstr("shortest  8.25 s"));  // 3 * (0.25 + 1 + 0.5 + 1)
  EXPECT_THAT(text, HasSubstr("tasks=100 unused=1"));
  EXPECT_THAT(text, HasSubstr("warning: s.yaml:4:27: nothing refers to the axis 'unused'"));
  const std::string json = DescribePlanJson(*plan, 2);
  EXPECT_THAT(json, HasSubstr(R"("cells": 2, "blocks": 3, "runs": 6, "triggers": 900)"));
  EXPECT_THAT(json, HasSubstr(R"("params": {"tasks": 100, "unused": 1}, "triggers": 100)"));
  EXPECT_THAT(json, HasSubstr(R"("triggers_per_agent_min": 50, "triggers_per_agent_max": 50, "shortest_s": 1.25)"));
}

TEST(PlanText, NumbersHaveThousandsSeparators) {
  const absl::StatusOr<Plan> plan = LoadScenario(
      "name: t\nload: {closed: {concurrency: 2000}, triggers: 100000}\ntrigger: {sleep: {for: 10ms}}\n", "s.yaml", {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const std::string text = DescribePlan(*plan, 2);
  EXPECT_THAT(text, HasSubstr("1 run, 100,000 triggers"));
  EXPECT_THAT(text, testing::ContainsRegex(" 100,000 +50,000 +2,000 "));
  EXPECT_THAT(DescribePlanJson(*plan, 2), HasSubstr(R"("triggers": 100000)"));
}

TEST(PlanText, HowLongProcessesTakeIsNotZero) {
  const std::string exec =
      "name: t\nload: {closed: {concurrency: 2}, triggers: 9}\ntrigger: {exec: {argv: [\"true\"]}}\n";
  const absl::StatusOr<Plan> plan = LoadScenario(exec, "s.yaml", {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const std::string text = DescribePlan(*plan, 2);
  EXPECT_THAT(text, HasSubstr("shortest  cannot be known beforehand"));
  EXPECT_THAT(text, testing::Not(HasSubstr("0 ns")));
  const absl::StatusOr<Plan> cooled = LoadScenario(exec + "sample: {cooldown: 2s}\n", "s.yaml", {});
  ASSERT_TRUE(cooled.ok()) << cooled.status();
  EXPECT_THAT(DescribePlan(*cooled, 2), HasSubstr("shortest  2 s: "));
}

absl::StatusOr<Plan> LoadedWith(const std::string& rest) { return LoadScenario("name: t\n" + rest, "s.yaml", {}); }

TEST(PlanText, WhatAnOpenLoopFiresIsCounted) {
  const std::string http = "trigger: {http: {url: \"http://127.0.0.1:1/\"}}\n";
  const absl::StatusOr<Plan> rate = LoadedWith("blocks: 2\nload: {open: {rate: 300/s}, duration: 3s}\n" + http);
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_THAT(DescribePlan(*rate, 2), HasSubstr("2 runs, 1,800 triggers"));
  EXPECT_THAT(DescribePlan(*rate, 2), testing::ContainsRegex(" 900 in 3 s +450 +1,000 "));
  EXPECT_THAT(DescribePlan(*rate, 7), testing::ContainsRegex(" 900 in 3 s +128..129 "));
  EXPECT_THAT(DescribePlanJson(*rate, 2), HasSubstr(R"("params": {}, "triggers": 900, "duration_s": 3)"));
  const absl::StatusOr<Plan> poisson =
      LoadedWith("load: {open: {rate: 300/s, arrivals: poisson}, duration: 3s}\n" + http);
  ASSERT_TRUE(poisson.ok()) << poisson.status();
  EXPECT_THAT(DescribePlan(*poisson, 1), HasSubstr("1 run, about 900 triggers"));
  EXPECT_THAT(DescribePlan(*poisson, 1), HasSubstr(" about 900 in 3 s "));
  const absl::StatusOr<Plan> counted = LoadedWith("load: {open: {rate: 300/s}, duration: 3s, triggers: 100}\n" + http);
  ASSERT_TRUE(counted.ok()) << counted.status();
  EXPECT_THAT(DescribePlan(*counted, 1), HasSubstr("1 run, 100 triggers"));
  const absl::StatusOr<Plan> mixed = LoadedWith(
      "targets: {open: {load: {open: {rate: 300/s}}}, closed: {load: {closed: {concurrency: 2}}}}\nload: {duration: "
      "3s}\n" +
      http);
  ASSERT_TRUE(mixed.ok()) << mixed.status();
  EXPECT_THAT(DescribePlan(*mixed, 1), HasSubstr("2 runs, 900 triggers and 1 cell bounded by time"));
}

TEST(PlanText, WhatTakesUnknownTimeIsNamedByItsKind) {
  const std::string closed = "load: {closed: {concurrency: 2}, triggers: 9}\n";
  const absl::StatusOr<Plan> http = LoadedWith(closed + "trigger: {http: {url: \"http://127.0.0.1:1/\"}}\n");
  ASSERT_TRUE(http.ok()) << http.status();
  EXPECT_THAT(DescribePlan(*http, 1), HasSubstr("it depends on how long the requests take"));
  const absl::StatusOr<Plan> both = LoadedWith(
      closed +
      "targets:\n  a: {trigger: {http: {url: \"http://127.0.0.1:1/\"}}}\n  b: {trigger: {exec: {argv: [x]}}}\n"
      "sample: {cooldown: 1s}\n");
  ASSERT_TRUE(both.ok()) << both.status();
  EXPECT_THAT(DescribePlan(*both, 1), HasSubstr("starts and the processes and requests, whose length"));
}

TEST(PlanText, WarnsOfAgentsThatFireNothing) {
  const absl::StatusOr<Plan> plan = LoadScenario(
      "name: t\ngrid: {slots: [1, 4, 2], tasks: [3, 100]}\nload: {closed: {concurrency: $(slots)}, triggers: "
      "$(tasks)}\n"
      "trigger: {sleep: {for: 10ms}}\n",
      "s.yaml", {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(WarningsFor(*plan, 1), testing::IsEmpty());
  EXPECT_THAT(WarningsFor(*plan, 2),
              testing::ElementsAre("with 2 agents some fire nothing, for want of slots or triggers (slots=1 tasks=3: 1 "
                                   "of them, slots=1 tasks=100: 1 of them); raise load.closed.concurrency and "
                                   "load.triggers, or use fewer agents"));
  EXPECT_THAT(WarningsFor(*plan, 4), testing::ElementsAre(HasSubstr("slots=4 tasks=3: 1 of them, slots=2")));
  EXPECT_THAT(WarningsFor(*plan, 9), testing::ElementsAre(HasSubstr(", and 1 more)")));
  EXPECT_THAT(DescribePlan(*plan, 2), HasSubstr("\nwarning: with 2 agents some fire nothing"));
  EXPECT_THAT(DescribePlanJson(*plan, 2), HasSubstr("with 2 agents some fire nothing"));
}

// What one machine starts is more than a scenario for one agent asks for, and no mistake of its.
TEST(PlanText, AgentsThatNobodyAskedForAreSaidAndNotWarnedOf) {
  const std::string one = "load: {closed: {concurrency: 1}, triggers: 9}\ntrigger: {sleep: {for: 1ms}}\n";
  for (const char* agents : {"", "agents: {count: 1}\n"}) {
    const absl::StatusOr<Plan> plan = LoadedWith(agents + one);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_THAT(WarningsFor(*plan, 2, /*assumed=*/true), testing::IsEmpty());
    const std::string text = DescribePlan(*plan, 2, "of the 2 that are started");
    EXPECT_THAT(text, HasSubstr("agents    at least 1; shown for 2 of the 2 that are started\n"));
    EXPECT_THAT(text, testing::Not(HasSubstr("warning")));
    EXPECT_THAT(DescribePlanJson(*plan, 2, "of 2"), HasSubstr(R"("agents": 2, "agents_assumed": true, )"));
    EXPECT_THAT(DescribePlan(*plan, 2), HasSubstr("shown for 2\n"));
    EXPECT_THAT(DescribePlan(*plan, 2), HasSubstr("warning: with 2 agents some fire nothing"));
  }
  const absl::StatusOr<Plan> two = LoadedWith("agents: {count: 2}\n" + one);
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_THAT(WarningsFor(*two, 2, /*assumed=*/true),
              testing::ElementsAre(HasSubstr("with 2 agents some fire nothing")));
}

TEST(PlanText, WarnsOfContainersThatSeveralAgentsWouldRestart) {
  const auto warnings = [](const std::string& hooks, uint32_t agents) {
    const absl::StatusOr<Plan> plan = LoadScenario(
        "name: t\nload: {closed: {concurrency: 4}, triggers: 9}\ntrigger: {sleep: {for: 1ms}}\nhooks: " + hooks + "\n",
        "s.yaml", {});
    EXPECT_TRUE(plan.ok()) << plan.status();
    return WarningsFor(*plan, agents);
  };
  EXPECT_THAT(warnings("{before_run: {compose: {restart: shop}}}", 2),
              testing::ElementsAre(testing::AllOf(HasSubstr("without 'where' runs on each of 2 agents"),
                                                  HasSubstr("where: {role: target}"))));
  EXPECT_THAT(warnings("{after_sweep: {container: {stop: web}}}", 3), testing::SizeIs(1));
  EXPECT_THAT(warnings("{before_run: {compose: {restart: shop}}}", 1), testing::IsEmpty());
  EXPECT_THAT(warnings("{before_run: {compose: {restart: shop}, where: {role: target}}}", 2), testing::IsEmpty());
  EXPECT_THAT(warnings("{before_run: {argv: [x]}}", 2), testing::IsEmpty());
}

TEST(PlanText, WarnsOfMoreThanAnAgentCanStart) {
  const absl::StatusOr<Plan> plan = LoadScenario(
      "name: t\nload: {open: {rate: 1000000/s}, duration: 1s}\ntrigger: {sleep: {for: 1ms}}\n", "s.yaml", {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(WarningsFor(*plan, 1), testing::Contains(HasSubstr("asks each agent for 1,000,000 triggers per s")));
  EXPECT_THAT(DescribePlan(*plan, 1), HasSubstr("\nwarning: load.open asks each agent for 1,000,000"));
}

TEST(PlanText, DrawsTheFirstBlockThatRuns) {
  const absl::StatusOr<Plan> plan = LoadScenario(
      "name: t\nload: {closed: {concurrency: 2}, triggers: 9}\ntrigger: {sleep: {for: {uniform: [1ms, 1s]}}}\n",
      "s.yaml", {});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const v1::CellSpec& cell = plan->cells[0].spec;
  const int64_t shortest_ns = ShortestRunNs(cell, RunKey(plan->spec.seed(), cell.key(), 1));
  EXPECT_THAT(DescribePlan(*plan, 1), HasSubstr("shortest  " + FormatDuration(shortest_ns)));
}

TEST(PlanText, ADriverThatSeveralAgentsWouldStartIsWarnedOfUnlessTheScenarioSaysWho) {
  const std::string driver =
      "load: {closed: {concurrency: 4}, triggers: 8}\ntrigger: {driver: {argv: [d]}, timeout: 9s}\n";
  const auto warnings = [&](const std::string& agents, uint32_t n, bool assumed = false) {
    const absl::StatusOr<Plan> plan = LoadedWith(agents + driver);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? WarningsFor(*plan, n, assumed) : std::vector<std::string>();
  };
  EXPECT_THAT(warnings("", 2, /*assumed=*/true), testing::ElementsAre(HasSubstr("each of 2 agents starts a driver")));
  EXPECT_THAT(warnings("", 3), testing::ElementsAre(HasSubstr("agents: {select: {role: target}, count: 1}")));
  EXPECT_THAT(warnings("", 1), testing::IsEmpty());
  EXPECT_THAT(warnings("agents: {count: 2}\n", 2), testing::IsEmpty());
  EXPECT_THAT(warnings("agents: {select: {role: target}}\n", 2), testing::IsEmpty());
}

}  // namespace
}  // namespace assay
