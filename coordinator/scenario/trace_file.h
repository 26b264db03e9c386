#ifndef ASSAY_COORDINATOR_SCENARIO_TRACE_FILE_H_
#define ASSAY_COORDINATOR_SCENARIO_TRACE_FILE_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "assay/v1/scenario.pb.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

// A plan is held in memory, and a share's part of it travels in one message.
inline constexpr size_t kMaxInstants = 1'000'000;
inline constexpr size_t kMaxTraceBytes = 24 << 20;  // of all files of a scenario

// The content of a file that a scenario names. Errors say only why there is none.
using FileReader = std::function<absl::StatusOr<std::string>(const std::string& path)>;

// The trace files of one scenario, each read and parsed once however many cells use it. Paths are relative to the
// scenario's file. A trace has one instant per line since T0, in seconds or with a unit; '#' begins a comment.
class TraceFiles {
 public:
  TraceFiles(std::string scenario_file, const FileReader& read)
      : scenario_file_(std::move(scenario_file)), read_(read) {}

  // The one that `node` names. What is wrong in it is told with its line, what keeps it from being read at the node.
  absl::StatusOr<v1::OpenLoop::Trace> Get(const YamlNode& node);

 private:
  const std::string scenario_file_;
  const FileReader& read_;
  std::map<std::string, v1::OpenLoop::Trace> traces_;  // by path
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_TRACE_FILE_H_
