#include "coordinator/scenario/load_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/units.h"

namespace assay {
namespace {

// Triggers that do nothing get to some 400,000/s on two cores; what does anything is slower by far.
constexpr double kMostPerAgentPerS = 200'000;
constexpr double kMostRows = 1e9;
constexpr double kRowBytes = 100;  // at least: a trigger's row without output and error

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

double CountOfRates(const v1::OpenLoop::Rates& rates, double left_s) {
  double count = 0;
  for (const v1::OpenLoop::Segment& segment : rates.segments()) {
    const bool for_ever = segment.for_ns() == 0;
    const double for_s = for_ever ? left_s : std::min(left_s, Seconds(segment.for_ns()));
    const double slope = for_ever ? 0 : (segment.to_per_s() - segment.from_per_s()) / Seconds(segment.for_ns());
    // Not infinity times 0.
    if (for_s > 0 && (segment.from_per_s() > 0 || slope != 0))
      count += (segment.from_per_s() + slope * for_s / 2) * for_s;
    left_s -= for_s;
    if (for_ever || left_s <= 0) break;
  }
  return count;
}

double Arriving(const v1::OpenLoop& open, double within_s) {
  if (open.has_rates()) return CountOfRates(open.rates(), within_s);
  if (open.has_trace()) return open.trace().gap_ns_size();
  const double waves = open.waves().every_ns() == 0 ? 1 : std::floor(within_s / Seconds(open.waves().every_ns())) + 1;
  return waves * static_cast<double>(open.waves().size());
}

}  // namespace

double TriggersAsked(const v1::Load& load) {
  const double counted =
      load.triggers() > 0 ? static_cast<double>(load.triggers()) : std::numeric_limits<double>::infinity();
  if (!load.has_open()) return load.triggers() > 0 ? counted : 0;
  const double within_s =
      load.duration_ns() > 0 ? Seconds(load.duration_ns()) : std::numeric_limits<double>::infinity();
  return std::min(counted, Arriving(load.open(), within_s));
}

double PeakRatePerS(const v1::Load& load) {
  double peak = 0;
  for (const v1::OpenLoop::Segment& segment : load.open().rates().segments())
    peak = std::max({peak, segment.from_per_s(), segment.for_ns() > 0 ? segment.to_per_s() : 0});
  if (const v1::OpenLoop::Waves& waves = load.open().waves(); waves.every_ns() > 0)
    peak = static_cast<double>(waves.size()) / Seconds(waves.every_ns());
  return peak;
}

std::vector<std::string> LoadWarnings(const Plan& plan, uint32_t agents) {
  std::vector<std::string> warnings;
  double rows = 0;
  double peak = 0;
  for (const PlannedCell& cell : plan.cells) {
    rows += TriggersAsked(cell.spec.load()) * plan.spec.blocks();
    peak = std::max(peak, PeakRatePerS(cell.spec.load()) / std::max(1U, FiringAgents(cell.spec, agents)));
  }
  if (peak > kMostPerAgentPerS) {
    warnings.push_back(fmt::format(
        "load.open asks each agent for {} triggers per s, and none can start more than some {}: the run will "
        "be late from its beginning; lower the rate or use more agents",
        FormatCount(peak), FormatCount(kMostPerAgentPerS)));
  }
  if (rows > kMostRows) {
    warnings.push_back(fmt::format(
        "the sweep asks for {} triggers, each a row of {:.0f} bytes or more: {} in the database; lower the rate, or "
        "shorten load.duration or load.triggers",
        FormatCount(rows), kRowBytes, FormatBytes(static_cast<uint64_t>(std::min(rows * kRowBytes, 1e18)))));
  }
  return warnings;
}

}  // namespace assay
