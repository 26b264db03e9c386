#include "coordinator/floor_flags.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "common/units.h"

namespace assay {
namespace {

// Half of what a trigger took, or a fifth of what was fired at most, would then be the target's.
constexpr double kNearFloorService = 2;
constexpr double kNearFloorRate = 0.8;
constexpr uint64_t kEnoughToSetBesideFloor = 20;  // of either

}  // namespace

std::vector<Flag> FloorFlags(const RunFacts& f, const v1::CellSpec& cell) {
  std::vector<Flag> flags;
  double floor_rate = 0;
  double floor_p50_ms = 0;
  const RunFloor* slowest = nullptr;
  bool all_known = true;
  for (const RunFacts::Share& s : f.shares) {
    if (s.slots == 0) continue;
    if (s.floor && !s.floor->error.empty()) {
      flags.push_back({"no_floor", "info",
                       fmt::format("agent {}: what {} triggers cost by themselves is not known: {}", s.agent,
                                   s.floor->kind, s.floor->error)});
    }
    const bool too_few = s.floor && s.floor->error.empty() && s.floor->triggers < kEnoughToSetBesideFloor;
    if (too_few) {
      flags.push_back(
          {"no_floor", "info",
           fmt::format("agent {}: what {} triggers cost by themselves is known from {} of them only, too few "
                       "to set the run beside it (fewer than {}): they are slow here, or --calibrate is short",
                       s.agent, s.floor->kind, s.floor->triggers, kEnoughToSetBesideFloor)});
    }
    if (!s.floor || !s.floor->error.empty() || too_few) {
      all_known = false;
      continue;
    }
    floor_rate += s.floor->rate_per_s;
    if (slowest == nullptr || s.floor->service_p50_ms > floor_p50_ms) slowest = &*s.floor;
    floor_p50_ms = slowest->service_p50_ms;
  }
  // What failed may have been quicker than nothing at all.
  const uint64_t ran = f.ok + f.failed + f.timeout;
  if (!all_known || slowest == nullptr || f.ok < kEnoughToSetBesideFloor || 2 * f.ok < ran || f.makespan_ns <= 0)
    return flags;
  const double p50_ms = static_cast<double>(f.service_p50_ns) / 1e6;
  const double rate = static_cast<double>(ran) * 1e9 / static_cast<double>(f.makespan_ns);
  const bool near_service = p50_ms <= kNearFloorService * floor_p50_ms;
  // The rate of an open loop is the scenario's own.
  const bool near_rate = !cell.load().has_open() && rate >= kNearFloorRate * floor_rate;
  if (!near_service && !near_rate) return flags;
  flags.push_back(
      {"at_floor", "warning",
       fmt::format("a median of {} and {}/s; {} triggers that do nothing have {} and {}/s here: these figures "
                   "are the harness's rather than the target's",
                   FormatDuration(f.service_p50_ns), FormatCount(rate), slowest->kind,
                   FormatDuration(std::llround(floor_p50_ms * 1e6)), FormatCount(floor_rate))});
  return flags;
}

}  // namespace assay
