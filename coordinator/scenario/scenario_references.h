#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_REFERENCES_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_REFERENCES_H_

#include <absl/status/statusor.h>

#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coordinator/scenario/yaml_node.h"

namespace assay {

// Values for $(name), escaped with EscapedValue.
using Bindings = std::unordered_map<std::string, YamlNodePtr>;

// $(target), $(block), $(run), $(index), $(agent): no axis can be called so.
bool IsBuiltInName(std::string_view name);
// $(remote_id), $(offset), $(limit), $(token): an axis that is called so hides them.
bool IsNameOfSomePlaces(std::string_view name);

// Grid values are taken literally: every "$(" in them becomes "$$(", so that no later expansion takes it for a
// reference.
YamlNodePtr EscapedValue(const YamlNodePtr& value);

// Every reference below the node must be built in or one of `axes`; the axes that are referred to are added to `used`.
// Map keys cannot refer.
absl::Status CheckReferences(const YamlNode& node, const std::vector<std::string>& axes, std::set<std::string>& used);

// The names that are referred to below the node.
void CollectReferences(const YamlNode& node, std::set<std::string>& names);

// The node with values put in. A scalar that is nothing but $(name) becomes the value with its type; inside a text only
// scalars can be put. Names that are not bound and escapes stay. Parts without references are shared, not copied.
absl::StatusOr<YamlNodePtr> Substitute(const YamlNodePtr& node, const Bindings& bindings);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_REFERENCES_H_
