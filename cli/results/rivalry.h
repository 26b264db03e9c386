#ifndef ASSAY_CLI_RESULTS_RIVALRY_H_
#define ASSAY_CLI_RESULTS_RIVALRY_H_

#include <string>
#include <vector>

#include "cli/results/cell_results.h"
#include "cli/results/view_rows.h"

namespace assay {

// Each target beside the first, from the rows of the view comparison: faster or slower only where no runs of the two
// overlap. Says so where several targets have no cells of the same parameters; nothing for a single target.
std::vector<std::string> RivalrySentences(const ViewRows& comparison, const std::vector<CellResult>& cells);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_RIVALRY_H_
