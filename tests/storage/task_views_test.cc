#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "coordinator/task_flags.h"
#include "storage/run_facts.h"
#include "storage/table.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What is not set is null. Instants in milliseconds by the names of their columns, without _ns.
struct TaskLine {
  std::string origin = "driver";
  std::string task;
  std::map<std::string, double> ms;
  std::string outcome = "ok";
  int64_t index = -1;
  std::string remote_id;
  std::string state = "finished";
  double error_ms = 0;
  int attempt = 1;
  bool cached = false;
};

class TaskViewsTest : public StoreTest {
 protected:
  void Add(const RunRow& run, const TaskLine& line) {
    std::vector<std::string> columns{"sweep_id", "run_id", "origin", "task", "state", "error_ns", "attempt", "cached"};
    std::vector<std::string> values{std::to_string(run.sweep_id),     std::to_string(run.run_id),
                                    fmt::format("'{}'", line.origin), fmt::format("'{}'", line.task),
                                    fmt::format("'{}'", line.state),  fmt::format("{:.0f}", line.error_ms * 1e6),
                                    std::to_string(line.attempt),     line.cached ? "true" : "false"};
    const auto set = [&](const std::string& column, std::string value) {
      columns.push_back(column);
      values.push_back(std::move(value));
    };
    if (!line.outcome.empty()) set("outcome", fmt::format("'{}'", line.outcome));
    if (line.index >= 0) set("index", std::to_string(line.index));
    if (!line.remote_id.empty()) set("remote_id", fmt::format("'{}'", line.remote_id));
    for (const auto& [instant, ms] : line.ms) set(instant + "_ns", fmt::format("{:.0f}", ms * 1e6));
    const absl::Status added =
        Execute(fmt::format("INSERT INTO task ({}) VALUES ({})", fmt::join(columns, ", "), fmt::join(values, ", ")));
    ASSERT_TRUE(added.ok()) << added;
  }

  // Triggers as {intended, started, finished, planned} in ms, all ok, of agent a with 2 slots.
  struct Fired {
    double intended, started, finished, planned;
  };
  RunRow RunOf(const SweepRow& sweep, const std::vector<Fired>& fired, uint32_t block = 0, size_t cell = 0) {
    RunRow run = StartedRun(sweep, cell, block, {a_}, fired.size());
    const std::string stream = fmt::format("s{}", run.run_id);
    Open(stream, a_);
    v1::Batch batch = NextBatch(stream, run.run_id);
    const auto ns = [](double ms) { return static_cast<int64_t>(ms * 1e6); };
    for (const Fired& f : fired) {
      AddTrigger(batch, static_cast<uint64_t>(batch.triggers_size()), ns(f.intended), ns(f.started), ns(f.finished));
      if (f.planned > 0) batch.mutable_triggers(batch.triggers_size() - 1)->set_planned_ns(ns(f.planned));
    }
    batch.mutable_share_end()->set_fired(fired.size());
    WriteOk({batch});
    return run;
  }
  // `capacity` as its driver tells it.
  void SetDriver(const RunRow& run, int capacity) {
    ASSERT_TRUE(Execute(fmt::format("UPDATE share SET driver = 'dask', driver_version = '2026.8.0', capacity = {} "
                                    "WHERE run_id = {}",
                                    capacity, run.run_id))
                    .ok());
  }
  void End(const RunRow& run) {
    ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "accepted", .flags = {}, .list_schedule_s = 0.04, .error = ""}),
              absl::OkStatus());
  }
  // "code:severity" and details.
  std::vector<std::string> Codes(const RunRow& run, std::string* details = nullptr) {
    const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
    EXPECT_TRUE(facts.ok()) << facts.status();
    std::vector<std::string> codes;
    if (!facts.ok()) return codes;
    for (const Flag& flag : TaskFlags(*facts)) {
      codes.push_back(flag.code + ":" + flag.severity);
      if (details != nullptr) *details += flag.detail + "\n";
    }
    return codes;
  }

  // Capacity 4, 2 in flight. Task 1 has no word of its own code, and no scheduler's.
  RunRow DaskRun(const SweepRow& sweep, uint32_t block = 0) {
    RunRow run = RunOf(sweep, {{0, 0, 30, 10}, {0, 0, 50, 20}, {30, 31, 80, 30}}, block);
    SetDriver(run, 4);
    Add(run, {.task = "t0",
              .ms = {{"created", 2},
                     {"scheduled", 4},
                     {"started", 10},
                     {"body_started", 12},
                     {"body_finished", 22},
                     {"finished", 24}},
              .index = 0});
    Add(run, {.task = "t1", .ms = {{"created", 3}, {"started", 10}, {"finished", 45}}, .index = 1});
    Add(run, {.task = "t2",
              .ms = {{"created", 33},
                     {"queued", 40},
                     {"started", 41},
                     {"body_started", 42},
                     {"body_finished", 72},
                     {"finished", 75}},
              .index = 2});
    return run;
  }
};

TEST_F(TaskViewsTest, SlotsAndSumsAreTheTargetsAndTheNominalOnesStandBeside) {
  const SweepRow sweep = MakeSweep(1, {{"dask", R"({"tasks": 3})"}});
  const RunRow run = DaskRun(sweep);
  const absl::StatusOr<RunDurations> durations = ReadRunDurations(connection_, run.run_id);
  ASSERT_TRUE(durations.ok()) << durations.status();
  EXPECT_EQ(durations->slots, 4u);
  EXPECT_THAT(durations->service_ns, ElementsAre(14 * kMs, 35 * kMs, 34 * kMs));
  EXPECT_THAT(durations->planned_ns, ElementsAre(10 * kMs, 20 * kMs, 30 * kMs));
  End(run);
  // 83 ms measured and 60 nominal on 4 slots, in 80 ms.
  EXPECT_EQ(Value("SELECT concat_ws('|', slots, tasks, tasks_from, task_sum_s, planned_sum_s, ideal_s, "
                  "round(overhead_us_per_task::numeric, 6)) FROM run_summary"),
            "4|3|driver|0.083|0.06|0.02075|19750.000000");
  EXPECT_EQ(Value("SELECT concat_ws('|', tasks, slots, task_sum_s, planned_sum_s, planned_ideal_s, "
                  "round(overhead_over_planned_ideal_us_per_task::numeric, 3), "
                  "round(overhead_over_list_us_per_task::numeric, 3)) FROM overhead"),
            "3|4|0.083|0.06|0.015|21666.667|13333.333");
  EXPECT_EQ(Value("SELECT concat_ws('|', tasks, slots, task_sum_s, planned_sum_s, overhead_us_per_task, "
                  "round(overhead_over_planned_ideal_us_per_task::numeric, 3)) FROM cell_summary"),
            "3|4|0.083|0.06|19750|21666.667");
  EXPECT_EQ(Value("SELECT concat_ws('|', tasks, slots, task_sum_s, planned_sum_s) FROM scaling"), "3|4|0.083|0.06");
  EXPECT_EQ(Value("SELECT concat_ws('|', n_tasks, t_sum_task_times, t_sum_task_times_per_unit_of_parallelism, "
                  "round(overhead_per_task_seconds::numeric, 6), n_parallelism, runner) FROM radps_benchmark"),
            "3|0.083|0.02075|0.079000|4|dask 2026.8.0");
}

TEST_F(TaskViewsTest, SlotsAreTheDriversOnlyWhereEveryShareThatFiresHasOne) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_, b_}, 1);
  const auto slots = [&] { return Value(fmt::format("SELECT run_slots({})", run.run_id)); };
  EXPECT_EQ(slots(), "4");
  ASSERT_TRUE(Execute(fmt::format("UPDATE share SET capacity = 16 WHERE agent_id = {}", a_)).ok());
  EXPECT_EQ(slots(), "4") << "b's driver does not tell it";
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'open'").ok());
  EXPECT_EQ(slots(), "null");
  ASSERT_TRUE(Execute(fmt::format("UPDATE share SET slots = 0 WHERE agent_id = {}", b_)).ok());
  EXPECT_EQ(slots(), "16") << "b only samples";
}

TEST_F(TaskViewsTest, TheScenariosSlotsCountUntilEveryDriverTellsThem) {
  SweepRow sweep;
  sweep.spec.set_name("s");
  sweep.spec.set_blocks(1);
  sweep.cells.resize(1);
  sweep.cells[0].spec.set_target("airflow");
  sweep.cells[0].spec.set_slots(16);
  ASSERT_TRUE(store_.CreateSweep(sweep).ok());
  const RunRow run = RunOf(sweep, {{0, 0, 80, 0}});
  for (int i = 0; i < 3; ++i) {
    Add(run, {.origin = "postgres", .task = fmt::format("t{}", i), .ms = {{"started", 10}, {"finished", 74}}});
  }
  EXPECT_EQ(ReadRunDurations(connection_, run.run_id)->slots, 16u);
  End(run);
  EXPECT_EQ(Value("SELECT concat_ws('|', slots, tasks, task_sum_s, ideal_s) FROM run_summary"), "16|3|0.192|0.012");
  SetDriver(run, 4);
  EXPECT_EQ(ReadRunDurations(connection_, run.run_id)->slots, 4u) << "its driver's word";
  ASSERT_TRUE(Execute("UPDATE share SET capacity = NULL").ok());
  ASSERT_TRUE(Execute("UPDATE cell SET slots = NULL").ok());
  EXPECT_EQ(ReadRunDurations(connection_, run.run_id)->slots, 0u) << "three tasks of one trigger, and nobody tells";
}

TEST_F(TaskViewsTest, SlotsTakeNoLongerThanOneLookAtTheTasks) {
  const SweepRow sweep = MakeSweep(1, {{"driver", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 30, 10}});
  ASSERT_TRUE(
      Execute(fmt::format("INSERT INTO assay_partitions.task_{} (run_id, origin, task, attempt, state, outcome, "
                          "started_ns, finished_ns, error_ns) SELECT {}, 'driver', 't' || i, 1, '', 'ok', 0, 1, 0 "
                          "FROM generate_series(1, 5000) i",
                          sweep.sweep_id, run.run_id))
          .ok());
  const auto took_ns = [&](const std::string& query) {
    const int64_t begun_ns = MonotonicNs();
    EXPECT_TRUE(Execute(query).ok());
    return MonotonicNs() - begun_ns;
  };
  const int64_t once_ns = took_ns(fmt::format("SELECT task_witness({}, {})", sweep.sweep_id, run.run_id));
  // One witness for each task would be 5,000 looks.
  EXPECT_LT(took_ns(fmt::format("SELECT run_slots({})", run.run_id)), 500 * once_ns);
}

TEST_F(TaskViewsTest, ThePlannerKnowsTheTasksBeforeTheyAreRead) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = DaskRun(sweep);
  const auto known = [&] {
    return Value(
        fmt::format("SELECT count(*) FROM pg_stats WHERE schemaname = 'assay_partitions' AND tablename IN "
                    "('task_{0}', 'trigger_{0}') AND attname = 'index'",
                    sweep.sweep_id));
  };
  EXPECT_EQ(known(), "0");
  ASSERT_TRUE(ReadRunFacts(connection_, run.run_id).ok());
  EXPECT_EQ(known(), "2");
}

TEST_F(TaskViewsTest, NominalLengthsAreTheRecordsWhereTheTriggersHaveNone) {
  const SweepRow sweep = MakeSweep(1, {{"airflow", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 80, 0}});
  for (int i = 0; i < 3; ++i) {
    for (const char* origin : {"http", "postgres"})
      Add(run, {.origin = origin, .task = fmt::format("t{}", i), .ms = {{"started", 10}, {"finished", 74}}});
  }
  const auto planned = [&] {
    EXPECT_TRUE(Execute(fmt::format("SELECT refresh_run({})", run.run_id)).ok());
    return Value("SELECT concat_ws('|', tasks_from, planned_sum_s, planned_min_s, planned_max_s) FROM run_result");
  };
  ASSERT_TRUE(Execute("UPDATE task SET planned_ns = 2000000 WHERE task < 't2' AND origin = 'postgres'").ok());
  EXPECT_EQ(planned(), "http") << "not of every task";
  ASSERT_TRUE(Execute("UPDATE task SET planned_ns = 5000000 WHERE task = 't2' AND origin = 'postgres'").ok());
  EXPECT_EQ(planned(), "http|0.009|0.002|0.005") << "by the other of two witnesses";
  EXPECT_EQ(Value("SELECT max(planned_ms) FROM task_time"), "5");
  ASSERT_TRUE(Execute("UPDATE trigger SET planned_ns = 7000000").ok());
  EXPECT_EQ(planned(), "http|0.007|0.007|0.007");
}

TEST_F(TaskViewsTest, TheNominalScheduleIsOfTheRecordsWhereTheTriggersHaveNoLengths) {
  const SweepRow sweep = MakeSweep(1, {{"airflow", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 80, 0}});
  for (int i = 0; i < 2; ++i)
    Add(run, {.origin = "postgres", .task = fmt::format("t{}", i), .ms = {{"started", 10}, {"finished", 74}}});
  const auto planned = [&] { return ReadRunDurations(connection_, run.run_id)->planned_ns; };
  ASSERT_TRUE(Execute("UPDATE task SET planned_ns = 2000000 WHERE task = 't0'").ok());
  EXPECT_THAT(planned(), ElementsAre()) << "not of every task";
  ASSERT_TRUE(Execute("UPDATE task SET planned_ns = 5000000 WHERE task = 't1'").ok());
  EXPECT_THAT(planned(), ElementsAre(2 * kMs, 5 * kMs));
  ASSERT_TRUE(Execute("UPDATE task SET outcome = 'failed' WHERE task = 't1'").ok());
  EXPECT_THAT(planned(), ElementsAre()) << "one that failed may have been cut short";
}

TEST_F(TaskViewsTest, AnOpenLoopThatADriverTellsTheSlotsOfHasAnIdealAndKeepsItsRate) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'open'").ok());
  const RunRow run = DaskRun(sweep);
  EXPECT_EQ(ReadRunDurations(connection_, run.run_id)->slots, 4u);
  End(run);
  EXPECT_EQ(Value("SELECT concat_ws('|', slots, ideal_s, round(offered_per_s::numeric, 3)) FROM run_summary"),
            "4|0.02075|66.667");
}

TEST_F(TaskViewsTest, ThePartsAlongTheLastTaskSumToTheMakespan) {
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

TEST_F(TaskViewsTest, WhatTheClientDoesAfterTheMakespanIsBeyondIt) {
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

TEST_F(TaskViewsTest, BothDefinitionsOfWaitStandSideBySide) {
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

TEST_F(TaskViewsTest, RecordsOfAWorkflowThatOneTriggerStartedAreItsTasks) {
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

TEST_F(TaskViewsTest, AMakespanIsTooLongByTheLookThatSawItsEnd) {
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

TEST_F(TaskViewsTest, WhereATriggerStartsSeveralTasksTheMakespanJudges) {
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

TEST_F(TaskViewsTest, RecordsOfOtherRunsAreCounted) {
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
}

TEST_F(TaskViewsTest, WhereADriverTellsNoStartsTheResponseTimesAreNotItsTasks) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 30, 10}, {0, 0, 50, 20}});
  SetDriver(run, 4);
  Add(run, {.task = "t0", .index = 0, .state = "done"});
  Add(run, {.task = "t1", .index = 1, .state = "done"});
  const absl::StatusOr<RunDurations> durations = ReadRunDurations(connection_, run.run_id);
  ASSERT_TRUE(durations.ok()) << durations.status();
  EXPECT_THAT(durations->service_ns, ElementsAre());
  EXPECT_THAT(durations->planned_ns, ElementsAre(10 * kMs, 20 * kMs));
  End(run);
  EXPECT_EQ(
      Value("SELECT concat_ws('|', slots, task_sum_s, ideal_s, overhead_percent, planned_sum_s) FROM run_summary"),
      "4|0.03");
}

TEST_F(TaskViewsTest, AnInstantThatWasNeverSetSpoilsNoVerdict) {
  const SweepRow sweep = MakeSweep(1, {{"gust", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 2500, 0}});
  constexpr double kSince1970Ms = 1.7e12;
  for (int i = 0; i < 8; ++i) {
    Add(run,
        {.origin = "postgres", .task = fmt::format("t{}", i), .ms = {{"started", -kSince1970Ms}, {"finished", 2000}}});
  }
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_GT(facts->tasks.least_sum_ns, 9'000'000'000'000'000'000);
  End(run);
  EXPECT_EQ(Value("SELECT task_sum_s > 1e10 FROM run_summary"), "t");
}

TEST_F(TaskViewsTest, LengthsThatCoarseInstantsMadeNegativeAreKept) {
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

TEST_F(TaskViewsTest, WitnessesThatContradictEachOtherAreToldWithWhatTheyMayErr) {
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

TEST_F(TaskViewsTest, RecordsAreSetBesideTheDriverAndTheTasksOwnCode) {
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
TEST_F(TaskViewsTest, ATaskOfWhichNothingWasToldIsARowAndNoWitness) {
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

TEST_F(TaskViewsTest, HowManyOfTheTasksAreCachedCountsThoseThatWereToldOf) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = RunOf(sweep, {{0, 0, 30, 10}, {0, 0, 50, 20}});
  Add(run, {.task = "t0", .index = 0, .cached = true});
  Add(run, {.task = "1", .outcome = "", .index = 1, .state = "not told"});
  std::string details;
  EXPECT_THAT(Codes(run, &details), ElementsAre("cached:reject"));
  EXPECT_THAT(details, HasSubstr("1 of 1 tasks were not run"));
}

TEST_F(TaskViewsTest, TwoCollectorsThatDisagreeAreSetBesideEachOther) {
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
TEST_F(TaskViewsTest, NineteenOfTwentyFromACacheAreSeenWithoutBeingTold) {
  const SweepRow sweep = MakeSweep(1, {{"prefect", "{}"}});
  std::vector<TaskViewsTest::Fired> fired;
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

TEST_F(TaskViewsTest, ARunWithoutTasksHasTheTriggersFigures) {
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

TEST_F(TaskViewsTest, TheBoundsOfADriversTasksAreKeptWithTheirCell) {
  SweepRow sweep;
  sweep.scenario_yaml = "name: bounds\n";
  sweep.spec.set_name("bounds");
  sweep.spec.set_blocks(1);
  CellRow cell;
  v1::SleepLength& length = *cell.spec.mutable_trigger()->mutable_driver()->mutable_sleep();
  length.mutable_uniform()->set_min_ns(1 * kMs);
  length.mutable_uniform()->set_max_ns(10 * kMs);
  sweep.cells.push_back(cell);
  ASSERT_EQ(store_.CreateSweep(sweep), absl::OkStatus());
  End(DaskRun(sweep));
  EXPECT_EQ(Value("SELECT concat_ws('|', t_min_sleep, t_max_sleep) FROM radps_benchmark"), "0.001|0.01");
}

TEST_F(TaskViewsTest, LateTaskRowsMakeTheRunBeJudgedAnew) {
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
