#ifndef ASSAY_CLI_USAGE_TABLE_H_
#define ASSAY_CLI_USAGE_TABLE_H_

#include <string>
#include <vector>

#include "cli/cell_results.h"
#include "cli/view_rows.h"

namespace assay {

// What the sampled cgroups used, in Markdown: a row per cell, agent and cgroup over the accepted runs, from the rows of
// the view container_usage. "-" for what was not measured.
std::string UsageTable(const ViewRows& container_usage, const std::vector<CellResult>& cells);

}  // namespace assay

#endif  // ASSAY_CLI_USAGE_TABLE_H_
