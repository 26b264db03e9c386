#ifndef ASSAY_COMMON_OPEN_FILES_H_
#define ASSAY_COMMON_OPEN_FILES_H_

#include <cstdint>

namespace assay {

// As many descriptors as the hard limit allows: the usual soft one of 1024 is fewer than a coordinator has agents, or
// an agent processes. Returns the limit now in force. To be called before there are other threads: the kernel's table
// of descriptors grows by doubling, and where threads share it that waits for all CPUs, up to a fifth of a second in
// the middle of a run that opens its connections. It is grown here for as many as will be needed.
uint64_t RaiseOpenFiles();

}  // namespace assay

#endif  // ASSAY_COMMON_OPEN_FILES_H_
