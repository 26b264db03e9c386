#include "coordinator/export.h"

#include <fmt/format.h>

#include "storage/table.h"

namespace assay {
namespace {

using Row = std::vector<std::optional<std::string>>;

// RFC 4180 ends lines with CR LF, as the tools that read these files expect.
constexpr std::string_view kLineEnd = "\r\n";

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

}  // namespace

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

absl::Status ExportCsv(Connection& connection, int64_t sweep_id, const std::string& view, const ExportSink& sink) {
  std::vector<std::string> views{view};
  if (view.empty()) {
    absl::StatusOr<std::vector<std::string>> all = SweepViews(connection);
    if (!all.ok()) return all.status();
    views = *std::move(all);
  }
  for (const std::string& name : views) {
    if (absl::Status status = ExportView(connection, sweep_id, name, fmt::format("{}.csv", name), 0, sink);
        !status.ok())
      return status;
  }
  return absl::OkStatus();
}

}  // namespace assay
