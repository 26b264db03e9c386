#include "collect/looks.h"

#include <gtest/gtest.h>

#include "common/nanoseconds.h"

namespace assay {
namespace {

v1::TaskRecord Task(const std::string& name, v1::Outcome outcome = v1::OK) {
  v1::TaskRecord task;
  task.set_task(name);
  task.set_attempt(1);
  task.set_outcome(outcome);
  return task;
}

Look Of(std::vector<v1::TaskRecord> tasks) { return {.tasks = std::move(tasks), .metrics = {}, .problem = ""}; }

v1::Collection Filled(const Looks& looks) {
  v1::Collection collection;
  looks.Fill(collection);
  return collection;
}

TEST(Looks, CompleteAndQuietIsDone) {
  Looks looks(2, 2 * kSecond);
  EXPECT_FALSE(looks.Done());
  looks.Add(Of({Task("a")}), 10 * kSecond);
  EXPECT_FALSE(looks.Done()) << "one is missing";
  looks.Add(Of({Task("a"), Task("b", v1::OUTCOME_UNSPECIFIED)}), 11 * kSecond);
  EXPECT_EQ(Filled(looks).unfinished(), 1u);
  looks.Add(Of({Task("a"), Task("b")}), 12 * kSecond);
  looks.Add(Of({Task("b"), Task("a")}), 13 * kSecond);
  EXPECT_FALSE(looks.Done()) << "not quiet for long enough";
  looks.Add(Of({Task("a"), Task("b")}), 14 * kSecond);
  EXPECT_TRUE(looks.Done()) << "the order of the rows is no change";
  const v1::Collection collection = Filled(looks);
  EXPECT_EQ(collection.records(), 2u);
  EXPECT_EQ(collection.expected(), 2u);
  EXPECT_EQ(collection.unfinished(), 0u);
  EXPECT_EQ(collection.looks(), 5u);
  EXPECT_TRUE(collection.quiet());
  EXPECT_FALSE(collection.at_first_look());
  EXPECT_EQ(collection.recorded_until_ns(), 12 * kSecond) << "that is when b told of its end";
  const Look last = looks.TakeLast();
  EXPECT_EQ(last.tasks[0].recorded_ns(), 10 * kSecond) << "first seen";
  EXPECT_EQ(last.tasks[1].recorded_ns(), 12 * kSecond) << "first seen with its end: before, that was not recorded";
}

TEST(Looks, APartialOneIsNeverDone) {
  Looks looks(1, 0);
  for (int64_t at = 0; at < 100; ++at) {
    Look look = Of({Task("a")});
    look.partial = true;
    looks.Add(std::move(look), at * kSecond);
  }
  EXPECT_FALSE(looks.Done());
  looks.Add(Of({Task("a")}), 100 * kSecond);
  EXPECT_TRUE(looks.Done());
}

TEST(Looks, ARecordThatIsUnfinishedForEverIsNeverDone) {
  Looks looks(1, 0);
  for (int64_t at = 0; at < 100; ++at) looks.Add(Of({Task("a", v1::OUTCOME_UNSPECIFIED)}), at * kSecond);
  EXPECT_FALSE(looks.Done());
  EXPECT_FALSE(Filled(looks).quiet());
}

TEST(Looks, WhatTheTargetSaysOfItsRecordingComesFirst) {
  Looks looks(1, 0);
  v1::TaskRecord task = Task("a");
  task.set_recorded_ns(3 * kSecond);
  looks.Add(Of({task}), 10 * kSecond);
  EXPECT_TRUE(looks.Done());
  EXPECT_EQ(Filled(looks).recorded_until_ns(), 3 * kSecond);
  EXPECT_FALSE(Filled(looks).at_first_look());
}

TEST(Looks, AllAtTheFirstLookMayHaveBeenThereBefore) {
  Looks looks(1, 0);
  looks.Add(Of({Task("a")}), 10 * kSecond);
  EXPECT_TRUE(Filled(looks).at_first_look());
  Looks empty(3, 0);
  empty.Add(Of({}), kSecond);
  EXPECT_FALSE(Filled(empty).has_recorded_until_ns());
}

TEST(Looks, ATaskThatWasTriedAgainIsOneOfThoseExpected) {
  Looks looks(2, 0);
  v1::TaskRecord second = Task("a");
  second.set_attempt(2);
  looks.Add(Of({Task("a", v1::FAILED), second}), kSecond);
  EXPECT_FALSE(looks.Done()) << "b is missing";
  EXPECT_EQ(looks.records(), 1u);
  EXPECT_EQ(Filled(looks).records(), 1u);
  second.set_outcome(v1::OUTCOME_UNSPECIFIED);
  second.set_started_ns(kSecond);
  second.set_finished_ns(0);
  v1::TaskRecord third = second;
  third.set_attempt(3);
  looks.Add(Of({Task("a", v1::FAILED), second, third, Task("b")}), 2 * kSecond);
  EXPECT_FALSE(looks.Done());
  EXPECT_EQ(Filled(looks).records(), 2u);
  EXPECT_EQ(Filled(looks).unfinished(), 1u) << "it is of records";
  EXPECT_EQ(Filled(looks).negative(), 1u);
  looks.Add(Of({Task("a", v1::FAILED), Task("b")}), 3 * kSecond);
  EXPECT_TRUE(looks.Done());
}

TEST(Looks, WhatOnlySharesANameIsCountedEach) {
  const auto records = [](const v1::TaskRecord& one, const v1::TaskRecord& other) {
    Looks looks(2, 0);
    looks.Add(Of({one, other}), kSecond);
    return looks.records();
  };
  v1::TaskRecord of_first = Task("a");
  v1::TaskRecord of_second = Task("a");
  EXPECT_EQ(records(of_first, of_second), 1u);
  of_first.set_index(0);
  of_second.set_index(1);
  EXPECT_EQ(records(of_first, of_second), 2u) << "of two triggers";
  of_first.clear_index();
  of_second.clear_index();
  of_first.set_remote_id("r1");
  of_second.set_remote_id("r2");
  EXPECT_EQ(records(of_first, of_second), 2u) << "of two workflow runs";
}

TEST(Looks, AttemptsOfATaskAreRecordsOfTheirOwn) {
  Looks looks(2, 0);
  v1::TaskRecord second = Task("a");
  second.set_attempt(2);
  looks.Add(Of({Task("a", v1::FAILED)}), kSecond);
  looks.Add(Of({Task("a", v1::FAILED), second}), 2 * kSecond);
  const Look last = looks.TakeLast();
  EXPECT_EQ(last.tasks[0].recorded_ns(), kSecond);
  EXPECT_EQ(last.tasks[1].recorded_ns(), 2 * kSecond);
}

}  // namespace
}  // namespace assay
