#ifndef ASSAY_COORDINATOR_TASK_FLAGS_H_
#define ASSAY_COORDINATOR_TASK_FLAGS_H_

#include <vector>

#include "storage/rows.h"
#include "storage/run_facts.h"

namespace assay {

// What a run's task rows tell against its figures: results that were taken from a cache, lengths that cannot be, and
// witnesses that contradict each other. Pure.
std::vector<Flag> TaskFlags(const RunFacts& facts);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_TASK_FLAGS_H_
