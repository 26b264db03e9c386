#ifndef ASSAY_AGENT_ECHO_CHILD_H_
#define ASSAY_AGENT_ECHO_CHILD_H_

#include <absl/status/statusor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/event_loop.h"
#include "agent/work_threads.h"
#include "common/spawn.h"

namespace assay {

// A server on loopback that gives back what it is sent, in a process of its own: what null requests are fired at. It
// lives as long as this does. Loop's thread only.
class EchoChild : public std::enable_shared_from_this<EchoChild> {
 public:
  EchoChild(EventLoop& loop, WorkThreads& spawner, std::vector<std::string> argv);
  ~EchoChild();  // kills it

  // `ready` gets the address it serves HTTP on, once and later, or why there is none.
  void Start(std::function<void(absl::StatusOr<std::string>)> ready);

 private:
  void Spawned(const absl::StatusOr<assay::Spawned>& spawned);
  void Read();
  void Tell(absl::StatusOr<std::string> http);

  EventLoop& loop_;
  WorkThreads& spawner_;
  const std::vector<std::string> argv_;
  std::function<void(absl::StatusOr<std::string>)> ready_;
  std::string said_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int pipe_fd_ = -1;
  bool silent_ = false;  // its end of the pipe is closed
};

}  // namespace assay

#endif  // ASSAY_AGENT_ECHO_CHILD_H_
