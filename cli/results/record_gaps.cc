#include "cli/results/record_gaps.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "cli/results/cell_results.h"
#include "cli/table.h"

namespace assay {
namespace {

constexpr double kLateS = 1;

// Rejected runs count too: missing records may be why they are.
struct Records {
  std::string target;
  std::string origin;
  size_t runs = 0;
  double records = 0;
  double expected = 0;
  double missing = 0;
  double unfinished = 0;
  size_t runs_with_missing = 0;
  std::vector<double> lag_s;
  std::string error;  // an example
  std::string error_run;
};

// By target and collector, in the order of the rows.
std::vector<Records> RecordsByTarget(const ViewRows& rows) {
  std::vector<Records> list;
  for (size_t row = 0; row < rows.size(); ++row) {
    const std::string target = rows.Text(row, "target");
    const std::string origin = rows.Text(row, "origin");
    const auto known = std::find_if(list.begin(), list.end(),
                                    [&](const Records& r) { return r.target == target && r.origin == origin; });
    Records& records = known == list.end() ? list.emplace_back() : *known;
    records.target = target;
    records.origin = origin;
    ++records.runs;
    records.records += rows.Number(row, "records").value_or(0);
    records.expected += rows.Number(row, "expected").value_or(0);
    const double missing = rows.Number(row, "missing").value_or(0);
    records.missing += missing;
    if (missing > 0) ++records.runs_with_missing;
    records.unfinished += rows.Number(row, "unfinished").value_or(0);
    if (const std::optional<double> lag_s = rows.Number(row, "record_lag_s")) records.lag_s.push_back(*lag_s);
    if (std::string error = rows.Text(row, "error"); !error.empty() && records.error.empty()) {
      records.error = std::move(error);
      records.error_run = rows.Text(row, "run_id");
    }
  }
  return list;
}

std::string LagText(double lag_s) {
  return std::fabs(lag_s) >= 1 ? FormatNumber(lag_s) + " s" : FormatNumber(lag_s * 1e3) + " ms";
}

}  // namespace

std::vector<std::string> RecordGapSentences(const ViewRows& collections) {
  std::vector<std::string> sentences;
  for (const Records& r : RecordsByTarget(collections)) {
    std::vector<std::string> parts;
    if (r.missing > 0)
      parts.push_back(fmt::format("{} of {} task records are missing, in {} of {} runs", FormatCount(r.missing),
                                  FormatCount(r.expected), r.runs_with_missing, r.runs));
    if (r.unfinished > 0) parts.push_back(fmt::format("{} do not tell of an end", FormatCount(r.unfinished)));
    const std::optional<Spread> lag = SpreadOf(r.lag_s);
    if (lag && lag->max >= kLateS)
      parts.push_back(fmt::format("the last one came {} after the run's last finish{}", LagText(lag->median),
                                  lag->min == lag->max ? "" : fmt::format(" (up to {})", LagText(lag->max))));
    if (!r.error.empty()) parts.push_back(fmt::format("they could not be read in run {}: {}", r.error_run, r.error));
    if (parts.empty()) continue;
    sentences.push_back(fmt::format("Records{} ({}): {}.", r.target.empty() ? "" : " of " + r.target, r.origin,
                                    fmt::join(parts, "; ")));
  }
  return sentences;
}

std::string RecordGapTable(const ViewRows& collections) {
  TextTable table({"target", "collector", "runs", "records", "expected", "missing", "unfinished", "lag"});
  for (const Records& r : RecordsByTarget(collections)) {
    const std::optional<Spread> lag = SpreadOf(r.lag_s);
    table.AddRow({r.target.empty() ? "-" : r.target, r.origin, std::to_string(r.runs), FormatCount(r.records),
                  FormatCount(r.expected), FormatCount(r.missing), FormatCount(r.unfinished),
                  lag ? fmt::format("{} (up to {})", LagText(lag->median), LagText(lag->max)) : "-"});
  }
  return table.Markdown() +
         "\nOver all runs, rejected ones too. Lag: from the run's last finish until its last record was there, median "
         "of the runs. The view collections has each run (`assay sql`).\n";
}

}  // namespace assay
