#ifndef ASSAY_AGENT_SAMPLER_SAMPLED_CGROUPS_H_
#define ASSAY_AGENT_SAMPLER_SAMPLED_CGROUPS_H_

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cgroups/cgroup_layout.h"
#include "agent/sampler/sampled_cgroup.h"
#include "agent/sampler/sampler.h"

namespace assay {

// All cgroups that are sampled, by path, each from its appearance to its end.
class SampledCgroups {
 public:
  static constexpr size_t kMost = 2'000;

  // What is known of the container in a cgroup.
  using ContainerOf = std::function<std::optional<Container>(const std::string& path)>;

  // Deaths of containers make `wake`, an epoll, readable; it must outlive this.
  SampledCgroups(const SamplerOptions& options, CgroupLayout layout, ContainerOf container_of, int wake);

  bool contains(const std::string& path) const { return sampled_.contains(path); }
  bool full() const { return sampled_.size() >= kMost; }

  // False: there is none of this path, or no descriptor is left. kRunCgroup is the run's own.
  bool Open(const std::string& path);
  void OpenMissing();

  // What is at its end is dropped.
  void ReadAll(uint64_t tick, Readings& readings);
  // The same for one of them, which has to be there.
  void ReadOne(const std::string& path, uint64_t tick, Readings& readings);
  // The containers that `concerns` says, asking every file.
  void ReadConcerned(absl::FunctionRef<bool(const Container&)> concerns, uint64_t tick, Readings& readings);
  // Likewise the container whose death `death_fd` tells.
  void ReadDead(int death_fd, uint64_t tick, Readings& readings);
  // In the next reading every file is asked.
  void AskAll();

 private:
  using Sampled = std::unique_ptr<SampledCgroup>;
  Sampled MakeSampled(const std::string& path);
  void OpenMissing(SampledCgroup& sampled);
  void Watch(const SampledCgroup& sampled) const;
  void ReadChosen(absl::FunctionRef<bool(SampledCgroup&)> choose, uint64_t tick, Readings& readings);
  bool Read(uint64_t tick, Sampled& sampled, Readings& readings);  // false: this cgroup's series is at its end
  void TellExhausted();

  const CgroupLayout layout_;
  const std::map<std::string, std::string> run_cgroup_;
  const ContainerOf container_of_;
  const int wake_;
  BlockDevices devices_;
  TextBuffer buffer_;
  DescriptorBudget budget_;
  NetworkNamespaces namespaces_;
  std::map<std::string, Sampled> sampled_;  // after what they give back to
  bool exhaustion_told_ = false;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_SAMPLED_CGROUPS_H_
