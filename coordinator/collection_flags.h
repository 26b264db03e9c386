#ifndef ASSAY_COORDINATOR_COLLECTION_FLAGS_H_
#define ASSAY_COORDINATOR_COLLECTION_FLAGS_H_

#include <vector>

#include "storage/rows.h"
#include "storage/run_facts.h"

namespace assay {

// What the target's own records are worth: how many never came, tell of no end, or came late. They are kept apart from
// the triggers' rows, which stand as they are, so none of it rejects. Pure.
std::vector<Flag> CollectionFlags(const RunFacts& f);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_COLLECTION_FLAGS_H_
