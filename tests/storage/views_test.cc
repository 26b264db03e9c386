#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "storage/run_facts.h"
#include "storage/table.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;

class ViewsTest : public StoreTest {
 protected:
  double Number(const std::string& column, const std::string& from) {
    const std::string text = Value(fmt::format("SELECT {} FROM {}", column, from));
    EXPECT_NE(text, "null") << column;
    return text == "null" ? std::nan("") : std::stod(text);
  }

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

TEST_F(ViewsTest, ContainerUsageComesFromCountersOverRealTime) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  // tick, read at (ms; the read takes 2 ms around it), inode, cpu (ms), current, inactive, peak, read bytes
  const auto add = [&](uint64_t tick, int64_t at_ms, uint64_t inode, int64_t cpu_ms, int64_t current, int64_t inactive,
                       int64_t peak, int64_t read) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_tick(tick);
    sample->set_read_begin_ns((at_ms - 1) * kMs);
    sample->set_read_end_ns((at_ms + 1) * kMs);
    sample->set_cgroup("/system.slice/db");
    sample->set_inode(inode);
    sample->set_cpu_usage_ns(cpu_ms * kMs);
    sample->set_memory_current_bytes(current);
    sample->set_memory_inactive_file_bytes(inactive);
    sample->set_memory_peak_bytes(peak);
    sample->set_io_read_bytes(read);
    sample->set_io_write_bytes(-1);
    sample->set_pids(static_cast<int64_t>(tick) + 3);
  };
  add(0, -1000, 7, 10'000, 1000, 400, 5000, 0);
  add(1, 0, 7, 10'500, 2000, 400, 5000, 1000);
  add(2, 1100, 7, 12'700, 1500, 1600, 5000, 1000);  // 2.2 s of CPU in 1.1 s; less memory than inactive cache
  add(4, 3100, 7, 13'700, 1500, 0, 5000, 5000);     // tick 3 is missing
  add(5, 4100, 8, 100, 300, 0, 300, 0);             // made anew: another series
  add(6, 5100, 8, 350, 400, 0, 450, 500);
  EXPECT_EQ(WriteOk({batch}).rows, 6u);

  const absl::StatusOr<Table> rates =
      Query(connection_,
            "SELECT concat_ws('|', agent, inode, tick, interval_s, gap, cores, working_set_bytes, io_read_bytes_per_s, "
            "coalesce(io_write_bytes_per_s::text, 'null')) FROM container_rate ORDER BY tick");
  ASSERT_TRUE(rates.ok()) << rates.status();
  std::vector<std::string> rows;
  for (const auto& row : rates->rows) rows.push_back(*row[0]);
  EXPECT_THAT(rows, ElementsAre("a|7|1|1|f|0.5|1600|1000|null", "a|7|2|1.1|f|2|0|0|null",
                                "a|7|4|2|t|0.5|1500|2000|null", "a|8|6|1|f|0.25|400|500|null"));
  EXPECT_EQ(Value("SELECT at FROM container_rate WHERE tick = 2"), "2023-11-14 22:13:21.1+00");

  EXPECT_EQ(Value("SELECT concat_ws('|', cgroup, samples, series, gaps, sampled_s, cores_max, cpu_s, "
                  "working_set_max_bytes, memory_max_bytes, memory_peak_bytes, "
                  "io_read_bytes, coalesce(io_write_bytes::text, 'null'), pids_max) FROM container_usage"),
            "/system.slice/db|6|2|1|5.1|2|3.45|1600|2000|5000|4500|null|9")
      << "what was used before T0 is in none";
  EXPECT_NEAR(Number("cores_avg", "container_usage"), 3.45 / 4.1, 1e-12);
  EXPECT_NEAR(Number("io_read_bytes_per_s", "container_usage"), 4500 / 4.1, 1e-9);
}

TEST_F(ViewsTest, HooksAndTheCoolDownAreNotInWhatARunUsed) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 1);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  const auto add = [&](int64_t at_ms, uint64_t inode, int64_t cpu_ms, int64_t memory) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_tick(static_cast<uint64_t>(batch.cgroup_samples_size() - 1));
    sample->set_read_begin_ns(at_ms * kMs);
    sample->set_read_end_ns(at_ms * kMs);
    sample->set_cgroup("/docker/a");
    sample->set_inode(inode);
    sample->set_cpu_usage_ns(cpu_ms * kMs);
    sample->set_throttled_ns(cpu_ms * kMs / 10);
    sample->set_io_read_bytes(cpu_ms * 1000);
    sample->set_io_write_bytes(cpu_ms * 100);
    sample->set_net_rx_bytes(cpu_ms * 20);
    sample->set_net_tx_bytes(cpu_ms * 10);
    sample->set_memory_current_bytes(memory);
    sample->set_memory_inactive_file_bytes(0);
    sample->set_memory_peak_bytes(memory * 2);
    sample->set_pids(memory / 100);
    sample->set_oom_kills(at_ms < 0 ? 0 : at_ms < 3000 ? 1 : 3);
  };
  add(-10'000, 7, 0, 9000);  // the instance that a hook stops
  add(-9000, 7, 5000, 9000);
  add(-3000, 8, 0, 800);  // the next one, busy until shortly before T0
  add(-500, 8, 1500, 900);
  add(500, 8, 1700, 400);
  add(1500, 8, 2700, 500);
  add(2500, 8, 2700, 800);
  add(3500, 8, 9700, 7000);
  AddTrigger(batch, 0, 0, 0, 2000 * kMs);
  WriteOk({batch});
  const std::string usage =
      "SELECT concat_ws('|', samples, series, sampled_s, in_run_s, cpu_s, cores_avg, cores_max, io_read_bytes, "
      "io_read_bytes_per_s, working_set_max_bytes, memory_max_bytes, pids_max, oom_kills) FROM container_usage";
  const std::string others =
      "SELECT concat_ws('|', throttled_s, io_write_bytes, io_write_bytes_per_s, net_rx_bytes, net_rx_bytes_per_s, "
      "net_tx_bytes, net_tx_bytes_per_s, working_set_avg_bytes, memory_peak_bytes) FROM container_usage";
  EXPECT_EQ(Value(usage), "8|2|7.5|3.5|8.1|" + Value("SELECT 8.1 / 3.5::float8") + "|7|8100000|" +
                              Value("SELECT 8100000 / 3.5::float8") + "|7000|7000|70|3")
      << "not yet at its end: all since T0";
  EXPECT_EQ(Value(others), Value("SELECT concat_ws('|', 0.81::float8, 810000, 810000 / 3.5::float8, 162000, 162000 / "
                                 "3.5::float8, 81000, 81000 / 3.5::float8, 1920, 14000)"));
  ASSERT_TRUE(Execute(fmt::format("SELECT refresh_run({})", run.run_id)).ok());
  EXPECT_EQ(Value(usage), "8|2|7.5|2|1.1|0.55|1|1100000|550000|900|900|9|1")
      << "half of the interval around T0, one whole, half of the one around the last finish";
  EXPECT_EQ(Value(others), "0.11|110000|55000|22000|11000|11000|5500|650|1800");
}

TEST_F(ViewsTest, HooksAndTheCoolDownAreNotInWhatAHostUsed) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 1);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  struct Reading {
    int64_t at_ms, busy_ms, steal_ms, memory, swap, load_milli;
  };
  // A hook before T0 and the cool-down are busier than the run, have more stolen, and less memory left.
  for (const auto& [at_ms, busy_ms, steal_ms, memory, swap, load_milli] :
       std::vector<Reading>{{-2000, 0, 0, 100, 80, 9000},
                            {-1000, 4000, 800, 100, 80, 9000},
                            {0, 4000, 800, 900, 10, 1000},
                            {1000, 4500, 900, 800, 20, 2000},
                            {2000, 5000, 1100, 900, 10, 1000},
                            {3000, 9000, 1700, 50, 70, 8000}}) {
    v1::HostSample* host = batch.add_host_samples();
    host->set_tick(static_cast<uint64_t>(batch.host_samples_size() - 1));
    host->set_read_begin_ns(at_ms * kMs);
    host->set_read_end_ns(at_ms * kMs);
    host->set_cpu_user_ns(busy_ms * kMs);
    host->set_cpu_steal_ns(steal_ms * kMs);
    host->set_cpu_idle_ns((10 * (at_ms + 2000) - busy_ms - steal_ms) * kMs);
    host->set_agent_cpu_ns(busy_ms * kMs / 10);
    host->set_sampler_cpu_ns(busy_ms * kMs / 100);
    host->set_memory_available_bytes(memory);
    host->set_swap_used_bytes(swap);
    host->set_load_milli(load_milli);
  }
  AddTrigger(batch, 0, 0, 0, 2000 * kMs);
  WriteOk({batch});
  const std::string usage =
      "SELECT concat_ws('|', samples, sampled_s, in_run_s, cores_avg, cores_max, agent_cores_avg, agent_cores_max, "
      "memory_available_min_bytes) FROM host_usage";
  const std::string others =
      "SELECT concat_ws('|', round(steal_fraction::numeric, 6), steal_max_fraction, swap_max_bytes, load_max, "
      "round(sampler_cores_avg::numeric, 6)) FROM host_usage";
  EXPECT_EQ(Value(usage),
            "6|5|3|" + Value("SELECT 5 / 3::float8") + "|4|" + Value("SELECT 0.5 / 3::float8") + "|0.4|50")
      << "not yet at its end: all since T0";
  EXPECT_EQ(Value(others), "0.030000|0.06|70|8|0.016667");
  ASSERT_TRUE(Execute(fmt::format("SELECT refresh_run({})", run.run_id)).ok());
  EXPECT_EQ(Value(usage), "6|5|2|0.5|0.5|0.05|0.05|800");
  EXPECT_EQ(Value(others), "0.015000|0.02|20|2|0.005000");
}

TEST_F(ViewsTest, ContainersByNameWithTheirRestartsAndNetwork) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  const auto add = [&](const std::string& cgroup, uint64_t tick, int64_t at_ms, uint64_t inode, int64_t cpu_ms,
                       int64_t received) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_cgroup(cgroup);
    sample->set_tick(tick);
    sample->set_read_begin_ns(at_ms * kMs);
    sample->set_read_end_ns(at_ms * kMs);
    sample->set_inode(inode);
    sample->set_cpu_usage_ns(cpu_ms * kMs);
    sample->set_net_rx_bytes(received);
    sample->set_net_tx_bytes(-1);
  };
  const auto name = [&](const std::string& cgroup, uint64_t inode) {
    v1::CgroupSeries* series = batch.add_cgroup_series();
    series->set_cgroup(cgroup);
    series->set_inode(inode);
    series->set_container("web");
    series->set_pod("p");
    (*series->mutable_labels())["tier"] = "front";
    series->set_started_ns(7);
  };
  // Restarted: the last read on its death and the first of its next life have the tick before them.
  add("/docker/a", 0, 0, 7, 0, 100);
  add("/docker/a", 1, 1000, 7, 500, 1100);
  add("/docker/a", 1, 1500, 7, 600, 1100);
  add("/docker/a", 1, 1700, 8, 0, 0);
  add("/docker/a", 2, 2000, 8, 30, 50);
  name("/docker/a", 7);
  name("/docker/a", 8);
  // Counters that ran backwards, and no name.
  add("/b", 0, 0, 1, 100, 500);
  add("/b", 1, 1000, 1, 300, 200);
  add("/b", 2, 2000, 1, 200, 300);
  WriteOk({batch});
  const absl::StatusOr<Table> rates =
      Query(connection_,
            "SELECT concat_ws('|', coalesce(container, 'null'), coalesce(pod, 'null'), inode, tick, gap, interval_s, "
            "coalesce(cores::text, 'null'), coalesce(net_rx_bytes_per_s::text, 'null'), net_tx_bytes_per_s IS NULL, "
            "backwards) FROM container_rate ORDER BY cgroup DESC, at");
  ASSERT_TRUE(rates.ok()) << rates.status();
  std::vector<std::string> rows;
  for (const auto& row : rates->rows) rows.push_back(*row[0]);
  EXPECT_THAT(rows, ElementsAre("web|p|7|1|f|1|0.5|1000|t|f", "web|p|7|1|f|0.5|0.2|0|t|f",
                                "web|p|8|2|f|0.3|0.1|" + Value("SELECT 50 * 1e9::float8 / 300000000") + "|t|f",
                                "null|null|1|1|f|1|0.2|null|t|t", "null|null|1|2|f|1|null|100|t|t"));
  EXPECT_EQ(Value("SELECT concat_ws('|', samples, series, gaps, backwards, cpu_s, net_rx_bytes, net_tx_bytes IS NULL, "
                  "round(net_rx_bytes_per_s::numeric, 3)) FROM container_usage WHERE container = 'web'"),
            "5|2|0|0|0.63|1050|t|583.333");
  for (const char* view : {"container_rate", "container_usage"}) {
    EXPECT_EQ(Value(fmt::format("SELECT DISTINCT labels->>'tier' || started_ns FROM {} WHERE container = 'web'", view)),
              "front7");
  }
  EXPECT_EQ(Value("SELECT concat_ws('|', samples, series, backwards, cpu_s, net_rx_bytes) FROM container_usage WHERE "
                  "container IS NULL"),
            "3|1|2|0.2|100");
}

TEST_F(ViewsTest, AContainerThatWasGoneBeforeTheSamplingWasOverHasAnEnd) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  const auto add = [&](uint64_t tick, int64_t at_ms, uint64_t inode) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_cgroup("/docker/a");
    sample->set_tick(tick);
    sample->set_read_begin_ns(at_ms * kMs);
    sample->set_read_end_ns(at_ms * kMs);
    sample->set_inode(inode);
  };
  for (int tick = 0; tick < 4; ++tick) {
    v1::HostSample* host = batch.add_host_samples();
    host->set_tick(static_cast<uint64_t>(tick));
    host->set_read_begin_ns((tick - 1) * 1000 * kMs);
    host->set_read_end_ns((tick - 1) * 1000 * kMs);
  }
  add(0, -1000, 7);
  add(1, 0, 7);
  add(1, 500, 7);  // read on its death
  add(1, 700, 8);
  add(2, 1000, 8);
  add(3, 2000, 8);
  for (const uint64_t inode : {7, 8}) {
    v1::CgroupSeries* series = batch.add_cgroup_series();
    series->set_cgroup("/docker/a");
    series->set_inode(inode);
    series->set_container("web");
    if (inode == 8) series->set_started_ns(690 * kMs);
  }
  WriteOk({batch});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('|', agent, container, inode, begun_ns / 1000000, coalesce((ended_ns / "
                  "1000000)::text, 'null')), ' ' ORDER BY begun_ns) FROM container_life"),
            "a|web|7|-1000|500 a|web|8|690|null");
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_EQ(facts->shares.at(0).lives.size(), 2U);
  EXPECT_EQ(facts->shares[0].lives[0].name, "web");
  EXPECT_TRUE(facts->shares[0].lives[0].is_container);
}

TEST_F(ViewsTest, ACounterThatRunsBackwardsHasNoRateLeavesTheOthersTheirsAndIsCounted) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  constexpr int kCounters = 5;
  // In tick i counter i-1 has lost what it had; in the first and the last all go forward.
  for (int tick = 0; tick <= kCounters + 1; ++tick) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_cgroup("/docker/a");
    sample->set_inode(1);
    sample->set_tick(static_cast<uint64_t>(tick));
    sample->set_read_begin_ns(tick * 1000 * kMs);
    sample->set_read_end_ns(tick * 1000 * kMs);
    const auto counter = [&](int which) {
      return (tick > which ? tick - which - 1 : 1000 + tick) * int64_t{1'000'000};
    };
    sample->set_cpu_usage_ns(counter(0));
    sample->set_io_read_bytes(counter(1));
    sample->set_io_write_bytes(counter(2));
    sample->set_net_rx_bytes(counter(3));
    sample->set_net_tx_bytes(counter(4));
  }
  WriteOk({batch});
  const absl::StatusOr<Table> rates =
      Query(connection_,
            "SELECT concat_ws('|', tick, backwards, coalesce(cores::text, 'null'), coalesce(io_read_bytes_per_s::text, "
            "'null'), coalesce(io_write_bytes_per_s::text, 'null'), coalesce(net_rx_bytes_per_s::text, 'null'), "
            "coalesce(net_tx_bytes_per_s::text, 'null')) FROM container_rate ORDER BY tick");
  ASSERT_TRUE(rates.ok()) << rates.status();
  std::vector<std::string> rows;
  for (const auto& row : rates->rows) rows.push_back(*row[0]);
  const std::string rate = "1000000";
  EXPECT_THAT(rows, ElementsAre("1|t|null|" + rate + "|" + rate + "|" + rate + "|" + rate,
                                "2|t|0.001|null|" + rate + "|" + rate + "|" + rate,
                                "3|t|0.001|" + rate + "|null|" + rate + "|" + rate,
                                "4|t|0.001|" + rate + "|" + rate + "|null|" + rate,
                                "5|t|0.001|" + rate + "|" + rate + "|" + rate + "|null",
                                "6|f|0.001|" + rate + "|" + rate + "|" + rate + "|" + rate));
  EXPECT_EQ(Value("SELECT concat_ws('|', samples, backwards, cpu_s, io_read_bytes, io_write_bytes, net_rx_bytes, "
                  "net_tx_bytes) FROM container_usage"),
            "7|5|0.005|5000000|5000000|5000000|5000000");
}

TEST_F(ViewsTest, WhatWasNotMeasuredIsNullAndCoarseCountersMakeNoMaximum) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  // A step of 4 ms of CPU lies in an interval of 1 ms: no cgroup uses four cores here.
  const std::vector<std::pair<int64_t, int64_t>> at_and_cpu_ms = {{0, 0}, {150, 30}, {300, 60}, {301, 64}};
  for (const auto& [at_ms, cpu_ms] : at_and_cpu_ms) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_tick(static_cast<uint64_t>(batch.cgroup_samples_size() - 1));
    sample->set_read_begin_ns(at_ms * kMs);
    sample->set_read_end_ns(at_ms * kMs);
    sample->set_cgroup("/");
    sample->set_cpu_usage_ns(cpu_ms * kMs);
    sample->set_memory_current_bytes(5000);
    sample->set_memory_inactive_file_bytes(-1);
    sample->set_io_read_bytes(-1);
    sample->set_io_write_bytes(-1);
    v1::HostSample* host = batch.add_host_samples();
    host->set_tick(sample->tick());
    host->set_read_begin_ns(at_ms * kMs);
    host->set_read_end_ns(at_ms * kMs);
    host->set_cpu_user_ns(cpu_ms * kMs);
    host->set_agent_cpu_ns(cpu_ms * kMs / 2);
  }
  WriteOk({batch});
  EXPECT_EQ(Value("SELECT concat_ws('|', round(cores_max::numeric, 4), coalesce(working_set_max_bytes::text, 'null'), "
                  "coalesce(working_set_avg_bytes::text, 'null'), memory_max_bytes, coalesce(io_read_bytes::text, "
                  "'null'), coalesce(io_write_bytes_per_s::text, 'null')) FROM container_usage"),
            "0.2126|null|null|5000|null|null")
      << "64 ms in 301 ms: two intervals and more, as each is shorter than 200 ms";
  EXPECT_EQ(Value("SELECT concat_ws('|', round(cores_max::numeric, 4), round(agent_cores_max::numeric, 4)) "
                  "FROM host_usage"),
            "0.2126|0.1063");
  EXPECT_EQ(Value("SELECT count(working_set_bytes) FROM container_rate"), "0");
}

TEST_F(ViewsTest, HostUsageShowsStealMemoryAndTheAgentsOwnCost) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  // Two processors for a second: 2 s of CPU time, of which 0.5 user, 0.25 system, 0.25 stolen, 1 idle; then all idle.
  for (int64_t tick = 0; tick < 3; ++tick) {
    v1::HostSample* host = batch.add_host_samples();
    host->set_tick(static_cast<uint64_t>(tick));
    host->set_read_begin_ns(tick * 1000 * kMs);
    host->set_read_end_ns(tick * 1000 * kMs);
    const int64_t busy = tick > 0 ? 1 : 0;
    host->set_cpu_user_ns(busy * 500 * kMs);
    host->set_cpu_system_ns(busy * 250 * kMs);
    host->set_cpu_steal_ns(busy * 250 * kMs);
    host->set_cpu_idle_ns(busy * 1000 * kMs + (tick > 1 ? 2000 * kMs : 0));
    host->set_cpus(2);
    host->set_memory_available_bytes(1000 - tick * 100);
    host->set_agent_cpu_ns(tick * 20 * kMs);
    host->set_sampler_cpu_ns(tick * 5 * kMs);
    host->set_agent_memory_bytes(tick == 1 ? 99 : 10);
    host->set_cpu_some_us(tick * 500'000);
  }
  WriteOk({batch});
  EXPECT_EQ(Value("SELECT concat_ws('|', agent, host, samples, gaps, cpus, cores_avg, cores_max, steal_fraction, "
                  "steal_max_fraction, memory_available_min_bytes, "
                  "agent_cores_avg, sampler_cores_avg, agent_memory_max_bytes) FROM host_usage"),
            "a|host-a|3|0|2|0.375|0.75|0.0625|0.125|800|0.02|0.005|99");
  EXPECT_EQ(Value("SELECT cpu_some_fraction FROM host_rate WHERE tick = 2"), "0.5");
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
