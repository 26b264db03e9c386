#ifndef ASSAY_STORAGE_MIGRATOR_H_
#define ASSAY_STORAGE_MIGRATOR_H_

#include <absl/status/statusor.h>

#include <string>

#include "storage/connection.h"

namespace assay {

// Brings the schema `assay` to this program's version: storage/migrations/NNNN_*.sql in order, each once and in one
// transaction, under an advisory lock, name and checksum recorded; then all of storage/views/*.sql anew when one of
// them changed. FailedPrecondition: PostgreSQL older than 15, a schema newer than this program, or an applied file that
// has changed. Messages name the mend.
absl::Status Migrate(Connection& connection);

// Whether there is a schema of any version. One that this program cannot use is an error, as for Migrate.
absl::StatusOr<bool> HasSchema(Connection& connection);

// Identity of this database's results, made by the first migration. Agents keep spools apart by it.
absl::StatusOr<std::string> ClusterId(Connection& connection);

}  // namespace assay

#endif  // ASSAY_STORAGE_MIGRATOR_H_
