#include "cli/results/time_spent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cli/results/meaning.h"
#include "cli/results/outcome.h"
#include "cli/results/record_gaps.h"
#include "cli/results/report.h"
#include "tests/unit/cli/finished_sweep.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Two runs of a small cell, three of a large one, one of them rejected.
ViewRows Overheads() {
  return ViewRows(
      Rows({"cell_id", "run_id", "verdict", "rows", "makespan_s", "tasks_from", "before_s", "submit_s", "schedule_s",
            "queue_s", "startup_s", "run_s", "finish_s", "beyond", "beyond_s", "submit_p50_ms", "queue_p50_ms",
            "run_p50_ms", "queue_p99_ms"},
           {{"1", "3", "accepted", "100", "0.2", "driver", "0", "0.1", "", "0.05", "", "0.05", "0", "submit", "0.0005",
             "50", "25", "5", "60"},
            {"2", "4", "accepted", "1000", "2", "driver", "0", "0.5", "", "1.4", "", "0.005", "0.095", "gather", "0.4",
             "250", "700", "5.5", "1400"},
            {"2", "5", "accepted", "1000", "3", "driver", "", "", "", "", "", "", "", "", "", "", "", "", ""},
            {"2", "6", "rejected", "1000", "1", "driver", "", "", "", "", "", "", "", "", "", "", "", "", ""}}));
}

std::vector<CellResult> Cells() {
  std::vector<CellResult> cells(3);
  cells[0].cell_id = 1;
  cells[0].label = "target=dask tasks=100";
  cells[0].target = "dask";
  cells[0].tasks = Spread{100, 100, 100};
  cells[1].cell_id = 2;
  cells[1].label = "target=dask tasks=1000";
  cells[1].target = "dask";
  cells[1].tasks = Spread{1000, 1000, 1000};
  cells[2].cell_id = 3;
  cells[2].target = "sleeps";
  return cells;
}

TEST(TimeSpentTest, TheMedianRunOfEachTargetsLargestCellIsTold) {
  EXPECT_THAT(TimeSpentSentences(Overheads(), Cells()),
              ElementsAre("Where the time goes (target=dask tasks=1000): 2.00 s along the task that finished last, in "
                          "run 4: submit 500 ms (25 %), queue 1.40 s (70 %), finish 95.0 ms (5 %); then gather 400 ms, "
                          "beyond the makespan. Medians over its "
                          "1,000 tasks: submit 250 ms, queue 700 ms, run 5.50 ms."));
  EXPECT_THAT(TimeSpentSentences(Overheads(), {Cells()[0]}), ElementsAre(Not(HasSubstr("beyond")))) << "half a ms";
  EXPECT_THAT(TimeSpentSentences(ViewRows(), Cells()), IsEmpty());
}

TEST(TimeSpentTest, TheTableHasEveryCellAndADashForWhatIsNotKnown) {
  const std::string table = TimeSpentTable(Overheads(), Cells());
  EXPECT_THAT(table, AllOf(HasSubstr("| target=dask tasks=100 | 3 | driver | last task | 200 ms |"),
                           HasSubstr("| 2.00 s | 0 ms | 500 ms | - | 1.40 s | - | 5.00 ms | 95.0 ms | gather 400 ms |"),
                           HasSubstr("| p99 |  | - | - | - | 1.40 s |"), Not(HasSubstr("sleeps"))));
}

TEST(RecordGapsTest, WhatIsMissingOrLateIsToldAndNothingElse) {
  const std::vector<const char*> columns{"target",  "origin",     "run_id",       "records", "expected",
                                         "missing", "unfinished", "record_lag_s", "error"};
  const ViewRows late(Rows(columns, {{"prefect", "postgres", "7", "3555", "4000", "445", "16", "39", ""},
                                     {"prefect", "postgres", "8", "4000", "4000", "0", "0", "53", ""},
                                     {"airflow", "http", "9", "10", "10", "0", "0", "0.2", ""}}));
  EXPECT_THAT(RecordGapSentences(late),
              ElementsAre("Records of prefect (postgres): 445 of 8,000 task records are missing, in 1 of 2 runs; 16 do "
                          "not tell of an end; the last one came 46.0 s after the run's last finish (up to 53.0 s)."));
  EXPECT_THAT(RecordGapTable(late),
              AllOf(HasSubstr("| prefect | postgres | 2 | 7,555 | 8,000 | 445 | 16 | 46.0 s (up to 53.0 s) |"),
                    HasSubstr("| airflow | http | 1 | 10 | 10 | 0 | 0 | 200 ms (up to 200 ms) |")));
  const ViewRows refused(Rows(columns, {{"", "csv", "9", "0", "10", "10", "0", "", "no such file"}}));
  EXPECT_THAT(RecordGapSentences(refused),
              ElementsAre("Records (csv): 10 of 10 task records are missing, in 1 of 1 runs; they could not be read in "
                          "run 9: no such file."));
}

TEST(TimeSpentTest, MeaningAndReportHaveBoth) {
  Outcome outcome = Finished();
  EXPECT_THAT(ReportMarkdown(outcome, {}), Not(HasSubstr("## Where the time goes")));
  outcome.cells = Cells();
  outcome.task_overhead = Overheads();
  outcome.collections =
      ViewRows(Rows({"target", "origin", "records", "expected", "missing"}, {{"dask", "postgres", "1", "2", "1"}}));
  EXPECT_THAT(Meaning(outcome), AllOf(Contains(HasSubstr("Where the time goes (target=dask tasks=1000)")),
                                      Contains(HasSubstr("1 of 2 task records are missing"))));
  EXPECT_THAT(ReportMarkdown(outcome, {}), AllOf(HasSubstr("## Where the time goes\n\n| cell |"),
                                                 HasSubstr("## The targets' records\n\n| target |")));
}

}  // namespace
}  // namespace assay
