#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_H_

#include <map>
#include <string>

namespace assay {

// A container as scenarios choose it. What is not known is empty.
// Empty if there is none.
inline std::string LabelOf(const std::map<std::string, std::string>& labels, const char* key) {
  const auto found = labels.find(key);
  return found == labels.end() ? "" : found->second;
}

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
