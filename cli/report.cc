#include "cli/report.h"

#include <fmt/format.h>

#include "cli/data_dir.h"
#include "cli/meaning.h"
#include "common/units.h"
#include "common/whole_file.h"

namespace assay {
namespace {

// To the second.
std::string UtcTime(int64_t wall_ns) { return wall_ns == 0 ? "-" : UtcText(wall_ns, ' ').substr(0, 19) + " UTC"; }

// A fence longer than any in the text.
std::string CodeBlock(const std::string& text, const std::string& language) {
  std::string fence = "```";
  while (text.find(fence) != std::string::npos) fence += "`";
  return fmt::format("{}{}\n{}{}{}\n", fence, language, text, text.ends_with('\n') ? "" : "\n", fence);
}

std::string AgentTable(const v1::ListAgentsReply& agents) {
  TextTable table({"agent", "host", "state", "cpus", "cgroups", "clock offset ms", "clock bound ms", "version"});
  for (const v1::AgentInfo& agent : agents.agents()) {
    table.AddRow({agent.name(), agent.host(), agent.state(), std::to_string(agent.cpus()), agent.cgroup_layout(),
                  FormatNumber(agent.clock_offset_ms()), FormatNumber(agent.clock_bound_ms()), agent.version()});
  }
  return table.Markdown();
}

std::string FlagTable(const std::vector<v1::RunResult>& results) {
  TextTable table({"run", "block", "cell", "verdict", "severity", "flag", "detail"});
  for (const v1::RunResult& run : results) {
    for (const v1::FlagInfo& flag : run.flags()) {
      table.AddRow({std::to_string(run.run_id()), std::to_string(run.block()), run.cell(), run.verdict(),
                    flag.severity(), flag.code(), flag.detail()});
    }
  }
  return table.empty() ? "None.\n" : table.Markdown();
}

// The view as it is, without what all rows share.
std::string UsageTable(const ViewRows& rows) {
  if (rows.size() == 0) return "Nothing was sampled.\n";
  std::vector<std::string> columns;
  for (const std::string& column : rows.proto().columns()) {
    if (column != "sweep_id" && column != "cell_id" && column != "attempt" && column != "target")
      columns.push_back(column);
  }
  TextTable table(columns);
  for (size_t row = 0; row < rows.size(); ++row) {
    std::vector<std::string> cells;
    for (const std::string& column : columns) {
      const std::string text = rows.Text(row, column);
      const std::optional<double> number = rows.Number(row, column);
      const bool fraction = number && text.find_first_of(".e") != std::string::npos;
      cells.push_back(fraction ? FormatNumber(*number, 4) : text);
    }
    table.AddRow(std::move(cells));
  }
  if (!rows.cut()) return table.Markdown();
  return table.Markdown() +
         fmt::format("\nThe first {} rows; the view container_usage has more (`assay sql`).\n", rows.size());
}

}  // namespace

std::string ReportMarkdown(const Outcome& outcome, const ReportSource& source) {
  const v1::SweepInfo& sweep = outcome.sweep;
  std::string text = fmt::format("# Sweep {}: {}\n\n", sweep.sweep_id(), sweep.name());
  if (!sweep.about().empty()) text += sweep.about() + "\n\n";
  text += fmt::format("{}, {} to {}. {} of {} runs accepted, {} rejected.\n\n", sweep.state(),
                      UtcTime(sweep.created_wall_ns()), UtcTime(sweep.ended_wall_ns()), sweep.accepted(),
                      sweep.runs_total(), sweep.rejected());
  text += "## Results\n\n" + CellTable(outcome.cells).Markdown() + "\n" + kTableNote + "\n\n";
  text += "## What it means\n\n";
  for (const std::string& line : Meaning(outcome)) text += "- " + line + "\n";
  text += "\n## Flags\n\n" + FlagTable(outcome.results);
  text += "\n## Agents\n\n" + AgentTable(outcome.agents);
  text += "\n## Containers and cgroups\n\n" + UsageTable(outcome.container_usage);
  text += fmt::format("\n## Scenario {}\n\n", source.file);
  for (const std::string& set : source.sets) text += fmt::format("- `--set {}`\n", set);
  if (!source.sets.empty()) text += "\n";
  return text + CodeBlock(source.scenario_yaml, "yaml");
}

absl::StatusOr<std::string> WriteReport(const std::string& data_dir, const Outcome& outcome,
                                        const ReportSource& source) {
  const std::string directory = data_dir + "/reports";
  if (const absl::Status made = MakeDirectories(directory); !made.ok()) return made;
  const std::string path = fmt::format("{}/sweep-{}.md", directory, outcome.sweep.sweep_id());
  if (const absl::Status wrote = WriteWhole(path, ReportMarkdown(outcome, source)); !wrote.ok()) return wrote;
  return path;
}

}  // namespace assay
