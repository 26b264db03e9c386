#include "common/clock.h"

#include <ctime>

namespace assay {
namespace {

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

int64_t SteadyWallNs() {
  static const int64_t offset = WallNs() - MonotonicNs();
  return MonotonicNs() + offset;
}

}  // namespace assay
