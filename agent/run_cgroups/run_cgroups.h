#ifndef ASSAY_AGENT_RUN_CGROUPS_RUN_CGROUPS_H_
#define ASSAY_AGENT_RUN_CGROUPS_RUN_CGROUPS_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "agent/cgroups/cgroup_layout.h"
#include "agent/run_cgroups/run_cgroup.h"
#include "common/descriptor.h"

namespace assay {

// The cgroups of an agent's runs: assay/agent-CGROUP_NAME/run-ID below the agent's own cgroup, in every hierarchy that
// is sampled. Nothing is made before the first run that asks for one. One thread at a time.
class RunCgroups {
 public:
  // Kills what an earlier agent of this name left behind in the cgroups of its runs, and removes these. They lie in
  // assay/agent-CGROUP_NAME.
  RunCgroups(const std::string& cgroup_root, const std::string& proc_root, const std::string& agent_name,
             const std::string& cgroup_name);
  ~RunCgroups();  // the runs' must be gone
  RunCgroups(const RunCgroups&) = delete;
  RunCgroups& operator=(const RunCgroups&) = delete;

  // In no hierarchy: the error says why, and the mend.
  absl::StatusOr<std::shared_ptr<RunCgroup>> Make(int64_t run_id);

 private:
  absl::Status Lock();
  void KillLeftovers();

  const std::string agent_name_;
  CgroupLayout::Kind kind_ = CgroupLayout::Kind::kNone;
  std::string cgroup_root_;
  std::map<std::string, std::string> agents_;  // by where the hierarchy is mounted: .../assay/agent-CGROUP_NAME
  // Of the first of these, while it is in use: an agent of the same name in the same cgroup must not take our runs for
  // left behind. The kernel lets go of it when this process ends.
  Descriptor lock_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_RUN_CGROUPS_RUN_CGROUPS_H_
