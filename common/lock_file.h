#ifndef ASSAY_COMMON_LOCK_FILE_H_
#define ASSAY_COMMON_LOCK_FILE_H_

#include <sys/types.h>

#include <string>

namespace assay {

// An flock on a file, which the kernel drops with the process however it ends. The file holds the holder's pid, for
// messages only; it stays when the lock ends, or two processes could lock two different files of one name.
struct LockFile {
  int fd = -1;         // keeps the lock until it is closed; -1: not taken
  int error = 0;       // EWOULDBLOCK: another process has it; else why the file cannot be opened or locked
  std::string holder;  // the other's pid, "unknown" if it left none

  bool taken() const { return fd >= 0; }
};

LockFile TakeLock(const std::string& path, mode_t mode);

// Whether another process has it.
bool IsLocked(const std::string& path);

}  // namespace assay

#endif  // ASSAY_COMMON_LOCK_FILE_H_
