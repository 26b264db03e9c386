#ifndef ASSAY_COORDINATOR_VERDICT_H_
#define ASSAY_COORDINATOR_VERDICT_H_

#include <string>
#include <vector>

#include "assay/v1/scenario.pb.h"
#include "coordinator/run_trouble.h"
#include "storage/rows.h"
#include "storage/run_facts.h"

namespace assay {

struct Verdict {
  std::string verdict;  // accepted or rejected
  std::vector<Flag> flags;
};

// Judges a run from its facts. Pure. A run is rejected if one of its flags is of severity reject; the rows are kept in
// any case. A limit that the scenario sets rejects the run that exceeds it; a built-in default only warns, but for
// failures (1 %).
Verdict Judge(const RunFacts& facts, const v1::CellSpec& cell, const v1::SweepSpec& sweep, const RunTrouble& trouble);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_VERDICT_H_
