#include "collect/task_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/nanoseconds.h"

namespace assay {
namespace {

using testing::HasSubstr;
constexpr int64_t kRunT0Ns = 1'795'375'800 * kSecond;  // 2026-11-22 19:30:00 UTC

TaskReader Reader(const v1::Collector& collector = {}) {
  absl::StatusOr<TaskReader> reader =
      TaskReader::Make("postgres", collector, {.t0_unix_ns = kRunT0Ns, .clock_bound_ns = 500});
  EXPECT_TRUE(reader.ok()) << reader.status();
  return *std::move(reader);
}

using Given = std::vector<std::pair<TaskField, std::string_view>>;
absl::Status Add(TaskReader& reader, const Given& given) {
  TaskReader::Texts texts;
  for (const auto& [field, text] : given) texts[static_cast<size_t>(field)] = text;
  return reader.Add(texts);
}

TEST(TaskReader, WhatIsNoTextBecomesOne) {
  TaskReader reader = Reader();
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "t\xFC"},
                         {TaskField::kName, "n\xFC"},
                         {TaskField::kState, "s\xFC"},
                         {TaskField::kRemoteId, "r\xFC"},
                         {TaskField::kWorker, "M\xFCller"},
                         {TaskField::kError, "e\xFC"}}),
            absl::OkStatus());
  const std::string bytes = reader.Take()[0].SerializeAsString();
  v1::TaskRecord read;
  ASSERT_TRUE(read.ParseFromString(bytes)) << "an agent could never deliver it";
  EXPECT_EQ(read.worker(), "M\xEF\xBF\xBDller");
}

TEST(TaskReader, AnAttemptThatIsNoneIsSaidAndNotStored) {
  TaskReader reader = Reader();
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "t"}, {TaskField::kAttempt, "2147483647"}}), absl::OkStatus());
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "t"}, {TaskField::kAttempt, "1795375800000"}}), absl::OkStatus());
  EXPECT_THAT(reader.TakeProblem(), HasSubstr("no whole number up to 2147483647: '1795375800000'"));
  const std::vector<v1::TaskRecord> tasks = reader.Take();
  EXPECT_EQ(tasks[0].attempt(), 2147483647u);
  EXPECT_EQ(tasks[1].attempt(), 1u);
}

TEST(TaskReader, EveryFieldBecomesItsOwn) {
  TaskReader reader = Reader();
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "t-1"},
                         {TaskField::kName, "add"},
                         {TaskField::kState, "COMPLETED"},
                         {TaskField::kAttempt, "2"},
                         {TaskField::kIndex, "7"},
                         {TaskField::kRemoteId, "flow"},
                         {TaskField::kCached, "t"},
                         {TaskField::kWorker, "w1"},
                         {TaskField::kError, "none"},
                         {TaskField::kPlannedNs, "4100000"},
                         {TaskField::kCreated, "2026-11-22 19:30:00.100000+00"},
                         {TaskField::kScheduled, "2026-11-22 19:30:00.200000+00"},
                         {TaskField::kQueued, "2026-11-22 19:30:00.300000+00"},
                         {TaskField::kReady, "2026-11-22 19:30:00.400000+00"},
                         {TaskField::kStarted, "2026-11-22 19:30:00.500000+00"},
                         {TaskField::kFinished, "2026-11-22 19:30:00.600000+00"},
                         {TaskField::kBodyStarted, "2026-11-22 19:30:00.510000+00"},
                         {TaskField::kBodyFinished, "2026-11-22 19:30:00.590000+00"},
                         {TaskField::kRecorded, "2026-11-22 19:30:39.000001+00"}}),
            absl::OkStatus());
  const std::vector<v1::TaskRecord> tasks = reader.Take();
  ASSERT_EQ(tasks.size(), 1u);
  const v1::TaskRecord& t = tasks[0];
  EXPECT_EQ(t.task() + " " + t.name() + " " + t.state() + " " + t.remote_id() + " " + t.worker() + " " + t.error(),
            "t-1 add COMPLETED flow w1 none");
  EXPECT_EQ(t.origin(), "postgres");
  EXPECT_EQ(t.outcome(), v1::OK);
  EXPECT_EQ(t.attempt(), 2u);
  EXPECT_EQ(t.index(), 7u);
  EXPECT_EQ(t.planned_ns(), 4'100'000);
  EXPECT_TRUE(t.cached());
  EXPECT_EQ(t.created_ns(), 100 * kMs);
  EXPECT_EQ(t.scheduled_ns(), 200 * kMs);
  EXPECT_EQ(t.queued_ns(), 300 * kMs);
  EXPECT_EQ(t.ready_ns(), 400 * kMs);
  EXPECT_EQ(t.started_ns(), 500 * kMs);
  EXPECT_EQ(t.finished_ns(), 600 * kMs);
  EXPECT_EQ(t.body_started_ns(), 510 * kMs);
  EXPECT_EQ(t.body_finished_ns(), 590 * kMs);
  EXPECT_EQ(t.recorded_ns(), 39 * kSecond + 1000);
  EXPECT_EQ(t.error_ns(), 1000 + 500) << "microseconds, and the clock's bound";
  EXPECT_EQ(reader.TakeProblem(), "");
  EXPECT_TRUE(reader.Take().empty());
}

TEST(TaskReader, AFieldIsAsFineAsItsFinestValueEverWas) {
  TaskReader reader = Reader();
  // PostgreSQL leaves out the zeros of 19:30:01.000000.
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "1"}, {TaskField::kStarted, "2026-11-22 19:30:01+00"}}), absl::OkStatus());
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "2"}, {TaskField::kStarted, "2026-11-22 19:30:01.000250+00"}}),
            absl::OkStatus());
  for (const v1::TaskRecord& task : reader.Take()) EXPECT_EQ(task.error_ns(), 1000 + 500);
}

TEST(TaskReader, WholeSecondsCarryTheirErrorAndAMinusSecondStays) {
  TaskReader reader = Reader();
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "1"},
                         {TaskField::kStarted, "2026-11-22T19:30:02Z"},
                         {TaskField::kFinished, "2026-11-22T19:30:01Z"}}),
            absl::OkStatus());
  const std::vector<v1::TaskRecord> tasks = reader.Take();
  EXPECT_EQ(tasks[0].error_ns(), kSecond + 500);
  EXPECT_EQ(tasks[0].finished_ns() - tasks[0].started_ns(), -kSecond);
  EXPECT_EQ(tasks[0].outcome(), v1::OK) << "records without states are of what has happened";
  EXPECT_TRUE(IsNegative(tasks[0]));
  v1::Collector collector;
  collector.set_resolution_ns(2 * kMs);
  TaskReader declared = Reader(collector);
  ASSERT_EQ(Add(declared, {{TaskField::kTask, "1"}, {TaskField::kStarted, "2026-11-22T19:30:02Z"}}), absl::OkStatus());
  EXPECT_EQ(declared.Take()[0].error_ns(), 2 * kMs + 500);
}

TEST(TaskReader, NoZoneIsRefusedWithTheColumnAndTheMend) {
  TaskReader reader = Reader();
  reader.Call(TaskField::kStarted, "column 'began'");
  const absl::Status refused = Add(reader, {{TaskField::kTask, "1"}, {TaskField::kStarted, "2026-11-22 19:30:02"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("column 'began' of postgres"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("zone: UTC"));
  v1::Collector collector;
  collector.set_zone("America/New_York");
  TaskReader in_zone = Reader(collector);
  ASSERT_EQ(Add(in_zone, {{TaskField::kTask, "1"}, {TaskField::kStarted, "2026-11-22 14:30:02"}}), absl::OkStatus());
  EXPECT_EQ(in_zone.Take()[0].started_ns(), 2 * kSecond);
  collector.set_zone("Mars/Olympus");
  EXPECT_THAT(std::string(TaskReader::Make("csv", collector, {}).status().message()), HasSubstr("Mars/Olympus"));
}

TEST(TaskReader, StatesMeanWhatTheyMeanElsewhereOrWhatTheScenarioSays) {
  v1::Collector collector;
  (*collector.mutable_outcomes())["Gone"] = "cancelled";
  (*collector.mutable_outcomes())["finished"] = "failed";
  TaskReader reader = Reader(collector);
  for (const char* state :
       {"success", "FAILED", "TimedOut", "Canceled", "skipped", "RUNNING", "gone", "Finished", "Cached"})
    ASSERT_EQ(Add(reader, {{TaskField::kTask, "1"}, {TaskField::kState, state}}), absl::OkStatus());
  std::vector<v1::Outcome> outcomes;
  const std::vector<v1::TaskRecord> tasks = reader.Take();
  for (const v1::TaskRecord& task : tasks) outcomes.push_back(task.outcome());
  EXPECT_THAT(outcomes, testing::ElementsAre(v1::OK, v1::FAILED, v1::TIMEOUT, v1::CANCELLED, v1::SKIPPED,
                                             v1::OUTCOME_UNSPECIFIED, v1::CANCELLED, v1::FAILED, v1::OK));
  EXPECT_TRUE(tasks.back().cached()) << "Prefect says it by the state's name alone";
}

TEST(TaskReader, WhatIsNotUnderstoodIsCountedAndTheRestKept) {
  TaskReader reader = Reader();
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "1"}, {TaskField::kStarted, "soon"}, {TaskField::kAttempt, "x"}}),
            absl::OkStatus());
  ASSERT_EQ(Add(reader, {{TaskField::kTask, "2"},
                         {TaskField::kState, "blah"},
                         {TaskField::kPlannedNs, "0.5"},
                         {TaskField::kFinished, "2026-11-22T19:30:01Z"},
                         {TaskField::kStarted, "-infinity"}}),
            absl::OkStatus());
  EXPECT_EQ(reader.Take().size(), 2u);
  EXPECT_THAT(reader.TakeProblem(), testing::AllOf(HasSubstr("4 values"), HasSubstr("'attempt' is no whole number")));
  EXPECT_EQ(reader.TakeProblem(), "");
}

TEST(TaskReader, NegativeIsAnEndBeforeItsBegin) {
  v1::TaskRecord task;
  EXPECT_FALSE(IsNegative(task));
  task.set_started_ns(10);
  task.set_finished_ns(10);
  task.set_queued_ns(10);
  EXPECT_FALSE(IsNegative(task));
  task.set_queued_ns(11);
  EXPECT_TRUE(IsNegative(task));
  task.set_queued_ns(9);
  task.set_body_started_ns(5);
  task.set_body_finished_ns(4);
  EXPECT_TRUE(IsNegative(task));
}

}  // namespace
}  // namespace assay
