#ifndef ASSAY_COORDINATOR_EXPORT_H_
#define ASSAY_COORDINATOR_EXPORT_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/connection.h"

namespace assay {

// Gets pieces of files; the pieces of one file follow each other. False stops the export.
using ExportSink = std::function<bool(const std::string& file, std::string_view bytes)>;

// The seeds' own files, per accepted run: <run>_docker_stats.csv and <run>_triggers.csv with the columns and display
// strings of `docker stats`. Their columns and names cannot tell the cell: sweep-N_runs.csv beside them does, for every
// run that has ended. With `rejected_too` the rejected ones are <run>_docker_stats.rejected.csv and
// <run>_triggers.rejected.csv, which no pattern for the others matches.
absl::Status ExportGust(Connection& connection, int64_t sweep_id, bool rejected_too, const ExportSink& sink);
// One benchmark CSV with the columns of the RADPS overhead tests.
absl::Status ExportRadps(Connection& connection, int64_t sweep_id, const ExportSink& sink);
// Documented views and tables as CSV (RFC 4180), a file each; no names: all tables, and all views but those that only
// retell the tasks, a row for each.
absl::Status ExportCsv(Connection& connection, int64_t sweep_id, const std::vector<std::string>& names,
                       const ExportSink& sink);

// What a format of accepted runs leaves out, for people; empty if nothing. `rejected_too`: it does not leave out the
// rejected ones that fired.
absl::StatusOr<std::string> LeftOutNote(Connection& connection, int64_t sweep_id, bool rejected_too);

// One CSV field: quoted where RFC 4180 asks for it.
std::string CsvField(std::string_view text);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_EXPORT_H_
