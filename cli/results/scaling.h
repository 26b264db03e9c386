#ifndef ASSAY_CLI_RESULTS_SCALING_H_
#define ASSAY_CLI_RESULTS_SCALING_H_

#include <string>
#include <vector>

#include "cli/results/cell_results.h"

namespace assay {

// How the overhead moves with the number of triggers, a sentence for each kind of cell in the order of the table: over
// the nominal sleeps where they are known, else over the list schedule. Without any overhead the fastest and the
// slowest cell.
std::vector<std::string> ScalingSentences(const std::vector<CellResult>& cells);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_SCALING_H_
