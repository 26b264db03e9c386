#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_COLLECT_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_COLLECT_H_

#include <absl/status/status.h>

#include "assay/v1/scenario.pb.h"
#include "coordinator/scenario/query_file.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

// A cell's `collect`, one collector or a list of them, checked and resolved. Refuses what one value alone cannot tell.
absl::Status ReadCollect(const YamlNode& node, QueryFiles& files, v1::CellSpec& cell);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_COLLECT_H_
