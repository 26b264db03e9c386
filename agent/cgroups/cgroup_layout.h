#ifndef ASSAY_AGENT_CGROUPS_CGROUP_LAYOUT_H_
#define ASSAY_AGENT_CGROUPS_CGROUP_LAYOUT_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// What of cgroups is mounted below a root (usually /sys/fs/cgroup). Told by the files that are there, so that a tree of
// plain files, a bind mount in a container and the real thing are all read alike.
struct CgroupLayout {
  enum class Kind { kNone, kV1, kV2, kHybrid };

  Kind kind = Kind::kNone;
  std::string root;
  // v1 controllers that Assay reads (cpu, cpuacct, memory, blkio, pids) -> where they are mounted. Controllers mounted
  // together (cpu,cpuacct) name the same directory.
  std::map<std::string, std::string, std::less<>> v1;
  std::string v2;                           // where the unified hierarchy is mounted; empty if nowhere
  std::vector<std::string> v2_controllers;  // of its cgroup.controllers
  bool genuine = false;                     // all mounts are cgroup file systems, by statfs

  std::string_view Name() const;  // "none", "v1", "v2", "hybrid"
  // The hierarchies to look for cgroups in, each once: cpuacct, memory, cpu, blkio, pids, then the unified one.
  std::vector<std::string> Hierarchies() const;
  // What can be measured here, for people: "cpu usage", "throttling", "memory", ... Empty for none.
  std::vector<std::string> Measures() const;
};

CgroupLayout DetectCgroupLayout(std::string root);

}  // namespace assay

#endif  // ASSAY_AGENT_CGROUPS_CGROUP_LAYOUT_H_
