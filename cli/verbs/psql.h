#ifndef ASSAY_CLI_VERBS_PSQL_H_
#define ASSAY_CLI_VERBS_PSQL_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

namespace assay {

struct PsqlRequest {
  std::string url;
  std::vector<std::string> sql;        // -c, one after the other; none: interactive, or from stdin
  std::vector<std::string> arguments;  // more of psql's own
};

// argv of psql: the one beside the newest server's programs, else in PATH. NotFound says what to install.
absl::StatusOr<std::vector<std::string>> PsqlCommand(const PsqlRequest& request);

// Puts assay first in the search path of what this process starts, after what $PGOPTIONS says already.
void SetSearchPath();

// Replaces this process. Returns only on failure.
absl::Status ExecPsql(const PsqlRequest& request);
// Runs it in our process group, so that it owns the terminal, and waits. Ctrl-C is psql's meanwhile. Returns its exit
// code.
absl::StatusOr<int> RunPsql(const PsqlRequest& request);

}  // namespace assay

#endif  // ASSAY_CLI_VERBS_PSQL_H_
