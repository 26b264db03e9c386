#ifndef ASSAY_AGENT_RUN_CGROUPS_CGROUP_CONTROLLERS_H_
#define ASSAY_AGENT_RUN_CGROUPS_CGROUP_CONTROLLERS_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

namespace assay {

// Has cgroup v2 count memory, I/O and processes also below `own`, this process's cgroup, through each of `chain`, which
// lead down from it. The kernel refuses that to a cgroup with processes in it, so if this one is alone in its own it
// moves into `leaf`, another child of the last of the chain, and stays there. FailedPrecondition: not all is counted
// below; says why, and the mend.
absl::Status EnableControllersBelow(const std::string& own, const std::vector<std::string>& chain,
                                    const std::string& leaf);

}  // namespace assay

#endif  // ASSAY_AGENT_RUN_CGROUPS_CGROUP_CONTROLLERS_H_
