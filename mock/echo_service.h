#ifndef ASSAY_MOCK_ECHO_SERVICE_H_
#define ASSAY_MOCK_ECHO_SERVICE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "mock/counters.h"
#include "mock/faults.h"

namespace assay {

// assay.mock.v1.Echo on gRPC's own threads, with server reflection; stopped by its destructor, which ends calls that
// wait.
class EchoServer {
 public:
  struct Options {
    std::string listen;
    int64_t delay_ns = 0;
  };
  // ResourceExhausted names --grpc-listen.
  static absl::StatusOr<std::unique_ptr<EchoServer>> Start(const Options& options, Faults& faults, Counters& counters);
  ~EchoServer();

  const std::string& address() const;

 private:
  struct State;
  explicit EchoServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_MOCK_ECHO_SERVICE_H_
