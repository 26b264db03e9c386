#include "mock/route.h"

#include <event2/http.h>

#include <cstdlib>
#include <memory>

namespace assay {

std::string DecodedPath(evhttp_request* request) {
  const char* path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
  if (path == nullptr || *path != '/') return "";
  size_t length = 0;
  const std::unique_ptr<char, decltype(&std::free)> decoded(evhttp_uridecode(path + 1, 0, &length), &std::free);
  return decoded == nullptr ? "" : std::string(decoded.get(), length);
}

Route RouteOf(evhttp_request* request, std::string_view path) {
  const evhttp_cmd_type method = evhttp_request_get_command(request);
  const bool get = method == EVHTTP_REQ_GET;
  if (path == "health" && get) return Route::kHealth;
  if (path == "extract" && get) return Route::kExtract;
  if (path == "load" && method == EVHTTP_REQ_POST) return Route::kLoad;
  if (path == "echo" && (get || method == EVHTTP_REQ_POST || method == EVHTTP_REQ_PUT)) return Route::kEcho;
  if (path == "stats" && get) return Route::kStats;
  if (path == "runs" && method == EVHTTP_REQ_POST) return Route::kRunStart;
  if (path == "runs" && get) return Route::kRunList;
  if (path.starts_with("runs/") && get) return Route::kRun;
  const size_t slash = path.find('/');
  if (path.empty() || slash == 0) return Route::kUnknown;
  const bool in_bucket = slash != std::string_view::npos && slash + 1 < path.size();
  switch (method) {
    case EVHTTP_REQ_GET:
      return in_bucket ? Route::kObjectGet : Route::kList;
    case EVHTTP_REQ_HEAD:
      return in_bucket ? Route::kObjectHead : Route::kBucket;
    case EVHTTP_REQ_PUT:
      return in_bucket ? Route::kObjectPut : Route::kBucket;
    case EVHTTP_REQ_DELETE:
      return in_bucket ? Route::kObjectDelete : Route::kUnknown;
    default:
      return Route::kUnknown;
  }
}

}  // namespace assay
