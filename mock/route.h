#ifndef ASSAY_MOCK_ROUTE_H_
#define ASSAY_MOCK_ROUTE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

struct evhttp_request;

namespace assay {

// What a request asks for.
enum class Route : uint8_t {
  kHealth,
  kExtract,
  kLoad,
  kEcho,
  kStats,
  kObjectGet,
  kObjectHead,
  kObjectPut,
  kObjectDelete,
  kList,
  kBucket,
  kRunStart,
  kRun,
  kRunList,
  kUnknown,
  kGrpcEcho,
};
inline constexpr std::array<std::string_view, 16> kRouteNames{
    "health",        "extract", "load",   "echo",      "stats", "object_get", "object_head", "object_put",
    "object_delete", "list",    "bucket", "run_start", "run",   "run_list",   "unknown",     "grpc_echo"};

// `/%41/b?c` -> "A/b"
std::string DecodedPath(evhttp_request* request);
// What belongs to no route of its own is an object or a bucket.
Route RouteOf(evhttp_request* request, std::string_view decoded_path);

}  // namespace assay

#endif  // ASSAY_MOCK_ROUTE_H_
