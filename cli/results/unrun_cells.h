#ifndef ASSAY_CLI_RESULTS_UNRUN_CELLS_H_
#define ASSAY_CLI_RESULTS_UNRUN_CELLS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/results/view_rows.h"

namespace assay {

// A cell that has no run in some or all blocks: a sweep that was cancelled or has failed leaves such.
struct UnrunCell {
  std::string label;
  std::vector<uint32_t> blocks;  // without a run
};

// From the rows of `cell` and of run_summary, in the order of the grid.
std::vector<UnrunCell> UnrunCells(const ViewRows& cells, const ViewRows& run_summary, uint32_t blocks);

// "Not run: tasks=1000 (block 2), tasks=4000"; a cell without blocks was run in none. Empty if there are no cells.
std::string UnrunText(const std::vector<UnrunCell>& cells, uint32_t blocks);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_UNRUN_CELLS_H_
