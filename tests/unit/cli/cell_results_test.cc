#include "cli/results/cell_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assay/v1/control.pb.h"
#include "cli/results/view_rows.h"
#include "tests/unit/cli/finished_sweep.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

TEST(CellResultsTest, AnOpenLoopIsShownByItsResponseTimes) {
  CellResult open;
  open.label = "rate=200";
  open.accepted = 2;
  open.makespan_s = Spread{20, 20, 20};
  open.offered_per_s = Spread{200, 200, 200};
  open.throughput_per_s = Spread{103, 103, 103};
  open.response_p50_ms = Spread{10, 10, 10};
  open.response_p99_ms = Spread{900, 890, 910};
  EXPECT_EQ("\n" + CellTable({open}).Plain(), R"(
cell      accepted  makespan s  due per s  per s  p50 ms          p99 ms  flags
--------  --------  ----------  ---------  -----  ------  --------------  -----
rate=200         2        20.0        200    103    10.0  900 [890..910]
)");
  EXPECT_THAT(CellTableNote({open}),
              AllOf(HasSubstr("of response times"), HasSubstr("Due per s: "), Not(HasSubstr("verhead"))));
  CellResult rejected;
  rejected.left_out = 2;
  EXPECT_EQ(CellTableNote({rejected}), "No run was accepted, so there are no figures.");
}

TEST(CellResultsTest, AMakespanThatMayBeTooLongByMoreThanALittleSaysSo) {
  CellResult seen_late;
  seen_late.label = "airflow";
  seen_late.accepted = 2;
  seen_late.makespan_s = Spread{5, 5, 5};
  seen_late.makespan_error_s = Spread{0.3, 0.1, 0.5};
  CellResult seen_soon = seen_late;
  seen_soon.label = "long";
  seen_soon.makespan_s = Spread{50, 50, 50};
  EXPECT_EQ("\n" + CellTable({seen_late, seen_soon}).Plain(), R"(
cell     accepted  makespan s  too long by s  flags
-------  --------  ----------  -------------  -----
airflow         2        5.00          0.500
long            2        50.0              -
)");
  EXPECT_THAT(CellTableNote({seen_late, seen_soon}), HasSubstr("\nToo long by s: "));
  EXPECT_THAT(CellTableNote({seen_soon}), Not(HasSubstr("Too long")));
}

TEST(CellResultsTest, SkippedTriggersHaveAColumnWhereThereAreAny) {
  CellResult half_dead;
  half_dead.label = "rate=600";
  half_dead.accepted = 2;
  half_dead.triggers = Spread{3601, 3601, 3601};
  half_dead.skipped = Spread{1000, 242, 1758};
  half_dead.response_p99_ms = Spread{900, 890, 910};
  CellResult well;
  well.label = "rate=10";
  well.accepted = 2;
  well.triggers = Spread{60, 60, 60};
  well.skipped = Spread{0, 0, 0};
  well.response_p99_ms = Spread{2, 2, 2};
  EXPECT_EQ("\n" + CellTable({half_dead, well}).Plain(), R"(
cell      accepted  triggers             skipped          p99 ms  flags
--------  --------  --------  ------------------  --------------  -----
rate=600         2     3,601  1,000 [242..1,758]  900 [890..910]
rate=10          2        60                   -            2.00
)");
  EXPECT_THAT(CellTableNote({half_dead, well}), HasSubstr("skipped ones (never started"));
  EXPECT_THAT(CellTableNote({well}), AllOf(HasSubstr("timed-out ones included."), Not(HasSubstr("skipped"))));
  EXPECT_THAT(CellTable({well}).Plain(), Not(HasSubstr("skipped")));
}

TEST(CellResultsTest, EachMeasureIsReadFromItsColumn) {
  const std::vector<std::pair<const char*, std::optional<Spread> CellResult::*>> measures = {
      {"triggers", &CellResult::triggers},
      {"skipped", &CellResult::skipped},
      {"makespan_s", &CellResult::makespan_s},
      {"offered_per_s", &CellResult::offered_per_s},
      {"throughput_per_s", &CellResult::throughput_per_s},
      {"overhead_percent", &CellResult::overhead_percent},
      {"response_p50_ms", &CellResult::response_p50_ms},
      {"response_p99_ms", &CellResult::response_p99_ms},
      {"slip_p99_ms", &CellResult::slip_p99_ms},
      {"service_p50_ms", &CellResult::service_p50_ms},
      {"service_p99_ms", &CellResult::service_p99_ms},
      {"floor_per_s", &CellResult::floor_per_s},
      {"floor_p50_ms", &CellResult::floor_p50_ms},
      {"floor_p99_ms", &CellResult::floor_p99_ms}};
  v1::ViewRows rows = Rows({"cell_id", "verdict"}, {{"1", "accepted"}});
  for (size_t i = 0; i < measures.size(); ++i) {
    rows.add_columns(measures[i].first);
    rows.mutable_rows(0)->add_values(std::to_string(i + 1));
  }
  const std::vector<CellResult> cells = CellResults(ViewRows(rows));
  ASSERT_THAT(cells, SizeIs(1));
  for (size_t i = 0; i < measures.size(); ++i) {
    const std::optional<Spread>& read = cells[0].*measures[i].second;
    ASSERT_TRUE(read.has_value()) << measures[i].first;
    EXPECT_EQ(read->median, static_cast<double>(i + 1)) << measures[i].first;
  }
}

TEST(CellResultsTest, TheLoopIsReadFromTheView) {
  const ViewRows rows(
      Rows({"cell_id", "cell", "verdict", "loop"}, {{"1", "a", "accepted", "open"}, {"2", "b", "accepted", "closed"}}));
  const std::vector<CellResult> cells = CellResults(rows);
  ASSERT_THAT(cells, SizeIs(2));
  EXPECT_TRUE(cells[0].open_loop);
  EXPECT_FALSE(cells[1].open_loop);
}

// 4 slots of the target, of which Assay's two triggers in flight know nothing.
TEST(CellResultsTest, TasksHaveBothSumsAndTheTargetsSlots) {
  const std::vector<CellResult> cells = CellResults(
      ViewRows(Rows({"cell_id", "cell", "target", "verdict", "triggers", "ok", "tasks", "tasks_from", "slots",
                     "makespan_s", "task_sum_s", "planned_sum_s", "list_schedule_s"},
                    {{"1", "dask", "dask", "accepted", "3", "3", "3", "driver", "4", "0.08", "0.083", "0.06", "0.04"},
                     {"2", "airflow", "airflow", "accepted", "1", "1", "5", "postgres", "", "0.5", "0.4", "", ""},
                     {"3", "sleep", "sleep", "accepted", "3", "3", "3", "", "2", "0.08", "0.083", "0.06", "0.04"}})));
  ASSERT_EQ(cells.size(), 3U);
  EXPECT_NEAR(cells[0].over_sum_us_per_task->median, 19750, 1e-6);
  EXPECT_NEAR(cells[0].over_planned_sum_us_per_task->median, 65000.0 / 3, 1e-6);
  EXPECT_NEAR(cells[0].over_list_us_per_task->median, 40000.0 / 3, 1e-6);
  EXPECT_EQ(cells[1].tasks->median, 5);
  EXPECT_FALSE(cells[1].over_sum_us_per_task) << "its slots are not known";
  EXPECT_FALSE(cells[2].tasks || cells[2].task_sum_s) << "what is fired is no task of a target";
  EXPECT_EQ("\n" + CellTable(cells).Plain(), R"(
cell     accepted  triggers  tasks  slots  makespan s  task sum s  nominal sum s  us/task over sum  us/task over nominal sum  us/task over list  flags
-------  --------  --------  -----  -----  ----------  ----------  -------------  ----------------  ------------------------  -----------------  -----
dask            1         3      3      4      0.0800      0.0830         0.0600             19750                     21667              13333
airflow         1         1      5      -       0.500       0.400              -                 -                         -                  -
sleep           1         3      -      -      0.0800           -              -                 -                         -              13333
)");
  EXPECT_THAT(CellTableNote(cells), HasSubstr("Tasks, task sum: what the target did"));
}

TEST(ViewRowsTest, ReadsPostgresText) {
  v1::ViewRows proto;
  for (const char* column : {"n", "list", "object"}) proto.add_columns(column);
  v1::ViewRows::Row& row = *proto.add_rows();
  row.add_values("NaN");
  row.add_values("{a,\"b, \\\"c\\\"\"}");
  row.add_values("{\"tasks\": 1000, \"sleep\": {\"uniform\": [\"1ms\"]}, \"f\": 0.5}");
  const ViewRows rows(proto);
  EXPECT_FALSE(rows.Number(0, "n"));
  EXPECT_FALSE(rows.Number(0, "not there"));
  EXPECT_THAT(rows.List(0, "list"), ElementsAre("a", "b, \"c\""));
  EXPECT_THAT(rows.List(0, "n"), SizeIs(0));
  EXPECT_EQ(rows.Object(0, "object").at("tasks"), "1000");
  EXPECT_EQ(rows.Object(0, "object").at("sleep"), "{\"uniform\":[\"1ms\"]}");
  EXPECT_EQ(rows.Object(0, "object").at("f"), "0.5");
}

TEST(SpreadTest, MedianAndRange) {
  EXPECT_FALSE(SpreadOf({}));
  EXPECT_EQ(SpreadOf({3, 1, 2})->median, 2);
  EXPECT_EQ(SpreadOf({4, 1, 2, 3})->median, 2.5);
  EXPECT_EQ(FormatSpread(SpreadOf({1, 3})), "2.00 [1.00..3.00]");
  EXPECT_EQ(FormatSpread(SpreadOf({2})), "2.00");
  EXPECT_EQ(FormatSpread(std::nullopt), "-");
}

TEST(CellResultsTest, OnlyAcceptedRunsCountAndTheOthersAreNumbered) {
  const std::vector<CellResult> cells = CellResults(ViewRows(RunSummary()));
  ASSERT_THAT(cells, SizeIs(2));
  EXPECT_EQ(cells[0].label, "sleep=1ms tasks=1000");
  EXPECT_EQ(cells[0].accepted, 2U);
  EXPECT_EQ(cells[0].left_out, 0U);
  EXPECT_DOUBLE_EQ(cells[0].makespan_s->median, 1.1);
  EXPECT_EQ(cells[1].accepted, 1U);
  EXPECT_EQ(cells[1].left_out, 1U);
  EXPECT_NEAR(cells[0].over_list_us_per_task->median, 4.5, 1e-9);
  EXPECT_NEAR(cells[1].over_list_us_per_task->max, 4.2, 1e-9);
  EXPECT_EQ(cells[1].flags.at("slip"), 1U);
  EXPECT_NEAR(cells[0].over_planned_us_per_task->median, 7.5, 1e-9);
  EXPECT_FALSE(cells[1].over_planned_us_per_task) << "no nominal lengths are known";
  EXPECT_EQ("\n" + CellTable(cells).Plain(), R"(
cell                   accepted  triggers         makespan s  per s  overhead %  us/task over list  us/task over nominal  slip p99 ms  floor p50/p99 ms, per s  flags
---------------------  --------  --------  -----------------  -----  ----------  -----------------  --------------------  -----------  -----------------------  -------------
sleep=1ms tasks=1000          2     1,000  1.10 [1.00..1.20]    950        3.00  4.50 [4.00..5.00]     7.50 [5.00..10.0]        0.250         1.00/2.00, 2,100  cold
sleep=1ms tasks=16000    1 of 2    16,000               16.0  1,000        2.00               4.20                     -        0.400                        -  failures slip
)");
}

}  // namespace
}  // namespace assay
