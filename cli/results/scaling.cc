#include "cli/results/scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cli/table.h"

namespace assay {
namespace {

constexpr size_t kFamiliesTold = 4;
constexpr double kFlat = 1.25;

// By ranges, not by medians alone: what the repetitions do not tell apart is no finding.
std::string Trend(const CellResult& small_cell, const Spread& small, const CellResult& large_cell,
                  const Spread& large) {
  if (small_cell.accepted < 2 || large_cell.accepted < 2) return "cannot tell from single runs; raise blocks";
  const auto [least, most] = std::minmax({small.min, small.max, large.min, large.max});
  if (least > 0 && most <= least * kFlat) return "flat";
  if (small.min <= large.max && large.min <= small.max) return "cannot tell, the ranges overlap";
  const char* way = large.median > small.median ? "rising" : "falling";
  return small.median > 0 && large.median > 0
             ? fmt::format("{}, x {}", way, FormatNumber(large.median / small.median, 2))
             : way;
}

// Cells that differ only in the number of tasks.
struct Family {
  std::string label;  // what they have in common, as the table says it
  std::map<double, const CellResult*> by_size;
};

// Where one trigger starts many tasks, these are what there is more or less of.
double SizeOf(const CellResult& cell) { return cell.tasks ? cell.tasks->median : cell.triggers->median; }

// The axis of a target that sets the number of tasks, by what its cells did; empty if there is none.
std::string SizeAxis(const std::vector<CellResult>& cells, const std::string& target) {
  std::optional<std::set<std::string>> axes;
  for (const CellResult& cell : cells) {
    if (cell.target != target || !cell.triggers) continue;
    std::set<std::string> of_cell;
    for (const auto& [name, value] : cell.params) {
      if (value == fmt::format("{:.0f}", SizeOf(cell)) && (!axes || axes->contains(name))) of_cell.insert(name);
    }
    axes = std::move(of_cell);
  }
  return axes && !axes->empty() ? *axes->begin() : "";
}

// "target=sleeps tasks=1000" without "tasks=1000".
std::string Without(const std::string& label, const std::string& word) {
  const std::string padded = " " + label + " ";
  const size_t at = padded.find(" " + word + " ");
  if (at == std::string::npos) return label;
  std::string rest = padded.substr(0, at) + padded.substr(at + word.size() + 1);
  rest = rest.substr(1);
  if (!rest.empty()) rest.pop_back();
  return rest;
}

// In the order of the table.
std::vector<Family> Families(const std::vector<CellResult>& cells) {
  std::vector<Family> families;
  for (const CellResult& cell : cells) {
    if (!cell.over_list_us_per_task || !cell.triggers) continue;
    const std::string axis = SizeAxis(cells, cell.target);
    const std::string label =
        axis.empty() ? cell.label : Without(cell.label, fmt::format("{}={}", axis, cell.params.at(axis)));
    const auto known =
        std::find_if(families.begin(), families.end(), [&](const Family& f) { return f.label == label; });
    Family& family = known == families.end() ? families.emplace_back() : *known;
    family.label = label;
    family.by_size[SizeOf(cell)] = &cell;
  }
  return families;
}

std::string ScalingSentence(const Family& family) {
  const auto& [few, small] = *family.by_size.begin();
  const auto& [many, large] = *family.by_size.rbegin();
  const bool nominal = small->over_planned_us_per_task && large->over_planned_us_per_task;
  const auto overhead = [nominal](const CellResult& cell) {
    return nominal ? *cell.over_planned_us_per_task : *cell.over_list_us_per_task;
  };
  const std::string first = fmt::format(
      "Overhead over {}{}: {} us per task at {} tasks", nominal ? "the nominal sleeps" : "the list schedule",
      family.label.empty() ? "" : fmt::format(" ({})", family.label), FormatSpread(overhead(*small)), FormatCount(few));
  if (few == many) return first + "; one size only, so nothing is known about how it scales.";
  return fmt::format("{}, {} us at {}: {}.", first, FormatSpread(overhead(*large)), FormatCount(many),
                     Trend(*small, overhead(*small), *large, overhead(*large)));
}

struct Extremes {
  const CellResult* least = nullptr;
  const CellResult* most = nullptr;
};

// Of the cells with a value, of one loop.
Extremes ExtremesOf(const std::vector<CellResult>& cells, bool open_loop, std::optional<Spread> CellResult::*measure) {
  Extremes extremes;
  for (const CellResult& cell : cells) {
    if (cell.open_loop != open_loop || !(cell.*measure)) continue;
    const double median = (cell.*measure)->median;
    if (extremes.least == nullptr || median < (extremes.least->*measure)->median) extremes.least = &cell;
    if (extremes.most == nullptr || median > (extremes.most->*measure)->median) extremes.most = &cell;
  }
  return extremes;
}

std::string ClosedSentence(const std::vector<CellResult>& cells) {
  const auto [slowest, fastest] = ExtremesOf(cells, false, &CellResult::throughput_per_s);
  if (fastest == nullptr) return "";
  const std::string first =
      fmt::format("Fastest: {} with {} triggers per s", fastest->label, FormatRate(fastest->throughput_per_s->median));
  if (fastest == slowest) return first + "; there is no other cell to compare it with.";
  return fmt::format("{}; slowest: {} with {}.", first, slowest->label, FormatRate(slowest->throughput_per_s->median));
}

// How many triggers an open loop fires per second is what the scenario asks for; how long they take is the target's.
std::string OpenSentence(const std::vector<CellResult>& cells) {
  const auto [shortest, longest] = ExtremesOf(cells, true, &CellResult::response_p99_ms);
  if (shortest == nullptr) return "";
  const std::string first = fmt::format("By the p99 of response times, shortest: {} with {} ms", shortest->label,
                                        FormatNumber(shortest->response_p99_ms->median));
  if (shortest == longest) return first + "; there is no other open loop to compare it with.";
  return fmt::format("{}; longest: {} with {} ms.", first, longest->label,
                     FormatNumber(longest->response_p99_ms->median));
}

std::vector<std::string> ExtremesSentences(const std::vector<CellResult>& cells) {
  std::vector<std::string> sentences;
  for (std::string sentence : {ClosedSentence(cells), OpenSentence(cells)})
    if (!sentence.empty()) sentences.push_back(std::move(sentence));
  if (sentences.empty()) sentences.emplace_back("No run was accepted, so there is nothing to compare.");
  return sentences;
}

}  // namespace

std::vector<std::string> ScalingSentences(const std::vector<CellResult>& cells) {
  const std::vector<Family> families = Families(cells);
  if (families.empty()) return ExtremesSentences(cells);
  std::vector<std::string> sentences;
  for (const Family& family : families) {
    if (sentences.size() < kFamiliesTold) sentences.push_back(ScalingSentence(family));
  }
  if (families.size() > kFamiliesTold) {
    sentences.push_back(fmt::format("{} more kinds of cells are in the table alone; the view scaling has their curves.",
                                    families.size() - kFamiliesTold));
  }
  if (std::string of_open_loops = OpenSentence(cells); !of_open_loops.empty())
    sentences.push_back(std::move(of_open_loops));
  return sentences;
}

}  // namespace assay
