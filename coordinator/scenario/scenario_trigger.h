#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_TRIGGER_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_TRIGGER_H_

#include <absl/status/status.h>

#include "assay/v1/scenario.pb.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

// A cell's `trigger`, checked and resolved.
absl::Status ReadTrigger(const YamlNode& node, v1::Trigger& message);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_TRIGGER_H_
