#ifndef ASSAY_STORAGE_DIRECTORY_LOCK_H_
#define ASSAY_STORAGE_DIRECTORY_LOCK_H_

#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <utility>

#include "common/descriptor.h"

namespace assay {

// One Assay per data directory: an flock on <directory>/lock, which the kernel drops with the process however it ends.
// The file holds the holder's pid, for messages only.
class DirectoryLock {
 public:
  // FailedPrecondition: another process has it; the message names its pid and the mend.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Acquire(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(Descriptor file) : file_(std::move(file)) {}
  const Descriptor file_;
};

}  // namespace assay

#endif  // ASSAY_STORAGE_DIRECTORY_LOCK_H_
