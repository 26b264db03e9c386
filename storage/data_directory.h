#ifndef ASSAY_STORAGE_DATA_DIRECTORY_H_
#define ASSAY_STORAGE_DATA_DIRECTORY_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "storage/postgres_programs.h"

namespace assay {

// The directory of a private server, whose lock the caller holds. PostgreSQL refuses to run as root, so root runs it as
// the user `postgres`; anyone else as himself.

// `argv` as that user, ended by the kernel when the thread that starts it ends.
std::vector<std::string> AsServerUser(const std::vector<std::string>& argv);

// Makes <directory> itself, and checks that the server's user exists and can reach it. The message names the directory
// that blocks.
absl::Status PrepareDirectory(const std::string& directory);

// A directory for the server alone.
absl::Status MakeServerDirectory(const std::string& path);

// The data in `data`, made by initdb if there are none, with no server left running in it, and the programs that fit.
absl::StatusOr<PostgresPrograms> PrepareData(const std::string& data);

// The failure of a file operation (by errno), or of a PostgreSQL program by what it wrote. ResourceExhausted: disk
// full.
absl::Status FileError(const std::string& what, const std::string& path);
absl::Status ServerFailure(const std::string& what, const std::string& log);

}  // namespace assay

#endif  // ASSAY_STORAGE_DATA_DIRECTORY_H_
