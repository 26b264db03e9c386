#ifndef ASSAY_TESTS_UNIT_PATIENCE_H_
#define ASSAY_TESTS_UNIT_PATIENCE_H_

#include "common/nanoseconds.h"

namespace assay {

inline constexpr int64_t kPatience = 60 * kSecond;  // for conditions that must come; never a measure of anything

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_PATIENCE_H_
