#ifndef ASSAY_AGENT_HTTP_CLIENT_H_
#define ASSAY_AGENT_HTTP_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/loop/event_loop.h"

namespace assay {

struct HttpRequest {
  enum class Version { kAuto, kHttp1, kHttp2 };  // auto: 2 where TLS offers it, else 1.1; kHttp2 without TLS: at once

  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // sent if the method has one; of any length and content
  std::string unix_socket;           // path; empty: TCP
  Version version = Version::kAuto;
  bool verify_tls = true;
  std::string ca_file;                // PEM; empty: the system's
  int64_t timeout_ns = 0;             // of the whole; 0: none. All three are kept to the millisecond
  int64_t connect_timeout_ns = 0;     // resolving, connecting and TLS; 0: 300 s
  int64_t first_byte_timeout_ns = 0;  // from the start to the first byte of the answer; 0: none
  // Gets the answer's body piece by piece, as it comes; must not start or cancel anything.
  std::function<void(int status, std::string_view bytes)> receive;
};

// Instants are monotonic, ns, read by libcurl to the microsecond; -1: it did not come to that, or the connection was
// there already.
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

// HTTP on the event loop, with pools of connections that are kept alive: libcurl's multi interface, its sockets
// watched by the loop. Everything happens on the loop's thread; nothing blocks it (names are resolved by a thread of
// libcurl's).
class HttpClient {
 public:
  // `connections`: kept alive at most.
  HttpClient(EventLoop& loop, size_t connections);
  ~HttpClient();  // what is in flight is dropped, `ended` is not called

  using Id = uint64_t;
  // `ended` is called once, later or within this call; it may start others.
  Id Start(HttpRequest request, std::function<void(HttpResponse&&)> ended);
  void Cancel(Id id);  // ends it now, as kCancelled; one that has ended is fine
  // Ends all that is in flight, as kCancelled.
  void CancelAll();

  size_t in_flight() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_HTTP_CLIENT_H_
