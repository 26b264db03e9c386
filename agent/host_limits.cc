#include "agent/host_limits.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "common/cgroup_membership.h"

namespace assay {
namespace {

constexpr uint64_t kDescriptorsPerProcess = 3;
constexpr uint64_t kOwnDescriptors = 256;  // gRPC, the spool, cgroup files

uint64_t NumberIn(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : HostLimits::kNone;  // "max" is no number
}

uint64_t Soft(int resource) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return HostLimits::kNone;
  return limit.rlim_cur;
}

uint64_t SmallestPidsMax(const std::string& proc_root, const CgroupLayout& layout) {
  uint64_t smallest = HostLimits::kNone;
  for (auto& [controllers, path] : ReadCgroupMemberships(proc_root + "/self/cgroup")) {
    std::string hierarchy = controllers.empty() ? layout.v2 : "";
    if (const auto pids = layout.v1.find("pids"); controllers == "pids" && pids != layout.v1.end())
      hierarchy = pids->second;
    if (hierarchy.empty()) continue;
    while (!path.empty() && path != "/") {
      smallest = std::min(smallest, NumberIn(hierarchy + path + "/pids.max"));
      path.resize(path.rfind('/'));
    }
    // In a container the cgroup's own files may stand at the root.
    smallest = std::min(smallest, NumberIn(hierarchy + "/pids.max"));
  }
  return smallest;
}

}  // namespace

HostLimits HostLimits::Read(const std::string& proc_root, const CgroupLayout& layout) {
  HostLimits limits;
  limits.open_files = Soft(RLIMIT_NOFILE);
  if (geteuid() != 0) limits.user_processes = Soft(RLIMIT_NPROC);
  limits.pid_max = NumberIn(proc_root + "/sys/kernel/pid_max");
  limits.cgroup_pids = SmallestPidsMax(proc_root, layout);

  const uint64_t by_files =
      limits.open_files > kOwnDescriptors ? (limits.open_files - kOwnDescriptors) / kDescriptorsPerProcess : 1;
  uint64_t most = UINT32_MAX;
  const auto bound = [&](uint64_t value, const char* what) {
    if (value < most) {
      most = value;
      limits.bound_by = what;
    }
  };
  // A tenth is left for everybody else.
  const auto part = [](uint64_t value) { return value == kNone ? kNone : value - value / 10; };
  bound(by_files, "open files");
  bound(part(limits.user_processes), "processes of this user");
  bound(part(limits.pid_max), "kernel.pid_max");
  bound(part(limits.cgroup_pids), "pids.max of the cgroup");
  limits.max_sockets = limits.open_files / 10 * 9;
  limits.max_processes = static_cast<uint32_t>(std::max<uint64_t>(1, most));
  return limits;
}

}  // namespace assay
