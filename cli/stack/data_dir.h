#ifndef ASSAY_CLI_STACK_DATA_DIR_H_
#define ASSAY_CLI_STACK_DATA_DIR_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <functional>
#include <string>

namespace assay {

// Where local mode keeps its database, spools, logs and reports: --data, else $ASSAY_DATA, else $XDG_DATA_HOME/assay,
// else for root /var/lib/assay (the postgres user must be able to enter it, and /root is closed to it), else
// ~/.local/share/assay. Absolute. FailedPrecondition if there is no home directory.
absl::StatusOr<std::string> ChooseDataDir(const std::string& flag, const std::function<const char*(const char*)>& env,
                                          bool is_root);
// With this process's environment and user.
absl::StatusOr<std::string> ChooseDataDir(const std::string& flag);

// mkdir -p; for the user alone, but as root with 0755, or the postgres user could not enter. Errors name the directory
// and the flag that chooses another.
absl::Status MakeDirectories(const std::string& path);

}  // namespace assay

#endif  // ASSAY_CLI_STACK_DATA_DIR_H_
