#include "common/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace assay {

LockFile TakeLock(const std::string& path, mode_t mode) {
  LockFile lock;
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file.ok()) {
    lock.error = errno;
    return lock;
  }
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    lock.error = errno;
    std::array<char, 32> text{};
    const ssize_t length = pread(file.get(), text.data(), text.size(), 0);
    lock.holder.assign(text.data(), static_cast<size_t>(std::max<ssize_t>(length, 0)));
    lock.holder = lock.holder.substr(0, lock.holder.find('\n'));
    if (lock.holder.empty()) lock.holder = "unknown";
    return lock;
  }
  // A disk without room for it costs others the pid in their message, not us the lock.
  const std::string pid = std::to_string(getpid()) + "\n";
  [[maybe_unused]] const bool noted =
      ftruncate(file.get(), 0) == 0 && pwrite(file.get(), pid.data(), pid.size(), 0) > 0;
  lock.file = std::move(file);
  return lock;
}

bool IsLocked(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file.ok() && flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace assay
