#include "cli/exit_code.h"

#include <fmt/format.h>

#include <cstdio>

namespace assay {

bool HasEnded(const v1::SweepInfo& sweep) {
  return sweep.state() == "finished" || sweep.state() == "cancelled" || sweep.state() == "failed";
}

ExitCode ExitCodeOf(const v1::SweepInfo& sweep) {
  if (sweep.state() == "cancelled") return kExitInterrupted;
  if (sweep.state() != "finished") return kExitFailure;
  return sweep.accepted() >= sweep.runs_total() ? kExitAccepted : kExitRejected;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return kExitAccepted;
  if (absl::IsInvalidArgument(status)) return kExitUsage;
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return kExitFailure;
}

ExitCode Fail(const absl::Status& status) {
  fmt::print(stderr, "assay: {}\n", std::string_view(status.message().data(), status.message().size()));
  return ExitCodeOf(status);
}

}  // namespace assay
