#ifndef ASSAY_CLI_TRIAL_DRIVER_END_H_
#define ASSAY_CLI_TRIAL_DRIVER_END_H_

#include <absl/status/status.h>

#include <string>
#include <vector>

namespace assay {

// How the process of a driver ended, and what it wrote to stderr before.
struct DriverEnd {
  int code = 0;  // negative: the signal
  std::string output;
};

// "exited with 3", "was killed by signal 11 (Segmentation fault)".
std::string HowEnded(const DriverEnd& end);
// For one that ended before its time. `by_hand`: a command for the shell that shows it again.
std::string MendOfEnd(const DriverEnd& end, const std::string& by_hand);
// For one that could not be started.
std::string MendOfStart(const absl::Status& refused, const std::vector<std::string>& argv);

}  // namespace assay

#endif  // ASSAY_CLI_TRIAL_DRIVER_END_H_
