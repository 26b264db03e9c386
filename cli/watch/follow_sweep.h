#ifndef ASSAY_CLI_WATCH_FOLLOW_SWEEP_H_
#define ASSAY_CLI_WATCH_FOLLOW_SWEEP_H_

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/control.pb.h"
#include "cli/stack/local_stack.h"
#include "cli/watch/interrupts.h"
#include "cli/watch/progress_printer.h"

namespace assay {

struct FollowOptions {
  bool cancel_on_interrupt = false;  // else an interrupt only ends the watching
  bool show_results = true;
  LocalStack* stack = nullptr;  // ours: its deaths are reported
};

struct Followed {
  v1::SweepProgress last;  // without results
  bool interrupted = false;
  bool left = false;    // did not wait for the sweep's end
  absl::Status status;  // why the end was not seen, or why the sweep was given up
};

// Shows a sweep until it has ended, or an interrupt says otherwise.
Followed FollowSweep(const std::string& address, int64_t sweep_id, Interrupts& interrupts, ProgressPrinter& printer,
                     const FollowOptions& options);

}  // namespace assay

#endif  // ASSAY_CLI_WATCH_FOLLOW_SWEEP_H_
