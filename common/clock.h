#ifndef ASSAY_COMMON_CLOCK_H_
#define ASSAY_COMMON_CLOCK_H_

#include <cstdint>

namespace assay {

// CLOCK_MONOTONIC in nanoseconds: the only clock that durations are taken from.
int64_t MonotonicNs();

// CLOCK_REALTIME as Unix nanoseconds: for people, never for durations.
int64_t WallNs();

// How far the wall clock is ahead of the monotonic one now. Not the difference of two readings of one's own: a thread
// that is held up between them, as on a busy machine, would add all of that time.
int64_t WallAheadNs();

// "Coordinator time": Unix nanoseconds that run on the monotonic clock from the process's first use of it, so a step of
// the wall clock in the middle of a run cannot bend T0. Each coordinator process (each term) is a clock of its own.
int64_t SteadyWallNs();

// CPU time of this process, and of the calling thread, in nanoseconds.
int64_t ProcessCpuNs();
int64_t ThreadCpuNs();

}  // namespace assay

#endif  // ASSAY_COMMON_CLOCK_H_
