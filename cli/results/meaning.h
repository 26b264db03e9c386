#ifndef ASSAY_CLI_RESULTS_MEANING_H_
#define ASSAY_CLI_RESULTS_MEANING_H_

#include <string>
#include <vector>

#include "cli/results/outcome.h"

namespace assay {

// What the numbers mean, in a few sentences: which of several targets is faster, how the overhead (or the rate) moves
// with the load, what the sampled containers used, which runs were left out and why. Each says so when there is nothing
// to tell, and "cannot tell" where the repetitions do not.
std::vector<std::string> Meaning(const Outcome& outcome);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_MEANING_H_
