#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_CHECK_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_CHECK_H_

#include <absl/status/status.h>

#include <string_view>

#include "coordinator/scenario/scalar_check.h"
#include "coordinator/scenario/scenario_rules.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

// Checks keys, types, units and ranges against the rule. `path` names the value in messages ("load.closed"), empty for
// the file.
absl::Status CheckValue(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_CHECK_H_
