#ifndef ASSAY_CLI_SCENARIO_FILE_H_
#define ASSAY_CLI_SCENARIO_FILE_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

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

// The file's text; "-" is stdin. InvalidArgument: cannot be read, or longer than 1 MiB, which no scenario is.
absl::StatusOr<std::string> ReadScenarioFile(const std::string& file);

}  // namespace assay

#endif  // ASSAY_CLI_SCENARIO_FILE_H_
