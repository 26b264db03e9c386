#ifndef ASSAY_COMMON_OPEN_FILES_H_
#define ASSAY_COMMON_OPEN_FILES_H_

#include <cstdint>

namespace assay {

// As many descriptors as the hard limit allows: the usual soft one of 1024 is fewer than a coordinator has agents, or
// an agent processes. Returns the limit now in force.
uint64_t RaiseOpenFiles();

}  // namespace assay

#endif  // ASSAY_COMMON_OPEN_FILES_H_
