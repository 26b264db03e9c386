#ifndef ASSAY_COORDINATOR_SCENARIO_JSON_TEXT_H_
#define ASSAY_COORDINATOR_SCENARIO_JSON_TEXT_H_

#include <string>
#include <string_view>

#include "coordinator/scenario/yaml_node.h"

namespace assay {

// "text" with quotes and escapes; the text must be UTF-8.
std::string JsonQuoted(std::string_view text);

// A YAML value as JSON: plain numbers, true, false and null keep their type, everything else (10ms too) is a string as
// written. `sorted` orders the keys of maps, so that equal values give equal text.
std::string JsonOf(const YamlNode& node, bool sorted = false);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_JSON_TEXT_H_
