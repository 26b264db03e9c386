#include "coordinator/absence.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "common/units.h"

namespace assay {
namespace {

constexpr size_t kNamed = 6;
// The kernel tells a start to 10 ms, and T0 is no more exact than the clocks.
constexpr int64_t kStartKnownToNs = 20'000'000;

bool IsNamed(const RunFacts::Life& life, const v1::Sampling& sampling) {
  if (!life.is_container) return !sampling.units().empty();
  return !sampling.containers().empty() || !sampling.compose().empty() || !sampling.labels().empty() ||
         !sampling.pods().empty();
}

}  // namespace

std::string Absences(const RunFacts::Share& share, const v1::Sampling& sampling, int64_t last_finished_ns) {
  std::map<std::string, std::vector<const RunFacts::Life*>> by_name;
  for (const RunFacts::Life& life : share.lives) {
    if (IsNamed(life, sampling)) by_name[life.name].push_back(&life);
  }
  std::vector<std::string> gone;
  for (auto& [name, lives] : by_name) {
    std::sort(lives.begin(), lives.end(), [](const auto* a, const auto* b) { return a->begun_ns < b->begun_ns; });
    if (lives.front()->begun_ns > kStartKnownToNs && lives.front()->begun_ns < last_finished_ns)
      gone.push_back(fmt::format("'{}' was not there before {}", name, FormatDuration(lives.front()->begun_ns)));
    for (size_t i = 0; i < lives.size(); ++i) {
      if (!lives[i]->ended_ns || *lives[i]->ended_ns < 0 || *lives[i]->ended_ns > last_finished_ns) continue;
      std::string text = fmt::format("'{}' ended at {}", name, FormatDuration(*lives[i]->ended_ns));
      if (i + 1 < lives.size())
        text += fmt::format(" and was started again at {}", FormatDuration(lives[i + 1]->begun_ns));
      gone.push_back(std::move(text));
    }
  }
  std::string text;
  for (size_t i = 0; i < std::min(gone.size(), kNamed); ++i) text += (i == 0 ? "" : "; ") + gone[i];
  return gone.size() > kNamed ? fmt::format("{}; and {} more (view container_life)", text, gone.size() - kNamed) : text;
}

}  // namespace assay
