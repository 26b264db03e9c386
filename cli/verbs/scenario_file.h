#ifndef ASSAY_CLI_VERBS_SCENARIO_FILE_H_
#define ASSAY_CLI_VERBS_SCENARIO_FILE_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "assay/v1/control.pb.h"
#include "coordinator/scenario/plan.h"

namespace CLI {
class App;
}

namespace assay {

// FILE and its --set arguments, as several verbs take them.
struct ScenarioArguments {
  std::string file;
  std::vector<std::string> sets;
};
void AddScenarioArguments(CLI::App& verb, ScenarioArguments& arguments);

struct ScenarioFile {
  Plan plan;
  v1::StartSweepRequest request;  // its text and the files that it names: a coordinator sees none of this machine's
};

// FILE ("-" is stdin), planned. InvalidArgument: it cannot be read, or is no scenario.
absl::StatusOr<ScenarioFile> ReadScenarioFile(const ScenarioArguments& arguments);

}  // namespace assay

#endif  // ASSAY_CLI_VERBS_SCENARIO_FILE_H_
