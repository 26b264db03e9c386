#ifndef ASSAY_COMMON_COMMAND_H_
#define ASSAY_COMMON_COMMAND_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "common/spawn.h"

namespace assay {

struct CommandResult {
  int exit_code = 0;       // valid if signal is 0
  int signal = 0;          // that ended it
  bool timed_out = false;  // and was killed for it
  std::string output;      // stdout and stderr together, first and last 4 KiB
  int64_t elapsed_ns = 0;

  bool ok() const { return signal == 0 && exit_code == 0 && !timed_out; }
  // "exited with 3", "was killed by signal 9", "took longer than 30 s"
  std::string Describe() const;
};

// Runs a command to its end on the calling thread: for hooks and setup, not for measured triggers. At the timeout, or
// when `stop` becomes true, the process group gets SIGTERM, after two more seconds SIGKILL. Fails only where the
// process could not be started.
absl::StatusOr<CommandResult> RunCommand(SpawnRequest request, int64_t timeout_ns,
                                         const std::atomic<bool>* stop = nullptr);

}  // namespace assay

#endif  // ASSAY_COMMON_COMMAND_H_
