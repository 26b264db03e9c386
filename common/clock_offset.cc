#include "common/clock_offset.h"

#include <algorithm>

namespace assay {
namespace {

constexpr int64_t kDriftPerMillion = 100;

int64_t Bound(int64_t round_trip_ns, int64_t age_ns) {
  return (round_trip_ns + 1) / 2 + age_ns / 1'000'000 * kDriftPerMillion;
}

}  // namespace

void ClockOffset::Add(int64_t sent_ns, int64_t received_ns, int64_t replied_ns, int64_t answered_ns) {
  const int64_t round_trip = (answered_ns - sent_ns) - (replied_ns - received_ns);
  if (answered_ns < sent_ns || replied_ns < received_ns || round_trip < 0) return;
  const int64_t offset = ((received_ns - sent_ns) + (replied_ns - answered_ns)) / 2;
  exchanges_[count_++ % kWindow] = {offset, round_trip, answered_ns};
}

std::optional<ClockOffset::Estimate> ClockOffset::At(int64_t now_ns) const {
  std::optional<Estimate> best;
  for (size_t i = 0; i < std::min(count_, kWindow); ++i) {
    const Exchange& e = exchanges_[i];
    const int64_t bound = Bound(e.round_trip_ns, std::max<int64_t>(0, now_ns - e.at_ns));
    if (!best || bound < best->bound_ns) best = Estimate{e.offset_ns, bound};
  }
  return best;
}

void ClockOffset::Reset() { count_ = 0; }

}  // namespace assay
