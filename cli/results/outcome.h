#ifndef ASSAY_CLI_RESULTS_OUTCOME_H_
#define ASSAY_CLI_RESULTS_OUTCOME_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "assay/v1/control.pb.h"
#include "cli/control_client.h"
#include "cli/results/cell_results.h"
#include "cli/results/unrun_cells.h"
#include "cli/results/view_rows.h"

namespace assay {

// All that is told of a sweep at its end, or later by `assay sweep show`.
struct Outcome {
  v1::SweepInfo sweep;
  std::string doing;  // why it failed, or for whom it waits; else its state
  std::vector<v1::RunResult> results;
  std::vector<CellResult> cells;
  ViewRows comparison;
  std::vector<UnrunCell> unrun;  // of a sweep that has ended
  uint32_t blocks = 0;           // known if there is any of those
  ViewRows container_usage;
  ViewRows task_overhead;
  ViewRows collections;
  v1::ListAgentsReply agents;
};

absl::StatusOr<Outcome> ReadOutcome(ControlClient& client, int64_t sweep_id);

// Table, meaning and flags, for people.
std::string OutcomeText(const Outcome& outcome);
// The "end" line of --json.
std::string OutcomeJson(const Outcome& outcome, int exit_code, const std::string& report_path);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_OUTCOME_H_
