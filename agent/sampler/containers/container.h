#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_H_

#include <map>
#include <string>

namespace assay {

// A container as scenarios choose it. What is not known is empty.
struct Container {
  std::string id;
  std::string name;
  std::string image;
  std::map<std::string, std::string> labels;
  std::string pod;
  std::string pod_namespace;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_H_
