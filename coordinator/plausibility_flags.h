#ifndef ASSAY_COORDINATOR_PLAUSIBILITY_FLAGS_H_
#define ASSAY_COORDINATOR_PLAUSIBILITY_FLAGS_H_

#include <vector>

#include "assay/v1/scenario.pb.h"
#include "storage/rows.h"
#include "storage/run_facts.h"

namespace assay {

// Figures that cannot be what they say: lengths without the variance that was planned, and a makespan below the bound
// that the lengths and the slots set. Pure.
std::vector<Flag> PlausibilityFlags(const RunFacts& f, const v1::CellSpec& cell);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_PLAUSIBILITY_FLAGS_H_
