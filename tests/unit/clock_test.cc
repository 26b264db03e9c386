#include "common/clock.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace assay {
namespace {

// Whatever comes between two readings of this test, what it says lies between what they allow.
TEST(Clock, TheWallClockIsAheadByWhatReadingsAroundItAllow) {
  for (int i = 0; i < 1000; ++i) {
    const int64_t monotonic_ns = MonotonicNs();
    const int64_t wall_ns = WallNs();
    const int64_t ahead_ns = WallAheadNs();
    const int64_t wall_after_ns = WallNs();
    const int64_t monotonic_after_ns = MonotonicNs();
    constexpr int64_t kCorrectedNs = 1'000'000;  // by who keeps the wall clock, meanwhile
    EXPECT_GE(ahead_ns, wall_ns - monotonic_after_ns - kCorrectedNs);
    EXPECT_LE(ahead_ns, wall_after_ns - monotonic_ns + kCorrectedNs);
  }
}

TEST(Clock, SteadyWallTimeRunsOnTheMonotonicClock) {
  const int64_t first_before_ns = MonotonicNs();
  const int64_t first_ns = SteadyWallNs();
  const int64_t first_after_ns = MonotonicNs();
  for (int i = 0; i < 1000; ++i) {
    const int64_t before_ns = MonotonicNs();
    const int64_t steady_ns = SteadyWallNs();
    const int64_t after_ns = MonotonicNs();
    EXPECT_GE(steady_ns - first_ns, before_ns - first_after_ns);
    EXPECT_LE(steady_ns - first_ns, after_ns - first_before_ns);
  }
}

}  // namespace
}  // namespace assay
