#ifndef ASSAY_AGENT_HOST_CHECK_H_
#define ASSAY_AGENT_HOST_CHECK_H_

#include <string>
#include <vector>

#include "agent/sampler/sampler.h"

namespace assay {

// One thing that an agent on this host can or cannot do.
struct HostFinding {
  enum class State {
    kGood,
    kLess,     // works, but measures less or less well
    kMissing,  // an agent cannot run like this
  };
  std::string what;
  State state = State::kGood;
  std::string detail;
  std::string mend;  // empty if good
};

struct HostCheckOptions {
  SamplerOptions sampler;
  std::string spool_directory;
  std::string docker_socket = "/var/run/docker.sock";
};

// Reads only; of the spool directory it makes and removes one file if the directory exists.
std::vector<HostFinding> CheckHost(const HostCheckOptions& options);

// False if anything is missing.
bool CanRun(const std::vector<HostFinding>& findings);

std::string FormatTable(const std::vector<HostFinding>& findings);
// {"can_run": true, "findings": [{"what": ..., "state": "good"|"less"|"missing", "detail": ..., "mend": ...}]}
std::string FormatJson(const std::vector<HostFinding>& findings);

}  // namespace assay

#endif  // ASSAY_AGENT_HOST_CHECK_H_
