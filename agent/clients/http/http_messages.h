#ifndef ASSAY_AGENT_CLIENTS_HTTP_HTTP_MESSAGES_H_
#define ASSAY_AGENT_CLIENTS_HTTP_HTTP_MESSAGES_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

namespace v1 {
class HttpTrigger;
}

struct HttpRequest {
  enum class Version { kAuto, kHttp1, kHttp2 };  // auto: 2 where TLS offers it, else 1.1; kHttp2 without TLS: at once

  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"; an empty value leaves the header out
  std::string body;                  // sent if the method has one; of any length and content
  std::string unix_socket;           // path; empty: TCP
  Version version = Version::kAuto;
  bool verify_tls = true;
  std::string ca_file;                // PEM; empty: the system's
  int64_t timeout_ns = 0;             // of the whole; 0: none
  int64_t connect_timeout_ns = 0;     // resolving, connecting and TLS; 0: 300 s
  int64_t first_byte_timeout_ns = 0;  // from the start to the first byte of the answer; 0: none
};

// Instants are monotonic, ns, those of HTTPS and HTTP/2 to the microsecond; -1: it did not come to that, or the
// connection was there already.
struct HttpResponse {
  enum class End { kAnswered, kFailed, kTimedOut, kCancelled };

  End end = End::kAnswered;
  std::string error;  // why it was not answered, with the host
  int status = 0;     // 0: none came
  int64_t started_ns = 0;
  int64_t connected_ns = -1;
  int64_t secured_ns = -1;
  int64_t first_byte_ns = -1;
  int64_t finished_ns = 0;
  uint64_t sent_bytes = 0;  // of bodies, both
  uint64_t received_bytes = 0;
};

// Gets an answer's body piece by piece, as it comes; must not start or cancel anything. May be empty.
using HttpReceive = std::function<void(int status, std::string_view bytes)>;
using HttpEnded = std::function<void(HttpResponse&&)>;

// A request with an HTTP trigger's version and TLS, and nothing else of it.
HttpRequest RequestLike(const v1::HttpTrigger& trigger);
bool HasBody(const HttpRequest& request);
// What would not go over the wire as it was meant: a line break in a header would begin another one.
absl::Status CheckHttpRequest(const HttpRequest& request);
// How a request ends that is refused before anything was done for it.
HttpResponse RefusedRequest(const absl::Status& why);
HttpResponse CancelledRequest();

enum class HttpLimit { kWhole, kConnect, kFirstByte };
// The next limit that a request may meet, and when; INT64_MAX: none.
struct NextHttpLimit {
  NextHttpLimit(const HttpRequest& request, int64_t started_ns, bool connecting, bool answered);
  HttpLimit limit = HttpLimit::kWhole;
  int64_t at_ns = INT64_MAX;
};
// Why a request timed out, in words of the limit and not of the time it took, so that the same cause has the same text.
std::string TimeoutText(const HttpRequest& request, HttpLimit limit, bool connecting);

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_HTTP_MESSAGES_H_
