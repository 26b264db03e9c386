#include "storage/directory_lock.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/lock_file.h"

namespace assay {

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(const std::string& directory) {
  const std::string path = directory + "/lock";
  LockFile lock = TakeLock(path, 0644);
  if (lock.taken()) return std::unique_ptr<DirectoryLock>(new DirectoryLock(std::move(lock.file)));
  if (lock.error == EWOULDBLOCK) {
    return absl::FailedPreconditionError(fmt::format(
        "data directory {} is in use by another assay (pid {}); use --data for a second one or `assay down`", directory,
        lock.holder));
  }
  const std::string what = fmt::format("cannot open {}: {}; use --data with a directory that you may write", path,
                                       std::strerror(lock.error));
  return lock.error == ENOSPC ? absl::ResourceExhaustedError(what) : absl::PermissionDeniedError(what);
}

DirectoryLock::~DirectoryLock() {
  // If it cannot be emptied, the pid in it is only stale, never trusted.
  if (ftruncate(file_.get(), 0) != 0) {
  }
}

}  // namespace assay
