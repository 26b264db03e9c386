#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/verdict/verdict_fixture.h"

namespace assay {
namespace {

TEST(Verdict, WhatCollectorsFoundIsToldAndNeverRejects) {
  Fixture f;
  RunFacts::Collection& c = f.facts.collections.emplace_back();
  c.place = "coordinator";
  c.origin = "postgres";
  c.records = c.expected = 1000;
  c.quiet = true;
  c.record_lag_s = 39;
  c.elapsed_s = 41;
  EXPECT_THAT(f.Flags(), testing::ElementsAre("record_lag:info"));
  EXPECT_THAT(f.Detail("record_lag"),
              testing::HasSubstr("the last of 1000 records was there 39 s after the last finish"));
  c.record_lag_s = -0.25;
  EXPECT_THAT(f.Detail("record_lag"), testing::HasSubstr("was there 250 ms before the last finish"))
      << "the client heard of the end after it was recorded";
  c.record_lag_s = 39;
  c.records = 890;
  c.unfinished = 9;
  c.quiet = false;
  EXPECT_THAT(f.Flags(),
              testing::ElementsAre("record_lag:info", "records_missing:warning", "records_unfinished:warning"));
  EXPECT_THAT(
      f.Detail("records_missing"),
      testing::HasSubstr(
          "collector postgres on coordinator: 110 of 1000 task records never came (11.0 %), looked for over 41 s"));
  EXPECT_THAT(f.Detail("records_unfinished"), testing::HasSubstr("9 of 890"));
  EXPECT_EQ(f.Judged().verdict, "accepted");
}

TEST(Verdict, ACollectorThatCouldNotReadSaysWhy) {
  Fixture f;
  RunFacts::Collection& c = f.facts.collections.emplace_back();
  c.place = "db-1";
  c.error = "the agent was restarted while the hook ran";
  EXPECT_THAT(f.Flags(), testing::ElementsAre("records_missing:warning"));
  EXPECT_EQ(f.Detail("records_missing"), "the collector on db-1: the agent was restarted while the hook ran");
  c.origin = "csv";
  c.error.clear();
  EXPECT_TRUE(f.Flags().empty()) << "none were expected, none came";
}

TEST(Verdict, AFragmentOfTheRecordsRejects) {
  Fixture f;
  RunFacts::Collection& c = f.facts.collections.emplace_back();
  c.place = "coordinator";
  c.origin = f.facts.tasks.witness = "http";
  c.records = 18;
  c.expected = 200;
  c.stopped = true;
  c.elapsed_s = 1;
  c.record_lag_s = 0.5;
  c.error = "it was stopped before the records were complete";
  EXPECT_THAT(f.Flags(), testing::ElementsAre("record_lag:info", "records_missing:reject"));
  EXPECT_THAT(f.Detail("records_missing"), testing::HasSubstr("182 of 200 task records never came (91.0 %)"));
  EXPECT_THAT(f.Detail("records_missing"), testing::HasSubstr("and so no overhead"));
  EXPECT_THAT(f.Detail("record_lag"), testing::EndsWith("when it was stopped"));
  f.facts.tasks.witness = "driver";
  EXPECT_THAT(f.Flags(), testing::ElementsAre("record_lag:info", "records_missing:warning"));
}

TEST(Verdict, ARecordOfAnothersWorkStandsForNone) {
  Fixture f;
  RunFacts::Collection& c = f.facts.collections.emplace_back();
  c.place = "coordinator";
  c.origin = "http";
  c.records = 119;
  c.expected = 118;
  c.unmatched = 1;
  EXPECT_THAT(f.Flags(), testing::ElementsAre("records_missing:warning"));
  EXPECT_THAT(f.Detail("records_missing"), testing::HasSubstr("1 of 118 task records never came (0.8 %)"));
  EXPECT_THAT(f.Detail("records_missing"), testing::Not(testing::HasSubstr("overhead")));
}

}  // namespace
}  // namespace assay
