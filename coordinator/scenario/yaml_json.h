#ifndef ASSAY_COORDINATOR_SCENARIO_YAML_JSON_H_
#define ASSAY_COORDINATOR_SCENARIO_YAML_JSON_H_

#include <string>

#include "coordinator/scenario/yaml_node.h"

namespace assay {

// A YAML value as JSON: plain numbers, true, false and null keep their type, everything else (10ms too) is a string as
// written. `sorted` orders the keys of maps, so that equal values give equal text.
std::string JsonOf(const YamlNode& node, bool sorted = false);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_YAML_JSON_H_
