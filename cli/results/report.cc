#include "cli/results/report.h"

#include <fmt/format.h>

#include "cli/results/flag_kinds.h"
#include "cli/results/meaning.h"
#include "cli/results/record_gaps.h"
#include "cli/results/time_spent.h"
#include "cli/results/usage_table.h"
#include "cli/stack/data_dir.h"
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
  return table.empty() ? "None is connected.\n" : table.Markdown();
}

std::string FlagTable(const std::vector<v1::RunResult>& results) {
  TextTable table({"severity", "flag", "runs", "cells", "detail, of the first"});
  for (const FlagKind& kind : FlagKinds(results))
    table.AddRow({kind.severity, kind.code, kind.RunsText(), kind.CellsText(), kind.example});
  return table.empty() ? "None.\n" : table.Markdown() + "\nEach by itself: the view flags (`assay sql`).\n";
}

}  // namespace

std::string ReportMarkdown(const Outcome& outcome, const ReportSource& source) {
  const v1::SweepInfo& sweep = outcome.sweep;
  std::string text = fmt::format("# Sweep {}: {}\n\n", sweep.sweep_id(), sweep.name());
  if (!sweep.about().empty()) text += sweep.about() + "\n\n";
  text += fmt::format("{}, {} to {}. {} of {} runs accepted, {} rejected.\n\n", sweep.state(),
                      UtcTime(sweep.created_wall_ns()), UtcTime(sweep.ended_wall_ns()), sweep.accepted(),
                      sweep.runs_total(), sweep.rejected());
  if (!outcome.doing.empty() && outcome.doing != sweep.state()) text += outcome.doing + "\n\n";
  text += "## Results\n\n";
  text += outcome.cells.empty() ? "No run has ended.\n\n"
                                : CellTable(outcome.cells).Markdown() + "\n" + CellTableNote(outcome.cells) + "\n\n";
  text += "## What it means\n\n";
  for (const std::string& line : Meaning(outcome)) text += "- " + line + "\n";
  if (outcome.task_overhead.size() > 0)
    text += "\n## Where the time goes\n\n" + TimeSpentTable(outcome.task_overhead, outcome.cells);
  if (outcome.collections.size() > 0) text += "\n## The targets' records\n\n" + RecordGapTable(outcome.collections);
  text += "\n## Flags\n\n" + FlagTable(outcome.results);
  text += "\n## Agents\n\n" + AgentTable(outcome.agents);
  text += "\n## Containers and cgroups\n\n" + UsageTable(outcome.container_usage, outcome.cells);
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
