#ifndef ASSAY_COORDINATOR_FLOOR_FLAGS_H_
#define ASSAY_COORDINATOR_FLOOR_FLAGS_H_

#include <vector>

#include "assay/v1/scenario.pb.h"
#include "storage/rows.h"
#include "storage/run_facts.h"

namespace assay {

// A run beside its floor: near what triggers of this kind cost when they do nothing it tells of the harness and not of
// its target. It is said only where the floor of every agent that fires is known. Pure.
std::vector<Flag> FloorFlags(const RunFacts& f, const v1::CellSpec& cell);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_FLOOR_FLAGS_H_
