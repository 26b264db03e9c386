#include "common/clock.h"

#include <ctime>
#include <limits>

namespace assay {
namespace {

constexpr int kTries = 10;
constexpr int64_t kAtOnceNs = 1000;  // for two readings of a clock in a row that nothing came between

int64_t Read(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

int64_t MonotonicNs() { return Read(CLOCK_MONOTONIC); }
int64_t WallNs() { return Read(CLOCK_REALTIME); }
int64_t ProcessCpuNs() { return Read(CLOCK_PROCESS_CPUTIME_ID); }
int64_t ThreadCpuNs() { return Read(CLOCK_THREAD_CPUTIME_ID); }

int64_t WallAheadNs() {
  int64_t ahead_ns = 0;
  int64_t least_ns = std::numeric_limits<int64_t>::max();
  for (int tries = 0; tries < kTries && least_ns > kAtOnceNs; ++tries) {
    const int64_t before_ns = MonotonicNs();
    const int64_t wall_ns = WallNs();
    const int64_t took_ns = MonotonicNs() - before_ns;
    if (took_ns >= least_ns) continue;
    least_ns = took_ns;
    ahead_ns = wall_ns - before_ns - took_ns / 2;
  }
  return ahead_ns;
}

int64_t SteadyWallNs() {
  static const int64_t offset = WallAheadNs();
  return MonotonicNs() + offset;
}

}  // namespace assay
