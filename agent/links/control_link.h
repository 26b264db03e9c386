#ifndef ASSAY_AGENT_LINKS_CONTROL_LINK_H_
#define ASSAY_AGENT_LINKS_CONTROL_LINK_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "assay/v1/agent.pb.h"
#include "common/clock_offset.h"

namespace grpc {
class Channel;
}

namespace assay {

// Tells the coordinator what this agent holds and hears what it should hold: one thread reports, one reads. Connects
// again for ever, with a backoff. Estimates the coordinator's clock from the exchanges.
class ControlLink {
 public:
  struct Options {
    std::string coordinator;  // its address, for messages
    v1::Hello hello;
    int64_t refused_retry_ms = 2000;
    int64_t silence_ns = 5'000'000'000;  // without an answer it says so; at least two intervals between reports
  };
  // All run on the link's threads; they may block, which delays the next exchange.
  struct Callbacks {
    // Adds all that the agent holds.
    std::function<void(v1::Report&)> fill;
    // The first answer of a connection, before any desired state. An error ends the connection; the link says why and
    // tries on.
    std::function<absl::Status(const v1::Welcome&)> welcome;
    // `trust_lease_until_ns`: monotonic; 0 if this message answers no report of ours.
    std::function<void(v1::Desired&&, std::optional<ClockOffset::Estimate>, int64_t trust_lease_until_ns)> desired;
    // Refused before the coordinator ever accepted this process.
    std::function<void(const std::string& reason)> refused_at_first;
  };
  ControlLink(std::shared_ptr<grpc::Channel> channel, Options options, Callbacks callbacks);
  ~ControlLink();  // Stop

  void ReportNow();        // any thread: something has changed that should not wait for the next interval
  void Stop();             // any thread but the link's own
  bool connected() const;  // the present connection was welcomed

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_LINKS_CONTROL_LINK_H_
