#ifndef ASSAY_COORDINATOR_SCENARIO_SCALAR_VALUE_H_
#define ASSAY_COORDINATOR_SCENARIO_SCALAR_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "coordinator/scenario/yaml_node.h"

namespace assay {

// What a scalar says that was checked against its rule; `absent` for a null pointer.
int64_t DurationValueNs(const YamlNodePtr& node, int64_t absent);
uint64_t IntegerValue(const YamlNodePtr& node, uint64_t absent);
// "200" or "2xx" as the first and last status of it; nothing: it is neither.
std::optional<std::pair<uint32_t, uint32_t>> ParseStatuses(std::string_view text);
double RateValuePerS(const YamlNodePtr& node);
// Text that no one expands later: its escapes end here. Templates keep theirs for the agent.
std::string TextValue(const YamlNode& node);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCALAR_VALUE_H_
