#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "common/clock.h"
#include "common/nanoseconds.h"
#include "storage/run_facts.h"
#include "tests/storage/task_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;

// What the ideal of a run with tasks is made of: its slots, the sum of the tasks' lengths, and the nominal ones.
using TaskIdealTest = TaskTest;

TEST_F(TaskIdealTest, SlotsAndSumsAreTheTargetsAndTheNominalOnesStandBeside) {
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

TEST_F(TaskIdealTest, SlotsAreTheDriversOnlyWhereEveryShareThatFiresHasOne) {
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

TEST_F(TaskIdealTest, TheScenariosSlotsCountUntilEveryDriverTellsThem) {
  const SweepRow sweep = SweepWithSlots("airflow", 16);
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

TEST_F(TaskIdealTest, WithoutNearlyAllTasksThereIsNone) {
  const SweepRow sweep = SweepWithSlots("airflow", 2);
  const RunRow run = RunOf(sweep, {{0, 0, 80, 0}, {0, 0, 80, 0}, {0, 0, 80, 0}});
  const auto ideal = [&] {
    EXPECT_TRUE(Execute(fmt::format("SELECT refresh_run({})", run.run_id)).ok());
    return Value("SELECT concat_ws('|', slots, task_sum_s, ideal_s, overhead_percent IS NULL) FROM run_summary") + " " +
           std::to_string(ReadRunDurations(connection_, run.run_id)->service_ns.size());
  };
  End(run);
  EXPECT_EQ(ideal(), "2|t 0") << "three flows that wait in two slots are no tasks of theirs";
  ASSERT_TRUE(Execute("UPDATE cell SET slots = NULL").ok());
  EXPECT_EQ(ideal(), "2|0.24|0.12|f 3") << "triggers in the agents' slots are";
  ASSERT_TRUE(Execute("UPDATE cell SET slots = 2").ok());
  Collected(run, 3, 3, 0);
  for (int i = 0; i < 3; ++i)
    Add(run, {.origin = "http", .task = fmt::format("t{}", i), .ms = {{"started", 10}, {"finished", 40}}});
  EXPECT_EQ(ideal(), "2|0.09|0.045|f 3");
  ASSERT_TRUE(Execute("UPDATE collection SET expected = 4").ok());
  EXPECT_EQ(ideal(), "2|t 0") << "what is missing would look like the target's own time";
  ASSERT_TRUE(Execute("UPDATE task SET origin = 'driver'").ok());
  EXPECT_EQ(ideal(), "2|0.09|0.045|f 3") << "who tells of all needs no records";
}

TEST_F(TaskIdealTest, SlotsTakeNoLongerThanOneLookAtTheTasks) {
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

TEST_F(TaskIdealTest, ThePlannerKnowsTheTasksBeforeTheyAreRead) {
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

TEST_F(TaskIdealTest, NominalLengthsAreTheRecordsWhereTheTriggersHaveNone) {
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

TEST_F(TaskIdealTest, TheNominalScheduleIsOfTheRecordsWhereTheTriggersHaveNoLengths) {
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

TEST_F(TaskIdealTest, AnOpenLoopThatADriverTellsTheSlotsOfHasAnIdealAndKeepsItsRate) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'open'").ok());
  const RunRow run = DaskRun(sweep);
  EXPECT_EQ(ReadRunDurations(connection_, run.run_id)->slots, 4u);
  End(run);
  EXPECT_EQ(Value("SELECT concat_ws('|', slots, ideal_s, round(offered_per_s::numeric, 3)) FROM run_summary"),
            "4|0.02075|66.667");
}

TEST_F(TaskIdealTest, WhereADriverTellsNoStartsTheResponseTimesAreNotItsTasks) {
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

TEST_F(TaskIdealTest, AnInstantThatWasNeverSetSpoilsNoVerdict) {
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

TEST_F(TaskIdealTest, TheBoundsOfADriversTasksAreKeptWithTheirCell) {
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

}  // namespace
}  // namespace assay
