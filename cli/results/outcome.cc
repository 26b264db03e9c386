#include "cli/results/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "cli/exit_code.h"
#include "cli/json_line.h"
#include "cli/results/flag_kinds.h"
#include "cli/results/meaning.h"
#include "cli/watch/progress.h"

namespace assay {
namespace {

// Runs x cgroups: in a report nobody reads more.
constexpr uint32_t kMaxUsageRows = 10'000;

std::string SpreadJson(const std::optional<Spread>& spread) {
  return spread ? fmt::format("{{\"median\":{},\"min\":{},\"max\":{}}}", spread->median, spread->min, spread->max)
                : "null";
}

std::string CellJson(const CellResult& cell) {
  return fmt::format(
      "{{\"cell_id\":{},\"cell\":{},\"target\":{},\"params\":{},\"accepted\":{},\"left_out\":{},\"triggers\":{},"
      "\"skipped\":{},\"tasks\":{},\"slots\":{},\"task_sum_s\":{},\"planned_sum_s\":{},"
      "\"overhead_us_per_task\":{},\"overhead_over_planned_ideal_us_per_task\":{},"
      "\"makespan_s\":{},\"makespan_error_s\":{},"
      "\"offered_per_s\":{},\"throughput_per_s\":{},\"overhead_percent\":{},\"overhead_over_list_us_per_task\":{},"
      "\"overhead_over_planned_us_per_task\":{},\"response_p50_ms\":{},\"response_p99_ms\":{},\"slip_p99_ms\":{},"
      "\"service_p50_ms\":{},\"service_p99_ms\":{},"
      "\"floor_per_s\":{},\"floor_p50_ms\":{},\"floor_p99_ms\":{}}}",
      cell.cell_id, JsonString(cell.label), JsonString(cell.target), cell.params_json.empty() ? "{}" : cell.params_json,
      cell.accepted, cell.left_out, SpreadJson(cell.triggers), SpreadJson(cell.skipped), SpreadJson(cell.tasks),
      SpreadJson(cell.slots), SpreadJson(cell.task_sum_s), SpreadJson(cell.planned_sum_s),
      SpreadJson(cell.over_sum_us_per_task), SpreadJson(cell.over_planned_sum_us_per_task), SpreadJson(cell.makespan_s),
      SpreadJson(cell.makespan_error_s), SpreadJson(cell.offered_per_s), SpreadJson(cell.throughput_per_s),
      SpreadJson(cell.overhead_percent), SpreadJson(cell.over_list_us_per_task),
      SpreadJson(cell.over_planned_us_per_task), SpreadJson(cell.response_p50_ms), SpreadJson(cell.response_p99_ms),
      SpreadJson(cell.slip_p99_ms), SpreadJson(cell.service_p50_ms), SpreadJson(cell.service_p99_ms),
      SpreadJson(cell.floor_per_s), SpreadJson(cell.floor_p50_ms), SpreadJson(cell.floor_p99_ms));
}

}  // namespace

absl::StatusOr<Outcome> ReadOutcome(ControlClient& client, int64_t sweep_id) {
  absl::StatusOr<v1::SweepProgress> progress = client.Progress(sweep_id);
  if (!progress.ok()) return progress.status();
  Outcome outcome;
  outcome.sweep = progress->sweep();
  outcome.doing = progress->doing();
  outcome.results.assign(progress->results().begin(), progress->results().end());
  absl::StatusOr<v1::ViewRows> runs = client.ReadView(sweep_id, "run_summary");
  if (!runs.ok()) return runs.status();
  const ViewRows run_summary(std::move(*runs));
  outcome.cells = CellResults(run_summary);
  if (HasEnded(outcome.sweep) && progress->runs_done() < outcome.sweep.runs_total()) {
    absl::StatusOr<v1::ViewRows> cells = client.ReadView(sweep_id, "cell");
    if (!cells.ok()) return cells.status();
    const ViewRows planned(std::move(*cells));
    outcome.blocks = outcome.sweep.runs_total() / static_cast<uint32_t>(std::max<size_t>(1, planned.size()));
    outcome.unrun = UnrunCells(planned, run_summary, outcome.blocks);
  }
  absl::StatusOr<v1::ViewRows> comparison = client.ReadView(sweep_id, "comparison");
  if (!comparison.ok()) return comparison.status();
  outcome.comparison = ViewRows(std::move(*comparison));
  absl::StatusOr<v1::ViewRows> usage = client.ReadView(sweep_id, "container_usage", kMaxUsageRows);
  if (!usage.ok()) return usage.status();
  outcome.container_usage = ViewRows(std::move(*usage));
  for (const auto& [view, rows] :
       {std::pair{"task_overhead", &outcome.task_overhead}, std::pair{"collections", &outcome.collections}}) {
    absl::StatusOr<v1::ViewRows> read = client.ReadView(sweep_id, view);
    if (!read.ok()) return read.status();
    *rows = ViewRows(std::move(*read));
  }
  absl::StatusOr<v1::ListAgentsReply> agents = client.ListAgents();
  if (!agents.ok()) return agents.status();
  outcome.agents = std::move(*agents);
  return outcome;
}

std::string OutcomeText(const Outcome& outcome) {
  std::string text =
      fmt::format("sweep {} {}: {}, {} of {} cells x blocks accepted", outcome.sweep.sweep_id(), outcome.sweep.name(),
                  outcome.sweep.state(), outcome.sweep.accepted(), outcome.sweep.runs_total());
  if (outcome.sweep.rejected() > 0) text += "; " + TriesRejected(outcome.sweep.rejected());
  if (!outcome.doing.empty() && outcome.doing != outcome.sweep.state()) text += "\n" + outcome.doing;
  if (!outcome.unrun.empty()) text += "\n" + UnrunText(outcome.unrun, outcome.blocks);
  text += "\n\n";
  if (outcome.cells.empty()) return text + "No run has ended.\n";
  text += CellTable(outcome.cells).Plain() + "\n" + CellTableNote(outcome.cells) + "\n\nWhat it means\n";
  for (const std::string& line : Meaning(outcome)) text += "  " + line + "\n";
  const std::vector<std::string> flags = FlagLines(outcome.results);
  if (!flags.empty()) text += "\nFlags\n";
  for (const std::string& line : flags) text += "  " + line + "\n";
  return text;
}

std::string OutcomeJson(const Outcome& outcome, int exit_code, const std::string& report_path) {
  std::string cells;
  for (const CellResult& cell : outcome.cells) cells += (cells.empty() ? "" : ",") + CellJson(cell);
  std::string meaning;
  for (const std::string& line : Meaning(outcome)) meaning += (meaning.empty() ? "" : ",") + JsonString(line);
  return JsonLine("end", outcome.sweep,
                  {{"exit_code", std::to_string(exit_code)},
                   {"report", report_path.empty() ? "null" : JsonString(report_path)},
                   {"cells", "[" + cells + "]"},
                   {"meaning", "[" + meaning + "]"}});
}

}  // namespace assay
