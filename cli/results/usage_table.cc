#include "cli/results/usage_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "cli/table.h"
#include "common/units.h"

namespace assay {
namespace {

// By column of the view.
using Values = std::map<std::string, std::vector<double>>;

struct AcceptedRuns {
  uint32_t count = 0;
  Values values;
};

std::optional<double> Median(const Values& values, const char* column) {
  const auto found = values.find(column);
  const std::optional<Spread> spread = found == values.end() ? std::nullopt : SpreadOf(found->second);
  return spread ? std::optional(spread->median) : std::nullopt;
}

std::optional<double> Most(const Values& values, const char* column) {
  const auto found = values.find(column);
  return found == values.end() ? std::nullopt
                               : std::optional(*std::max_element(found->second.begin(), found->second.end()));
}

std::string NumberText(std::optional<double> value) { return value ? FormatNumber(*value) : "-"; }

std::string CountText(std::optional<double> value) { return value ? FormatCount(*value) : "-"; }

std::string BytesText(std::optional<double> value, const char* unit = "") {
  return value ? FormatBytes(static_cast<uint64_t>(*value)) + unit : "-";
}

}  // namespace

std::string SampledName(const ViewRows& container_usage, size_t row) {
  std::string container = container_usage.Text(row, "container");
  if (!container.empty()) return container;
  // The private server's own, which scenarios call by this name.
  const std::string cgroup = container_usage.Text(row, "cgroup");
  return cgroup.starts_with("/assay/postgres-") ? "@postgres" : cgroup;
}

std::string UsageTable(const ViewRows& container_usage, const std::vector<CellResult>& cells) {
  std::map<int64_t, std::string> labels;
  for (const CellResult& cell : cells) labels[cell.cell_id] = cell.label;
  std::map<std::tuple<int64_t, std::string, std::string>, AcceptedRuns> groups;
  for (size_t row = 0; row < container_usage.size(); ++row) {
    if (container_usage.Text(row, "verdict") != "accepted") continue;
    const auto cell_id = static_cast<int64_t>(container_usage.Number(row, "cell_id").value_or(0));
    AcceptedRuns& runs = groups[{cell_id, container_usage.Text(row, "agent"), SampledName(container_usage, row)}];
    ++runs.count;
    for (const char* column : {"gaps", "cores_avg", "cores_max", "throttled_s", "working_set_max_bytes",
                               "memory_max_bytes", "io_read_bytes_per_s", "io_write_bytes_per_s", "oom_kills"}) {
      if (const std::optional<double> value = container_usage.Number(row, column))
        runs.values[column].push_back(*value);
    }
  }
  if (container_usage.size() == 0) return "Nothing was sampled.\n";
  if (groups.empty()) return "No accepted run was sampled; the view container_usage has the others (`assay sql`).\n";
  TextTable table({"cell", "agent", "container or cgroup", "runs", "cores", "cores max", "throttled s",
                   "working set max", "memory max", "read", "written", "gaps", "OOM kills"});
  for (const auto& [key, runs] : groups) {
    const Values& values = runs.values;
    const auto& [cell_id, agent, name] = key;
    table.AddRow({labels[cell_id], agent, name, std::to_string(runs.count), NumberText(Median(values, "cores_avg")),
                  NumberText(Most(values, "cores_max")), NumberText(Most(values, "throttled_s")),
                  BytesText(Most(values, "working_set_max_bytes")), BytesText(Most(values, "memory_max_bytes")),
                  BytesText(Median(values, "io_read_bytes_per_s"), "/s"),
                  BytesText(Median(values, "io_write_bytes_per_s"), "/s"), CountText(Most(values, "gaps")),
                  CountText(Most(values, "oom_kills"))});
  }
  std::string text =
      table.Markdown() +
      "\nOver the accepted runs of a cell, from T0 to the last finish: cores, read and written are the median run's "
      "averages, the rest the most of any run; \"-\" was not measured. Memory includes the page cache, the working set "
      "only "
      "what is active. The view container_usage has every run (`assay sql`).\n";
  if (container_usage.cut())
    text += fmt::format("\nOf the first {} rows of the view container_usage only.\n", container_usage.size());
  return text;
}

}  // namespace assay
