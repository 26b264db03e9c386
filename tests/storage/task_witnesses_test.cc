#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/nanoseconds.h"
#include "storage/run_facts.h"
#include "tests/storage/task_fixture.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What the witnesses of tasks tell that cannot be, or in which they contradict each other.
using TaskWitnessesTest = TaskTest;

TEST_F(TaskWitnessesTest, RecordsOfOtherRunsAreCounted) {
  const SweepRow sweep = MakeSweep(1, {{"flows", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 2500, 0}, {0, 0, 2500, 0}});
  Add(run, {.origin = "http", .task = "ours", .ms = {{"started", 10}, {"finished", 2000}}});
  Add(run, {.origin = "http", .task = "clocks", .ms = {{"started", -1500}, {"finished", -900}}});
  Add(run, {.origin = "http", .task = "coarse", .ms = {{"started", -4000}, {"finished", -2000}}, .error_ms = 1000});
  Add(run, {.origin = "http", .task = "old", .ms = {{"started", -60000}, {"finished", -30000}}});
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->tasks.foreign, 1u);
  EXPECT_EQ(facts->tasks.foreign_of, 4u);
  EXPECT_EQ(facts->tasks.unborn, 0u) << "nothing tells when they were read";
}

TEST_F(TaskWitnessesTest, WhatEndedAfterItWasReadIsCounted) {
  const SweepRow sweep = MakeSweep(1, {{"flows", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 2500, 0}, {0, 0, 2500, 0}});
  Collected(run, 3, 3, 7000);
  Add(run, {.origin = "http", .task = "ours", .ms = {{"started", 10}, {"finished", 2000}}});
  Add(run, {.origin = "http", .task = "clocks", .ms = {{"started", 10}, {"finished", 7900}}});
  Add(run, {.origin = "http", .task = "west", .ms = {{"started", 3'600'010}, {"finished", 3'602'000}}});
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->tasks.foreign, 0u);
  EXPECT_EQ(facts->tasks.unborn, 1u);
  EXPECT_EQ(facts->tasks.foreign_by_ns, 3'595'000 * kMs);
}

TEST_F(TaskWitnessesTest, ANameInOtherWorkIsAnotherTasks) {
  const SweepRow sweep = MakeSweep(1, {{"flows", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 100, 0}, {0, 0, 100, 0}});
  for (const char* flow : {"flow 0", "flow 1"}) {
    const int64_t index = flow[5] - '0';
    for (const char* task : {"extract", "transform", "load"}) {
      TaskLine line{.origin = "http", .task = task, .ms = {{"started", 20}, {"finished", 30}}};
      line.remote_id = flow;
      line.index = index;
      line.cached = index == 1 && line.task == "load";
      if (index == 1 && line.task == "extract") {
        line.outcome = line.state = "failed";
        Add(run, line);
        line.outcome = "ok";
        line.attempt = 2;
      }
      if (index == 0 && line.task == "extract") line.outcome = line.state = "failed";
      Add(run, line);
    }
  }
  ASSERT_TRUE(Execute("UPDATE trigger SET remote_id = 'flow ' || index").ok());
  End(run);
  EXPECT_EQ(Value("SELECT concat_ws('|', tasks, tasks_from, slots IS NULL, ideal_s IS NULL, overhead_percent IS NULL) "
                  "FROM run_summary"),
            "6|http|t|t|t")
      << "the slots are those of triggers, of which each starts three tasks";
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->tasks.tasks, 6u);
  EXPECT_EQ(facts->tasks.cached, 1u);
  EXPECT_EQ(facts->tasks.cached_of, 6u);
  EXPECT_EQ(Value("SELECT string_agg(concat_ws(' ', task, remote_id, says_outcome), ', ') FROM truth_gap WHERE gap = "
                  "'outcome'"),
            "extract flow 0 failed")
      << "the second try of flow 1's is not one of flow 0's";
}

TEST_F(TaskWitnessesTest, ADriversEndIsNotMeasuredByItself) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 100, 0}});
  SetDriver(run, 4);
  Add(run, {.task = "t0", .ms = {{"started", 20}, {"finished", 150}}, .index = 0});
  ASSERT_TRUE(Execute("UPDATE trigger SET completed_ns = 150000000, completed_error_ns = 0").ok());
  EXPECT_EQ(Value("SELECT concat_ws('|', gap, says_s, other_s) FROM truth_gap"), "after_known|0.15|0.1");
  EXPECT_EQ(Value("SELECT finish_ms FROM task_time"), "-50");
}

TEST_F(TaskWitnessesTest, LengthsThatCoarseInstantsMadeNegativeAreKept) {
  const SweepRow sweep = MakeSweep(1, {{"gust", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 2500, 0}, {0, 0, 2500, 0}});
  Add(run,
      {.origin = "postgres", .task = "a", .ms = {{"started", 1000}, {"finished", 2000}}, .index = 0, .error_ms = 1000});
  Add(run,
      {.origin = "postgres", .task = "b", .ms = {{"started", 2000}, {"finished", 1000}}, .index = 1, .error_ms = 1000});
  std::string details;
  EXPECT_THAT(Codes(run, &details), ElementsAre("negative_times:info"));
  EXPECT_THAT(details, HasSubstr("1 tasks have an instant before one that it must follow, 0 of them by more than"));
  EXPECT_THAT(details, HasSubstr("b by postgres: finished 1 s before started"));
  End(run);
  EXPECT_EQ(Value("SELECT task_sum_s FROM run_summary"), "0");
  EXPECT_EQ(Value("SELECT min(duration_ms) FROM task_time"), "-1000");
  EXPECT_THAT(ReadRunDurations(connection_, run.run_id)->service_ns, ElementsAre(1000 * kMs, 0));
  ASSERT_TRUE(Execute("UPDATE task SET error_ns = 499999999").ok());
  EXPECT_THAT(Codes(run), ElementsAre("negative_times:warning"));
}

TEST_F(TaskWitnessesTest, WitnessesThatContradictEachOtherAreToldWithWhatTheyMayErr) {
  const SweepRow sweep = MakeSweep(1, {{"prefect", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 10, 100, 0}, {0, 10, 100, 0}, {0, 10, 100, 0}});
  // Within the errors, exactly at them, beyond them.
  Add(run, {.origin = "http",
            .task = "a",
            .ms = {{"created", 8}, {"started", 20}, {"finished", 99}},
            .index = 0,
            .error_ms = 2});
  Add(run, {.origin = "http",
            .task = "b",
            .ms = {{"created", 7}, {"started", 20}, {"finished", 103}},
            .index = 1,
            .error_ms = 2});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', task, gap, witness, other, says_s, other_s, gap_ms, error_ms), ' ' "
                  "ORDER BY gap) FROM truth_gap"),
            "b/after_known/http/client/0.103/0.1/3/2 b/before_sent/http/client/0.007/0.01/3/2");
  std::string details;
  EXPECT_THAT(Codes(run, &details), ElementsAre("truth_gap:warning"));
  EXPECT_THAT(details,
              AllOf(HasSubstr("1 tasks ended after the client knew that they were over, by http beside client"),
                    HasSubstr("3 ms, both may err by 2 ms"), HasSubstr("0.103000 s by http, 0.100000 s by client")));

  // A first try that failed is no gap where the second was ok; one that stays running is one.
  ASSERT_TRUE(Execute("DELETE FROM task").ok());
  Add(run, {.origin = "http", .task = "a", .outcome = "failed", .index = 0});
  Add(run, {.origin = "http", .task = "a", .index = 0, .attempt = 2});
  Add(run, {.origin = "http", .task = "b", .outcome = "", .index = 1, .state = "Running"});
  Add(run, {.origin = "http", .task = "c", .outcome = "skipped", .index = 2});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', task, gap, says_outcome, other_outcome), ' ') FROM truth_gap"),
            "b/outcome/not ended/ok");
  details.clear();
  EXPECT_THAT(Codes(run, &details), ElementsAre("truth_gap:warning"));
  EXPECT_THAT(details, HasSubstr("1 tasks ended otherwise, by http beside client; for example task b: not ended by "
                                 "http, ok by client"));
}

TEST_F(TaskWitnessesTest, RecordsAreSetBesideTheDriverAndTheTasksOwnCode) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = DaskRun(sweep);
  EXPECT_EQ(Count("truth_gap"), 0);
  Add(run, {.origin = "postgres",
            .task = "t0",
            .ms = {{"started", 10.5}, {"finished", 24}, {"body_started", 9}, {"body_finished", 22}},
            .error_ms = 0.25});
  Add(run, {.origin = "postgres",
            .task = "other name",
            .ms = {{"started", 10}, {"finished", 45}},
            .outcome = "failed",
            .index = 1});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', task, gap, witness, other, gap_ms, error_ms, says_outcome, "
                  "other_outcome), ' ' ORDER BY task, gap, other) FROM truth_gap"),
            "other name/outcome/postgres/client/failed/ok other name/outcome/postgres/driver/failed/ok "
            "t0/body_before_start/postgres/body/1.5/0.5 t0/body_started/postgres/driver/3/0.25 "
            "t0/started/postgres/driver/0.5/0.25");
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', gap, other, gaps, tasks, gap_max_ms, example), ' ' ORDER BY gap, "
                  "other) FROM truth_gap_summary"),
            "body_before_start/body/1/1/1.5/t0 body_started/driver/1/1/3/t0 outcome/client/1/1/other name "
            "outcome/driver/1/1/other name started/driver/1/1/0.5/t0");
  ASSERT_TRUE(Execute("DELETE FROM task WHERE task = 'other name'").ok());
  EXPECT_THAT(Codes(run), ElementsAre("truth_gap:info")) << "the client is not contradicted";
}

// Its driver died with them: nobody knows what became of two of four tasks, but the target's own records do of one.
TEST_F(TaskWitnessesTest, ATaskOfWhichNothingWasToldIsARowAndNoWitness) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 30, 10}, {0, 0, 50, 20}, {0, 31, 80, 30}, {0, 31, 80, 30}});
  ASSERT_TRUE(Execute("UPDATE trigger SET outcome = 'failed' WHERE index > 1").ok());
  Add(run, {.task = "t0", .ms = {{"created", 2}, {"started", 10}, {"finished", 24}}, .index = 0});
  Add(run, {.task = "t1", .ms = {{"created", 3}, {"started", 10}, {"finished", 45}}, .index = 1});
  const auto tell_nothing = [&] {
    for (int i : {2, 3}) Add(run, {.task = std::to_string(i), .outcome = "", .index = i, .state = "not told"});
  };
  const char* const kFigures =
      "SELECT concat_ws('|', slots, tasks, tasks_from, task_sum_s, ideal_s, overhead_us_per_task) FROM run_summary";
  const char* const kParts = "SELECT to_jsonb(o)::text FROM task_overhead o";
  End(run);
  const std::string figures = Value(kFigures);
  const std::string parts = Value(kParts);
  EXPECT_EQ(figures.substr(0, 15), "2|4|driver|0.04") << figures;
  tell_nothing();
  End(run);
  EXPECT_EQ(Value(kFigures), figures);
  EXPECT_EQ(Value(kParts), parts);
  EXPECT_EQ(Value("SELECT string_agg(index::text, ' ' ORDER BY index) FROM trigger JOIN task USING (sweep_id, run_id, "
                  "index)"),
            "0 1 2 3");
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', index, state, coalesce(outcome::text, '-'), client_outcome, "
                  "sent_ns / 1000000), ' ' ORDER BY index) FROM task_instant WHERE index > 1"),
            "2/not told/-/failed/31 3/not told/-/failed/31");
  EXPECT_EQ(Value("SELECT count(*) FROM task_time WHERE state = 'not told' AND num_nonnulls(submit_ms, schedule_ms, "
                  "queue_ms, startup_ms, run_ms, finish_ms, duration_ms, record_lag_ms) = 0"),
            "2");
  EXPECT_EQ(Value("SELECT count(*) FROM task_wait WHERE index > 1 AND num_nonnulls(since_queued_ms, since_ready_ms, "
                  "since_able_ms, able_from, since_created_ms, since_sent_ms) = 0"),
            "2");
  // By the trigger's index, and by a name that is its index by chance.
  Add(run, {.origin = "postgres",
            .task = "uuid",
            .ms = {{"started", 40}, {"finished", 60}},
            .outcome = "failed",
            .index = 2});
  Add(run, {.origin = "postgres", .task = "3", .ms = {{"started", 40}, {"finished", 60}}, .outcome = "failed"});
  EXPECT_EQ(Count("truth_gap"), 0) << "who says nothing contradicts nobody";
  EXPECT_THAT(Codes(run), IsEmpty());
  Add(run, {.task = "t4", .outcome = "", .index = 2, .state = "started"});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', task, gap, other_outcome), ' ') FROM truth_gap"),
            "uuid/outcome/not ended")
      << "who saw it begin does";
}

TEST_F(TaskWitnessesTest, HowManyOfTheTasksAreCachedCountsThoseThatWereToldOf) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 30, 10}, {0, 0, 50, 20}});
  Add(run, {.task = "t0", .index = 0, .cached = true});
  Add(run, {.task = "1", .outcome = "", .index = 1, .state = "not told"});
  std::string details;
  EXPECT_THAT(Codes(run, &details), ElementsAre("cached:reject"));
  EXPECT_THAT(details, HasSubstr("1 of 1 tasks were not run"));
}

TEST_F(TaskWitnessesTest, TwoCollectorsThatDisagreeAreSetBesideEachOther) {
  const SweepRow sweep = MakeSweep(1, {{"airflow", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 100, 0}});
  const auto record = [&](const char* origin, const char* task, double finished, const char* remote_id = "r1") {
    Add(run, {.origin = origin,
              .task = task,
              .ms = {{"started", 10}, {"finished", finished}},
              .remote_id = remote_id,
              .error_ms = 1});
  };
  for (const char* origin : {"http", "postgres"}) record(origin, "agree", origin[0] == 'h' ? 50 : 52);
  record("http", "differ", 50);
  record("postgres", "differ", 52.5);
  record("http", "1", 50, "other run");
  record("postgres", "1", 90);
  record("csv", "told of no run", 50, "");
  record("postgres", "told of no run", 60);
  const auto gaps = [&] {
    return Value(
        "SELECT string_agg(concat_ws('/', task, gap, witness, other, gap_ms, error_ms, says_outcome, "
        "other_outcome), ' ' ORDER BY task, gap, other) FROM truth_gap");
  };
  EXPECT_EQ(gaps(), "differ/finished/postgres/http/2.5/2 told of no run/finished/postgres/csv/10/2");
  EXPECT_THAT(Codes(run), ElementsAre("truth_gap:info"));
  ASSERT_TRUE(Execute("DELETE FROM task WHERE task <> 'agree'").ok());
  EXPECT_EQ(gaps(), "null");
  ASSERT_TRUE(Execute("UPDATE task SET outcome = 'skipped' WHERE origin = 'http'").ok());
  EXPECT_EQ(gaps(), "agree/outcome/postgres/http/ok/skipped");
  EXPECT_THAT(Codes(run), ElementsAre("truth_gap:warning"));
  Add(run, {.task = "agree", .outcome = "", .state = "not told"});
  EXPECT_EQ(gaps(), "agree/outcome/postgres/http/ok/skipped")
      << "a driver that says nothing of a task is no third witness";
  ASSERT_TRUE(Execute("DELETE FROM task WHERE origin = 'driver'").ok());
  // Both are set beside the driver then, and that one contradicts one of them.
  record("driver", "agree", 51);
  EXPECT_EQ(gaps(), "agree/outcome/http/driver/skipped/ok");
}

// As a Prefect with its cache on records them: only the name of the state tells.
TEST_F(TaskWitnessesTest, NineteenOfTwentyFromACacheAreSeenWithoutBeingTold) {
  const SweepRow sweep = MakeSweep(1, {{"prefect", "{}"}});
  std::vector<Fired> fired;
  for (int i = 0; i < 20; ++i) fired.push_back({0, 0.0 + i, 60.0 + i, 1 + 0.5 * i});
  const RunRow run = RunOf(sweep, fired);
  for (int i = 0; i < 20; ++i) {
    Add(run, {.origin = "postgres",
              .task = fmt::format("t{}", i),
              .ms = {{"started", 10.0 + i}, {"finished", 11.3 + 1.01 * i}, {"body_started", 11}, {"body_finished", 16}},
              .index = i,
              .state = i == 0 ? "Completed" : "Cached",
              .error_ms = 50});
  }
  std::string details;
  EXPECT_THAT(Codes(run, &details), ElementsAre("cached:reject", "zero_variance:reject"));
  EXPECT_THAT(details, AllOf(HasSubstr("19 of 20 tasks were not run"), HasSubstr("(postgres says Cached)"),
                             HasSubstr("of the lengths that the tasks' own code ran, 20 of 20 took exactly 5 ms")));
  End(run);
  EXPECT_EQ(Value("SELECT cached FROM task_overhead"), "19");
  ASSERT_TRUE(Execute("UPDATE task SET state = 'Uncached'").ok());
  EXPECT_THAT(Codes(run), IsEmpty()) << "5 ms may be what a coarse clock shows of different lengths";
  ASSERT_TRUE(Execute("UPDATE task SET body_finished_ns = body_finished_ns + 1234").ok());
  EXPECT_THAT(Codes(run), ElementsAre("zero_variance:reject"));
  ASSERT_TRUE(Execute("UPDATE task SET body_finished_ns = body_finished_ns + 1 WHERE task < 't12'").ok());
  EXPECT_THAT(Codes(run), IsEmpty()) << "4 of 20 differ";
}

}  // namespace
}  // namespace assay
