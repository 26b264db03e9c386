#include "storage/collection_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/pqxx>

#include "common/nanoseconds.h"
#include "storage/run_facts.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;

class CollectionStoreTest : public StoreTest {
 protected:
  CollectionStoreTest() : sweep_(MakeSweep(1, {{"t", "{}"}})), run_(StartedRun(sweep_, 0, 0, {a_}, 10)) {
    Open("s", a_);
    v1::Batch batch = NextBatch("s", run_.run_id);
    AddTrigger(batch, 0, 0, 1, 2 * kSecond);
    AddTrigger(batch, 1, 0, 1, kSecond);
    batch.mutable_triggers(1)->set_remote_id("flow \"x\"");
    batch.mutable_triggers(1)->set_accepted_ns(1);
    batch.mutable_triggers(1)->set_finished_ns(3 * kSecond);
    batch.mutable_triggers(1)->set_completed_ns(3600 * kSecond);  // by a clock that is ahead
    AddTrigger(batch, 2, 0, 1, 9 * kSecond, v1::FAILED);
    batch.mutable_triggers(2)->set_finished_ns(kSecond);
    WriteOk({batch});
  }
  HookRow Hook(const std::string& where) {
    HookRow row;
    row.sweep_id = sweep_.sweep_id;
    row.run_id = run_.run_id;
    row.kind = "collect";
    row.position = 1;
    row.where = where;
    row.remote_ids = true;
    return row;
  }
  v1::Batch Collected(int64_t hook_id) const {
    v1::Batch batch;
    batch.set_run_id(run_.run_id);
    v1::TaskRecord& task = *batch.add_tasks();
    task.set_task("t\"1");
    task.set_origin("postgres");
    task.set_recorded_ns(-5);
    v1::MetricSample& sample = *batch.add_metric_samples();
    sample.set_origin("prometheus");
    sample.set_name("load");
    (*sample.mutable_labels())["pod\\"] = "a \"b\"\n";
    sample.set_at_ns(-7);
    sample.set_value(0.25);
    *batch.add_metric_samples() = sample;
    batch.mutable_metric_samples(1)->set_value(std::numeric_limits<double>::quiet_NaN());
    v1::Collection& collection = *batch.add_collections();
    collection.set_hook_id(hook_id);
    collection.set_origin("postgres");
    collection.set_records(8);
    collection.set_expected(10);
    collection.set_unfinished(2);
    collection.set_negative(1);
    collection.set_looks(4);
    collection.set_recorded_until_ns(5 * kSecond);
    collection.set_elapsed_ns(2500 * kMs);
    collection.set_error("why");
    return batch;
  }
  std::string Stored() {
    return Value(
        "SELECT string_agg(concat_ws('|', place, origin, records, expected, unfinished, negative, looks, quiet, "
        "at_first_look, record_lag_s, elapsed_s, error), ' ' ORDER BY hook_id) FROM collection");
  }

  SweepRow sweep_;
  RunRow run_;
};

TEST_F(CollectionStoreTest, TheWorkOfARunIsItsIdsItsEndAndHowManyWereOk) {
  const absl::StatusOr<v1::RunWork> work = ReadRunWork(connection_, run_.run_id, true);
  ASSERT_TRUE(work.ok()) << work.status();
  EXPECT_EQ(work->t0_ns(), kT0Ns);
  EXPECT_EQ(work->ended_ns(), 3 * kSecond) << "what a trigger started ended after it";
  EXPECT_EQ(work->ok(), 2u);
  EXPECT_THAT(work->remote_ids(), ElementsAre("flow \"x\""));
  EXPECT_EQ(ReadRunWork(connection_, run_.run_id, false)->remote_ids_size(), 0);
  EXPECT_TRUE(absl::IsNotFound(ReadRunWork(connection_, 12345, false).status()));
}

TEST_F(CollectionStoreTest, WhatTheCoordinatorReadIsStoredOnceWithItsLag) {
  ASSERT_EQ(StoreCollected(connection_, Collected(7)), absl::OkStatus());
  ASSERT_EQ(StoreCollected(connection_, Collected(7)), absl::OkStatus()) << "a commit whose answer was lost";
  EXPECT_EQ(Stored(), "coordinator|postgres|8|10|2|1|4|f|f|2|2.5|why");
  EXPECT_EQ(Value("SELECT concat_ws('|', count(*), min(task), min(recorded_ns), bool_and(agent_id IS NULL)) FROM task"),
            "1|t\"1|-5|t");
  EXPECT_EQ(Value("SELECT concat_ws('|', place, target, name, at_s, (extract(epoch from at) * 1000000)::bigint - "
                  "1700000000000000, value) FROM "
                  "target_metric WHERE value = 0.25"),
            "coordinator|t|load|-7e-09|-1|0.25");
  EXPECT_EQ(Value("SELECT concat_ws('|', count(*), min(labels ->> 'pod\\'), min(at_ns), min(value), max(value)) FROM "
                  "metric_sample WHERE agent_id IS NULL"),
            "2|a \"b\"\n|-7|0.25|NaN");
  v1::Batch of_another = Collected(8);
  of_another.mutable_collections(0)->clear_recorded_until_ns();
  ASSERT_EQ(StoreCollected(connection_, of_another), absl::OkStatus());
  EXPECT_EQ(Value("SELECT record_lag_s FROM collection WHERE hook_id = 8"), "null");
  v1::Batch removed = Collected(9);
  removed.set_run_id(12345);
  EXPECT_TRUE(absl::IsNotFound(StoreCollected(connection_, removed)));
}

TEST_F(CollectionStoreTest, ACoordinatorThatWasReplacedStoresNothing) {
  ASSERT_EQ(Execute("UPDATE coordinator SET term = 5"), absl::OkStatus());
  Connection old(url_, "old coordinator");
  old.FenceWith(4);
  EXPECT_FALSE(StoreCollected(old, Collected(7)).ok());
  EXPECT_EQ(Count("collection"), 0);
  EXPECT_EQ(Count("task"), 0);
}

TEST_F(CollectionStoreTest, AnAgentsComeWithItsResultsAndMakeTheRunJudgedAnewIfLate) {
  v1::Batch batch = NextBatch("s", run_.run_id);
  batch.MergeFrom(Collected(7));
  ResultWriter::Written written = WriteOk({batch});
  EXPECT_THAT(written.collected_hooks, ElementsAre(7));
  EXPECT_TRUE(written.late_runs.empty());
  EXPECT_EQ(Stored(), "a|postgres|8|10|2|1|4|f|f|2|2.5|why");
  EXPECT_EQ(Count("metric_sample WHERE agent_id = " + std::to_string(a_)), 2);
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run_.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_EQ(store_.EndRun(run_.run_id, {.verdict = "accepted", .flags = {}, .records = facts->records - 1}).code(),
            absl::StatusCode::kAborted)
      << "it came while the run was judged";
  ASSERT_EQ(store_.EndRun(run_.run_id, {.verdict = "accepted", .flags = {}, .records = facts->records}),
            absl::OkStatus());
  v1::Batch late = NextBatch("s", run_.run_id);
  late.MergeFrom(Collected(8));
  late.clear_tasks();
  late.clear_metric_samples();
  written = WriteOk({late});
  EXPECT_THAT(written.late_runs, ElementsAre(run_.run_id));
}

TEST_F(CollectionStoreTest, FactsTellWhatWasFoundAndWhichCollectorsSaidNothing) {
  std::vector<HookRow> hooks{Hook("coordinator"), Hook("a"), Hook("coordinator")};
  ASSERT_EQ(store_.CreateHooks(hooks), absl::OkStatus());
  EXPECT_EQ(hooks[0].work.t0_ns(), 0) << "on the coordinator it asks for itself";
  EXPECT_EQ(hooks[1].work.t0_ns(), kT0Ns);
  EXPECT_THAT(hooks[1].work.remote_ids(), ElementsAre("flow \"x\""));
  ASSERT_EQ(StoreCollected(connection_, Collected(hooks[0].hook_id)), absl::OkStatus());
  const std::vector<HookRow> stored = store_.HooksOfSweep(sweep_.sweep_id).value();
  EXPECT_TRUE(stored.at(0).collected);
  EXPECT_FALSE(stored.at(1).collected);
  EXPECT_EQ(stored.at(1).position, 1u);
  EXPECT_EQ(stored.at(1).work.ok(), 2u);
  EXPECT_THAT(stored.at(1).work.remote_ids(), ElementsAre("flow \"x\""));
  const std::vector<HookRow> without =
      store_.HooksOfSweep(sweep_.sweep_id, [](const HookRow& hook) { return hook.position != 1; }).value();
  EXPECT_EQ(without.at(1).work.remote_ids_size(), 0) << "as it was created: it may not have had room for them";
  EXPECT_EQ(without.at(1).work.ok(), 2u);
  hooks[0].state = hooks[1].state = "failed";
  hooks[0].error = hooks[1].error = "the sweep was cancelled";
  ASSERT_EQ(store_.EndHook(hooks[0]), absl::OkStatus());
  ASSERT_EQ(store_.EndHook(hooks[1]), absl::OkStatus());
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run_.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_EQ(facts->collections.size(), 2u);
  EXPECT_EQ(facts->collections[0].origin, "postgres");
  EXPECT_EQ(facts->collections[0].records, 8u);
  EXPECT_EQ(facts->collections[0].negative, 1u);
  EXPECT_EQ(facts->collections[0].record_lag_s, 2.0);
  EXPECT_EQ(facts->collections[0].error, "why");
  EXPECT_EQ(facts->collections[1].origin, "");
  EXPECT_EQ(facts->collections[1].place, "a");
  EXPECT_EQ(facts->collections[1].error, "the sweep was cancelled");
  EXPECT_FALSE(facts->collections[1].stopped);
  ASSERT_EQ(Execute("UPDATE sweep SET state = 'cancelling'"), absl::OkStatus());
  EXPECT_TRUE(ReadRunFacts(connection_, run_.run_id)->collections.at(1).stopped);
}

TEST_F(CollectionStoreTest, ATriggerWithoutARecordIsMissedWhateverElseHasOne) {
  v1::Batch batch = Collected(7);
  v1::Collection& collection = *batch.mutable_collections(0);
  collection.set_expected(2);
  collection.set_stopped(true);
  collection.set_read_ns(9);
  batch.mutable_tasks(0)->set_remote_id("another's");
  ASSERT_EQ(StoreCollected(connection_, batch), absl::OkStatus());
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run_.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_TRUE(facts->collections.at(0).stopped);
  EXPECT_EQ(facts->collections.at(0).unmatched, 1u);
  EXPECT_EQ(Value("SELECT concat_ws('|', records, expected, missing) FROM collections"), "8|2|1");
  EXPECT_EQ(Value("SELECT read_ns FROM collection"), "9");
  ASSERT_EQ(Execute("UPDATE task SET remote_id = 'flow \"x\"'"), absl::OkStatus());
  EXPECT_EQ(Value("SELECT missing FROM collections"), "0");
  ASSERT_EQ(Execute("UPDATE task SET remote_id = 'another''s'; UPDATE collection SET expected = 1"), absl::OkStatus());
  EXPECT_EQ(Value("SELECT missing FROM collections"), "0") << "not every trigger is expected to have one";
}

TEST_F(CollectionStoreTest, TheyGoWithTheirSweep) {
  ASSERT_EQ(StoreCollected(connection_, Collected(7)), absl::OkStatus());
  ASSERT_EQ(Execute("UPDATE sweep SET state = 'finished', started_at = now(), ended_at = now(); UPDATE run SET state = "
                    "'ended', verdict = 'accepted', ended_at = now()"),
            absl::OkStatus());
  ASSERT_EQ(store_.RemoveSweep(sweep_.sweep_id), absl::OkStatus());
  EXPECT_EQ(Count("collection"), 0);
  EXPECT_EQ(Count("metric_sample"), 0);
}

}  // namespace
}  // namespace assay
