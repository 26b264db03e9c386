#include "coordinator/plausibility_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "common/units.h"

namespace assay {
namespace {

// Clocks are read to the nanosecond, but a run may look shorter than its bound by rounding in the draws.
constexpr double kRoundingSlack = 0.999;
constexpr int64_t kClockNs = 1000;
constexpr double kLongTail = 0.05;

// All triggers the same, where no task rows tell more of it.
void AddVariance(const RunFacts& f, std::vector<Flag>& flags) {
  if (!f.tasks.witness.empty()) return;
  if (f.ok >= kEnoughToJudgeVariance && f.planned_rows == f.ok && f.planned_stddev_ns > 0 &&
      f.service_stddev_ns < kQuietVariance * f.planned_stddev_ns) {
    flags.push_back({"zero_variance", "reject",
                     fmt::format("the triggers should differ in length (standard deviation {}), but they all took the "
                                 "same ({}): results may be cached",
                                 FormatDuration(std::llround(f.planned_stddev_ns)),
                                 FormatDuration(std::llround(f.service_stddev_ns)))});
  } else if (f.ok >= kEnoughToJudgeVariance && f.distinct_services == 1 && f.service_mean_ns > 0) {
    flags.push_back({"zero_variance", "reject",
                     fmt::format("all {} triggers took exactly {}: results may be cached", f.ok,
                                 FormatDuration(std::llround(f.service_mean_ns)))});
  }
}

// Tasks that the target can run at once; 0 where not all drivers tell it.
int64_t Capacity(const RunFacts& f) {
  int64_t capacity = 0;
  for (const RunFacts::Share& s : f.shares) {
    if (s.slots > 0 && s.capacity == 0) return 0;
    capacity += s.capacity;
  }
  return capacity;
}

// The scenario's word is a claim: where a driver knows better its word counts.
int64_t TargetSlots(const RunFacts& f, const v1::CellSpec& cell, std::vector<Flag>& flags) {
  const int64_t told = Capacity(f);
  if (told > 0 && cell.slots() > 0 && told != cell.slots()) {
    flags.push_back(
        {"slots_differ", "warning",
         fmt::format("the scenario says that the target runs {} tasks at once, its driver {}: the figures are of "
                     "the driver's {}; mend slots in the scenario, or the target",
                     cell.slots(), told, told)});
  }
  return told > 0 ? told : cell.slots();
}

void AddImpossible(const RunFacts& f, const v1::CellSpec& cell, std::vector<Flag>& flags) {
  int64_t in_flight = 0;
  for (const RunFacts::Share& s : f.shares) in_flight += s.slots;
  const int64_t capacity = TargetSlots(f, cell, flags);
  const auto impossible = [&](int64_t sum_ns, int64_t max_ns, int64_t slots, const char* what, const char* lengths) {
    if (slots == 0) return false;
    const double bound =
        std::max(static_cast<double>(sum_ns) / static_cast<double>(slots), static_cast<double>(max_ns));
    if (static_cast<double>(f.makespan_ns + kClockNs) >= kRoundingSlack * bound) return false;
    flags.push_back(
        {"impossible", "reject",
         fmt::format("the run took {}, less than the {} that its {} need on {} slots by their {} lengths",
                     FormatDuration(f.makespan_ns), FormatDuration(std::llround(bound)), what, slots, lengths)});
    return true;
  };
  if (impossible(f.planned_sum_ns, f.planned_max_ns, capacity > 0 ? capacity : in_flight, "triggers", "planned"))
    return;
  // An agent's triggers lie on one clock and on its slots, so no error between clocks can make this bound wrong. Tasks
  // run on the target's slots, and each is taken as short as its instants may err.
  if (f.tasks.witness.empty()) {
    impossible(f.service_sum_ns, f.service_max_ns, in_flight, "triggers", "measured");
  } else {
    impossible(f.tasks.least_sum_ns, f.tasks.least_max_ns, capacity, "tasks", "measured");
  }
}

// What hangs until its timeout makes a run long that the target was done with.
void AddFailedTail(const RunFacts& f, std::vector<Flag>& flags) {
  const int64_t tail_ns = f.failed_tail_ns;
  if (tail_ns == 0 || static_cast<double>(tail_ns) < kLongTail * static_cast<double>(f.makespan_ns)) return;
  flags.push_back({"failed_tail", "warning",
                   fmt::format("the last {} of the makespan of {} ({:.0f} %) went by after the last trigger that was "
                               "ok had ended, on ones that failed, timed out or were cancelled: makespan, rates and "
                               "overhead hold it",
                               FormatDuration(tail_ns), FormatDuration(f.makespan_ns),
                               100 * static_cast<double>(tail_ns) / static_cast<double>(f.makespan_ns))});
}

}  // namespace

std::vector<Flag> PlausibilityFlags(const RunFacts& f, const v1::CellSpec& cell) {
  std::vector<Flag> flags;
  AddVariance(f, flags);
  AddImpossible(f, cell, flags);
  AddFailedTail(f, flags);
  return flags;
}

}  // namespace assay
