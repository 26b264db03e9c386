#include "coordinator/scenario/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <queue>
#include <utility>

#include "common/arrivals.h"
#include "common/counter_random.h"

namespace assay {
namespace {

// Beyond these many triggers the sums are estimated: the law of large numbers makes the rest alike, and planning must
// stay quick.
constexpr uint64_t kMaxDrawnForArrivals = 200'000;
constexpr uint64_t kMaxDrawnForSplit = 4'000'000;

int64_t AddSaturating(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

// 64 random bits to [0, n) by the upper half of a product (Lemire 2019): the bias is below n / 2^64.
uint64_t Bounded(uint64_t bits, uint64_t n) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(bits) * n) >> 64);
}

bool HasDrawnWork(const v1::CellSpec& spec) {
  if (!spec.trigger().has_sleep()) return false;
  const v1::SleepLength& length = spec.trigger().sleep().length();
  return length.kind_case() != v1::SleepLength::kFixedNs && spec.load().triggers() <= kMaxDrawnForSplit;
}

// counts[a] for agents with the given slots: ranges of equal work per slot, but never fewer triggers than slots, so
// that no slot stays empty while another agent has work left.
std::vector<uint64_t> CountsByWork(const v1::CellSpec& spec, uint64_t run_key, const std::vector<uint32_t>& slots,
                                   uint64_t all_slots) {
  const uint64_t triggers = spec.load().triggers();
  const bool drawn = HasDrawnWork(spec);
  const auto work = [&](uint64_t i) {
    return drawn ? static_cast<double>(DrawSleepNs(spec.trigger().sleep().length(), run_key, i)) : 1.0;
  };
  double total = 0;
  if (drawn) {
    for (uint64_t i = 0; i < triggers; ++i) total += work(i);
  } else {
    total = static_cast<double>(triggers);
  }
  std::vector<uint64_t> counts;
  uint64_t begin = 0;
  uint64_t slots_done = 0;
  double done = 0;
  for (const uint32_t own : slots) {
    slots_done += own;
    const uint64_t rest = all_slots - slots_done;  // each of the slots that follow needs a trigger
    const double goal = total * static_cast<double>(slots_done) / static_cast<double>(all_slots);
    uint64_t end = begin;
    if (rest == 0) {
      end = triggers;
    } else if (!drawn) {
      const auto share = static_cast<unsigned __int128>(triggers) * slots_done / all_slots;
      end = std::clamp<uint64_t>(static_cast<uint64_t>(share), begin + own, triggers - rest);
    } else {
      // Stops at the boundary that is nearest to the goal.
      while (end < triggers - rest && (end < begin + own || done + work(end) / 2 <= goal)) done += work(end++);
    }
    counts.push_back(end - begin);
    begin = end;
  }
  return counts;
}

// Of a counted open loop. Beyond what is drawn the arrivals are taken to go on as they did, but for a trace, which need
// not.
int64_t LastArrivalNs(const v1::Load& load, uint64_t run_key) {
  Arrivals arrivals(load.open(), run_key);
  const uint64_t drawn = load.open().has_trace() ? load.triggers() : std::min(load.triggers(), kMaxDrawnForArrivals);
  int64_t last_ns = 0;
  for (uint64_t i = 0; i < drawn; ++i) {
    const std::optional<int64_t> at_ns = arrivals.Next();
    if (!at_ns || (load.duration_ns() > 0 && *at_ns >= load.duration_ns())) return last_ns;
    last_ns = *at_ns;
  }
  const double scaled =
      static_cast<double>(last_ns) * (static_cast<double>(load.triggers() - 1) / static_cast<double>(drawn - 1));
  if (load.triggers() > drawn)
    last_ns = scaled < 9.2e18 ? static_cast<int64_t>(scaled) : std::numeric_limits<int64_t>::max();
  return load.duration_ns() > 0 ? std::min(last_ns, load.duration_ns()) : last_ns;
}

}  // namespace

std::string SelectorText(const v1::Selector& selector, std::string_view before_each) {
  const std::map<std::string, std::string> sorted(selector.labels().begin(), selector.labels().end());
  std::string text;
  for (const auto& [key, value] : sorted) text += fmt::format("{}{}={}", before_each, key, value);
  return text;
}

std::vector<uint32_t> BlockOrder(uint64_t seed, uint32_t block, uint32_t cells) {
  std::vector<uint32_t> order(cells);
  std::iota(order.begin(), order.end(), 0U);
  const uint64_t key = DrawBits(DrawBits(seed, StableHash("order of cells")), block);
  for (uint32_t i = cells; i > 1; --i) std::swap(order[i - 1], order[Bounded(DrawBits(key, i), i)]);
  return order;
}

uint32_t Slots(const v1::Load& load) { return load.has_open() ? load.open().in_flight() : load.closed().concurrency(); }

uint32_t FiringAgents(const v1::CellSpec& spec, uint32_t agents) {
  const uint64_t triggers = spec.load().triggers();
  const uint32_t with_slot = std::min(agents, Slots(spec.load()));
  return triggers > 0 ? static_cast<uint32_t>(std::min<uint64_t>(with_slot, triggers)) : with_slot;
}

std::optional<uint64_t> PlannedTriggers(const v1::Load& load) {
  if (!load.has_open() || load.duration_ns() == 0)
    return load.triggers() == 0 ? std::nullopt : std::optional(load.triggers());
  const uint64_t due = ArrivalsBefore(load.open(), load.duration_ns());
  return load.triggers() == 0 ? due : std::min(due, load.triggers());
}

std::vector<ShareRange> SplitRun(const v1::CellSpec& spec, uint64_t run_key, uint32_t agents) {
  std::vector<ShareRange> shares(agents);
  const uint64_t all_slots = Slots(spec.load());
  const uint64_t triggers = spec.load().triggers();
  const uint32_t firing = FiringAgents(spec, agents);
  if (firing == 0) return shares;
  std::vector<uint32_t> slots(firing);
  for (uint64_t a = 0; a < firing; ++a)
    slots[a] = static_cast<uint32_t>(all_slots / firing + (a < all_slots % firing ? 1 : 0));

  std::vector<uint64_t> counts(firing);
  const bool strided = triggers == 0 || spec.load().has_open();
  if (triggers > 0 && (strided || triggers < all_slots)) {
    // All are in flight at once: what matters is that no agent has more of them than slots.
    for (uint64_t a = 0; a < firing; ++a) counts[a] = triggers / firing + (a < triggers % firing ? 1 : 0);
  } else if (triggers > 0) {
    counts = CountsByWork(spec, run_key, slots, all_slots);
  }
  uint64_t first = 0;
  for (uint64_t a = 0; a < firing; ++a) {
    shares[a] = {strided ? a : first, counts[a], strided ? firing : 1, slots[a]};
    first += counts[a];
  }
  return shares;
}

int64_t ShortestRunNs(const v1::CellSpec& spec, uint64_t run_key, uint64_t max_drawn) {
  const v1::Load& load = spec.load();
  const uint32_t slots = std::max(1U, Slots(load));
  int64_t firing_ns = 0;
  if (load.triggers() == 0) {
    firing_ns = load.duration_ns();
  } else if (spec.trigger().has_sleep()) {
    const v1::SleepLength& length = spec.trigger().sleep().length();
    const uint64_t drawn = std::min(load.triggers(), max_drawn);
    std::vector<int64_t> lengths(drawn);
    for (uint64_t i = 0; i < drawn; ++i) lengths[i] = DrawSleepNs(length, run_key, i);
    if (load.triggers() == drawn) {
      firing_ns = ListScheduleNs(lengths, slots);
    } else {
      // A part's list schedule must not be scaled up: its last tasks leave slots empty, the whole's would not.
      const double mean_ns = std::accumulate(lengths.begin(), lengths.end(), 0.0) / static_cast<double>(drawn);
      const double spread_ns = mean_ns * static_cast<double>(load.triggers()) / slots;
      firing_ns = std::max(*std::max_element(lengths.begin(), lengths.end()),
                           spread_ns < 9.2e18 ? static_cast<int64_t>(spread_ns) : std::numeric_limits<int64_t>::max());
    }
    if (load.duration_ns() > 0) firing_ns = std::min(firing_ns, load.duration_ns());
  }
  if (load.has_open() && load.triggers() > 0) firing_ns = std::max(firing_ns, LastArrivalNs(load, run_key));
  return AddSaturating(firing_ns, spec.has_sampling() ? spec.sampling().cooldown_ns() : 0);
}

int64_t ListScheduleNs(const std::vector<int64_t>& durations_ns, uint32_t slots) {
  int64_t makespan = 0;
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> busy_until;
  for (const int64_t duration : durations_ns) {
    int64_t free_at = 0;
    if (busy_until.size() >= std::max(1U, slots)) {
      free_at = busy_until.top();
      busy_until.pop();
    }
    const int64_t end = AddSaturating(free_at, duration);
    busy_until.push(end);
    makespan = std::max(makespan, end);
  }
  return makespan;
}

}  // namespace assay
