#ifndef ASSAY_MOCK_COUNTERS_H_
#define ASSAY_MOCK_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "mock/route.h"

namespace assay {

// Requests since the start, by route, counted when they come, so that a test can see that nothing was fired twice. Any
// thread.
class Counters {
 public:
  void Count(Route route) { received_[static_cast<size_t>(route)].fetch_add(1, std::memory_order_relaxed); }
  void CountError() { errors_.fetch_add(1, std::memory_order_relaxed); }

  uint64_t received(Route route) const { return received_[static_cast<size_t>(route)].load(std::memory_order_relaxed); }
  uint64_t errors() const { return errors_.load(std::memory_order_relaxed); }  // those of --error-rate alone

 private:
  std::array<std::atomic<uint64_t>, kRouteNames.size()> received_{};
  std::atomic<uint64_t> errors_ = 0;
};

}  // namespace assay

#endif  // ASSAY_MOCK_COUNTERS_H_
