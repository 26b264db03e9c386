#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_HOST_CONTAINERS_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_HOST_CONTAINERS_H_

#include <map>
#include <string>

#include "agent/sampler/containers/container.h"
#include "agent/sampler/containers/container_path.h"
#include "agent/sampler/containers/kubernetes_logs.h"

namespace assay {

// What files of this host tell about containers, without any engine: Docker's and Podman's own (which root may read)
// and the names of the kubelet's logs.
class HostContainers {
 public:
  HostContainers(std::string docker_root, std::string podman_root, std::string log_root)
      : docker_root_(std::move(docker_root)), podman_root_(std::move(podman_root)), logs_(std::move(log_root)) {}

  // Files that list many containers are read at most once between two calls of this, and only if they are needed.
  void Refresh() { listed_ = false; }
  // At the least its id, and a name made of it.
  Container Find(const ContainerPath& path);

 private:
  void List();
  void ListPodman();
  bool ReadDocker(Container& container) const;

  std::string docker_root_;
  std::string podman_root_;
  KubernetesLogs logs_;
  bool listed_ = false;
  std::map<std::string, Container> known_;   // by id, with a name: neither changes while it runs, but for a rename
  std::map<std::string, Container> podman_;  // by id
};

// The name by which a container goes that has no other.
std::string NameOfId(const std::string& id);

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_HOST_CONTAINERS_H_
