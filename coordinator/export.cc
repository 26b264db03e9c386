#include "coordinator/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "storage/table.h"

namespace assay {
namespace {

using Row = std::vector<std::optional<std::string>>;

// RFC 4180 ends lines with CR LF, as the tools that read these files expect.
constexpr std::string_view kLineEnd = "\r\n";
// Of 100,000 tasks each is a large file, and all that they tell is in task, trigger and task_time.
constexpr std::array<std::string_view, 2> kRetold{"task_instant", "task_wait"};

std::string CsvLine(const Row& row) {
  std::string line;
  for (const std::optional<std::string>& value : row) {
    if (&value != &row.front()) line += ',';
    if (value) line += CsvField(*value);
  }
  line += kLineEnd;
  return line;
}

absl::Status ExportView(Connection& connection, int64_t sweep_id, const std::string& view, const std::string& file,
                        size_t skip_columns, const ExportSink& sink) {
  bool stopped = false;
  const auto from = static_cast<std::ptrdiff_t>(skip_columns);
  absl::Status status = StreamView(
      connection, view, sweep_id,
      [&](const std::vector<std::string>&, const Row& row) {
        stopped = !sink(file, CsvLine(Row(row.begin() + from, row.end())));
        return !stopped;
      },
      [&](const std::vector<std::string>& columns) {
        stopped = !sink(file, CsvLine(Row(columns.begin() + from, columns.end())));
        return !stopped;
      });
  if (!status.ok()) return status;
  return stopped ? absl::CancelledError("the export was stopped") : absl::OkStatus();
}

// "2 rejected runs (3, 7)"
std::string RunsText(const std::vector<std::string>& runs, const char* what) {
  constexpr size_t kNamed = 6;
  std::string text = fmt::format("{} {} {} (", runs.size(), what, runs.size() == 1 ? "run" : "runs");
  for (size_t i = 0; i < std::min(runs.size(), kNamed); ++i) text += (i == 0 ? "" : ", ") + runs[i];
  return text + (runs.size() > kNamed ? ", ...)" : ")");
}

}  // namespace

absl::StatusOr<std::string> LeftOutNote(Connection& connection, int64_t sweep_id, bool rejected_too) {
  const absl::StatusOr<Table> runs =
      Query(connection,
            "SELECT run_id, CASE WHEN verdict = 'running' THEN 'unfinished' WHEN t0_ns IS NULL THEN 'never started' "
            "ELSE verdict END FROM assay.run WHERE sweep_id = $1 AND verdict <> 'accepted' ORDER BY run_id",
            {std::to_string(sweep_id)});
  if (!runs.ok()) return runs.status();
  std::map<std::string, std::vector<std::string>> kinds;
  for (const Row& row : runs->rows) {
    if (!rejected_too || *row[1] != "rejected") kinds[*row[1]].push_back(*row[0]);
  }
  std::string note;
  for (const char* kind : {"rejected", "never started", "unfinished"}) {
    if (kinds.contains(kind)) note += (note.empty() ? "left out: " : ", ") + RunsText(kinds[kind], kind);
  }
  return note;
}

std::string CsvField(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

absl::Status ExportRadps(Connection& connection, int64_t sweep_id, const ExportSink& sink) {
  return ExportView(connection, sweep_id, "radps_benchmark", fmt::format("sweep-{}_benchmark.csv", sweep_id), 1, sink);
}

absl::Status ExportCsv(Connection& connection, int64_t sweep_id, const std::vector<std::string>& names,
                       const ExportSink& sink) {
  absl::StatusOr<std::vector<std::string>> known = SweepViews(connection);
  if (!known.ok()) return known.status();
  for (const std::string& name : names) {
    if (absl::Status found = CheckSweepView(*known, name); !found.ok()) return found;
  }
  for (const std::string& name : *known) {
    const bool chosen = names.empty() ? std::find(kRetold.begin(), kRetold.end(), name) == kRetold.end()
                                      : std::find(names.begin(), names.end(), name) != names.end();
    if (!chosen) continue;
    if (absl::Status status = ExportView(connection, sweep_id, name, fmt::format("{}.csv", name), 0, sink);
        !status.ok())
      return status;
  }
  return absl::OkStatus();
}

}  // namespace assay
