#ifndef ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_SELECTION_H_
#define ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_SELECTION_H_

#include <map>
#include <string>
#include <vector>

#include "agent/sampler/containers/container.h"
#include "assay/v1/scenario.pb.h"

namespace assay {

// Which containers a scenario samples: by name or id, Compose project, labels and pod. Pure.
class ContainerSelection {
 public:
  explicit ContainerSelection(const v1::Sampling& sampling);

  bool empty() const { return entries_.empty() && labels_.empty(); }
  bool Chooses(const Container& container) const;
  // Notes which entries it matches.
  bool Matches(const Container& container);
  // The entries that matched nothing, as the scenario has them: "containers: web".
  std::vector<std::string> Unmatched() const;

 private:
  enum class Kind { kName, kCompose, kPod };
  struct Entry {
    Kind kind;
    std::string glob;
    bool matched = false;
  };
  static bool MatchesEntry(const Entry& entry, const Container& container);
  bool IsLabelled(const Container& container) const;

  std::vector<Entry> entries_;
  std::map<std::string, std::string> labels_;
  bool labels_matched_ = false;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SAMPLER_CONTAINERS_CONTAINER_SELECTION_H_
