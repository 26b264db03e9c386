#ifndef ASSAY_CLI_EXIT_CODE_H_
#define ASSAY_CLI_EXIT_CODE_H_

#include <absl/status/status.h>

#include "assay/v1/control.pb.h"

namespace assay {

// What scripts may rely on; every verb's --help lists them.
enum ExitCode : int {
  kExitAccepted = 0,      // every cell has an accepted run in every block
  kExitFailure = 1,       // anything that has no code of its own
  kExitUsage = 2,         // bad usage or scenario: nothing ran
  kExitRejected = 3,      // finished, but some cells lack an accepted run
  kExitInterrupted = 130  // cancelled; what was measured until then is kept
};

inline constexpr const char* kExitCodesHelp =
    "Exit codes: 0 all runs accepted; 2 bad usage or scenario (nothing ran); 3 finished, but runs were rejected; "
    "130 interrupted; 1 anything else.";

// Of a sweep that has ended. A rejected try whose repetition was accepted does not count as rejected.
ExitCode ExitCodeOf(const v1::SweepInfo& sweep);
ExitCode ExitCodeOf(const absl::Status& status);

bool HasEnded(const v1::SweepInfo& sweep);

// Prints "assay: message" to stderr.
ExitCode Fail(const absl::Status& status);

}  // namespace assay

#endif  // ASSAY_CLI_EXIT_CODE_H_
