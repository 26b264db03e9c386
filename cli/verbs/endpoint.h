#ifndef ASSAY_CLI_VERBS_ENDPOINT_H_
#define ASSAY_CLI_VERBS_ENDPOINT_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "cli/control_client.h"
#include "cli/stack/local_stack.h"

namespace CLI {
class App;
}

namespace assay {

// The options of every verb that talks to a coordinator.
struct EndpointOptions {
  std::string coordinator;
  std::string data_dir;
  bool json = false;
};
void AddEndpointOptions(CLI::App& verb, EndpointOptions& options);

// --coordinator, else ASSAY_COORDINATOR; empty: neither, or a --data that says it is the local stack.
absl::StatusOr<std::string> NamedCoordinator(const EndpointOptions& options);

// A coordinator to talk to, and the local stack if one was started for the moment.
struct Endpoint {
  std::unique_ptr<LocalStack> stack;  // ends after the client
  std::unique_ptr<ControlClient> client;
};

// --coordinator, else ASSAY_COORDINATOR, else the local stack that is up on the data directory; else, for a verb that
// only needs what is `stored`, a stack without agents for the moment (if there is any data).
absl::StatusOr<Endpoint> FindEndpoint(const EndpointOptions& options, bool stored);

// A sweep, and the coordinator that knows it.
struct SweepEndpoint {
  Endpoint endpoint;
  int64_t sweep_id = 0;
};

// The sweep called "17", or "last" for the newest. What is neither is refused before anything is started.
absl::StatusOr<SweepEndpoint> FindSweep(const EndpointOptions& options, const std::string& sweep, bool stored);

// For a message to people on other hosts: "0.0.0.0:7420" with this host's name in it; any other as it is.
std::string AddressFromElsewhere(const std::string& address);

}  // namespace assay

#endif  // ASSAY_CLI_VERBS_ENDPOINT_H_
