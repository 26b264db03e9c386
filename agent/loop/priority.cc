#include "agent/loop/priority.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace assay {
namespace {

constexpr int32_t kNice = -10;
constexpr uint64_t kSliceNs = 100'000;  // the shortest that the kernel takes
constexpr uint64_t kResetOnFork = 1;    // SCHED_FLAG_RESET_ON_FORK

// struct sched_attr of linux/sched/types.h in its first version, which every kernel takes; that header and glibc's
// sched.h cannot be included together.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = kResetOnFork;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = kSliceNs;
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};

bool Set(int32_t nice) {
  SchedulingAttributes attributes;
  attributes.nice = nice;
  return syscall(SYS_sched_setattr, 0, &attributes, 0) == 0;
}

}  // namespace

bool RunAheadOfTriggers() {
  SchedulingAttributes now;
  const bool known = syscall(SYS_sched_getattr, 0, &now, sizeof(now), 0) == 0;
  if (!known || now.policy != SCHED_OTHER || now.nice != 0) return false;
  if (Set(kNice)) return true;
  Set(0);
  return false;
}

}  // namespace assay
