#ifndef ASSAY_CLI_STACK_STACK_FILE_H_
#define ASSAY_CLI_STACK_STACK_FILE_H_

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/descriptor.h"

namespace assay {

// What <data>/stack.json tells other commands about the local stack that has this data directory open.
struct StackFacts {
  pid_t pid = 0;            // of the process that owns it
  std::string coordinator;  // host:port; empty if only the server runs
  std::string url;          // of the private server
  uint32_t agents = 0;
  bool kept = false;  // made by `assay up`; else it ends with the command that made it
};

std::string StackJson(const StackFacts& facts);
absl::StatusOr<StackFacts> ParseStackJson(const std::string& json);

// The right to run a stack on a data directory: an advisory lock on <data>/stack.lock, which the kernel gives back when
// its holder dies, so a stack.json that a killed process left behind is never believed.
class StackLock {
 public:
  // FailedPrecondition names the holder and the mend.
  static absl::StatusOr<StackLock> Take(const std::string& data_dir);
  StackLock(StackLock&&) noexcept = default;
  StackLock& operator=(StackLock&&) = delete;
  ~StackLock();  // removes stack.json, then lets go

  // Atomically. Others may connect from now on.
  absl::Status Announce(const StackFacts& facts);

 private:
  StackLock(std::string data_dir, Descriptor file) : data_dir_(std::move(data_dir)), file_(std::move(file)) {}
  std::string data_dir_;
  Descriptor file_;
};

// The stack that is up on this directory and has been announced; nullopt if there is none.
std::optional<StackFacts> FindStack(const std::string& data_dir);
// Whether any process holds the directory, announced or not.
bool IsStackLocked(const std::string& data_dir);

}  // namespace assay

#endif  // ASSAY_CLI_STACK_STACK_FILE_H_
