#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_TARGETS_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_TARGETS_H_

#include <string>
#include <vector>

#include "coordinator/scenario/yaml_node.h"

namespace assay {

// What one target's cells are made of: the scenario's own parts with the target's laid over them.
struct TargetParts {
  std::string name;
  YamlNodePtr cell;  // a map: trigger, load, sample, hooks around a run; references unresolved
  YamlNodePtr grid;  // null: no axes
};

// From a scenario that has been checked as written. Without `targets` there is one, with the scenario's name.
// Maps are merged key by key; a list, a choice (sleep or exec) and labels are replaced whole.
std::vector<TargetParts> MergedTargets(const YamlNode& scenario);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_TARGETS_H_
