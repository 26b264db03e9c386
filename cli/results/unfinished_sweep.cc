#include "cli/results/unfinished_sweep.h"

#include <fmt/format.h>

#include "cli/shell_words.h"

namespace assay {

std::string UnfinishedText(const v1::SweepInfo& sweep, const std::string& data_flag) {
  const std::string data = DataFlag(data_flag, data_flag);
  if (sweep.state() == "cancelling") {
    return fmt::format("sweep {} ({}) is cancelled, and ends when `assay up{}` starts the stack again",
                       sweep.sweep_id(), sweep.name(), data);
  }
  return fmt::format(
      "sweep {0} ({1}) is not finished: {2} of {3} cells x blocks accepted so far; it goes on when `assay up{4}` "
      "starts "
      "the stack again, and `assay sweep cancel {0}{4}` ends it",
      sweep.sweep_id(), sweep.name(), sweep.accepted(), sweep.runs_total(), data);
}

}  // namespace assay
