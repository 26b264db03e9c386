#ifndef ASSAY_CLI_RESULTS_TIME_SPENT_H_
#define ASSAY_CLI_RESULTS_TIME_SPENT_H_

#include <string>
#include <vector>

#include "cli/results/cell_results.h"
#include "cli/results/view_rows.h"

namespace assay {

// Where the time of a target's largest cell goes, a sentence for each target with task rows: along the task that
// finished last in the accepted run of the median makespan, and for a task in the median.
std::vector<std::string> TimeSpentSentences(const ViewRows& task_overhead, const std::vector<CellResult>& cells);

// The same run of every cell, in Markdown.
std::string TimeSpentTable(const ViewRows& task_overhead, const std::vector<CellResult>& cells);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_TIME_SPENT_H_
