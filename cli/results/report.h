#ifndef ASSAY_CLI_RESULTS_REPORT_H_
#define ASSAY_CLI_RESULTS_REPORT_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "cli/results/outcome.h"

namespace assay {

struct ReportSource {
  std::string file;  // the scenario's name
  std::string scenario_yaml;
  std::vector<std::string> sets;  // --set arguments
};

// The outcome with the scenario, the agents, every flag and the containers, in Markdown.
std::string ReportMarkdown(const Outcome& outcome, const ReportSource& source);

// Writes <data_dir>/reports/sweep-N.md, whole or not at all. Returns the path.
absl::StatusOr<std::string> WriteReport(const std::string& data_dir, const Outcome& outcome,
                                        const ReportSource& source);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_REPORT_H_
