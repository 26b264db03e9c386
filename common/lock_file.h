#ifndef ASSAY_COMMON_LOCK_FILE_H_
#define ASSAY_COMMON_LOCK_FILE_H_

#include <sys/types.h>

#include <string>

#include "common/descriptor.h"

namespace assay {

// An flock on a file, which the kernel drops with the process however it ends. The file holds the holder's pid, for
// messages only; it stays when the lock ends, or two processes could lock two different files of one name.
struct LockFile {
  Descriptor file;     // keeps the lock until it is closed; not ok: not taken
  int error = 0;       // EWOULDBLOCK: another process has it; else why the file cannot be opened or locked
  std::string holder;  // the other's pid, "unknown" if it left none

  bool taken() const { return file.ok(); }
};

LockFile TakeLock(const std::string& path, mode_t mode);

// Whether another process has it.
bool IsLocked(const std::string& path);

}  // namespace assay

#endif  // ASSAY_COMMON_LOCK_FILE_H_
