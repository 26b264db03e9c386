#ifndef ASSAY_COMMON_FLOOR_BOUND_H_
#define ASSAY_COMMON_FLOOR_BOUND_H_

#include <cstdint>

namespace assay {

// Most null triggers in flight at once on an agent while it measures a floor. Beyond it they only wait for each other;
// a run with more in flight is compared with too low a median, and so rather not found at its floor than wrongly so.
inline constexpr uint32_t kMostNullTriggers = 256;

}  // namespace assay

#endif  // ASSAY_COMMON_FLOOR_BOUND_H_
