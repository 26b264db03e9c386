#ifndef ASSAY_AGENT_EXECUTOR_H_
#define ASSAY_AGENT_EXECUTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/loop/event_loop.h"
#include "agent/sampler/sampler.h"
#include "agent/spool/batch_sink.h"
#include "assay/v1/agent.pb.h"
#include "common/clock_offset.h"

namespace assay {

// Holds this agent's shares and hooks and moves them towards what the coordinator desires. Lives on the event loop's
// thread; every method is called there.
class Executor {
 public:
  struct Options {
    std::string agent_name;
    std::string cgroup_name;  // what the cgroups of its runs are in: assay/agent-CGROUP_NAME; empty: the agent's name
    SamplerOptions sampler;
    std::string secrets_directory;       // see Secrets
    uint32_t max_processes = 0;          // exec triggers in flight; beyond it a share is refused in prepare
    uint64_t max_sockets = 0;            // requests in flight, likewise; 0: no such bound
    int64_t calibrate_ns = 0;            // how long null triggers are fired for a floor; 0: floors are not measured
    std::vector<std::string> echo_argv;  // a server that null requests are fired at, see EchoChild; empty: none
  };
  // `changed`: something worth an immediate report happened (ready, fired, ended, hook done).
  Executor(EventLoop& loop, BatchSink& sink, Options options, std::function<void()> changed);
  ~Executor();

  // The whole desired state. What is held but not listed is cancelled, ended and then forgotten. `clock` maps T0; unset
  // before the first exchange (then a share stays in prepare).
  void Reconcile(const v1::Desired& desired, std::optional<ClockOffset::Estimate> clock);
  // Adds the status of all shares and hooks held.
  void Fill(v1::Report& report) const;

  // Until then (monotonic ns) this agent may start triggers; after it shares start nothing more, let what is in flight
  // end, and end themselves with an error that says so.
  void TrustLeaseUntil(int64_t monotonic_ns);

  // The agent is told to stop: start nothing more; `now` kills what is in flight. `ended` runs once every share has
  // ended.
  void Stop(bool now, std::function<void()> ended);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_EXECUTOR_H_
