#ifndef ASSAY_COMMON_CGROUP_MEMBERSHIP_H_
#define ASSAY_COMMON_CGROUP_MEMBERSHIP_H_

#include <string>
#include <vector>

namespace assay {

// Where a process is in one hierarchy of cgroups.
struct CgroupMembership {
  std::string controllers;  // of the hierarchy, with commas; none are v2's
  std::string path;         // below where it is mounted
};

// `file`: /proc/PID/cgroup. None if it cannot be read.
std::vector<CgroupMembership> ReadCgroupMemberships(const std::string& file);

}  // namespace assay

#endif  // ASSAY_COMMON_CGROUP_MEMBERSHIP_H_
