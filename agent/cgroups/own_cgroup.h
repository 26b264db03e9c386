#ifndef ASSAY_AGENT_CGROUPS_OWN_CGROUP_H_
#define ASSAY_AGENT_CGROUPS_OWN_CGROUP_H_

#include <map>
#include <string>

#include "agent/cgroups/cgroup_layout.h"

namespace assay {

// This process's cgroup in each hierarchy that counts something: where the hierarchy is mounted -> its directory. In a
// hybrid layout those are v1's, whose cgroups need not have the same path. Those that are not to be seen here are left
// out.
std::map<std::string, std::string> OwnCgroups(const CgroupLayout& layout, const std::string& proc_root);

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_OWN_CGROUP_H_
