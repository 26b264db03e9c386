#include "cli/results/rivalry.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/table.h"

namespace assay {
namespace {

// One target beside another, over the cells that differ in nothing else.
struct Rivalry {
  std::string target;
  std::string baseline;
  bool loops_differ = false;
  std::string judged_by;       // as the view says: throughput, response_p99 or makespan; empty: nothing can be compared
  std::vector<double> faster;  // ratios where all runs of one lie beyond all of the other
  std::vector<double> slower;
  size_t overlapping = 0;
  size_t single = 0;
  size_t without_runs = 0;
};

std::string Measure(const std::string& judged_by) {
  if (judged_by == "response_p99") return "by the p99 of response times";
  return judged_by == "makespan" ? "by makespan" : "in triggers per s";
}

// What stands behind the target's name.
std::string Finding(const Rivalry& rivalry) {
  if (rivalry.loops_differ) {
    return fmt::format(
        " beside {}: not compared, for one is an open loop and the other a closed one, which waits a stall of its "
        "target out, so that its response times do not show it.",
        rivalry.baseline);
  }
  if (rivalry.judged_by.empty()) {
    return fmt::format(
        " beside {}: not compared, for a trigger starts another number of tasks in each, and in all they did not do as "
        "many.",
        rivalry.baseline);
  }
  const size_t cells =
      rivalry.faster.size() + rivalry.slower.size() + rivalry.overlapping + rivalry.single + rivalry.without_runs;
  std::vector<std::string> parts;
  const auto tell = [&](const char* what, size_t count, const std::string& why) {
    if (count == 0) return;
    parts.push_back(cells == 1 ? fmt::format("{}{}", what, why)
                               : fmt::format("{} in {} of {} cells{}", what, count, cells, why));
  };
  const auto ratio = [](const std::vector<double>& ratios) {
    const std::optional<Spread> spread = SpreadOf(ratios);
    if (!spread) return std::string();
    return spread->min == spread->max
               ? fmt::format(" (x {})", FormatNumber(spread->min))
               : fmt::format(" (x {}..{})", FormatNumber(spread->min), FormatNumber(spread->max));
  };
  tell("faster", rivalry.faster.size(), ratio(rivalry.faster));
  tell("slower", rivalry.slower.size(), ratio(rivalry.slower));
  tell("cannot tell", rivalry.overlapping, " (their runs overlap; more blocks may tell them apart)");
  tell("cannot tell", rivalry.single, " (single runs; raise blocks)");
  tell("nothing to compare", rivalry.without_runs, " (no accepted run on one side)");
  return fmt::format(" beside {}, {}: {}.", rivalry.baseline, Measure(rivalry.judged_by), fmt::join(parts, ", "));
}

// One for all targets of which the same is found: six that nothing is known of need no six sentences.
std::vector<std::string> SentencesOf(const std::vector<Rivalry>& rivalries) {
  std::vector<std::pair<std::string, std::vector<std::string>>> targets_by_finding;
  for (const Rivalry& rivalry : rivalries) {
    std::string finding = Finding(rivalry);
    const auto known = std::find_if(targets_by_finding.begin(), targets_by_finding.end(),
                                    [&](const auto& entry) { return entry.first == finding; });
    auto& entry = known == targets_by_finding.end() ? targets_by_finding.emplace_back(std::move(finding), 0) : *known;
    entry.second.push_back(rivalry.target);
  }
  std::vector<std::string> sentences;
  sentences.reserve(targets_by_finding.size());
  for (const auto& [finding, targets] : targets_by_finding)
    sentences.push_back(fmt::format("{}{}", fmt::join(targets, ", "), finding));
  return sentences;
}

}  // namespace

std::vector<std::string> RivalrySentences(const ViewRows& comparison, const std::vector<CellResult>& cells) {
  std::vector<Rivalry> rivalries;
  for (size_t row = 0; row < comparison.size(); ++row) {
    if (comparison.Text(row, "differs_in") != "target") continue;
    const std::string target = comparison.Text(row, "target");
    const std::string baseline = comparison.Text(row, "baseline_target");
    const std::string judged_by = comparison.Text(row, "judged_by");
    const bool loops_differ =
        judged_by == "response_p99" && comparison.Text(row, "loop") != comparison.Text(row, "baseline_loop");
    const auto known = std::find_if(rivalries.begin(), rivalries.end(), [&](const Rivalry& r) {
      return r.target == target && r.baseline == baseline && r.judged_by == judged_by && r.loops_differ == loops_differ;
    });
    Rivalry& rivalry = known == rivalries.end() ? rivalries.emplace_back() : *known;
    rivalry.target = target;
    rivalry.baseline = baseline;
    rivalry.judged_by = judged_by;
    rivalry.loops_differ = loops_differ;
    // Of times less is better.
    const bool by_time = judged_by == "response_p99" || judged_by == "makespan";
    const std::string measure = by_time ? judged_by + "_ratio" : "throughput_ratio";
    const std::optional<double> ratio = comparison.Number(row, measure);
    const double low = comparison.Number(row, measure + "_low").value_or(0);
    const double high = comparison.Number(row, measure + "_high").value_or(0);
    const bool repeated = comparison.Number(row, "accepted").value_or(0) >= 2 &&
                          comparison.Number(row, "baseline_accepted").value_or(0) >= 2;
    if (!ratio) {
      ++rivalry.without_runs;
    } else if (!repeated) {
      ++rivalry.single;
    } else if (low > 1) {
      (by_time ? rivalry.slower : rivalry.faster).push_back(*ratio);
    } else if (high < 1) {
      (by_time ? rivalry.faster : rivalry.slower).push_back(*ratio);
    } else {
      ++rivalry.overlapping;
    }
  }
  std::vector<std::string> sentences = SentencesOf(rivalries);
  std::vector<std::string> targets;
  for (const CellResult& cell : cells) {
    if (std::find(targets.begin(), targets.end(), cell.target) == targets.end()) targets.push_back(cell.target);
  }
  if (rivalries.empty() && targets.size() > 1)
    sentences.push_back(fmt::format("The targets ({}) have no cells of the same parameters, so they are not compared.",
                                    fmt::join(targets, ", ")));
  return sentences;
}

}  // namespace assay
