#ifndef ASSAY_COORDINATOR_SCENARIO_SCALAR_CHECK_H_
#define ASSAY_COORDINATOR_SCENARIO_SCALAR_CHECK_H_

#include <absl/status/status.h>

#include <string>
#include <string_view>

#include "coordinator/scenario/scenario_rules.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

enum class CheckPhase {
  kAsWritten,  // the file: references stand in for values of any type, and what is required may come from elsewhere
  kResolved,  // after substitution: everything must be there, and only runtime names may be left, where the rule allows
              // them
};

// One scalar against a rule for scalars: type, unit, range, and the names that may be left in it.
absl::Status CheckScalar(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase);

// "load.triggers <problem>", with what the rule wants as the mend; "load.triggers cannot be 'many'".
absl::Status WrongValue(const YamlNode& node, const Rule& rule, std::string_view path, std::string_view problem);
absl::Status WrongType(const YamlNode& node, const Rule& rule, std::string_view path);

// The path for messages; "the scenario" for the whole file.
std::string Called(std::string_view path);

// True if the text holds a reference or an escape, or an unclosed "$(".
bool HasReference(std::string_view text);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCALAR_CHECK_H_
