#include "common/arrivals.h"

#include <algorithm>
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

// How many are expected in the first part of a segment, of that length.
double CountWithin(const v1::OpenLoop::Segment& segment, double length_s) {
  const double for_s = static_cast<double>(segment.for_ns()) / 1e9;
  if (segment.for_ns() == 0) return segment.from_per_s() * length_s;
  const double part_s = std::min(length_s, for_s);
  return part_s * (segment.from_per_s() + (segment.to_per_s() - segment.from_per_s()) / for_s * part_s / 2);
}

uint64_t RatesBefore(const v1::OpenLoop::Rates& rates, int64_t end_ns) {
  constexpr double kRounding = 1e-12;  // what adds up to 900 but for a last bit is 900
  double left_s = static_cast<double>(end_ns) / 1e9;
  double count = 0;
  for (const v1::OpenLoop::Segment& segment : rates.segments()) {
    count += CountWithin(segment, left_s);
    left_s -= static_cast<double>(segment.for_ns()) / 1e9;
    if (segment.for_ns() == 0 || left_s <= 0) break;
  }
  return static_cast<uint64_t>(std::max(0.0, rates.poisson() ? std::round(count) : std::ceil(count * (1 - kRounding))));
}

uint64_t TraceBefore(const v1::OpenLoop::Trace& trace, int64_t end_ns) {
  uint64_t count = 0;
  int64_t at_ns = 0;
  for (const int64_t gap_ns : trace.gap_ns()) {
    at_ns += gap_ns;
    if (at_ns >= end_ns) break;
    ++count;
  }
  return count;
}

}  // namespace

uint64_t ArrivalsBefore(const v1::OpenLoop& load, int64_t end_ns) {
  if (end_ns <= 0) return 0;
  if (load.has_rates()) return RatesBefore(load.rates(), end_ns);
  if (load.has_trace()) return TraceBefore(load.trace(), end_ns);
  const int64_t every_ns = load.waves().every_ns();
  const auto waves = every_ns == 0 ? uint64_t{1} : static_cast<uint64_t>((end_ns - 1) / every_ns + 1);
  return waves * load.waves().size();
}

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
