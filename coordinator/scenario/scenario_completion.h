#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_COMPLETION_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_COMPLETION_H_

#include <absl/status/status.h>

#include "assay/v1/scenario.pb.h"
#include "coordinator/scenario/query_file.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

// A cell's `completion`, checked and resolved, into its trigger, which has been read before.
absl::Status ReadCompletion(const YamlNode& node, QueryFiles& queries, v1::Trigger& trigger);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_COMPLETION_H_
