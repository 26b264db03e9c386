#ifndef ASSAY_CLI_STACK_PROGRAM_PATH_H_
#define ASSAY_CLI_STACK_PROGRAM_PATH_H_

#include <absl/status/statusor.h>

#include <string>

namespace assay {

// The running program's own file.
std::string OwnPath();

// "assay-agent": beside the running program, then where the build tree keeps it (../agent/assay-agent), then in PATH.
// NotFound names the places.
absl::StatusOr<std::string> FindProgram(const std::string& name);

}  // namespace assay

#endif  // ASSAY_CLI_STACK_PROGRAM_PATH_H_
