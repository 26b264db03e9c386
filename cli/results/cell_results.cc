#include "cli/results/cell_results.h"

#include <fmt/format.h>

#include <algorithm>

namespace assay {
namespace {

constexpr double kLittleMakespanError = 0.03;  // of the makespan

double Tasks(const ViewRows& runs, size_t row) {
  if (const std::optional<double> tasks = runs.Number(row, "tasks")) return *tasks;
  double tasks = 0;
  for (const char* ran : {"ok", "failed", "timeout"}) tasks += runs.Number(row, ran).value_or(0);
  return tasks;
}

// Of one run, in microseconds.
std::optional<double> OverheadPerTask(const ViewRows& runs, size_t row, const char* schedule) {
  const std::optional<double> makespan_s = runs.Number(row, "makespan_s");
  const std::optional<double> list_schedule_s = runs.Number(row, schedule);
  const double tasks = Tasks(runs, row);
  if (!makespan_s || !list_schedule_s || tasks == 0) return std::nullopt;
  return 1e6 * (*makespan_s - *list_schedule_s) / tasks;
}

// The same, over a sum of lengths spread evenly over the slots.
std::optional<double> OverheadOverSum(const ViewRows& runs, size_t row, const char* sum) {
  const std::optional<double> makespan_s = runs.Number(row, "makespan_s");
  const std::optional<double> sum_s = runs.Number(row, sum);
  const double slots = runs.Number(row, "slots").value_or(0);
  const double tasks = Tasks(runs, row);
  if (!makespan_s || !sum_s || slots == 0 || tasks == 0) return std::nullopt;
  return 1e6 * (*makespan_s - *sum_s / slots) / tasks;
}

std::string Flags(const CellResult& cell) {
  std::string text;
  for (const auto& [code, runs] : cell.flags) {
    text += fmt::format("{}{}", text.empty() ? "" : " ", code);
    if (runs > 1) text += fmt::format("({})", runs);
  }
  return text;
}

bool AnySkipped(const CellResult& cell) { return cell.skipped && cell.skipped->max > 0; }

// A little is nothing to read figures by.
bool MakespanErrs(const CellResult& cell) {
  return cell.makespan_s && cell.makespan_error_s &&
         cell.makespan_error_s->max > kLittleMakespanError * cell.makespan_s->median;
}

std::string SkippedText(const CellResult& cell) {
  if (!AnySkipped(cell)) return "-";
  const Spread& skipped = *cell.skipped;
  if (skipped.min == skipped.max) return FormatCount(skipped.median);
  return fmt::format("{} [{}..{}]", FormatCount(skipped.median), FormatCount(skipped.min), FormatCount(skipped.max));
}

bool ResponseIsShown(const std::vector<CellResult>& cells) {
  return std::any_of(cells.begin(), cells.end(), [](const CellResult& cell) { return !cell.over_planned_us_per_task; });
}

}  // namespace

std::optional<Spread> SpreadOf(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return Spread{median, values.front(), values.back()};
}

std::string FormatSpread(const std::optional<Spread>& spread) {
  if (!spread) return "-";
  std::string median = FormatNumber(spread->median);
  if (spread->min == spread->max) return median;
  return fmt::format("{} [{}..{}]", median, FormatNumber(spread->min), FormatNumber(spread->max));
}

std::vector<CellResult> CellResults(const ViewRows& run_summary) {
  struct Gathered {
    CellResult cell;
    std::map<std::string, std::vector<double>> values;
    std::vector<double> over_list_us;
    std::vector<double> over_planned_us;
  };
  std::map<int64_t, Gathered> cells;
  const std::vector<std::string> measures = {
      "triggers",         "skipped",         "makespan_s",      "makespan_error_s", "throughput_per_s",
      "overhead_percent", "response_p50_ms", "response_p99_ms", "slip_p99_ms",      "service_p50_ms",
      "service_p99_ms",   "floor_per_s",     "floor_p50_ms",    "floor_p99_ms",     "offered_per_s"};
  for (size_t row = 0; row < run_summary.size(); ++row) {
    const int64_t cell_id = static_cast<int64_t>(run_summary.Number(row, "cell_id").value_or(0));
    Gathered& gathered = cells[cell_id];
    CellResult& cell = gathered.cell;
    cell.cell_id = cell_id;
    cell.target = run_summary.Text(row, "target");
    cell.params = run_summary.Object(row, "params");
    cell.params_json = run_summary.Text(row, "params");
    cell.label = run_summary.Text(row, "cell");
    cell.open_loop = run_summary.Text(row, "loop") == "open";
    for (const std::string& flag : run_summary.List(row, "flags")) ++cell.flags[flag];
    if (run_summary.Text(row, "verdict") != "accepted") {
      ++cell.left_out;
      continue;
    }
    ++cell.accepted;
    for (const std::string& measure : measures) {
      if (const std::optional<double> value = run_summary.Number(row, measure))
        gathered.values[measure].push_back(*value);
    }
    if (const std::optional<double> overhead_us = OverheadPerTask(run_summary, row, "list_schedule_s"))
      gathered.over_list_us.push_back(*overhead_us);
    if (const std::optional<double> overhead_us = OverheadPerTask(run_summary, row, "planned_list_schedule_s"))
      gathered.over_planned_us.push_back(*overhead_us);
    if (run_summary.Text(row, "tasks_from").empty()) continue;
    for (const char* measure : {"tasks", "slots", "task_sum_s", "planned_sum_s"}) {
      if (const std::optional<double> value = run_summary.Number(row, measure))
        gathered.values[measure].push_back(*value);
    }
    for (const char* sum : {"task_sum_s", "planned_sum_s"}) {
      if (const std::optional<double> overhead_us = OverheadOverSum(run_summary, row, sum))
        gathered.values[std::string("over_") + sum].push_back(*overhead_us);
    }
  }
  std::vector<CellResult> list;
  for (auto& [cell_id, gathered] : cells) {
    CellResult& cell = gathered.cell;
    if (cell.label.empty()) cell.label = "(the only cell)";
    cell.triggers = SpreadOf(gathered.values["triggers"]);
    cell.skipped = SpreadOf(gathered.values["skipped"]);
    cell.tasks = SpreadOf(gathered.values["tasks"]);
    cell.slots = SpreadOf(gathered.values["slots"]);
    cell.task_sum_s = SpreadOf(gathered.values["task_sum_s"]);
    cell.planned_sum_s = SpreadOf(gathered.values["planned_sum_s"]);
    cell.over_sum_us_per_task = SpreadOf(gathered.values["over_task_sum_s"]);
    cell.over_planned_sum_us_per_task = SpreadOf(gathered.values["over_planned_sum_s"]);
    cell.makespan_s = SpreadOf(gathered.values["makespan_s"]);
    cell.makespan_error_s = SpreadOf(gathered.values["makespan_error_s"]);
    cell.offered_per_s = SpreadOf(gathered.values["offered_per_s"]);
    cell.throughput_per_s = SpreadOf(gathered.values["throughput_per_s"]);
    cell.overhead_percent = SpreadOf(gathered.values["overhead_percent"]);
    cell.over_list_us_per_task = SpreadOf(gathered.over_list_us);
    cell.over_planned_us_per_task = SpreadOf(gathered.over_planned_us);
    cell.response_p50_ms = SpreadOf(gathered.values["response_p50_ms"]);
    cell.response_p99_ms = SpreadOf(gathered.values["response_p99_ms"]);
    cell.slip_p99_ms = SpreadOf(gathered.values["slip_p99_ms"]);
    cell.service_p50_ms = SpreadOf(gathered.values["service_p50_ms"]);
    cell.service_p99_ms = SpreadOf(gathered.values["service_p99_ms"]);
    cell.floor_per_s = SpreadOf(gathered.values["floor_per_s"]);
    cell.floor_p50_ms = SpreadOf(gathered.values["floor_p50_ms"]);
    cell.floor_p99_ms = SpreadOf(gathered.values["floor_p99_ms"]);
    list.push_back(std::move(cell));
  }
  return list;
}

TextTable CellTable(const std::vector<CellResult>& cells) {
  TextTable table({"cell",
                   "accepted",
                   "triggers",
                   "skipped",
                   "tasks",
                   "slots",
                   "makespan s",
                   "too long by s",
                   "task sum s",
                   "nominal sum s",
                   "due per s",
                   "per s",
                   "overhead %",
                   "us/task over sum",
                   "us/task over nominal sum",
                   "us/task over list",
                   "us/task over nominal",
                   "p50 ms",
                   "p99 ms",
                   "slip p99 ms",
                   "floor p50/p99 ms, per s",
                   "flags"});
  const auto median = [](const std::optional<Spread>& spread) {
    return spread ? FormatNumber(spread->median) : std::string("-");
  };
  const auto count = [](const std::optional<Spread>& spread) {
    return spread ? FormatCount(spread->median) : std::string("-");
  };
  const bool response = ResponseIsShown(cells);
  for (const CellResult& cell : cells) {
    const std::string floor = cell.floor_per_s
                                  ? fmt::format("{}/{}, {}", median(cell.floor_p50_ms), median(cell.floor_p99_ms),
                                                FormatRate(cell.floor_per_s->median))
                                  : "-";
    const std::string accepted = cell.left_out == 0
                                     ? std::to_string(cell.accepted)
                                     : fmt::format("{} of {}", cell.accepted, cell.accepted + cell.left_out);
    table.AddRow({cell.label,
                  accepted,
                  count(cell.triggers),
                  SkippedText(cell),
                  count(cell.tasks),
                  count(cell.slots),
                  FormatSpread(cell.makespan_s),
                  MakespanErrs(cell) ? FormatNumber(cell.makespan_error_s->max) : "-",
                  median(cell.task_sum_s),
                  median(cell.planned_sum_s),
                  count(cell.offered_per_s),
                  count(cell.throughput_per_s),
                  median(cell.overhead_percent),
                  FormatSpread(cell.over_sum_us_per_task),
                  FormatSpread(cell.over_planned_sum_us_per_task),
                  FormatSpread(cell.over_list_us_per_task),
                  FormatSpread(cell.over_planned_us_per_task),
                  response ? median(cell.response_p50_ms) : "-",
                  response ? FormatSpread(cell.response_p99_ms) : "-",
                  median(cell.slip_p99_ms),
                  floor,
                  Flags(cell)});
  }
  table.LeaveOutUnknown();
  return table;
}

std::string CellTableNote(const std::vector<CellResult>& cells) {
  const auto any = [&](std::optional<Spread> CellResult::*measure) {
    return std::any_of(cells.begin(), cells.end(), [&](const CellResult& cell) { return (cell.*measure).has_value(); });
  };
  if (std::none_of(cells.begin(), cells.end(), [](const CellResult& cell) { return cell.accepted > 0; }))
    return "No run was accepted, so there are no figures.";
  std::string note = "Median [least..most] over the accepted runs.";
  if (any(&CellResult::overhead_percent)) {
    note +=
        " Overhead %: over the sum of the measured tasks divided by the slots.\n"
        "us/task over list: makespan beyond the list schedule (the measured tasks, each on the slot that is free "
        "first), per task.";
  }
  if (std::any_of(cells.begin(), cells.end(), MakespanErrs)) {
    note +=
        "\nToo long by s: most that a makespan may be too long, as it ends when a completion saw the last end; above "
        "3 % of it only.";
  }
  if (any(&CellResult::over_planned_us_per_task)) {
    note +=
        "\nus/task over nominal: beyond the list schedule of the sleeps as asked for: compare other systems by it, as "
        "it counts late ends too.";
  }
  if (any(&CellResult::tasks)) {
    note +=
        "\nTasks, task sum: what the target did, by its driver's word, else by its own records; the slots are those "
        "that its driver tells.\nus/task over sum: makespan beyond the task sum (or the nominal sum, which counts "
        "late ends too) divided by the slots, per task.";
  }
  if (ResponseIsShown(cells) && any(&CellResult::response_p99_ms)) {
    note +=
        "\np50 ms, p99 ms: of response times, from the instant at which a trigger was due to its end, failed and "
        "timed-out ones included";
    note += std::any_of(cells.begin(), cells.end(), AnySkipped)
                ? "; skipped ones (never started, as their deadline was past) count as no faster than the slowest."
                : ".";
  }
  if (any(&CellResult::offered_per_s)) note += "\nDue per s: what the open loop asked for; per s: what ran.";
  if (any(&CellResult::floor_per_s))
    note +=
        "\nFloor: what triggers of this kind cost that do nothing, on the same agents, as many at once (at most 256; "
        "for "
        "open loops one at a time).";
  return note;
}

}  // namespace assay
