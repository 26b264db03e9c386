#ifndef ASSAY_COORDINATOR_SCENARIO_YAML_TREE_H_
#define ASSAY_COORDINATOR_SCENARIO_YAML_TREE_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "coordinator/scenario/yaml_node.h"
#include "coordinator/scenario/yaml_source.h"

namespace assay {

// Bounds on what one document may become once its aliases are expanded.
inline constexpr uint64_t kMaxYamlNodes = 20'000;
inline constexpr uint32_t kMaxYamlDepth = 64;

// The one document in source->text from `offset` on. Errors (InvalidArgument, with place and mend): not UTF-8, bad
// syntax, duplicate or non-scalar keys, tags, merge keys, several documents, no content, too deep, too many nodes. No
// exception gets out.
absl::StatusOr<YamlNodePtr> ParseYaml(const std::shared_ptr<const YamlSource>& source, size_t offset = 0);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_YAML_TREE_H_
