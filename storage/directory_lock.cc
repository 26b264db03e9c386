#include "storage/directory_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace assay {

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) {
    const std::string what =
        fmt::format("cannot open {}: {}; use --data with a directory that you may write", path, std::strerror(errno));
    return errno == ENOSPC ? absl::ResourceExhaustedError(what) : absl::PermissionDeniedError(what);
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::array<char, 32> text{};
    const ssize_t length = pread(fd, text.data(), text.size() - 1, 0);
    close(fd);
    std::string holder(text.data(), length > 0 ? static_cast<size_t>(length) : 0);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return absl::FailedPreconditionError(fmt::format(
        "data directory {} is in use by another assay (pid {}); use --data for a second one or `assay down`", directory,
        holder.empty() ? "unknown" : holder));
  }
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const std::string what = fmt::format("cannot write {}: {}", path, std::strerror(errno));
    close(fd);
    return absl::ResourceExhaustedError(what);
  }
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(fd));
}

DirectoryLock::~DirectoryLock() {
  // The file stays: removing it would let two processes lock two different files of one name. If it cannot be emptied,
  // the pid in it is only stale, never trusted.
  if (ftruncate(fd_, 0) != 0) {
  }
  close(fd_);
}

}  // namespace assay
