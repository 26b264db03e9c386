#ifndef ASSAY_COORDINATOR_SWEEP_REPORT_H_
#define ASSAY_COORDINATOR_SWEEP_REPORT_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <vector>

#include "assay/v1/control.pb.h"
#include "storage/connection.h"

namespace assay {

// What the store knows of sweeps and ended runs, as the command line shows it.
absl::StatusOr<v1::ListSweepsReply> ReadSweeps(Connection& connection);
// NotFound if there is no such sweep.
absl::StatusOr<v1::SweepInfo> ReadSweep(Connection& connection, int64_t sweep_id, std::string* failure);
// Ended runs of a sweep that came behind run `after`, in order, with their flags.
absl::StatusOr<std::vector<v1::RunResult>> ReadRunResults(Connection& connection, int64_t sweep_id, int64_t after);
// A documented view of one sweep; NotFound names the nearest.
absl::StatusOr<v1::ViewRows> ReadViewRows(Connection& connection, const std::string& view, int64_t sweep_id);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SWEEP_REPORT_H_
