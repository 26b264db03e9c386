#ifndef ASSAY_AGENT_HOOKS_HOOK_RUNNER_H_
#define ASSAY_AGENT_HOOKS_HOOK_RUNNER_H_

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/hooks/container_hook.h"
#include "agent/hooks/memory_of_ended.h"
#include "agent/loop/event_loop.h"
#include "agent/spool/batch_sink.h"
#include "assay/v1/agent.pb.h"
#include "common/clock_offset.h"
#include "common/secrets.h"

namespace assay {

// Runs the hooks that the coordinator lists, each once, a command or a collector on a thread of its own, and keeps
// their results for as long as they are listed; the records that a collector read go to the sink. One that is no longer
// listed is stopped. Loop's thread only.
class HookRunner {
 public:
  // `changed`: a hook is done.
  HookRunner(EventLoop& loop, BatchSink& sink, std::string agent_name, const Secrets& secrets,
             std::function<void()> changed);
  ~HookRunner();  // stops them and waits for that, at most the two seconds of grace

  // Without a clock the instants of steps are told by this host's wall clock.
  void Reconcile(const google::protobuf::RepeatedPtrField<v1::DesiredHook>& desired,
                 const std::optional<ClockOffset::Estimate>& clock);
  void Fill(v1::Report& report) const;
  // Starts no more; `now` also stops those that run.
  void Stop(bool now);
  bool Idle() const { return running_.empty(); }

 private:
  struct Running {
    std::atomic<bool> stop = false;
    std::string stop_reason;  // loop's thread only
    HiddenTexts hidden;
    std::thread thread;
    std::unique_ptr<ContainerHook> containers;  // instead of a thread
    v1::CollectorStatus collector;              // loop's thread only
  };
  void Start(const v1::DesiredHook& desired, const std::optional<ClockOffset::Estimate>& clock);
  absl::Status StartCommand(const v1::DesiredHook& desired, Running& running);
  absl::Status StartCollector(const v1::DesiredHook& desired, const ClockOffset::Estimate& clock, Running& running);
  void StartContainers(const v1::DesiredHook& desired, const std::optional<ClockOffset::Estimate>& clock,
                       Running& running);
  static void StopOne(Running& hook, const std::string& reason);
  void Done(v1::HookStatus&& status);

  EventLoop& loop_;
  BatchSink& sink_;
  const std::string agent_name_;
  const Secrets& secrets_;
  const std::function<void()> changed_;
  bool stopping_ = false;
  std::map<int64_t, std::unique_ptr<Running>> running_;  // by hook id
  MemoryOfEnded<v1::HookStatus> ended_;
  std::vector<int64_t> listed_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // what a hook's thread posts may come after our end
};

}  // namespace assay

#endif  // ASSAY_AGENT_HOOKS_HOOK_RUNNER_H_
