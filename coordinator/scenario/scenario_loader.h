#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_LOADER_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_LOADER_H_

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <vector>

#include "coordinator/scenario/plan.h"
#include "coordinator/scenario/trace_file.h"

namespace assay {

// Reads a scenario (docs/scenario.md), strictly, and expands its grid. `sets` are --set arguments, "axis=[1000,100000]"
// or "key.path=value"; they win over the file. InvalidArgument messages read "file:line:column: what is wrong", the
// offending line with a caret, and the mend. `read` gets the paths of the files that the scenario names.
absl::StatusOr<Plan> LoadScenario(std::string_view yaml, const std::string& file_name,
                                  const std::vector<std::string>& sets, const FileReader& read = nullptr);

// JSON Schema (draft 2020-12) of the language, for editors.
std::string ScenarioSchema();

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_LOADER_H_
