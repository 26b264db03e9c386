#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_LOAD_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_LOAD_H_

#include <absl/status/status.h>

#include "assay/v1/scenario.pb.h"
#include "coordinator/scenario/trace_file.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

// The scenario's `load`, checked and resolved. Refuses what has no bound, and keys that do not go together.
absl::Status ReadLoad(const YamlNode& node, TraceFiles& traces, v1::Load& message);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_LOAD_H_
