#include "cli/results/meaning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "cli/results/record_gaps.h"
#include "cli/results/rivalry.h"
#include "cli/results/scaling.h"
#include "cli/results/time_spent.h"
#include "cli/results/usage_table.h"
#include "cli/table.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr size_t kRejectedNamed = 6;
// The path that container_usage has for the processes of a run's triggers (sample.run).
constexpr char kRunCgroup[] = "run";

struct RunUsage {
  double cores = 0;
  double cores_peak = 0;
  double working_set_bytes = 0;  // 0: the kernel does not tell it
  double memory_bytes = 0;       // page cache included
  size_t agents = 0;
};

// Over all accepted runs, per cgroup.
struct Usage {
  std::vector<double> cores;
  RunUsage most;
};

std::string MemoryText(const RunUsage& most) {
  const auto bytes = [](double value) { return FormatBytes(static_cast<uint64_t>(value)); };
  if (most.working_set_bytes > 0) return fmt::format(" and at most {} of memory", bytes(most.working_set_bytes));
  if (most.memory_bytes == 0) return "";
  return fmt::format(" and at most {} of memory, page cache included", bytes(most.memory_bytes));
}

// A run's own processes are the run's on whichever agent they ran; any other cgroup is one host's.
std::map<std::string, Usage> UsageByCgroup(const ViewRows& rows) {
  std::map<std::string, std::map<std::string, RunUsage>> by_run;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows.Text(row, "verdict") != "accepted") continue;
    const std::optional<double> cores = rows.Number(row, "cores_avg");
    if (!cores) continue;
    const std::string name = SampledName(rows, row);
    const bool of_the_run = rows.Text(row, "cgroup") == kRunCgroup;
    RunUsage& usage = by_run[name][of_the_run ? rows.Text(row, "run_id") : fmt::format("row {}", row)];
    usage.cores += *cores;
    usage.cores_peak += rows.Number(row, "cores_max").value_or(*cores);
    usage.working_set_bytes += rows.Number(row, "working_set_max_bytes").value_or(0);
    usage.memory_bytes += rows.Number(row, "memory_max_bytes").value_or(0);
    ++usage.agents;
  }
  std::map<std::string, Usage> by_cgroup;
  for (const auto& [name, runs] : by_run) {
    Usage& usage = by_cgroup[name];
    for (const auto& [key, run] : runs) {
      usage.cores.push_back(run.cores);
      usage.most.cores_peak = std::max(usage.most.cores_peak, run.cores_peak);
      usage.most.working_set_bytes = std::max(usage.most.working_set_bytes, run.working_set_bytes);
      usage.most.memory_bytes = std::max(usage.most.memory_bytes, run.memory_bytes);
      usage.most.agents = std::max(usage.most.agents, run.agents);
    }
  }
  return by_cgroup;
}

std::string UsageSentence(const ViewRows& rows) {
  const std::map<std::string, Usage> by_cgroup = UsageByCgroup(rows);
  if (by_cgroup.empty()) return "No cgroup was sampled in an accepted run.";
  const auto busiest = std::max_element(by_cgroup.begin(), by_cgroup.end(), [](const auto& a, const auto& b) {
    return SpreadOf(a.second.cores)->median < SpreadOf(b.second.cores)->median;
  });
  const RunUsage& most = busiest->second.most;
  // Agents need not be at their peaks at once: the sum is what they can have used at most.
  std::string text =
      fmt::format("{} used {} cores from T0 to the last finish in the median run ({} {}){}",
                  busiest->first == "/"          ? "The root cgroup (all of the host)"
                  : busiest->first == kRunCgroup ? "The run's own processes"
                                                 : busiest->first,
                  FormatNumber(SpreadOf(busiest->second.cores)->median),
                  most.agents > 1 ? fmt::format("{} agents together; peaks added up", most.agents) : "peak",
                  FormatNumber(most.cores_peak), MemoryText(most));
  if (by_cgroup.size() > 1) text += fmt::format("; it is the busiest of {} sampled cgroups", by_cgroup.size());
  if (rows.cut()) text += fmt::format(" (of the first {} rows of container_usage only)", rows.size());
  return text + ".";
}

std::string LeftOutSentence(const Outcome& outcome) {
  std::vector<std::string> left_out;
  size_t count = 0;
  for (const v1::RunResult& run : outcome.results) {
    if (run.verdict() == "accepted" || ++count > kRejectedNamed) continue;
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
  if (count > kRejectedNamed) text += fmt::format(" and {} more", count - kRejectedNamed);
  return text + (count == 1 ? "; its rows are kept." : "; their rows are kept.");
}

}  // namespace

std::vector<std::string> Meaning(const Outcome& outcome) {
  std::vector<std::string> lines = RivalrySentences(outcome.comparison, outcome.cells);
  for (std::string& line : ScalingSentences(outcome.cells)) lines.push_back(std::move(line));
  for (std::string& line : TimeSpentSentences(outcome.task_overhead, outcome.cells)) lines.push_back(std::move(line));
  for (std::string& line : RecordGapSentences(outcome.collections)) lines.push_back(std::move(line));
  lines.push_back(UsageSentence(outcome.container_usage));
  lines.push_back(LeftOutSentence(outcome));
  return lines;
}

}  // namespace assay
