#ifndef ASSAY_AGENT_RUN_CGROUPS_RUN_CGROUP_H_
#define ASSAY_AGENT_RUN_CGROUPS_RUN_CGROUP_H_

#include <sys/types.h>

#include <cstddef>
#include <latch>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "agent/loop/work_threads.h"
#include "common/descriptor.h"

namespace assay {

// The cgroup that the processes of one run's triggers are in, so that all they use, with what they start themselves, is
// counted together. Made by RunCgroups.
class RunCgroup {
 public:
  // By where their hierarchies are mounted. `unified`: it is one of cgroup v2.
  using Directories = std::map<std::string, std::string>;
  // The directories are there; `missing`: why some are not. Returns once its spawner can be used.
  RunCgroup(Directories directories, bool unified, std::string missing);
  ~RunCgroup();  // Remove
  RunCgroup(const RunCgroup&) = delete;
  RunCgroup& operator=(const RunCgroup&) = delete;

  const Directories& directories() const { return directories_; }
  // Threads of its own. With v1 they are in the cgroup themselves, so that whatever they start begins in it. Nobody
  // else's processes may be started on them.
  WorkThreads& spawner() { return spawner_; }
  // To be told of each process that was started. v2 cannot hold a single thread of this program, so there a process
  // comes in only now. Any thread.
  void Adopt(pid_t pid);
  // Why not all that the processes use is counted; empty if it is.
  std::string Missing() const;

  // Drops what waits for the spawner and lets it end.
  void StopSpawning() { spawner_.Stop(); }
  // Kills what is still in it and removes it. Idempotent.
  void Remove();

 private:
  void EnterThread();
  void Note(const std::string& why);

  Directories directories_;
  Descriptor processes_;  // v2's cgroup.procs
  mutable std::mutex mutex_;
  std::string missing_;
  std::latch entered_;
  WorkThreads spawner_;
};

// Kills all processes in these cgroups and below, but for this one, and removes the cgroups. Returns how many it
// killed. What resists for two seconds stays.
size_t KillAndRemoveCgroups(const std::vector<std::string>& directories);

}  // namespace assay

#endif  // ASSAY_AGENT_RUN_CGROUPS_RUN_CGROUP_H_
