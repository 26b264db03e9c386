#ifndef ASSAY_COORDINATOR_SCENARIO_QUERY_FILE_H_
#define ASSAY_COORDINATOR_SCENARIO_QUERY_FILE_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "coordinator/scenario/trace_file.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

inline constexpr size_t kMaxQueryBytes = 1 << 20;

// The query files of one scenario, each read once however many cells use it. They travel with the scenario, as traces
// do.
class QueryFiles {
 public:
  QueryFiles(std::string scenario_file, const FileReader& read)
      : scenario_file_(std::move(scenario_file)), read_(read) {}

  // The one that `node` names; `path` is where that stands.
  absl::StatusOr<std::string> Get(const YamlNode& node, std::string_view path);

 private:
  const std::string scenario_file_;
  const FileReader& read_;
  std::map<std::string, std::string> queries_;  // by path
};

// All files that a scenario may name.
struct ScenarioFiles {
  ScenarioFiles(const std::string& scenario_file, const FileReader& read)
      : traces(scenario_file, read), queries(scenario_file, read) {}

  TraceFiles traces;
  QueryFiles queries;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_QUERY_FILE_H_
