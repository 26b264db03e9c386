#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_KUBERNETES_LOGS_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_KUBERNETES_LOGS_H_

#include <map>
#include <string>

#include "agent/sampler/containers/container.h"
#include "agent/sampler/containers/container_path.h"

namespace assay {

// Names of pods and their containers by the names that the kubelet gives its log files: containers/POD_NS_NAME-ID.log
// and pods/NS_POD_UID/. Every user may list them; no kubelet and no runtime is asked.
class KubernetesLogs {
 public:
  explicit KubernetesLogs(std::string log_root) : log_root_(std::move(log_root)) {}

  void List();
  // Fills in what the names tell: pod, namespace, and the container's name.
  void Describe(const ContainerPath& path, Container& container) const;

 private:
  struct Pod {
    std::string name;
    std::string pod_namespace;
  };
  struct Named {
    Pod pod;
    std::string name;
  };
  std::string log_root_;
  std::map<std::string, Named> containers_;  // by id
  std::map<std::string, Pod> pods_;          // by uid
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_KUBERNETES_LOGS_H_
