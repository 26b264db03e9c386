#ifndef ASSAY_COMMON_NANOSECONDS_H_
#define ASSAY_COMMON_NANOSECONDS_H_

#include <cstdint>

namespace assay {

// Every time in Assay is an int64_t of nanoseconds: `5 * kMs`, `at_ns / kMs`.
inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kSecond = 1'000 * kMs;

}  // namespace assay

#endif  // ASSAY_COMMON_NANOSECONDS_H_
