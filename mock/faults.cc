#include "mock/faults.h"

#include <fmt/format.h>

#include "common/clock.h"
#include "common/counter_random.h"
#include "common/units.h"

namespace assay {

absl::StatusOr<Stall> Stall::Parse(std::string_view text) {
  constexpr std::string_view kEvery = " every ";
  const size_t at = text.find(kEvery);
  if (at == std::string_view::npos) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' is no stall; write LENGTH every PERIOD, such as '1s every 10s'", text));
  }
  const auto length = ParseDurationNs(text.substr(0, at));
  if (!length.ok()) return length.status();
  const auto period = ParseDurationNs(text.substr(at + kEvery.size()));
  if (!period.ok()) return period.status();
  if (*length >= *period) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' would answer nothing at all; the first duration must be the shorter one", text));
  }
  return Stall{.for_ns = *length, .every_ns = *period};
}

int64_t Stall::LeftNs(int64_t since_start_ns) const {
  if (for_ns == 0) return 0;
  const int64_t into_period = since_start_ns % every_ns;
  return into_period >= every_ns - for_ns ? every_ns - into_period : 0;
}

bool Faults::RefusesNext() {
  if (options_.error_rate <= 0) return false;
  return DrawUnit(options_.seed, requests_.fetch_add(1, std::memory_order_relaxed)) < options_.error_rate;
}

int64_t Faults::StallLeftNs() const {
  return options_.stall.for_ns == 0 ? 0 : options_.stall.LeftNs(MonotonicNs() - start_ns_);
}

}  // namespace assay
