#ifndef ASSAY_AGENT_FLOORS_ECHO_CHILD_H_
#define ASSAY_AGENT_FLOORS_ECHO_CHILD_H_

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/loop/event_loop.h"
#include "agent/loop/work_threads.h"
#include "common/spawn.h"

namespace assay {

// A server on loopback that gives back what it is sent, in a process of its own: what null requests are fired at. It
// lives as long as this does. Loop's thread only.
class EchoChild : public std::enable_shared_from_this<EchoChild> {
 public:
  // `protocol`, http or grpc, is appended to `argv`.
  EchoChild(EventLoop& loop, WorkThreads& spawner, std::vector<std::string> argv, const std::string& protocol);
  ~EchoChild();  // kills it

  // `ready` gets the address it serves the protocol on, once and later, or why there is none.
  void Start(std::function<void(absl::StatusOr<std::string>)> ready);

 private:
  void Spawned(const absl::StatusOr<assay::Spawned>& spawned);
  void Read();
  void Tell(absl::StatusOr<std::string> address);

  EventLoop& loop_;
  WorkThreads& spawner_;
  std::vector<std::string> argv_;
  const std::string says_;  // before the address
  std::function<void(absl::StatusOr<std::string>)> ready_;
  std::string said_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int pipe_fd_ = -1;
  bool silent_ = false;  // its end of the pipe is closed
};

}  // namespace assay

#endif  // ASSAY_AGENT_FLOORS_ECHO_CHILD_H_
