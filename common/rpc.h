#ifndef ASSAY_COMMON_RPC_H_
#define ASSAY_COMMON_RPC_H_

#include <absl/status/status.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "common/protocol.h"

namespace assay {

// absl and gRPC use the same code numbers; the message goes along.
absl::Status FromGrpc(const grpc::Status& status);
grpc::Status ToGrpc(const absl::Status& status);

// Why a connection was not made or ended, in few words: "Connection refused".
std::string ShortReason(const grpc::Status& status);

// Both ends take their keepalive and size settings from here: with only one end changed, gRPC ends the connection ("too
// many pings").
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address);
void ConfigureServer(grpc::ServerBuilder& builder);

}  // namespace assay

#endif  // ASSAY_COMMON_RPC_H_
