#ifndef ASSAY_AGENT_HOST_LIMITS_H_
#define ASSAY_AGENT_HOST_LIMITS_H_

#include <cstdint>
#include <string>

#include "agent/cgroups/cgroup_layout.h"

namespace assay {

// How many processes this agent may have in flight: three descriptors each (output, its pidfd, one to spare), and less
// than what the kernel, the user and the cgroup allow together, for this agent is not alone on its host.
struct HostLimits {
  static constexpr uint64_t kNone = UINT64_MAX;

  uint64_t open_files = 0;          // RLIMIT_NOFILE
  uint64_t user_processes = kNone;  // RLIMIT_NPROC; does not bind root
  uint64_t pid_max = kNone;         // kernel.pid_max
  uint64_t cgroup_pids = kNone;     // the smallest pids.max from this process's cgroup upwards
  uint32_t max_processes = 0;       // exec triggers in flight at once
  uint64_t max_sockets = 0;         // requests in flight at once: nine tenths of the open files
  std::string bound_by;             // which of them it is: "open files", ...

  static HostLimits Read(const std::string& proc_root, const CgroupLayout& layout);
};

}  // namespace assay

#endif  // ASSAY_AGENT_HOST_LIMITS_H_
