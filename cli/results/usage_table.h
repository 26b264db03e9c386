#ifndef ASSAY_CLI_RESULTS_USAGE_TABLE_H_
#define ASSAY_CLI_RESULTS_USAGE_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "cli/results/cell_results.h"
#include "cli/results/view_rows.h"

namespace assay {

// What a row of container_usage is about, for people: the container's name, else the cgroup's path. A container has
// another path whenever it is made anew.
std::string SampledName(const ViewRows& container_usage, size_t row);

// What the sampled cgroups used, in Markdown: a row per cell, agent and container or cgroup over the accepted runs,
// from the rows of the view container_usage. "-" for what was not measured.
std::string UsageTable(const ViewRows& container_usage, const std::vector<CellResult>& cells);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_USAGE_TABLE_H_
