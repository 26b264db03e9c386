#ifndef ASSAY_COORDINATOR_PLAUSIBILITY_FLAGS_H_
#define ASSAY_COORDINATOR_PLAUSIBILITY_FLAGS_H_

#include <cstdint>
#include <vector>

#include "assay/v1/scenario.pb.h"
#include "storage/rows.h"
#include "storage/run_facts.h"

namespace assay {

// Lengths whose standard deviation is below this share of the planned one are not what they say, where there are enough
// of them.
inline constexpr uint64_t kEnoughToJudgeVariance = 20;
inline constexpr double kQuietVariance = 0.01;

// Figures that cannot be what they say: lengths without the variance that was planned, and a makespan below the bound
// that the lengths and the slots set. Pure.
std::vector<Flag> PlausibilityFlags(const RunFacts& f, const v1::CellSpec& cell);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_PLAUSIBILITY_FLAGS_H_
