#ifndef ASSAY_COMMON_PROTOCOL_H_
#define ASSAY_COMMON_PROTOCOL_H_

#include <cstdint>

namespace assay {

// Agent and coordinator must have the same; raised with every incompatible change of proto/.
inline constexpr uint32_t kProtocolVersion = 1;

inline constexpr const char* kVersion = "0.1.0";

}  // namespace assay

#endif  // ASSAY_COMMON_PROTOCOL_H_
