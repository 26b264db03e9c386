#ifndef ASSAY_COMMON_GRPC_WORDS_H_
#define ASSAY_COMMON_GRPC_WORDS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace assay {

// The words of a gRPC call as scenarios write and records tell them, for those that do without gRPC's headers.

inline constexpr std::array<std::string_view, 17> kGrpcCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

// "UNAVAILABLE" for 14; "code 99" for what has no name.
std::string GrpcCodeName(int code);
std::optional<uint32_t> GrpcCodeOf(std::string_view name);

// "pkg.Service/Call".
bool IsGrpcMethod(std::string_view method);

// Why this cannot be sent along with a call; empty: it can. gRPC itself would end the process over it.
std::string WrongGrpcMetadata(std::string_view name, std::string_view value);

}  // namespace assay

#endif  // ASSAY_COMMON_GRPC_WORDS_H_
