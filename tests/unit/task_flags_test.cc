#include "coordinator/task_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// 100 tasks of differing lengths, by a driver whose instants are right to 1 us.
RunFacts Clean() {
  RunFacts facts;
  facts.ok = facts.planned_rows = 100;
  facts.planned_stddev_ns = 2.6e6;
  facts.tasks.witness = "driver";
  facts.tasks.tasks = 100;
  facts.tasks.cached_of = 100;
  facts.tasks.cached_witness = "driver";
  facts.tasks.durations = {.rows = 100, .stddev_ns = 2.6e6, .commonest_ns = 5'123'456, .commonest_rows = 1};
  facts.tasks.bodies = facts.tasks.durations;
  facts.tasks.error_max_ns = 1000;
  return facts;
}

std::vector<std::string> Codes(const RunFacts& facts) {
  std::vector<std::string> codes;
  for (const Flag& flag : TaskFlags(facts)) codes.push_back(flag.code + ":" + flag.severity);
  return codes;
}

TEST(TaskFlags, CleanTasksAndNoTasksHaveNone) {
  EXPECT_THAT(Codes(Clean()), IsEmpty());
  EXPECT_THAT(Codes(RunFacts()), IsEmpty());
}

TEST(TaskFlags, CachedTasksWarnUpToOnePercentAndRejectAbove) {
  RunFacts facts = Clean();
  facts.tasks.cached = 1;
  EXPECT_THAT(Codes(facts), ElementsAre("cached:warning"));
  facts.tasks.cached = 2;
  facts.tasks.cached_state = "Cached";
  EXPECT_THAT(Codes(facts), ElementsAre("cached:reject"));
  EXPECT_THAT(TaskFlags(facts)[0].detail, HasSubstr("2 of 100 tasks were not run, the target took earlier results "
                                                    "(driver says Cached)"));
}

TEST(TaskFlags, WhatEndedBeforeTheRunIsNotItsWork) {
  RunFacts facts = Clean();
  facts.tasks.witness = "http";
  facts.tasks.foreign_of = 540;
  facts.tasks.foreign = 5;
  EXPECT_THAT(Codes(facts), ElementsAre("records_foreign:warning"));
  facts.tasks.foreign = 520;
  EXPECT_THAT(Codes(facts), ElementsAre("records_foreign:reject"));
  EXPECT_THAT(TaskFlags(facts)[0].detail, HasSubstr("520 of the 540 tasks that http tells of had ended before T0"));
}

TEST(TaskFlags, WhatEndedAfterItWasReadHasAnotherZone) {
  RunFacts facts = Clean();
  facts.tasks.witness = "http";
  facts.tasks.foreign_of = facts.tasks.unborn = 80;
  facts.tasks.foreign_by_ns = 5 * 3600 * 1'000'000'000LL;
  EXPECT_THAT(Codes(facts), ElementsAre("records_foreign:reject"));
  EXPECT_THAT(TaskFlags(facts)[0].detail,
              HasSubstr("80 of the 80 tasks that http tells of ended after they were read, by up to 5 h 0 min: the "
                        "collector's zone is not the one"));
}

TEST(TaskFlags, AlikeAreNineOfTenToTheNanosecondWhereTheClockShowsMore) {
  for (TaskFacts::Lengths TaskFacts::*lengths : {&TaskFacts::durations, &TaskFacts::bodies}) {
    RunFacts facts = Clean();
    (facts.tasks.*lengths).commonest_rows = 89;
    EXPECT_THAT(Codes(facts), IsEmpty());
    (facts.tasks.*lengths).commonest_rows = 90;
    EXPECT_THAT(Codes(facts), ElementsAre("zero_variance:reject"));
    (facts.tasks.*lengths).commonest_ns = 5'000'000;
    EXPECT_THAT(Codes(facts), IsEmpty()) << "it may be a clock of milliseconds";
    (facts.tasks.*lengths).commonest_ns = 99'999;
    EXPECT_THAT(Codes(facts), IsEmpty()) << "tasks that do nothing are alike";
    facts.tasks.cached = 90;
    EXPECT_THAT(Codes(facts), ElementsAre("cached:reject", "zero_variance:reject"));
    facts = Clean();
    facts.tasks.*lengths = {.rows = 19, .stddev_ns = 2.6e6, .commonest_ns = 5'123'456, .commonest_rows = 19};
    EXPECT_THAT(Codes(facts), IsEmpty()) << "too few to tell";
  }
}

TEST(TaskFlags, LengthsMustSpreadAsTheNominalOnesDoWhereTheInstantsCanShowIt) {
  RunFacts facts = Clean();
  facts.tasks.durations.stddev_ns = 26'001;
  EXPECT_THAT(Codes(facts), IsEmpty());
  facts.tasks.durations.stddev_ns = 25'999;
  EXPECT_THAT(Codes(facts), ElementsAre("zero_variance:reject"));
  facts.tasks.error_max_ns = 1'300'000;
  EXPECT_THAT(Codes(facts), IsEmpty()) << "instants as coarse as the lengths differ";
}

TEST(TaskFlags, NegativeTimesWithinTheirErrorsInform) {
  RunFacts facts = Clean();
  facts.tasks.negative = 3;
  facts.tasks.negative_example = "t1 by csv: finished 1 s before started";
  EXPECT_THAT(Codes(facts), ElementsAre("negative_times:info"));
  facts.tasks.negative_beyond_errors = 1;
  EXPECT_THAT(Codes(facts), ElementsAre("negative_times:warning"));
  EXPECT_THAT(TaskFlags(facts)[0].detail, HasSubstr("3 tasks"));
  EXPECT_THAT(TaskFlags(facts)[0].detail, HasSubstr("t1 by csv: finished 1 s before started"));
}

TEST(TaskFlags, WhatContradictsTheClientWarnsAndComesFirst) {
  RunFacts facts = Clean();
  facts.tasks.gaps.push_back({.gap = "started",
                              .witness = "csv",
                              .other = "driver",
                              .tasks = 9,
                              .max_ms = 4,
                              .error_max_ms = 1,
                              .example = "a",
                              .says = "0.1 s",
                              .other_says = "0.2 s"});
  EXPECT_THAT(Codes(facts), ElementsAre("truth_gap:info"));
  facts.tasks.gaps.push_back({.gap = "outcome",
                              .witness = "csv",
                              .other = "client",
                              .tasks = 2,
                              .example = "b",
                              .says = "failed",
                              .other_says = "ok"});
  EXPECT_THAT(Codes(facts), ElementsAre("truth_gap:warning"));
  EXPECT_EQ(TaskFlags(facts)[0].detail,
            "2 tasks ended otherwise, by csv beside client; 9 tasks have other instants, by csv beside driver (started "
            "up to 4 ms, both may err by 1 ms); for example task b: failed by csv, ok by client; view truth_gap has "
            "them all");
}

}  // namespace
}  // namespace assay
