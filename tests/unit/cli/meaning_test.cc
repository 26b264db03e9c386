#include "cli/results/meaning.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "assay/v1/control.pb.h"
#include "cli/results/cell_results.h"
#include "cli/results/flag_kinds.h"
#include "cli/results/outcome.h"
#include "cli/results/report.h"
#include "cli/results/view_rows.h"
#include "tests/unit/cli/finished_sweep.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(MeaningTest, FlatOverheadAndWhatIsLeftOut) {
  Outcome outcome = Finished();
  outcome.cells[1].accepted = 2;
  outcome.cells[1].over_list_us_per_task = Spread{4.5, 4.2, 4.8};
  EXPECT_THAT(Meaning(outcome),
              ElementsAre("Overhead over the list schedule (sleep=1ms): 4.50 [4.00..5.00] us per task at 1,000 tasks, "
                          "4.50 [4.20..4.80] us at 16,000: flat.",
                          "No cgroup was sampled in an accepted run.",
                          "1 of 4 runs is left out: run 13 (failures); its rows are kept."));
  outcome.cells[1].over_planned_us_per_task = Spread{8, 7, 9};
  EXPECT_THAT(
      Meaning(outcome)[0],
      StartsWith("Overhead over the nominal sleeps (sleep=1ms): 7.50 [5.00..10.0] us per task at 1,000 tasks, "));
}

TEST(MeaningTest, TheBusiestCgroupIsTold) {
  v1::ViewRows rows;
  for (const char* column : {"run_id", "cgroup", "verdict", "cores_avg", "cores_max", "working_set_max_bytes"})
    rows.add_columns(column);
  const auto add = [&](std::initializer_list<const char*> values) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
  };
  add({"10", "/db", "accepted", "0.2", "0.5", "1048576"});
  add({"11", "/db", "accepted", "0.4", "0.9", "3145728"});
  add({"12", "/db", "rejected", "7", "8", "99999999999"});
  add({"10", "/idle", "accepted", "0.01", "0.02", "1024"});
  Outcome outcome = Finished();
  outcome.container_usage = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[1],
            "/db used 0.300 cores from T0 to the last finish in the median run (peak 0.900) and at most 3.0 MiB of "
            "memory; it is the busiest of 2 "
            "sampled cgroups.");
  rows.set_cut(true);
  outcome.container_usage = ViewRows(rows);
  EXPECT_THAT(Meaning(outcome)[1], EndsWith("(of the first 4 rows of container_usage only)."));
  for (v1::ViewRows::Row& row : *rows.mutable_rows()) row.set_values(5, "");
  outcome.container_usage = ViewRows(rows);
  EXPECT_THAT(
      Meaning(outcome)[1],
      StartsWith("/db used 0.300 cores from T0 to the last finish in the median run (peak 0.900); it is the busiest"));
  EXPECT_THAT(ReportMarkdown(outcome, {}), HasSubstr("Of the first 4 rows of the view container_usage only."));
}

TEST(MeaningTest, TheRunsOwnProcessesAreThoseOfAllAgents) {
  v1::ViewRows rows;
  for (const char* column : {"run_id", "agent", "cgroup", "verdict", "cores_avg", "cores_max", "working_set_max_bytes"})
    rows.add_columns(column);
  for (const auto& values : {std::array{"10", "a", "run", "accepted", "0.25", "0.5", "1048576"},
                             std::array{"10", "b", "run", "accepted", "0.5", "1", "2097152"},
                             std::array{"10", "a", "/db", "accepted", "0.4", "0.5", "0"},
                             std::array{"10", "b", "/db", "accepted", "0.6", "0.7", "0"}}) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
  }
  Outcome outcome = Finished();
  outcome.container_usage = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[1],
            "The run's own processes used 0.750 cores from T0 to the last finish in the median run (2 agents "
            "together; peaks added up 1.50) and at most 3.0 MiB of memory; it is the busiest of 2 sampled cgroups.");
}

TEST(MeaningTest, RisingOnlyBeyondTheSpreadOfTheRuns) {
  Outcome outcome = Finished();
  outcome.cells[1].over_list_us_per_task = Spread{9, 8, 10};
  EXPECT_THAT(Meaning(outcome)[0], EndsWith("at 16,000: cannot tell from single runs; raise blocks."));
  outcome.cells[1].accepted = 2;
  EXPECT_THAT(Meaning(outcome)[0], EndsWith("9.00 [8.00..10.0] us at 16,000: rising, x 2.0."));
  outcome.cells[0].over_list_us_per_task = Spread{3, 2, 8.5};
  EXPECT_THAT(Meaning(outcome)[0], EndsWith("at 16,000: cannot tell, the ranges overlap."));
  outcome.cells[0].over_list_us_per_task = Spread{90, 80, 100};
  EXPECT_THAT(Meaning(outcome)[0], EndsWith("at 16,000: falling, x 0.10."));
}

CellResult CellOf(const std::string& target, const std::string& label, double triggers, Spread over_list) {
  CellResult cell;
  cell.target = target;
  cell.label = label;
  cell.accepted = 2;
  cell.params = {{"n", fmt::format("{:.0f}", triggers)}, {"sleep", "{\"uniform\":[\"1ms\",\"2ms\"]}"}, {"slots", "10"}};
  cell.triggers = Spread{triggers, triggers, triggers};
  cell.over_list_us_per_task = over_list;
  return cell;
}

TEST(MeaningTest, EveryTargetIsToldInTheOrderAndWordsOfTheTable) {
  Outcome outcome = Finished();
  outcome.cells = {CellOf("b", "target=b slots=10 n=10 sleep=1ms..2ms", 10, {1, 1, 1}),
                   CellOf("b", "target=b slots=10 n=2000 sleep=1ms..2ms", 2000, {3, 3, 3}),
                   CellOf("a", "target=a slots=10 n=10 sleep=1ms..2ms", 10, {5, 5, 5})};
  const std::vector<std::string> lines = Meaning(outcome);
  EXPECT_EQ(lines[0], "The targets (b, a) have no cells of the same parameters, so they are not compared.");
  EXPECT_EQ(lines[1],
            "Overhead over the list schedule (target=b slots=10 sleep=1ms..2ms): 1.00 us per task at 10 tasks, 3.00 us "
            "at 2,000: rising, x 3.0.");
  EXPECT_EQ(
      lines[2],
      "Overhead over the list schedule (target=a slots=10 sleep=1ms..2ms): 5.00 us per task at 10 tasks; one size "
      "only, so nothing is known about how it scales.");
  // One trigger that starts many tasks.
  outcome.cells[2].triggers = Spread{1, 1, 1};
  outcome.cells[2].tasks = Spread{10, 10, 10};
  EXPECT_THAT(Meaning(outcome)[2], HasSubstr("(target=a slots=10 sleep=1ms..2ms): 5.00 us per task at 10 tasks;"));
  while (outcome.cells.size() < 6)
    outcome.cells.push_back(CellOf("a", fmt::format("target=a k={}", outcome.cells.size()), 10, {5, 5, 5}));
  EXPECT_EQ(Meaning(outcome)[5], "1 more kinds of cells are in the table alone; the view scaling has their curves.");
}

TEST(MeaningTest, RivalsAreComparedAndCannotTellIsAnAnswer) {
  v1::ViewRows rows;
  for (const char* column :
       {"differs_in", "target", "baseline_target", "accepted", "baseline_accepted", "throughput_ratio",
        "throughput_ratio_low", "throughput_ratio_high", "judged_by", "response_p99_ratio", "response_p99_ratio_low",
        "response_p99_ratio_high", "loop", "baseline_loop"})
    rows.add_columns(column);
  const auto add = [&](std::initializer_list<const char*> values) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
    while (row.values_size() < rows.columns_size()) row.add_values(row.values_size() == 8 ? "throughput" : "");
  };
  Outcome outcome = Finished();
  add({"target", "airflow", "dask", "3", "3", "0.5", "0.4", "0.6"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[0], "airflow beside dask, in triggers per s: slower (x 0.500).");
  add({"target", "airflow", "dask", "3", "3", "0.25", "0.2", "0.3"});
  add({"target", "airflow", "dask", "3", "3", "1.2", "0.9", "1.5"});
  add({"target", "airflow", "dask", "1", "3", "1.2", "1.1", "1.5"});
  add({"target", "airflow", "dask", "0", "3", "", "", ""});
  add({"target", "gust", "dask", "2", "3", "1.5", "1.1", "1.9"});
  add({"parameters", "gust", "gust", "2", "3", "1.5", "1.1", "1.9"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(
      Meaning(outcome)[0],
      "airflow beside dask, in triggers per s: slower in 2 of 5 cells (x 0.250..0.500), cannot tell in 1 of 5 cells "
      "(their runs overlap; more blocks may tell them apart), cannot tell in 1 of 5 cells (single runs; raise blocks), "
      "nothing to compare in 1 of 5 cells (no accepted run on one side).");
  EXPECT_EQ(Meaning(outcome)[1], "gust beside dask, in triggers per s: faster (x 1.50).");

  // The scenario sets an open loop's throughput; and of response times less is better.
  rows.clear_rows();
  add({"target", "old", "closed", "2", "2", "0.01", "0.01", "0.01", "response_p99", "40", "35", "45"});
  add({"target", "new", "closed", "2", "2", "1", "1", "1", "response_p99", "0.5", "0.4", "0.6"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[0], "old beside closed, by the p99 of response times: slower (x 40.0).");
  EXPECT_EQ(Meaning(outcome)[1], "new beside closed, by the p99 of response times: faster (x 0.500).");
  rows.clear_rows();
  add({"target", "open", "closed", "2", "2", "1", "1", "1", "response_p99", "40", "35", "45", "open", "closed"});
  outcome.comparison = ViewRows(rows);
  EXPECT_THAT(Meaning(outcome)[0], StartsWith("open beside closed: not compared, for one is an open loop"));

  rows.clear_rows();
  rows.add_columns("makespan_ratio");
  rows.add_columns("makespan_ratio_low");
  rows.add_columns("makespan_ratio_high");
  add({"target", "airflow", "dask", "2", "2", "0.01", "0.01", "0.01", "makespan", "", "", "", "closed", "closed", "7",
       "6", "8"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[0], "airflow beside dask, by makespan: slower (x 7.00).");
  rows.clear_rows();
  add({"target", "airflow", "dask", "2", "2", "0.01", "0.01", "0.01", "makespan", "", "", "", "closed", "open", "7",
       "6", "8"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[0], "airflow beside dask, by makespan: slower (x 7.00).") << "which any loop has";
  rows.clear_rows();
  add({"target", "airflow", "dask", "2", "2", "0.01", "0.01", "0.01", "", "", "", "", "closed", "closed", "7", "6",
       "8"});
  outcome.comparison = ViewRows(rows);
  EXPECT_THAT(Meaning(outcome)[0], StartsWith("airflow beside dask: not compared, for a trigger starts another"));

  rows.clear_rows();
  for (const char* target : {"ramp", "steps", "burst"})
    add({"target", target, "const", "1", "1", "1", "1", "1", "response_p99", "40", "35", "45", "open", "open"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[0],
            "ramp, steps, burst beside const, by the p99 of response times: cannot tell (single runs; raise blocks).");
  EXPECT_THAT(Meaning(outcome)[1], StartsWith("Overhead"));
}

TEST(MeaningTest, OneSizeAndNoSleeps) {
  Outcome outcome = Finished();
  outcome.cells.pop_back();
  EXPECT_THAT(Meaning(outcome)[0], HasSubstr("one size only"));
  outcome = Finished();
  for (CellResult& cell : outcome.cells) cell.over_list_us_per_task.reset();
  outcome.cells[1].throughput_per_s = Spread{400, 400, 400};
  EXPECT_EQ(Meaning(outcome)[0],
            "Fastest: sleep=1ms tasks=1000 with 950 triggers per s; slowest: sleep=1ms tasks=16000 with 400.");
  outcome.cells[1].open_loop = true;
  outcome.cells[1].response_p99_ms = Spread{12, 11, 13};
  EXPECT_THAT(Meaning(outcome)[0], StartsWith("Fastest: sleep=1ms tasks=1000 with 950 triggers per s; there is no"));
  EXPECT_EQ(
      Meaning(outcome)[1],
      "By the p99 of response times, shortest: sleep=1ms tasks=16000 with 12.0 ms; there is no other open loop to "
      "compare it with.");
  outcome.cells[0].open_loop = true;
  outcome.cells[0].response_p99_ms = Spread{5, 5, 5};
  EXPECT_EQ(Meaning(outcome)[0],
            "By the p99 of response times, shortest: sleep=1ms tasks=1000 with 5.00 ms; longest: sleep=1ms tasks=16000 "
            "with 12.0 ms.")
      << "the rate is what the scenario asks for";
  outcome.cells.clear();
  outcome.results.clear();
  EXPECT_THAT(Meaning(outcome), ElementsAre("No run was accepted, so there is nothing to compare.",
                                            "No cgroup was sampled in an accepted run.", "No run has ended."));
}

TEST(MeaningTest, FlagsByKindRejectingFirst) {
  std::vector<v1::RunResult> results = Finished().results;
  for (int i = 0; i < 2; ++i) {
    v1::FlagInfo& flag = *results[static_cast<size_t>(i)].add_flags();
    flag.set_code("slip");
    flag.set_severity("warning");
    flag.set_detail("p99 is 7 ms");
  }
  EXPECT_THAT(FlagLines(results),
              ElementsAre("reject failures: 1 run (13) of tasks=1000: 3 % of the triggers failed, limit 1 %",
                          "warning slip: 2 runs (10, 11) of tasks=1000, e.g. p99 is 7 ms"));
  for (int64_t id = 20; id < 60; ++id) {
    results.push_back(results[0]);
    results.back().set_run_id(id);
    results.back().set_cell(fmt::format("tasks={}", id % 5));
  }
  EXPECT_EQ(
      FlagLines(results)[1],
      "warning slip: 42 runs (10, 11, 20, 21, 22, 23, ...) of tasks=1000, tasks=0, tasks=1 and 3 more, e.g. p99 is "
      "7 ms");
}

TEST(MeaningTest, EveryFindingOfACodeIsShown) {
  std::vector<v1::RunResult> results = Finished().results;
  for (const char* detail : {"no nope-*", "no shop/dbx", "3", "4", "5", "6"}) {
    v1::FlagInfo& flag = *results[0].add_flags();
    flag.set_code("cgroup_missing");
    flag.set_severity("warning");
    flag.set_detail(detail);
  }
  EXPECT_THAT(FlagLines(results),
              testing::Contains(EndsWith("no nope-*; and: no shop/dbx; and: 3; and: 4; and 2 more of cgroup_missing: "
                                         "`assay sql`, view flags")));
}

}  // namespace
}  // namespace assay
