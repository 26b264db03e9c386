#ifndef ASSAY_CLI_STACK_TARGET_FOLDER_H_
#define ASSAY_CLI_STACK_TARGET_FOLDER_H_

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

// Where the targets are: --targets, else scenarios/targets in a folder above the running program (a build in its
// source tree) or in share/assay above it (installed). NotFound names the mend.
absl::StatusOr<std::string> FindTargets(const std::string& flag);

// Folders in it that have the programs `up` and `down`, sorted.
std::vector<std::string> TargetNames(const std::string& targets);

// What <data>/targets/NAME/state.json, which `up` has written, says of a target, and which of its processes run.
struct TargetState {
  std::string name;
  std::string version;
  std::vector<std::pair<std::string, uint32_t>> ports;
  std::vector<std::pair<std::string, pid_t>> processes;
  std::vector<std::string> dead;  // of them, by name
  bool made = false;              // by an `up` that went through, and no `down` since
  bool packages_kept = false;     // from the last time
  bool busy = false;              // an `up` or a `down` is at work

  // up, broken (some of its processes have ended), busy, packages (not up, but they are there) or down.
  std::string_view Word() const;
};

std::string TargetHome(const std::string& data_dir, const std::string& name);
TargetState LookAtTarget(const std::string& data_dir, const std::string& name);

}  // namespace assay

#endif  // ASSAY_CLI_STACK_TARGET_FOLDER_H_
