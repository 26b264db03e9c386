#include "cli/results/meaning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "cli/results/rivalry.h"
#include "cli/results/scaling.h"
#include "cli/results/usage_table.h"
#include "cli/table.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr size_t kRunsNamed = 6;

// Over all accepted runs, per cgroup.
struct Usage {
  std::vector<double> cores;
  double cores_peak = 0;
  double working_set_bytes = 0;  // 0: the kernel does not tell it
  double memory_bytes = 0;       // page cache included
};

std::string MemoryText(const Usage& usage) {
  const auto bytes = [](double value) { return FormatBytes(static_cast<uint64_t>(value)); };
  if (usage.working_set_bytes > 0) return fmt::format(" and at most {} of memory", bytes(usage.working_set_bytes));
  if (usage.memory_bytes == 0) return "";
  return fmt::format(" and at most {} of memory, page cache included", bytes(usage.memory_bytes));
}

std::string UsageSentence(const ViewRows& rows) {
  std::map<std::string, Usage> by_cgroup;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows.Text(row, "verdict") != "accepted") continue;
    const std::optional<double> cores = rows.Number(row, "cores_avg");
    if (!cores) continue;
    Usage& usage = by_cgroup[SampledName(rows, row)];
    usage.cores.push_back(*cores);
    usage.cores_peak = std::max(usage.cores_peak, rows.Number(row, "cores_max").value_or(*cores));
    usage.working_set_bytes = std::max(usage.working_set_bytes, rows.Number(row, "working_set_max_bytes").value_or(0));
    usage.memory_bytes = std::max(usage.memory_bytes, rows.Number(row, "memory_max_bytes").value_or(0));
  }
  if (by_cgroup.empty()) return "No cgroup was sampled in an accepted run.";
  const auto busiest = std::max_element(by_cgroup.begin(), by_cgroup.end(), [](const auto& a, const auto& b) {
    return SpreadOf(a.second.cores)->median < SpreadOf(b.second.cores)->median;
  });
  std::string text = fmt::format("{} used {} cores in the median run (peak {}){}",
                                 busiest->first == "/" ? "The root cgroup (all of the host)" : busiest->first,
                                 FormatNumber(SpreadOf(busiest->second.cores)->median),
                                 FormatNumber(busiest->second.cores_peak), MemoryText(busiest->second));
  if (by_cgroup.size() > 1) text += fmt::format("; it is the busiest of {} sampled cgroups", by_cgroup.size());
  if (rows.cut()) text += fmt::format(" (of the first {} rows of container_usage only)", rows.size());
  return text + ".";
}

std::string LeftOutSentence(const Outcome& outcome) {
  std::vector<std::string> left_out;
  size_t count = 0;
  for (const v1::RunResult& run : outcome.results) {
    if (run.verdict() == "accepted" || ++count > kRunsNamed) continue;
    std::set<std::string> codes;
    for (const v1::FlagInfo& flag : run.flags()) {
      if (flag.severity() == "reject") codes.insert(flag.code());
    }
    left_out.push_back(
        fmt::format("run {} ({})", run.run_id(),
                    codes.empty() ? std::string("cancelled") : fmt::format("{}", fmt::join(codes, ", "))));
  }
  if (count == 0 && outcome.results.empty()) return "No run has ended.";
  if (count == 0)
    return outcome.results.size() == 1
               ? "The only run was accepted."
               : fmt::format("All {} runs were accepted; none is left out.", outcome.results.size());
  std::string text = fmt::format("{} of {} runs {} left out: {}", count, outcome.results.size(),
                                 count == 1 ? "is" : "are", fmt::join(left_out, ", "));
  if (count > kRunsNamed) text += fmt::format(" and {} more", count - kRunsNamed);
  return text + (count == 1 ? "; its rows are kept." : "; their rows are kept.");
}

}  // namespace

std::vector<std::string> Meaning(const Outcome& outcome) {
  std::vector<std::string> lines = RivalrySentences(outcome.comparison, outcome.cells);
  for (std::string& line : ScalingSentences(outcome.cells)) lines.push_back(std::move(line));
  lines.push_back(UsageSentence(outcome.container_usage));
  lines.push_back(LeftOutSentence(outcome));
  return lines;
}

}  // namespace assay
