#ifndef ASSAY_COMMON_PIDFD_H_
#define ASSAY_COMMON_PIDFD_H_

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/descriptor.h"

namespace assay {

// Readable once the process has ended; close-on-exec by itself. Not ok: errno says why; ESRCH: it is gone.
inline Descriptor OpenPidfd(pid_t pid) { return Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace assay

#endif  // ASSAY_COMMON_PIDFD_H_
