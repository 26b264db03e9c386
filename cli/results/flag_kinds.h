#ifndef ASSAY_CLI_RESULTS_FLAG_KINDS_H_
#define ASSAY_CLI_RESULTS_FLAG_KINDS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "assay/v1/control.pb.h"

namespace assay {

// All flags of one severity and code.
struct FlagKind {
  std::string severity;
  std::string code;
  std::vector<int64_t> runs;       // each once, though it may carry the flag once per agent
  std::vector<std::string> cells;  // of those runs, each once
  std::string example;             // the details of the first run that has it

  std::string RunsText() const;   // "40 runs (1, 2, 3, 4, 5, 6, ...)"
  std::string CellsText() const;  // "tasks=1000, tasks=4000 and 2 more"
};

// Rejecting ones first, warnings next.
std::vector<FlagKind> FlagKinds(const std::vector<v1::RunResult>& results);

// "warning slip: 2 runs (3, 7) of tasks=1000, e.g. p99 is 7 ms"
std::vector<std::string> FlagLines(const std::vector<v1::RunResult>& results);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_FLAG_KINDS_H_
