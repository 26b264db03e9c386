#ifndef ASSAY_AGENT_CLIENTS_GRPC_REFLECTION_H_
#define ASSAY_AGENT_CLIENTS_GRPC_REFLECTION_H_

#include <absl/status/statusor.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <string>

#include "agent/clients/proto_methods.h"

namespace assay {

// The files that describe a service, and all that they import, as the server itself tells them by reflection (v1, or
// v1alpha where it does not know that). Blocks, until `stopping` at most.
absl::StatusOr<ProtoFiles> AskForFiles(grpc::Channel& channel, const std::string& service,
                                       const std::atomic<bool>& stopping);

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_GRPC_REFLECTION_H_
