#ifndef ASSAY_AGENT_HOOKS_CONTAINER_HOOK_H_
#define ASSAY_AGENT_HOOKS_CONTAINER_HOOK_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "agent/clients/docker_engine.h"
#include "agent/loop/event_loop.h"
#include "assay/v1/agent.pb.h"

namespace assay {

// A hook that stops and starts containers, one step after the other, each with its instants: all are stopped in the
// reverse of the order in which they are then started. Loop's thread only.
class ContainerHook {
 public:
  struct Options {
    v1::ContainerAction action;  // names expanded
    int64_t timeout_ns = 0;
    int64_t clock_offset_ns = 0;  // steps are told in coordinator time: monotonic and this
  };
  // `ended` is called once, maybe within Start, and never by the destructor; this must live until it has returned.
  ContainerHook(EventLoop& loop, Options options, std::function<void(v1::HookStatus&&)> ended);
  ~ContainerHook();

  void Start();
  // Leaves the rest undone. What the engine was just asked for it may still do.
  void Stop(const std::string& why) { End(why); }

 private:
  enum class Kind { kStop, kStart, kWait };
  struct Step {
    Kind kind;
    DockerContainer container;
  };
  void Plan(std::vector<DockerContainer> containers);
  void Next();
  void Look();  // whether what is waited for has come
  void StepEnded(const absl::Status& status);
  std::string TimeoutText() const;
  void End(const std::string& error);

  EventLoop& loop_;
  const Options options_;
  std::function<void(v1::HookStatus&&)> ended_;
  DockerEngine engine_;
  int64_t begun_ns_ = 0;
  std::deque<Step> steps_;  // the first one is under way
  bool under_way_ = false;
  v1::HookStatus status_;
  EventLoop::TimerId timeout_timer_ = 0;
  EventLoop::TimerId look_timer_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_HOOKS_CONTAINER_HOOK_H_
