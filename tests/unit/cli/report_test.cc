#include "cli/results/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <string>

#include "assay/v1/control.pb.h"
#include "cli/results/outcome.h"
#include "cli/results/view_rows.h"
#include "common/whole_file.h"
#include "tests/unit/cli/finished_sweep.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(ReportTest, HoldsAllAndIsWrittenWhole) {
  Outcome outcome = Finished();
  v1::AgentInfo& agent = *outcome.agents.add_agents();
  agent.set_name("local-1");
  agent.set_clock_bound_ms(0.05);
  const TempDir dir;
  const absl::StatusOr<std::string> path =
      WriteReport(dir.path(), outcome, {"quick.yaml", "name: quick\n", {"tasks=[1000]"}});
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(*path, dir.path() + "/reports/sweep-3.md");
  const std::string text = ReadWhole(*path);
  EXPECT_THAT(text, StartsWith("# Sweep 3: quick\n"));
  EXPECT_THAT(text, HasSubstr("| sleep=1ms tasks=1000 | 2 | 1,000 | 1.10 [1.00..1.20] |"));
  EXPECT_THAT(text,
              HasSubstr("| reject | failures | 1 run (13) | tasks=1000 | 3 % of the triggers failed, limit 1 % |"));
  EXPECT_THAT(text, HasSubstr("| local-1 |"));
  EXPECT_THAT(text, HasSubstr("| 0.0500 |"));
  EXPECT_THAT(text, HasSubstr("- `--set tasks=[1000]`"));
  EXPECT_THAT(text, EndsWith("```yaml\nname: quick\n```\n"));
  EXPECT_FALSE(std::filesystem::exists(*path + ".new"));
}

TEST(ReportTest, ContainersAreARowPerCellAndWhatWasNotMeasuredIsADash) {
  v1::ViewRows rows;
  for (const char* column : {"cell_id", "agent", "cgroup", "verdict", "samples", "gaps", "cores_avg", "cores_max",
                             "working_set_max_bytes", "memory_max_bytes", "io_read_bytes_per_s", "container"})
    rows.add_columns(column);
  const auto add = [&](std::initializer_list<const char*> values) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
  };
  add({"1", "a", "/docker/1", "accepted", "9", "0", "0.2", "0.5", "1048576", "2097152", "", "db"});
  add({"1", "a", "/docker/2", "accepted", "9", "1", "0.4", "0.9", "3145728", "4194304", "", "db"});
  add({"1", "a", "/plain", "accepted", "9", "0", "0.1", "0.1", "1048576", "1048576", "", ""});
  add({"2", "a", "/docker/1", "rejected", "9", "0", "7", "8", "1", "1", "1", "db"});
  Outcome outcome = Finished();
  outcome.container_usage = ViewRows(rows);
  const std::string text = ReportMarkdown(outcome, {});
  EXPECT_THAT(
      text,
      HasSubstr("| sleep=1ms tasks=1000 | a | db | 2 | 0.300 | 0.900 | - | 3.0 MiB | 4.0 MiB | - | - | 1 | - |\n"));
  EXPECT_THAT(text, HasSubstr("| sleep=1ms tasks=1000 | a | /plain | 1 |"));
  rows.mutable_rows(2)->set_values(2, "/assay/postgres-25139");
  outcome.container_usage = ViewRows(rows);
  EXPECT_THAT(ReportMarkdown(outcome, {}), HasSubstr("| sleep=1ms tasks=1000 | a | @postgres | 1 |"))
      << "as scenarios call it";
}

TEST(ReportTest, ASweepWithoutRunsSaysSo) {
  Outcome outcome;
  outcome.sweep.set_state("cancelled");
  outcome.doing = "cancelled";
  const std::string text = ReportMarkdown(outcome, {});
  EXPECT_THAT(text, HasSubstr("## Results\n\nNo run has ended.\n"));
  EXPECT_THAT(text, HasSubstr("## Flags\n\nNone.\n"));
  EXPECT_THAT(text, HasSubstr("## Agents\n\nNone is connected.\n"));
  EXPECT_THAT(text, HasSubstr("Nothing was sampled.\n"));
  EXPECT_THAT(OutcomeText(outcome), HasSubstr("No run has ended."));
  EXPECT_THAT(OutcomeJson(outcome, 130, ""), HasSubstr("\"cells\":[]"));
}

}  // namespace
}  // namespace assay
