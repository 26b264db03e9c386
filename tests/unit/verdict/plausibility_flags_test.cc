#include <gtest/gtest.h>

#include "tests/unit/verdict/verdict_fixture.h"

namespace assay {
namespace {

TEST(Verdict, CachedResultsAreRejected) {
  Fixture f;
  f.facts.service_stddev_ns = 1000;
  EXPECT_EQ(f.Flags(), Codes{"zero_variance:reject"});
  f.facts.planned_rows = 0;
  f.facts.planned_stddev_ns = 0;
  f.facts.planned_sum_ns = 0;
  EXPECT_EQ(f.Flags(), Codes{});
  f.facts.distinct_services = 1;
  EXPECT_EQ(f.Flags(), Codes{"zero_variance:reject"});
}

TEST(Verdict, AMakespanThatHangsOnAFailureIsTold) {
  Fixture f;
  f.facts.failed_tail_ns = f.facts.makespan_ns / 21;
  EXPECT_EQ(f.Flags(), Codes{});
  f.facts.failed_tail_ns = f.facts.makespan_ns / 2;
  EXPECT_EQ(f.Flags(), Codes{"failed_tail:warning"});
  EXPECT_NE(f.Detail("failed_tail").find("(50 %) went by after the last trigger that was ok"), std::string::npos);
}

TEST(Verdict, AMakespanBelowTheBoundIsImpossible) {
  Fixture f;
  f.facts.makespan_ns = 30 * kMs;  // 550 ms of sleep on 16 slots need 34.4 ms
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  f.facts.planned_max_ns = 50 * kMs;
  f.facts.makespan_ns = 45 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
}

TEST(Verdict, AMakespanBelowTheMeasuredBoundIsImpossibleWithoutAPlan) {
  Fixture f;
  f.facts.planned_rows = 0;
  f.facts.planned_sum_ns = f.facts.planned_max_ns = 0;
  f.facts.planned_stddev_ns = 0;
  f.facts.service_sum_ns = 16 * 45 * kMs;
  f.facts.service_max_ns = 45 * kMs;
  EXPECT_EQ(f.Flags(), Codes{}) << "every slot was always taken";
  f.facts.service_sum_ns += 16 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  f.facts.service_sum_ns = f.facts.service_max_ns = 46 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  f.facts.service_sum_ns = f.facts.service_max_ns = 800;
  f.facts.makespan_ns = 0;
  EXPECT_EQ(f.Flags(), Codes{}) << "less than a clock tells";
}

TEST(Verdict, TasksAreBoundedByTheSlotsThatTheirDriversTell) {
  Fixture f;
  f.facts.planned_sum_ns = 0;
  f.facts.planned_max_ns = 0;
  f.facts.tasks.witness = "driver";
  f.facts.tasks.least_sum_ns = 40'001 * kMs;
  // All were given to the target at once, so the triggers' own lengths bound nothing on its slots.
  f.facts.service_sum_ns = 100 * 45 * kMs;
  EXPECT_EQ(f.Flags(), Codes{}) << "how many run at once is not known";
  f.facts.shares[0].capacity = 444;
  EXPECT_EQ(f.Flags(), Codes{}) << "b's driver does not tell it";
  f.facts.shares[1].capacity = 445;
  EXPECT_EQ(f.Flags(), Codes{}) << "45 ms";
  f.facts.shares[1].capacity = 440;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  EXPECT_NE(f.Judged().flags.at(0).detail.find("that its tasks need on 884 slots by their measured lengths"),
            std::string::npos)
      << f.Judged().flags.at(0).detail;
}

TEST(Verdict, TheScenariosSlotsCountWhereNoDriverTellsThem) {
  Fixture f;
  f.facts.planned_sum_ns = 0;
  f.facts.planned_max_ns = 0;
  f.facts.tasks.witness = "postgres";
  f.facts.tasks.least_sum_ns = 40'001 * kMs;
  f.cell.set_slots(889);
  EXPECT_EQ(f.Flags(), Codes{}) << "45 ms";
  f.cell.set_slots(884);
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  f.facts.shares[0].capacity = 889;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"}) << "b's driver does not tell it";
  f.facts.shares[1].capacity = 1;
  EXPECT_EQ(f.Flags(), Codes{"slots_differ:warning"});
  EXPECT_NE(
      f.Judged().flags.at(0).detail.find("runs 884 tasks at once, its driver 890: the figures are of the driver's 890"),
      std::string::npos)
      << f.Judged().flags.at(0).detail;
  f.cell.set_slots(890);
  EXPECT_EQ(f.Flags(), Codes{});
}

TEST(Verdict, TasksTellOfCachedResultsInPlaceOfTheTriggers) {
  Fixture f;
  f.facts.service_stddev_ns = 0;
  EXPECT_EQ(f.Flags(), Codes{"zero_variance:reject"});
  f.facts.tasks.witness = "postgres";
  EXPECT_EQ(f.Flags(), Codes{});
  f.facts.tasks.cached = f.facts.tasks.cached_of = 100;
  EXPECT_EQ(f.Flags(), Codes{"cached:reject"});
}

}  // namespace
}  // namespace assay
