#include "cli/meaning.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "cli/table.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr size_t kRunsNamed = 6;

// A change of the median within the ranges of the repetitions is no finding.
std::string Trend(const Spread& small, const Spread& large) {
  if (large.median <= small.median * 1.25 && small.median <= large.median * 1.25) return "flat";
  if (small.min <= large.max && large.min <= small.max && small.min != small.max)
    return "no difference beyond the spread of the runs";
  if (small.median <= 0) return large.median > small.median ? "rising" : "falling";
  const double ratio = large.median / small.median;
  return ratio > 1 ? fmt::format("rising, x {}", FormatNumber(ratio, 2))
                   : fmt::format("falling, x {}", FormatNumber(ratio, 2));
}

// Cells that differ only in the number of triggers; the group that spans the widest range of them.
struct Family {
  std::string label;
  std::map<double, const CellResult*> by_triggers;
};

std::optional<Family> WidestFamily(const std::vector<CellResult>& cells) {
  std::map<std::string, Family> families;
  for (const CellResult& cell : cells) {
    if (!cell.over_list_us_per_task || !cell.triggers) continue;
    std::vector<std::string> rest;
    if (!cell.target.empty()) rest.push_back(cell.target);
    for (const auto& [name, value] : cell.params) {
      if (value != fmt::format("{:.0f}", cell.triggers->median)) rest.push_back(fmt::format("{}={}", name, value));
    }
    Family& family = families[fmt::format("{}", fmt::join(rest, " "))];
    family.label = fmt::format("{}", fmt::join(rest, " "));
    family.by_triggers[cell.triggers->median] = &cell;
  }
  std::optional<Family> widest;
  double widest_range = 0;
  for (const auto& [key, family] : families) {
    const double range = family.by_triggers.rbegin()->first / std::max(1.0, family.by_triggers.begin()->first);
    if (range > widest_range) {
      widest = family;
      widest_range = range;
    }
  }
  return widest;
}

std::string LoadSentence(const Outcome& outcome) {
  if (const std::optional<Family> family = WidestFamily(outcome.cells)) {
    const auto& [few, small] = *family->by_triggers.begin();
    const auto& [many, large] = *family->by_triggers.rbegin();
    const std::string of = family->label.empty() ? "" : fmt::format(" ({})", family->label);
    const std::string first = fmt::format("Overhead over the list schedule{}: {} us per task at {} tasks", of,
                                          FormatNumber(small->over_list_us_per_task->median), FormatCount(few));
    if (few == many) return first + "; one size only, so nothing is known about how it scales.";
    return fmt::format("{}, {} us at {}: {}.", first, FormatNumber(large->over_list_us_per_task->median),
                       FormatCount(many), Trend(*small->over_list_us_per_task, *large->over_list_us_per_task));
  }
  const CellResult* fastest = nullptr;
  const CellResult* slowest = nullptr;
  for (const CellResult& cell : outcome.cells) {
    if (!cell.throughput_per_s) continue;
    if (fastest == nullptr || cell.throughput_per_s->median > fastest->throughput_per_s->median) fastest = &cell;
    if (slowest == nullptr || cell.throughput_per_s->median < slowest->throughput_per_s->median) slowest = &cell;
  }
  if (fastest == nullptr) return "No run was accepted, so there is nothing to compare.";
  const std::string first = fmt::format("Fastest: {} with {} triggers per s", fastest->label,
                                        FormatNumber(fastest->throughput_per_s->median));
  if (fastest == slowest) return first + "; there is no other cell to compare it with.";
  return fmt::format("{}; slowest: {} with {}.", first, slowest->label,
                     FormatNumber(slowest->throughput_per_s->median));
}

// Over all accepted runs, per cgroup.
struct Usage {
  std::vector<double> cores;
  double cores_peak = 0;
  double memory_peak_bytes = 0;
};

std::string UsageSentence(const ViewRows& rows) {
  std::map<std::string, Usage> by_cgroup;
  for (size_t row = 0; row < rows.size(); ++row) {
    if (rows.Text(row, "verdict") != "accepted") continue;
    const std::optional<double> cores = rows.Number(row, "cores_avg");
    if (!cores) continue;
    Usage& usage = by_cgroup[rows.Text(row, "cgroup")];
    usage.cores.push_back(*cores);
    usage.cores_peak = std::max(usage.cores_peak, rows.Number(row, "cores_max").value_or(*cores));
    usage.memory_peak_bytes = std::max(usage.memory_peak_bytes, rows.Number(row, "working_set_max_bytes").value_or(0));
  }
  if (by_cgroup.empty()) return "No cgroup was sampled in an accepted run.";
  const auto busiest = std::max_element(by_cgroup.begin(), by_cgroup.end(), [](const auto& a, const auto& b) {
    return SpreadOf(a.second.cores)->median < SpreadOf(b.second.cores)->median;
  });
  std::string text =
      fmt::format("{} used {} cores in the median run (peak {}) and at most {} of memory",
                  busiest->first == "/" ? "The root cgroup (all of the host)" : busiest->first,
                  FormatNumber(SpreadOf(busiest->second.cores)->median), FormatNumber(busiest->second.cores_peak),
                  FormatBytes(static_cast<uint64_t>(busiest->second.memory_peak_bytes)));
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
  return text + "; their rows are kept.";
}

}  // namespace

std::vector<std::string> Meaning(const Outcome& outcome) {
  return {LoadSentence(outcome), UsageSentence(outcome.container_usage), LeftOutSentence(outcome)};
}

std::vector<std::string> FlagLines(const std::vector<v1::RunResult>& results) {
  struct Kind {
    std::vector<std::string> runs;
    std::string example;
  };
  std::map<std::tuple<int, std::string, std::string>, Kind> kinds;
  for (const v1::RunResult& run : results) {
    for (const v1::FlagInfo& flag : run.flags()) {
      const int rank = flag.severity() == "reject" ? 0 : flag.severity() == "warning" ? 1 : 2;
      Kind& kind = kinds[{rank, flag.severity(), flag.code()}];
      // A run may carry it several times, once per agent.
      if (kind.runs.empty() || kind.runs.back() != std::to_string(run.run_id()))
        kind.runs.push_back(std::to_string(run.run_id()));
      if (kind.example.empty()) kind.example = flag.detail();
    }
  }
  std::vector<std::string> lines;
  for (auto& [key, kind] : kinds) {
    const size_t count = kind.runs.size();
    kind.runs.resize(std::min(count, kRunsNamed));
    lines.push_back(fmt::format("{} {}: {} {} ({}{}){}{}", std::get<1>(key), std::get<2>(key), count,
                                count == 1 ? "run" : "runs", fmt::join(kind.runs, ", "),
                                count > kRunsNamed ? ", ..." : "",
                                kind.example.empty() ? ""
                                : count == 1         ? ": "
                                                     : ", e.g. ",
                                kind.example));
  }
  return lines;
}

}  // namespace assay
