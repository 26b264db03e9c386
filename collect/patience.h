#ifndef ASSAY_COLLECT_PATIENCE_H_
#define ASSAY_COLLECT_PATIENCE_H_

#include <atomic>
#include <cstdint>

#include "common/clock.h"

namespace assay {

// How long something that waits for others may go on.
struct Patience {
  const std::atomic<bool>& stop;
  int64_t until_ns;  // monotonic

  bool Over() const { return stop || MonotonicNs() >= until_ns; }
};

}  // namespace assay

#endif  // ASSAY_COLLECT_PATIENCE_H_
