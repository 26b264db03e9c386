#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_SETS_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_SETS_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "coordinator/scenario/yaml_node.h"

namespace assay {

// The scenario with --set arguments put in, in their order. A name is, in this order: an axis of the grid (of every
// target's grid that has it, if the scenario's own has not); a path of keys ("sample.every"); a name that the scenario
// refers to, which becomes an axis. The value is YAML in flow style; for an axis, what is not a list is a list of one.
// Errors begin "--set tasks=...:".
absl::StatusOr<YamlNodePtr> ApplySets(YamlNodePtr scenario, const std::vector<std::string>& sets);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_SETS_H_
