#include "common/arrivals.h"

#include <cmath>

#include "common/counter_random.h"

namespace assay {
namespace {

constexpr double kFarAwayS = 200.0 * 365 * 86400;

// The time in a segment at which `count` arrivals are expected to have come: the positive root of
// from x + (to - from) / (2 length) x^2 = count, in the form that does not cancel.
double TimeOfCount(const v1::OpenLoop::Segment& segment, double count) {
  if (count <= 0) return 0;
  const double from = segment.from_per_s();
  if (segment.for_ns() == 0) return count / from;
  const double slope = (segment.to_per_s() - from) / (static_cast<double>(segment.for_ns()) / 1e9);
  return 2 * count / (from + std::sqrt(std::max(0.0, from * from + 2 * slope * count)));
}

double CountOf(const v1::OpenLoop::Segment& segment) {
  return (segment.from_per_s() + segment.to_per_s()) / 2 * static_cast<double>(segment.for_ns()) / 1e9;
}

}  // namespace

Arrivals::Arrivals(const v1::OpenLoop& load, uint64_t run_key)
    : load_(load), key_(DrawBits(run_key, StableHash("arrivals"))) {}

std::optional<int64_t> Arrivals::Next() {
  switch (load_.arrivals_case()) {
    case v1::OpenLoop::kRates:
      return NextOfRates();
    case v1::OpenLoop::kWaves: {
      const v1::OpenLoop::Waves& waves = load_.waves();
      if (waves.size() == 0) return std::nullopt;
      const uint64_t wave = count_ / waves.size();
      if (wave > 0 && waves.every_ns() == 0) return std::nullopt;
      if (static_cast<double>(wave) * static_cast<double>(waves.every_ns()) > kFarAwayS * 1e9) return std::nullopt;
      ++count_;
      return static_cast<int64_t>(wave) * waves.every_ns();
    }
    case v1::OpenLoop::kTrace:
      if (count_ == static_cast<uint64_t>(load_.trace().gap_ns_size())) return std::nullopt;
      last_ns_ += load_.trace().gap_ns(static_cast<int>(count_++));
      return last_ns_;
    case v1::OpenLoop::ARRIVALS_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<int64_t> Arrivals::NextOfRates() {
  const v1::OpenLoop::Rates& rates = load_.rates();
  if (rates.poisson()) {
    expected_ += -std::log1p(-DrawUnit(key_, count_));
  } else {
    expected_ = static_cast<double>(count_);
  }
  ++count_;
  for (; segment_ < rates.segments_size(); ++segment_) {
    const v1::OpenLoop::Segment& segment = rates.segments(segment_);
    const bool for_ever = segment.for_ns() == 0;
    const double in_segment = expected_ - segment_start_count_;
    // An arrival at the very end belongs to what follows: there evenly spaced ones go on with the next rate.
    if (for_ever ? segment.from_per_s() > 0 : in_segment < CountOf(segment)) {
      const double at_s = segment_start_s_ + TimeOfCount(segment, in_segment);
      if (at_s > kFarAwayS) return std::nullopt;
      return std::llround(at_s * 1e9);
    }
    if (for_ever) return std::nullopt;
    segment_start_s_ += static_cast<double>(segment.for_ns()) / 1e9;
    segment_start_count_ += CountOf(segment);
  }
  return std::nullopt;
}

}  // namespace assay
