#ifndef ASSAY_COORDINATOR_SWEEP_REPORT_H_
#define ASSAY_COORDINATOR_SWEEP_REPORT_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "assay/v1/control.pb.h"
#include "storage/connection.h"

namespace assay {

// What the store knows of sweeps and ended runs, as the command line shows it.
absl::StatusOr<v1::ListSweepsReply> ReadSweeps(Connection& connection);
struct StoredSweep {
  v1::SweepInfo info;
  uint32_t runs_done = 0;  // cells x blocks with an ended run: a repeated run counts once
  std::string failure;
};
// NotFound if there is no such sweep.
absl::StatusOr<StoredSweep> ReadSweep(Connection& connection, int64_t sweep_id);
// Ended runs of a sweep that came behind run `after`, in order, with their flags.
absl::StatusOr<std::vector<v1::RunResult>> ReadRunResults(Connection& connection, int64_t sweep_id, int64_t after);
// A documented view of one sweep, in parts that each fit a message, until `take` says false; NotFound names the
// nearest.
absl::Status ReadViewRows(Connection& connection, const v1::ReadViewRequest& request,
                          const std::function<bool(const v1::ViewRows&)>& take);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SWEEP_REPORT_H_
