#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_LOOKUP_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_LOOKUP_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/sampler/containers/container_selection.h"
#include "agent/sampler/containers/container_sources.h"
#include "agent/sampler/containers/container_watch.h"
#include "agent/sampler/containers/host_containers.h"
#include "assay/v1/scenario.pb.h"

namespace assay {

// Which cgroups the scenario's containers have, and whose a cgroup is. An engine is asked only where the scenario
// chooses by what engines know; else, and where none answers, files of this host tell.
class ContainerLookup {
 public:
  ContainerLookup(const ContainerSources& sources, const v1::Sampling& sampling);

  // Readable: TakeChanged has something to tell; -1: never.
  int WakeFd() const { return watch_ == nullptr ? -1 : watch_->fd(); }
  // Ids of containers that were started or have died since the last call.
  std::set<std::string> TakeChanged();
  // Whether containers that are started are told of, so that they need not be looked for.
  bool HearsOfStarts() const { return selection_.empty() || (watch_ != nullptr && engine_state_.ok() && !has_pods_); }

  // Paths of the cgroups of containers that the scenario chooses, over the hierarchies (directories).
  std::set<std::string> Find(const std::vector<std::string>& hierarchies);
  // Where those of these ids should be that run and that the scenario chooses: an engine's cgroups differ in the id
  // only, so that no hierarchy need be walked for them. An empty path: none is known to go by.
  std::vector<std::string> Guess(const std::set<std::string>& ids) const;
  // To be asked of what is sampled. nullopt: the cgroup is no container's.
  std::optional<Container> Of(std::string_view cgroup);

  // Entries that matched nothing, with the reason where there is one.
  std::vector<std::string> Unmatched() const;
  int64_t CpuNs() const { return watch_ == nullptr ? 0 : watch_->CpuNs(); }

 private:
  Container Describe(const ContainerPath& path);

  ContainerSelection selection_;
  const bool has_pods_;
  HostContainers host_;
  std::unique_ptr<ContainerWatch> watch_;
  std::shared_ptr<const ContainerWatch::Containers> running_ = std::make_shared<ContainerWatch::Containers>();
  absl::Status engine_state_;
  // A cgroup of one that the engine told of, in two parts: before and behind the id.
  std::optional<std::pair<std::string, std::string>> example_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_LOOKUP_H_
