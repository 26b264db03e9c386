#ifndef ASSAY_COORDINATOR_SAMPLING_FLAGS_H_
#define ASSAY_COORDINATOR_SAMPLING_FLAGS_H_

#include <vector>

#include "assay/v1/scenario.pb.h"
#include "coordinator/run_trouble.h"
#include "storage/rows.h"
#include "storage/run_facts.h"

namespace assay {

// What was to be sampled during a run and was not, or not throughout: ticks, the cool-down, cgroups that were not
// there. Never a reason to reject: the triggers' figures stand without. Pure.
std::vector<Flag> SamplingFlags(const RunFacts& f, const v1::CellSpec& cell, const RunTrouble& trouble);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SAMPLING_FLAGS_H_
