#include "cli/results/time_spent.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "cli/table.h"

namespace assay {
namespace {

struct Part {
  const char* column;
  const char* name;
};
// In the order in which they follow one another.
constexpr Part kParts[] = {
    {"before", "before it was due"}, {"submit", "submit"}, {"schedule", "schedule"}, {"queue", "queue"},
    {"startup", "start-up"},         {"run", "run"},       {"finish", "finish"}};
// A part of less than this share of the whole is not told in a sentence.
constexpr double kLittle = 0.005;

std::string TimeText(double seconds) {
  return std::abs(seconds) >= 1 ? FormatNumber(seconds) + " s" : FormatNumber(seconds * 1e3) + " ms";
}

// Of each cell's accepted runs the row of the one with the median makespan; of an even number the shorter one.
std::map<int64_t, size_t> MedianRuns(const ViewRows& rows) {
  std::map<int64_t, std::vector<std::pair<double, size_t>>> runs;
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::optional<double> makespan_s = rows.Number(row, "makespan_s");
    if (rows.Text(row, "verdict") == "accepted" && makespan_s)
      runs[static_cast<int64_t>(rows.Number(row, "cell_id").value_or(0))].emplace_back(*makespan_s, row);
  }
  std::map<int64_t, size_t> median;
  for (auto& [cell_id, of_cell] : runs) {
    std::sort(of_cell.begin(), of_cell.end());
    median[cell_id] = of_cell[(of_cell.size() - 1) / 2].second;
  }
  return median;
}

// What the client had still to do when the last task was over: "gather 400 ms"; empty: nothing that counts.
std::string Beyond(const ViewRows& rows, size_t row, double least_s) {
  const double beyond_s = rows.Number(row, "beyond_s").value_or(0);
  return beyond_s > least_s ? fmt::format("{} {}", rows.Text(row, "beyond"), TimeText(beyond_s)) : "";
}

std::string Sentence(const ViewRows& rows, size_t row, const CellResult& cell) {
  const double makespan_s = rows.Number(row, "makespan_s").value_or(0);
  std::vector<std::string> path;
  std::vector<std::string> median_task;
  for (const Part& part : kParts) {
    const std::optional<double> along_s = rows.Number(row, fmt::format("{}_s", part.column));
    if (along_s && std::abs(*along_s) >= kLittle * makespan_s)
      path.push_back(fmt::format("{} {} ({:.0f} %)", part.name, TimeText(*along_s), 100 * *along_s / makespan_s));
    const std::optional<double> median_ms = rows.Number(row, fmt::format("{}_p50_ms", part.column));
    if (median_ms && *median_ms != 0)
      median_task.push_back(fmt::format("{} {}", part.name, TimeText(*median_ms / 1e3)));
  }
  const std::string beyond = Beyond(rows, row, kLittle * makespan_s);
  return fmt::format(
      "Where the time goes ({}): {} along the task that finished last, in run {}: {}{}. Medians over its {} "
      "tasks: {}.",
      cell.label, TimeText(makespan_s), rows.Text(row, "run_id"), fmt::join(path, ", "),
      beyond.empty() ? "" : fmt::format("; then {}, beyond the makespan", beyond),
      FormatCount(rows.Number(row, "rows").value_or(0)), fmt::join(median_task, ", "));
}

}  // namespace

std::vector<std::string> TimeSpentSentences(const ViewRows& task_overhead, const std::vector<CellResult>& cells) {
  const std::map<int64_t, size_t> median = MedianRuns(task_overhead);
  std::vector<std::pair<std::string, const CellResult*>> largest;  // by target, in the order of the table
  for (const CellResult& cell : cells) {
    if (!median.contains(cell.cell_id)) continue;
    const auto tasks = [](const CellResult& of) { return of.tasks ? of.tasks->median : 0; };
    const auto known =
        std::find_if(largest.begin(), largest.end(), [&](const auto& entry) { return entry.first == cell.target; });
    if (known == largest.end()) {
      largest.emplace_back(cell.target, &cell);
    } else if (tasks(cell) > tasks(*known->second)) {
      known->second = &cell;
    }
  }
  std::vector<std::string> sentences;
  sentences.reserve(largest.size());
  for (const auto& [target, cell] : largest)
    sentences.push_back(Sentence(task_overhead, median.at(cell->cell_id), *cell));
  return sentences;
}

std::string TimeSpentTable(const ViewRows& task_overhead, const std::vector<CellResult>& cells) {
  const std::map<int64_t, size_t> median = MedianRuns(task_overhead);
  std::vector<std::string> titles{"cell", "run", "tasks by", "", "makespan"};
  for (const Part& part : kParts) titles.emplace_back(part.name);
  titles.emplace_back("beyond the makespan");
  TextTable table(titles);
  for (const CellResult& cell : cells) {
    const auto found = median.find(cell.cell_id);
    if (found == median.end()) continue;
    const size_t row = found->second;
    std::vector<std::string> path{cell.label, task_overhead.Text(row, "run_id"), task_overhead.Text(row, "tasks_from"),
                                  "last task", TimeText(task_overhead.Number(row, "makespan_s").value_or(0))};
    std::vector<std::string> p50{"", "", "", "p50", ""};
    std::vector<std::string> p99{"", "", "", "p99", ""};
    for (const Part& part : kParts) {
      const auto text = [&](const char* column, double per_s) {
        const std::optional<double> value = task_overhead.Number(row, fmt::format("{}{}", part.column, column));
        return value ? TimeText(*value / per_s) : std::string("-");
      };
      path.push_back(text("_s", 1));
      p50.push_back(text("_p50_ms", 1e3));
      p99.push_back(text("_p99_ms", 1e3));
    }
    const std::string beyond = Beyond(task_overhead, row, 0);
    path.push_back(beyond.empty() ? "-" : beyond);
    p50.emplace_back("");
    p99.emplace_back("");
    for (std::vector<std::string>& line : {std::ref(path), std::ref(p50), std::ref(p99)}) table.AddRow(std::move(line));
  }
  if (table.empty()) return "No accepted run has task rows; the view task_overhead has the others (`assay sql`).\n";
  return table.Markdown() +
         "\nThe accepted run of the median makespan of each cell. Along the task that finished last the parts sum to "
         "the makespan, and what the client did afterwards, such as gathering the results, is beyond it; p50 and p99 "
         "are over all tasks. \"-\": the target does not tell, and the next part holds it "
         "too. Views task_overhead and task_time have every run and task (`assay sql`).\n";
}

}  // namespace assay
