#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/nanoseconds.h"
#include "storage/run_facts.h"
#include "tests/storage/task_fixture.h"

namespace assay {
namespace {

using ::testing::IsEmpty;

// Where the time of tasks went: the parts of the makespan, the waits, and what a run is judged by.
using TaskTimesTest = TaskTest;

TEST_F(TaskTimesTest, AClientThatHearsLateMakesNoPartNegative) {
  const SweepRow sweep = MakeSweep(1, {{"flows", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 80, 0}, {0, 0, 80, 0}});
  ASSERT_TRUE(Execute("UPDATE trigger SET accepted_ns = 5000000").ok());
  Add(run, {.origin = "http", .task = "t0", .ms = {{"queued", 3}, {"started", 10}, {"finished", 40}}, .index = 0});
  Add(run, {.origin = "http", .task = "t1", .ms = {{"queued", 7}, {"started", 10}, {"finished", 40}}, .index = 1});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', submit_ms, schedule_ms, queue_ms, run_ms), ' ' ORDER BY task) FROM "
                  "task_time"),
            "3/0/7/30 5/2/3/30");
}

TEST_F(TaskTimesTest, ThePartsAlongTheLastTaskSumToTheMakespan) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = DaskRun(sweep);
  // Records beside the driver's word change nothing of it, but tell how late they were.
  Add(run, {.origin = "postgres", .task = "t0", .ms = {{"started", 10}, {"finished", 24}, {"recorded", 1024}}});
  Add(run, {.origin = "postgres", .task = "t1", .ms = {{"started", 10}, {"finished", 45}, {"recorded", 3045}}});
  // What the driver told has the instant at which the agent heard it, which is no lag of the target's records.
  ASSERT_TRUE(Execute("UPDATE task SET recorded_ns = finished_ns + 5000000 WHERE origin = 'driver'").ok());
  ASSERT_TRUE(Execute(fmt::format("INSERT INTO collection VALUES (1, {}, {}, 'coordinator', 'postgres', 2, 3, 0, "
                                  "0, 5, false, 2.9, false, 4)",
                                  run.sweep_id, run.run_id))
                  .ok());
  ASSERT_TRUE(Execute(fmt::format("INSERT INTO span VALUES ({}, {}, {}, 'gather', 75000000, 80000000)", run.sweep_id,
                                  run.run_id, a_))
                  .ok());
  EXPECT_EQ(Count("task_overhead"), 0) << "the run goes on";
  End(run);
  EXPECT_EQ(Value("SELECT concat_ws('|', tasks_from, rows, cached, slots, last_task, before_s, submit_s, schedule_s, "
                  "queue_s, startup_s, run_s, round(finish_s::numeric, 9)) FROM task_overhead"),
            "driver|3|0|4|t2|0.03|0.003|0.007|0.001|0.001|0.03|0.008000000");
  EXPECT_EQ(Value("SELECT abs(before_s + submit_s + schedule_s + queue_s + startup_s + run_s + finish_s - makespan_s) "
                  "< 1e-9 FROM task_overhead"),
            "t");
  EXPECT_EQ(Value("SELECT concat_ws('|', before_mean_ms, round(submit_mean_ms::numeric, 3), schedule_mean_ms, "
                  "queue_p50_ms, startup_mean_ms, run_mean_ms, finish_mean_ms, record_lag_mean_ms, record_lag_s) "
                  "FROM task_overhead"),
            "10|2.667|4.5|6|1.5|25|7|2000|2.9");
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', task, before_ms, submit_ms, coalesce(schedule_ms::text, '-'), "
                  "queue_ms, coalesce(startup_ms::text, '-'), run_ms, finish_ms, duration_ms), ' ' ORDER BY task) "
                  "FROM task_time WHERE origin = 'driver'"),
            "t0/0/2/2/6/2/10/8/14 t1/0/3/-/7/-/35/5/35 t2/30/3/7/1/1/30/8/34");
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', origin, record_lag_ms), ' ' ORDER BY task) FROM task_time WHERE "
                  "record_lag_ms IS NOT NULL"),
            "postgres/1000 postgres/3000");
  EXPECT_EQ(Value("SELECT concat_ws('|', target, verdict, records, expected, missing, record_lag_s, quiet) FROM "
                  "collections"),
            "dask|accepted|2|3|1|2.9|f");
  EXPECT_EQ(Value("SELECT concat_ws('|', target, agent, name, begun_s, ended_s, length_s) FROM spans"),
            "dask|a|gather|0.075|0.08|0.005");
  EXPECT_EQ(Value("SELECT concat_ws('|', sent_at, started_at, known_at, planned_ms) FROM task_time WHERE task = 't2'"),
            "2023-11-14 22:13:20.031+00|2023-11-14 22:13:20.041+00|2023-11-14 22:13:20.08+00|30");
}

TEST_F(TaskTimesTest, WhatTheClientDoesAfterTheMakespanIsBeyondIt) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = DaskRun(sweep);
  const auto span = [&](const char* name, int from_ms, int to_ms) {
    ASSERT_TRUE(Execute(fmt::format("INSERT INTO span VALUES ({}, {}, {}, '{}', {}000000, {}000000)", run.sweep_id,
                                    run.run_id, a_, name, from_ms, to_ms))
                    .ok());
  };
  span("submit", 0, 80);
  End(run);
  const auto beyond = [&] {
    return Value(
        "SELECT concat_ws('|', coalesce(beyond, '-'), coalesce(round(beyond_s::numeric, 6), 0), makespan_s, "
        "(SELECT round(t_workflow::numeric, 6) FROM radps_benchmark), "
        "(SELECT round(overhead_per_task_seconds::numeric, 6) FROM radps_benchmark)) FROM task_overhead");
  };
  EXPECT_EQ(beyond(), "-|0|0.08|0.080000|0.079000") << "it ended with the makespan";
  span("gather", 75, 95);
  span("gather", 90, 110);
  EXPECT_EQ(beyond(), "gather|0.030000|0.08|0.110000|0.119000");
  span("event_flush", 110, 130);
  EXPECT_EQ(beyond(), "event_flush, gather|0.050000|0.08|0.110000|0.119000") << "the results are in hand before";
}

TEST_F(TaskTimesTest, BothDefinitionsOfWaitStandSideBySide) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = DaskRun(sweep);
  Add(run, {.origin = "postgres",
            .task = "r",
            .ms = {{"ready", 50}, {"scheduled", 52}, {"queued", 55}, {"started", 60}, {"finished", 70}}});
  Add(run, {.origin = "postgres",
            .task = "dask",
            .ms = {{"scheduled", 52}, {"queued", 55}, {"ready", 58}, {"started", 60}, {"finished", 70}}});
  Add(run, {.origin = "postgres", .task = "waiting", .ms = {{"queued", 55}}, .outcome = "", .state = "queued"});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', task, coalesce(since_queued_ms::text, '-'), "
                  "coalesce(since_ready_ms::text, '-'), coalesce(since_able_ms::text, '-'), coalesce(able_from, '-'), "
                  "coalesce(since_sent_ms::text, '-')), ' ' ORDER BY task) FROM task_wait"),
            "dask/5/2/8/scheduled/- r/5/10/10/ready/- t0/-/-/6/scheduled/12 t1/-/-/7/created/10 t2/1/-/1/queued/11 "
            "waiting/-/-/-/-/-");
  // What a task waits for the others that it needs is the target's scheduling, until that has decided.
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', schedule_ms, queue_ms), ' ' ORDER BY task) FROM task_time WHERE "
                  "task IN ('dask', 'r')"),
            "52/8 52/8");
}

TEST_F(TaskTimesTest, RecordsOfAWorkflowThatOneTriggerStartedAreItsTasks) {
  const SweepRow sweep = MakeSweep(1, {{"airflow", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 1000, 0}});
  ASSERT_TRUE(Execute(fmt::format("UPDATE trigger SET remote_id = 'r1', accepted_ns = 20000000, completed_ns = "
                                  "900000000, completed_error_ns = 100000000 WHERE run_id = {}",
                                  run.run_id))
                  .ok());
  for (int i = 0; i < 5; ++i) {
    Add(run, {.origin = "postgres",
              .task = fmt::format("t[{}]", i),
              .ms = {{"scheduled", 50}, {"queued", 60}, {"started", 100.0 + 100 * i}, {"finished", 180.0 + 100 * i}},
              .remote_id = "r1"});
  }
  End(run);
  EXPECT_EQ(Value("SELECT string_agg(DISTINCT index::text, ',') FROM task_time"), "0");
  EXPECT_EQ(Value("SELECT concat_ws('|', triggers, tasks, tasks_from, task_sum_s, coalesce(slots::text, 'null'), "
                  "coalesce(overhead_percent::text, 'null')) FROM run_summary"),
            "1|5|postgres|0.4|null|null")
      << "five tasks at once do not run in the trigger's one slot";
  EXPECT_EQ(Value("SELECT concat_ws('|', last_task, submit_s, schedule_s, queue_s, coalesce(startup_s::text, '-'), "
                  "run_s, round(finish_s::numeric, 9), coalesce(finish_mean_ms::text, '-')) FROM task_overhead"),
            "t[4]|0.02|0.03|0.45|-|0.08|0.420000000|-");
  EXPECT_THAT(Codes(run), IsEmpty());
}

TEST_F(TaskTimesTest, AMakespanIsTooLongByTheLookThatSawItsEnd) {
  const SweepRow sweep = MakeSweep(1, {{"airflow", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 500, 0}, {0, 0, 1000, 0}});
  const auto error_ms = [&] {
    EXPECT_TRUE(Execute(fmt::format("SELECT refresh_run({})", run.run_id)).ok());
    return Value("SELECT coalesce(round(1e3 * makespan_error_s::numeric, 3)::text, 'null') FROM run_summary");
  };
  EXPECT_EQ(error_ms(), "null") << "their own answers ended them";
  // The second tells that it ended at 700 to within 1 ms, the first was seen between 100 and 500.
  ASSERT_TRUE(Execute("UPDATE trigger SET completed_ns = CASE index WHEN 0 THEN 500000000 ELSE 700000000 END, "
                      "completed_error_ns = CASE index WHEN 0 THEN 400000000 ELSE 1000000 END")
                  .ok());
  EXPECT_EQ(error_ms(), "301.000");
  EXPECT_EQ(ReadRunFacts(connection_, run.run_id)->makespan_error_ns, 301 * kMs);
  ASSERT_TRUE(
      Execute("UPDATE trigger SET completed_ns = 900000000, completed_error_ns = 50000000 WHERE index = 0").ok());
  EXPECT_EQ(error_ms(), "150.000") << "the first one's work ended no earlier than at 850";
  ASSERT_TRUE(Execute("UPDATE trigger SET outcome = 'timeout', completed_ns = NULL, completed_error_ns = NULL WHERE "
                      "index = 1")
                  .ok());
  EXPECT_EQ(error_ms(), "0.000") << "the timeout ended it, and no look";
  End(run);
  EXPECT_EQ(Value("SELECT makespan_error_s FROM cell_summary"), "0");
  SetDriver(run, 4);
  EXPECT_EQ(error_ms(), "null") << "a driver's word comes without looks";
}

TEST_F(TaskTimesTest, WhereATriggerStartsSeveralTasksTheMakespanJudges) {
  const SweepRow sweep =
      MakeSweep(1, {{"dask", R"({"n": 2, "target": "dask"})"}, {"airflow", R"({"n": 2, "target": "airflow"})"}});
  const auto run = [&](size_t cell, const std::vector<Fired>& fired) {
    const RunRow made = RunOf(sweep, fired, 0, cell);
    for (int i = 0; i < 2; ++i)
      Add(made, {.task = fmt::format("t{}", i), .ms = {{"started", 1}, {"finished", 9}}, .index = 0});
    End(made);
  };
  run(0, {{0, 0, 10, 0}, {0, 0, 10, 0}});
  run(1, {{0, 0, 20, 0}});
  EXPECT_EQ(Value("SELECT concat_ws('|', judged_by, makespan_ratio, throughput_ratio) FROM comparison"),
            "makespan|2|0.25")
      << "four times as slow by triggers that are not of one size";
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'open' WHERE target = 'dask'").ok());
  EXPECT_EQ(Value("SELECT judged_by FROM comparison"), "makespan") << "all of dask's were due at T0";
  ASSERT_TRUE(Execute("UPDATE run_result SET offered_per_s = 50").ok());
  EXPECT_EQ(Value("SELECT coalesce(judged_by, 'nothing') FROM comparison"), "nothing")
      << "the scenario says when they are due, and a trigger is two tasks in one of them";
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'closed'").ok());
  ASSERT_TRUE(Execute("UPDATE run_result SET tasks = 3, triggers = 1 WHERE tasks = 2 AND triggers = 1").ok());
  EXPECT_EQ(Value("SELECT coalesce(judged_by, 'nothing') FROM comparison"), "nothing") << "not the same work";
}

TEST_F(TaskTimesTest, ARunWithoutTasksHasTheTriggersFigures) {
  const SweepRow sweep = MakeSweep(1, {{"sleep", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 30, 10}, {0, 0, 50, 20}});
  End(run);
  EXPECT_EQ(Value("SELECT concat_ws('|', slots, tasks, coalesce(tasks_from, 'null'), task_sum_s, planned_sum_s) FROM "
                  "run_summary"),
            "2|2|null|0.08|0.03");
  for (const char* view :
       {"task_instant", "task_time", "task_wait", "task_overhead", "truth_gap", "truth_gap_summary", "collections"})
    EXPECT_EQ(Count(view), 0) << view;
  EXPECT_THAT(Codes(run), IsEmpty());
}

TEST_F(TaskTimesTest, LateTaskRowsMakeTheRunBeJudgedAnew) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = DaskRun(sweep);
  const int64_t records = ReadRunFacts(connection_, run.run_id)->records;
  EXPECT_EQ(records, 3 + 3 + 1);
  Add(run, {.task = "late"});
  EXPECT_EQ(store_.EndRun(run.run_id, {.verdict = "accepted", .flags = {}, .records = records, .error = ""}).code(),
            absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace assay
