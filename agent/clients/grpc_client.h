#ifndef ASSAY_AGENT_CLIENTS_GRPC_CLIENT_H_
#define ASSAY_AGENT_CLIENTS_GRPC_CLIENT_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/clients/proto_methods.h"
#include "agent/loop/event_loop.h"

namespace assay {

struct GrpcTarget {
  std::string address;  // HOST:PORT or unix:PATH
  bool tls = false;
  bool verify_tls = true;
  std::string ca_file;  // PEM; empty: the system's
  size_t connections = 1;
};

using GrpcMetadata = std::vector<std::pair<std::string, std::string>>;

struct GrpcRequest {
  std::string method;                            // "pkg.Service/Call"
  std::shared_ptr<const std::string> message;    // encoded; shared by calls that send the same
  std::shared_ptr<const GrpcMetadata> metadata;  // likewise; every pair as WrongGrpcMetadata wants it
  int64_t timeout_ns = 0;                        // 0: none. Kept to the millisecond
};

// Instants are monotonic, ns.
struct GrpcAnswer {
  int code = 0;         // the server's, or gRPC's own where it did not come to one
  std::string message;  // of a code that is not OK
  bool cancelled = false;
  bool timed_out = false;
  int64_t started_ns = 0;
  int64_t finished_ns = 0;
  uint64_t sent_bytes = 0;  // of messages, both
  uint64_t received_bytes = 0;
};

// Unary gRPC calls from the event loop. A thread of its own waits for the answers and takes their instants; all the
// rest happens on the loop's thread. Calls are sent once: gRPC repeats none of them.
class GrpcClient {
 public:
  explicit GrpcClient(EventLoop& loop);
  ~GrpcClient();  // what is in flight is dropped, `ended` is not called

  // Asks the server for the files that describe a service.
  using Describe = std::function<absl::StatusOr<ProtoFiles>(const std::string& service)>;

  // Once, before any Start. Opens the connections, and waits a while until they stand: that they do not is no error
  // here, but comes with the calls. Then runs `also`, which may block, on the client's thread; its status goes to
  // `done` on the loop's. Neither runs any more when the client is gone.
  void Connect(GrpcTarget target, std::function<absl::Status(const Describe&)> also,
               const std::function<void(absl::Status)>& done);
  // `ended` is called once, in a later turn of the loop.
  void Start(const GrpcRequest& request, std::function<void(GrpcAnswer&&)> ended);
  // Ends all that is in flight, as cancelled.
  void CancelAll();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_GRPC_CLIENT_H_
