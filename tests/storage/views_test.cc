// What runs took, and how they compare, by the views over triggers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/run_facts.h"
#include "storage/table.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;

class ViewsTest : public StoreTest {
 protected:
  // Two agents of 2 slots; a fires 0..2, b fires 3..5; planned 10 ms each. In ms:
  //   index  intended started finished outcome
  //   0      0        1       11       ok
  //   1      0        2       14       ok
  //   2      11       13      21       failed
  //   3      0        0       20       ok
  //   4      0        4       24       timeout
  //   5      20       -       -        skipped at 21
  RunRow SmallRun(const SweepRow& sweep, size_t cell, uint32_t block, const std::string& suffix) {
    RunRow run = StartedRun(sweep, cell, block, {a_, b_}, 3);
    const std::string a_stream = "a" + suffix;
    const std::string b_stream = "b" + suffix;
    Open(a_stream, a_);
    Open(b_stream, b_);
    v1::Batch a = NextBatch(a_stream, run.run_id);
    AddTrigger(a, 0, 0, 1 * kMs, 11 * kMs);
    AddTrigger(a, 1, 0, 2 * kMs, 14 * kMs);
    AddTrigger(a, 2, 11 * kMs, 13 * kMs, 21 * kMs, v1::FAILED);
    a.mutable_triggers(1)->set_created_ns(3'500'000);
    a.mutable_triggers(1)->set_running_ns(6 * kMs);
    a.mutable_triggers(2)->set_error("exited with 1");
    a.mutable_triggers(2)->set_output("begun\nno such table\n");
    for (auto& trigger : *a.mutable_triggers()) trigger.set_planned_ns(10 * kMs);
    a.mutable_triggers(0)->set_planned_ns(8 * kMs);
    a.mutable_share_end()->set_fired(3);
    a.mutable_share_end()->set_first_dispatch_ns(1 * kMs);
    a.mutable_share_end()->set_clock_bound_ns(kMs / 4);
    v1::Batch b = NextBatch(b_stream, run.run_id);
    AddTrigger(b, 3, 0, 0, 20 * kMs);
    AddTrigger(b, 4, 0, 4 * kMs, 24 * kMs, v1::TIMEOUT);
    AddTrigger(b, 5, 20 * kMs, 0, 0, v1::SKIPPED);
    b.mutable_triggers(2)->set_dispatched_ns(21 * kMs);
    b.mutable_share_end()->set_fired(3);
    b.mutable_share_end()->set_first_dispatch_ns(3 * kMs);
    b.mutable_share_end()->set_clock_bound_ns(kMs / 2);
    b.mutable_share_end()->add_unmatched_cgroups("/none/*");
    WriteOk({a, b});
    return run;
  }
};

TEST_F(ViewsTest, RunSummaryHasTheNumbersWorkedOutByHand) {
  const SweepRow sweep = MakeSweep(2, {{"sleep", R"({"tasks": 6})"}});
  const RunRow run = SmallRun(sweep, 0, 0, "1");
  EXPECT_EQ(Value("SELECT concat_ws('|', verdict, coalesce(makespan_s::text, 'null'), coalesce(ok::text, 'null'), t0) "
                  "FROM run_summary"),
            "running|null|null|2023-11-14 22:13:20+00")
      << "a running run has no results yet";
  EXPECT_EQ(Value("SELECT loop FROM run_summary"), "closed");
  ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "accepted",
                                       .flags = {{"failures", "warning", "1 of 6"}, {"cold", "info", "first"}},
                                       .list_schedule_s = 0.0225,
                                       .planned_list_schedule_s = 0.020,
                                       .error = ""}),
            absl::OkStatus());
  EXPECT_EQ(Value("SELECT concat_ws('|', sweep_id = " + std::to_string(sweep.sweep_id) +
                  ", block, attempt, target, params, verdict, agents, slots, triggers, ok, failed, timeout, cancelled, "
                  "skipped, lost, t0, flags) FROM run_summary"),
            "t|0|1|sleep|{\"tasks\": 6}|accepted|2|4|6|3|1|1|0|1|0|2023-11-14 22:13:20+00|{cold,failures}");
  const double task_sum_s = 0.010 + 0.012 + 0.008 + 0.020 + 0.020;
  EXPECT_DOUBLE_EQ(Number("makespan_s", "run_summary"), 0.024);
  EXPECT_DOUBLE_EQ(Number("task_sum_s", "run_summary"), task_sum_s);
  EXPECT_DOUBLE_EQ(Number("ideal_s", "run_summary"), task_sum_s / 4);
  EXPECT_DOUBLE_EQ(Number("list_schedule_s", "run_summary"), 0.0225);
  EXPECT_NEAR(Number("overhead_percent", "run_summary"), 100 * (0.024 - task_sum_s / 4) / (task_sum_s / 4), 1e-9);
  EXPECT_NEAR(Number("overhead_us_per_task", "run_summary"), 1e6 * (0.024 - task_sum_s / 4) / 5, 1e-6);
  EXPECT_NEAR(Number("throughput_per_s", "run_summary"), 5 / 0.024, 1e-9);
  EXPECT_NEAR(Number("goodput_per_s", "run_summary"), 3 / 0.024, 1e-9);
  EXPECT_EQ(Value("SELECT offered_per_s IS NULL FROM run_summary"), "t")
      << "a closed loop's instants follow its target";
  // Responses 10, 11, 14, 20, 24, and 24 of the skipped one; services 8, 10, 12, 20, 20; slips 0, 1, 2, 2, 4.
  EXPECT_DOUBLE_EQ(Number("response_p50_ms", "run_summary"), (14 + 20) / 2.0);
  EXPECT_NEAR(Number("response_p90_ms", "run_summary"), 24, 1e-9);
  EXPECT_NEAR(Number("response_p99_ms", "run_summary"), 24, 1e-9);
  EXPECT_DOUBLE_EQ(Number("response_max_ms", "run_summary"), 24);
  EXPECT_DOUBLE_EQ(Number("service_p50_ms", "run_summary"), 12);
  EXPECT_DOUBLE_EQ(Number("service_max_ms", "run_summary"), 20);
  EXPECT_DOUBLE_EQ(Number("slip_p50_ms", "run_summary"), 2);
  EXPECT_NEAR(Number("slip_p90_ms", "run_summary"), 2 + 0.6 * 2, 1e-9);
  EXPECT_DOUBLE_EQ(Number("start_skew_ms", "run_summary"), 2);
  EXPECT_DOUBLE_EQ(Number("start_skew_bound_ms", "run_summary"), 0.75);
  EXPECT_EQ(Value("SELECT committed_at BETWEEN now() - interval '1 hour' AND now() FROM run_summary"), "t");

  EXPECT_NEAR(Number("overhead_per_wave_s", "overhead"), (0.024 - task_sum_s / 4) / (5 / 4.0), 1e-12);
  EXPECT_NEAR(Number("overhead_over_list_us_per_task", "overhead"), 1e6 * (0.024 - 0.0225) / 5, 1e-6);
  EXPECT_NEAR(Number("overhead_over_list_percent", "overhead"), 100 * 0.0015 / 0.0225, 1e-9);
  EXPECT_NEAR(Number("overhead_over_planned_us_per_task", "overhead"), 1e6 * (0.024 - 0.020) / 5, 1e-6);
  EXPECT_NEAR(Number("overhead_over_planned_percent", "overhead"), 100 * 0.004 / 0.020, 1e-9);
  EXPECT_EQ(Value("SELECT concat_ws('|', triggers_total, ok_total, round(overhead_over_list_us_per_task::numeric, 6), "
                  "round(overhead_over_planned_max_us_per_task::numeric, 6)) FROM cell_summary"),
            "6|3|300.000000|800.000000");
  EXPECT_EQ(Value("SELECT string_agg(code || severity || detail, ' ' ORDER BY code) FROM flags"),
            "coldinfofirst failureswarning1 of 6");
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('|', agent, clock_bound_ms, first_dispatch_ms), ' ' ORDER BY agent) "
                  "FROM agent_clock"),
            "a|0.25|1 b|0.5|3");
  EXPECT_EQ(Value("SELECT concat_ws('|', agent, started_at, finished_at, response_ms, service_ms, slip_ms, planned_ms, "
                  "outcome, error) FROM trigger_time WHERE index = 2"),
            "a|2023-11-14 22:13:20.013+00|2023-11-14 22:13:20.021+00|10|8|2|10|failed|exited with 1");
  EXPECT_EQ(Value("SELECT concat_ws('|', cell, intended_s, finished_s, created_ms, running_ms) FROM trigger_time WHERE "
                  "index = 1"),
            R"({"tasks": 6}|0|0.014|1.5|4)");
}

// Due at 0, 100, 200, 300 ms over two agents, one in flight on each; 100 ran at once, 200 waited 40 ms for room and 5
// for its agent, 300 was skipped after 50 ms, and b's first is due at 100.
TEST_F(ViewsTest, AnOpenLoopsWaitForInFlightIsNotSlipAndItsSkewCountsFromWhatWasDue) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'open'").ok());
  const RunRow run = StartedRun(sweep, 0, 0, {a_, b_}, 2);
  Open("a", a_);
  Open("b", b_);
  v1::Batch a = NextBatch("a", run.run_id);
  AddTrigger(a, 0, 0, 1 * kMs, 240 * kMs);
  AddTrigger(a, 2, 200 * kMs, 245 * kMs, 250 * kMs);
  a.mutable_triggers(1)->set_waited_ns(40 * kMs);
  a.mutable_share_end()->set_fired(2);
  a.mutable_share_end()->set_first_dispatch_ns(1 * kMs);
  v1::Batch b = NextBatch("b", run.run_id);
  AddTrigger(b, 1, 100 * kMs, 101 * kMs, 400 * kMs);
  AddTrigger(b, 3, 300 * kMs, 0, 0, v1::SKIPPED);
  b.mutable_triggers(1)->set_dispatched_ns(350 * kMs + 1);
  b.mutable_triggers(1)->set_waited_ns(50 * kMs + 1);
  b.mutable_share_end()->set_fired(2);
  b.mutable_share_end()->set_first_dispatch_ns(103 * kMs);
  b.mutable_share_end()->set_first_intended_ns(100 * kMs);
  WriteOk({a, b});
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->waited, 2u);
  EXPECT_EQ(facts->waited_max_ns, 50 * kMs + 1);
  EXPECT_EQ(facts->slip_p99_ns, 4'920'000) << "1, 1 and 5 ms";
  EXPECT_EQ(facts->shares[1].first_intended_ns, 100 * kMs);
  EXPECT_NEAR(facts->offered_per_s, 10, 1e-9);
  ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "accepted", .flags = {}, .list_schedule_s = 1, .error = ""}),
            absl::OkStatus());
  EXPECT_EQ(Value("SELECT concat_ws('|', start_skew_ms, slip_max_ms, offered_per_s, response_max_ms) FROM run_summary"),
            "2|5|10|300");
  // Of 240, 300, 50, and the skipped one as 300.
  EXPECT_DOUBLE_EQ(Number("response_p50_ms", "run_summary"), 270);
  EXPECT_EQ(Value("SELECT concat_ws('|', skipped_total, offered_per_s) FROM cell_summary"), "1|10");
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('/', index, slip_ms, waited_ms), ' ' ORDER BY index) FROM trigger_time "
                  "WHERE outcome = 'ok'"),
            "0/1 1/1 2/5/40");
  EXPECT_EQ(Value("SELECT first_intended_ms FROM agent_clock WHERE agent = 'b'"), "100");
}

TEST_F(ViewsTest, ASkippedTriggerThatWaitedLongerThanAnyOtherTookCountsByItsWait) {
  const SweepRow sweep = MakeSweep(2, {{"t", "{}"}});
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'open'").ok());
  Open("s", a_);
  for (const bool one_ran : {true, false}) {
    const RunRow run = StartedRun(sweep, 0, one_ran ? 0 : 1, {a_}, 2);
    v1::Batch batch = NextBatch("s", run.run_id);
    if (one_ran) AddTrigger(batch, 0, 0, 0, 10 * kMs);
    AddTrigger(batch, 1, 5 * kMs, 0, 0, v1::SKIPPED);
    batch.mutable_triggers(batch.triggers_size() - 1)->set_dispatched_ns(65 * kMs);
    WriteOk({batch});
    ASSERT_TRUE(Execute(fmt::format("SELECT refresh_run({})", run.run_id)).ok());
    EXPECT_EQ(Value(fmt::format("SELECT concat_ws('|', response_p50_ms, response_max_ms) FROM run_summary WHERE run_id "
                                "= {}",
                                run.run_id)),
              one_ran ? "35|60" : "60|60");
  }
}

TEST_F(ViewsTest, RunFactsAndDurationsAreReadFromTheRows) {
  const SweepRow sweep = MakeSweep(2, {{"sleep", "{}"}});
  const RunRow run = SmallRun(sweep, 0, 0, "1");
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_EQ(facts->shares.size(), 2u);
  EXPECT_EQ(facts->shares[0].agent, "a");
  EXPECT_EQ(facts->shares[0].planned, 3u);
  EXPECT_EQ(facts->shares[0].rows, 3u);
  EXPECT_EQ(facts->shares[0].fired, 3u);
  EXPECT_EQ(facts->shares[0].slots, 2u);
  EXPECT_EQ(facts->shares[1].first_dispatch_ns, 3 * kMs);
  EXPECT_EQ(facts->shares[1].clock_bound_ns, kMs / 2);
  EXPECT_EQ(facts->shares[1].sampled_until_ns, -1);
  EXPECT_THAT(facts->shares[1].unmatched_cgroups, ElementsAre("/none/*"));
  EXPECT_EQ(facts->ok, 3u);
  EXPECT_EQ(facts->failed, 1u);
  EXPECT_EQ(facts->timeout, 1u);
  EXPECT_EQ(facts->skipped, 1u);
  EXPECT_EQ(facts->records, 6 + 2);
  EXPECT_EQ(facts->makespan_ns, 24 * kMs);
  EXPECT_EQ(facts->last_finished_ns, 24 * kMs);
  EXPECT_EQ(facts->slip_p99_ns, 3'920'000) << "2 + 0.96 x 2 ms";
  EXPECT_EQ(facts->planned_rows, 2u) << "b's have no nominal length, and one of a's failed";
  EXPECT_EQ(facts->planned_sum_ns, 18 * kMs);
  EXPECT_EQ(facts->planned_max_ns, 10 * kMs);
  EXPECT_EQ(facts->service_sum_ns, 70 * kMs);
  EXPECT_EQ(facts->service_max_ns, 20 * kMs);
  EXPECT_DOUBLE_EQ(facts->planned_stddev_ns, 1e6);
  EXPECT_DOUBLE_EQ(facts->service_mean_ns, 14e6);
  EXPECT_NEAR(facts->service_stddev_ns, std::sqrt(56.0 / 3) * 1e6, 1);
  EXPECT_EQ(facts->distinct_services, 3u);
  EXPECT_EQ(facts->first_error, "exited with 1; its output ends with: no such table");
  EXPECT_TRUE(facts->first_of_target);
  EXPECT_EQ(facts->failed_tail_ns, 4 * kMs);
  ASSERT_TRUE(Execute("UPDATE trigger SET error = 'took too long' WHERE outcome = 'timeout'").ok());
  EXPECT_THAT(ReadRunFacts(connection_, run.run_id)->first_error, ::testing::StartsWith("exited with 1"));
  ASSERT_TRUE(Execute("UPDATE trigger SET outcome = 'timeout', error = 'took too long' WHERE index = 3").ok());
  EXPECT_EQ(ReadRunFacts(connection_, run.run_id)->first_error, "took too long") << "of the most frequent outcome";
  ASSERT_TRUE(Execute("UPDATE trigger SET outcome = 'ok', error = '' WHERE index = 3").ok());

  const absl::StatusOr<RunDurations> durations = ReadRunDurations(connection_, run.run_id);
  ASSERT_TRUE(durations.ok()) << durations.status();
  EXPECT_EQ(durations->slots, 4u);
  EXPECT_THAT(durations->service_ns, ElementsAre(10 * kMs, 12 * kMs, 20 * kMs, 20 * kMs, 8 * kMs));
  EXPECT_THAT(durations->planned_ns, ElementsAre()) << "some failed, and b's have none";

  const RunRow second = MakeRun(sweep, 0, 1, {a_}, 1);
  EXPECT_FALSE(ReadRunFacts(connection_, second.run_id)->first_of_target);
  EXPECT_EQ(ReadRunFacts(connection_, second.run_id + 1).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadRunDurations(connection_, second.run_id + 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ViewsTest, SummariesUseAcceptedRunsAndSayWhatTheyLeftOut) {
  const SweepRow sweep = MakeSweep(3, {{"dask", R"({"tasks": 10, "target": "dask"})"},
                                       {"airflow", R"({"tasks": 10, "target": "airflow"})"},
                                       {"dask", R"({"tasks": 20, "target": "dask"})"}});
  ASSERT_EQ(store_.SetSweepState(sweep.sweep_id, "running", ""), absl::OkStatus());
  Open("s", a_);
  const auto run = [&](size_t cell, uint32_t block, int64_t makespan_ms, const char* verdict) {
    const RunRow made = StartedRun(sweep, cell, block, {a_}, 1);
    v1::Batch batch = NextBatch("s", made.run_id);
    AddTrigger(batch, 0, 0, 0, makespan_ms * kMs);
    batch.mutable_share_end()->set_fired(1);
    WriteOk({batch});
    SweepStore::Ending ending = {.verdict = verdict, .flags = {}, .list_schedule_s = 0.001, .error = ""};
    if (ending.verdict == "rejected") ending.flags = {{"slip", "reject", ""}, {"cold", "info", ""}};
    EXPECT_EQ(store_.EndRun(made.run_id, ending), absl::OkStatus());
    return made.run_id;
  };
  run(0, 0, 100, "accepted");
  run(0, 1, 130, "accepted");
  run(0, 2, 110, "accepted");
  run(1, 0, 200, "accepted");
  const int64_t rejected = run(1, 1, 9000, "rejected");
  run(1, 2, 240, "accepted");
  run(2, 0, 400, "accepted");

  EXPECT_EQ(Value("SELECT concat_ws('|', runs, accepted, left_out, left_out_why, makespan_s, makespan_min_s, "
                  "makespan_max_s) FROM cell_summary WHERE position = 0"),
            "3|3|0|{}|0.11|0.1|0.13");
  EXPECT_EQ(Value("SELECT concat_ws('|', runs, accepted, left_out, left_out_why, makespan_s, makespan_min_s, "
                  "makespan_max_s) FROM cell_summary WHERE position = 1"),
            fmt::format("3|2|1|{{\"run {}: slip\"}}|0.22|0.2|0.24", rejected));

  const absl::StatusOr<Table> comparison =
      Query(connection_,
            "SELECT concat_ws('|', target, params->>'tasks', baseline_target, "
            "differs_in, judged_by, accepted, baseline_accepted, left_out, "
            "makespan_ratio, round(throughput_ratio_low::numeric, 4)) FROM comparison ORDER BY cell_id");
  ASSERT_TRUE(comparison.ok()) << comparison.status();
  ASSERT_EQ(comparison->rows.size(), 1u) << "tasks=20 has no rival, and is no baseline for others";
  EXPECT_EQ(*comparison->rows[0][0], "airflow|10|dask|target|throughput|2|3|1|2|0.4167");

  EXPECT_EQ(
      Value(
          "SELECT string_agg(concat_ws('|', target, tasks, accepted, makespan_s), ' ' ORDER BY cell_id) FROM scaling"),
      "dask|10|3|0.11 airflow|10|2|0.22 dask|20|1|0.4");

  EXPECT_EQ(Value("SELECT concat_ws('|', name, state, cells, blocks, runs_total, settled, accepted, rejected, running) "
                  "FROM progress"),
            "small|running|3|3|9|7|6|1|0");
  EXPECT_EQ(Value("SELECT eta_s > 0 AND elapsed_s > 0 FROM progress"), "t");
}

TEST_F(ViewsTest, AnOpenLoopIsComparedByItsResponseTimes) {
  MakeSweep(1, {{"closed", "{}"}, {"open", "{}"}});
  EXPECT_EQ(Value("SELECT judged_by FROM comparison"), "throughput");
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'open' WHERE target = 'open'").ok());
  EXPECT_EQ(Value("SELECT judged_by FROM comparison"), "response_p99");
  ASSERT_TRUE(Execute("UPDATE cell SET loop = 'open'").ok());
  EXPECT_EQ(Value("SELECT judged_by FROM comparison"), "response_p99") << "nothing is known of when they were due";
}

TEST_F(ViewsTest, CellsOfOneTargetAreComparedWithTheFirst) {
  const SweepRow sweep = MakeSweep(1, {{"", R"({"tasks": 1})"}, {"", R"({"tasks": 2})"}, {"", R"({"tasks": 3})"}});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('|', params, baseline_cell, differs_in, coalesce(makespan_ratio::text, "
                  "'unknown')), ' ' ORDER BY cell_id) FROM comparison"),
            "{\"tasks\": 2}|{\"tasks\": 1}|parameters|unknown {\"tasks\": 3}|{\"tasks\": 1}|parameters|unknown");
}

TEST_F(ViewsTest, CellsWithoutARivalAreComparedWithTheFirstOfTheirTarget) {
  MakeSweep(1, {{"a", R"({"n": 1})"}, {"a", R"({"n": 2})"}, {"b", R"({"m": 3})"}, {"b", R"({"m": 4})"}});
  EXPECT_EQ(
      Value("SELECT string_agg(concat_ws('|', target, params, baseline_target, differs_in), ' ' ORDER BY cell_id) "
            "FROM comparison"),
      "a|{\"n\": 2}|a|parameters b|{\"m\": 4}|b|parameters");
}

TEST_F(ViewsTest, TheSeedsBenchmarkColumnsAreTheirsInTheirOrder) {
  const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
  const RunRow run = SmallRun(sweep, 0, 0, "1");
  EXPECT_EQ(Count("radps_benchmark"), 0) << "accepted runs only";
  ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "accepted", .flags = {}, .list_schedule_s = 1, .error = ""}),
            absl::OkStatus());
  const absl::StatusOr<Table> table = Query(connection_, "SELECT * FROM radps_benchmark");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(table->columns,
              ElementsAre("sweep_id", "run_id", "workflow_orchestration_framework", "date_and_time", "developer",
                          "system_name", "n_tasks", "t_min_sleep", "t_max_sleep", "t_workflow", "t_sum_task_times",
                          "t_sum_task_times_per_unit_of_parallelism", "overhead_percentage",
                          "overhead_per_task_seconds", "n_threads_per_process", "n_processes", "n_parallelism",
                          "runner", "backend_database", "workflow_type", "total_memory"));
  ASSERT_EQ(table->rows.size(), 1u);
  EXPECT_EQ(*table->rows[0][1], fmt::format("small_2023-11-14_22-13-20_{}", run.run_id));
  EXPECT_EQ(Value("SELECT concat_ws('|', workflow_orchestration_framework, date_and_time, system_name, n_tasks, "
                  "t_min_sleep, t_max_sleep, t_workflow, "
                  "n_threads_per_process, n_processes, n_parallelism, round(total_memory, 3)) FROM radps_benchmark"),
            "dask|2023-11-14 22:13:20|host-a+host-b|5|0.008|0.01|0.024|2|2|4|1.000")
      << "lengths without bounds: the shortest and the longest";
}

TEST_F(ViewsTest, TheSeedsSleepBoundsAreThoseOfTheScenarioNotOfTheDraws) {
  std::vector<v1::SleepLength> lengths(4);
  lengths[0].mutable_uniform()->set_min_ns(1 * kMs);
  lengths[0].mutable_uniform()->set_max_ns(20 * kMs);
  lengths[1].set_fixed_ns(5 * kMs);
  lengths[2].mutable_list()->add_ns(12 * kMs);
  lengths[2].mutable_list()->add_ns(0);
  lengths[3].set_exponential_mean_ns(9 * kMs);
  SweepRow sweep;
  sweep.scenario_yaml = "name: bounds\n";
  sweep.spec.set_name("bounds");
  sweep.spec.set_blocks(1);
  for (const v1::SleepLength& length : lengths) {
    CellRow cell;
    cell.position = static_cast<uint32_t>(sweep.cells.size());
    *cell.spec.mutable_trigger()->mutable_sleep()->mutable_length() = length;
    sweep.cells.push_back(cell);
  }
  ASSERT_EQ(store_.CreateSweep(sweep), absl::OkStatus());
  for (size_t cell = 0; cell < lengths.size(); ++cell) {
    const RunRow run = SmallRun(sweep, cell, 0, std::to_string(cell));
    ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "accepted", .flags = {}, .list_schedule_s = 1, .error = ""}),
              absl::OkStatus());
  }
  EXPECT_EQ(Value("SELECT string_agg(t_min_sleep || '-' || t_max_sleep, ' ' ORDER BY run_id) FROM radps_benchmark"),
            "0.001-0.02 0.005-0.005 0-0.012 0.008-0.01");
}

}  // namespace
}  // namespace assay
