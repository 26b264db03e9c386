#ifndef ASSAY_AGENT_SAMPLER_CGROUP_PATTERNS_H_
#define ASSAY_AGENT_SAMPLER_CGROUP_PATTERNS_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/cgroups/cgroup_glob.h"
#include "assay/v1/scenario.pb.h"

namespace assay {

// The entries of a scenario that are patterns over paths: cgroups and systemd units.
class CgroupPatterns {
 public:
  // `aliases`: what "@name" stands for on this host, which may be a pattern itself.
  CgroupPatterns(const v1::Sampling& sampling, const std::map<std::string, std::string>& aliases);

  bool empty() const { return globs_.empty(); }
  // The paths that match now; also notes which patterns did.
  std::set<std::string> Find(const std::vector<std::string>& hierarchies);
  // Entries that never matched, those first that cannot match here.
  std::vector<std::string> Unmatched() const;

 private:
  void AddCgroup(const std::string& pattern, const std::map<std::string, std::string>& aliases);
  void AddUnit(const std::string& unit);
  void Add(const std::string& entry, const std::string& pattern);

  std::vector<CgroupGlob> globs_;
  std::vector<std::string> entries_;  // as the scenario has them, one per glob
  std::vector<bool> matched_;
  std::vector<std::string> invalid_;  // entries that cannot match here
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CGROUP_PATTERNS_H_
