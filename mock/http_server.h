#ifndef ASSAY_MOCK_HTTP_SERVER_H_
#define ASSAY_MOCK_HTTP_SERVER_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "mock/counters.h"
#include "mock/faults.h"
#include "mock/object_store.h"
#include "mock/runs.h"

struct event_base;

namespace assay {

// The HTTP face of assay-mock, on one event loop: the mock I/O API (/health, /extract, /load), /echo, /stats,
// runs of workflows, and objects. A delay is a timer, so thousands of requests may wait at once.
class HttpServer {
 public:
  struct Options {
    std::string listen;
    int64_t delay_ns = 2'000'000'000;
    uint32_t items = 1000;
    bool serial_load = true;
    uint32_t extracts_at_once = 40;  // 0: no bound
    int64_t echo_delay_ns = 0;       // also of objects
    int error_status = 503;
    Runs::Options runs;
    ObjectStore::Options objects;
  };
  // Listens when it returns, and answers while the base's loop runs. ResourceExhausted names --listen.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(event_base* base, const Options& options, Faults& faults,
                                                           Counters& counters);
  ~HttpServer();  // what waits is dropped

  const std::string& address() const;  // with the port it got

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// {"requests":{"health":0,...},"errors":0}
std::string StatsJson(const Counters& counters);

}  // namespace assay

#endif  // ASSAY_MOCK_HTTP_SERVER_H_
