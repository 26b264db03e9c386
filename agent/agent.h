#ifndef ASSAY_AGENT_AGENT_H_
#define ASSAY_AGENT_AGENT_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/loop/event_loop.h"
#include "agent/sampler/sampler.h"

namespace assay {

// Puts spool, executor and the two links together on one event loop. Every method is for the loop's thread.
class Agent {
 public:
  struct Options {
    std::string coordinator;  // host:port
    std::string name;
    std::vector<std::pair<std::string, std::string>> labels;
    std::string spool_directory;
    uint64_t spool_limit_bytes = 1 << 30;
    SamplerOptions sampler;
    std::string secrets_directory;  // see Secrets; empty: the environment alone
    uint32_t max_processes = 0;
    uint64_t max_sockets = 0;
    int64_t calibrate_ns = 0;            // see Executor::Options
    std::vector<std::string> echo_argv;  // likewise
  };

  // Opens the spool and begins to connect. FailedPrecondition: the spool directory cannot be used.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(EventLoop& loop, Options options);
  ~Agent();

  // Starts no more triggers. Unless `now`, what is in flight may end and results are delivered for up to 10 s; with
  // `now`, also after a first Stop, what is in flight is killed and nothing is waited for. At the end the loop is
  // stopped.
  void Stop(bool now);

  // After the loop has stopped. 0: told to stop; 1: the coordinator now serves another database; 2: protocol version
  // refused.
  int exit_code() const;

 private:
  struct State;
  explicit Agent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_AGENT_H_
