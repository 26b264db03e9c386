#ifndef ASSAY_AGENT_LINKS_RESULTS_LINK_H_
#define ASSAY_AGENT_LINKS_RESULTS_LINK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "agent/spool/spool.h"

namespace grpc {
class Channel;
}

namespace assay {

// Delivers the spool to the coordinator: one thread writes, one reads the acknowledgements. Connects again for ever,
// with a backoff; after each connect the coordinator says, per stream, where to go on.
class ResultsLink {
 public:
  struct Options {
    std::string agent;
    std::string cluster_id;
    // Sent and not yet acknowledged. A coordinator that cannot store must not make gRPC hold the spool in memory.
    uint64_t max_in_flight_bytes = 8 << 20;
    int64_t refused_retry_ms = 5000;
  };
  ResultsLink(std::shared_ptr<grpc::Channel> channel, Spool& spool, Options options);
  ~ResultsLink();  // Stop

  void Stop();  // cuts the connection; what is not acknowledged stays in the spool

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_LINKS_RESULTS_LINK_H_
