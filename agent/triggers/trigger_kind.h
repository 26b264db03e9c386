#ifndef ASSAY_AGENT_TRIGGERS_TRIGGER_KIND_H_
#define ASSAY_AGENT_TRIGGERS_TRIGGER_KIND_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/clients/http/login_token.h"
#include "agent/loop/event_loop.h"
#include "agent/loop/work_threads.h"
#include "agent/run_cgroups/run_cgroup.h"
#include "assay/v1/agent.pb.h"
#include "assay/v1/record.pb.h"

namespace assay {

// What a kind of trigger gets from the share that it fires for.
struct TriggerContext {
  EventLoop& loop;
  WorkThreads& spawner;             // the only threads that start processes
  RunCgroup* run_cgroup = nullptr;  // for the processes, if the run has one; the spawner is its
  v1::ShareSpec spec;
  std::string agent_name;
  uint32_t max_processes;  // that may be in flight on this agent; 0: no such bound
  uint64_t max_sockets;    // likewise
  // To be called once for every Fire, possibly within it. All of the record is filled in, but the instants from
  // started_ns on are monotonic; the share rebases them. Where nothing ever started both are the instant it was given
  // up.
  std::function<void(v1::TriggerRecord&&)> ended;
  // For what the target tells of its tasks; their instants are monotonic too.
  std::function<void(v1::TaskRecord&&)> told = nullptr;
  // Instead of `ended` for a trigger that was ok, with what it was answered, where that is not the record's output.
  // Unset: nothing follows what it started.
  std::function<void(v1::TriggerRecord&&, const std::string& answer)> accepted = nullptr;
  std::shared_ptr<LoginToken> login = nullptr;  // has a token by Prepare; null: the trigger has no login
};

// What a kind has learned besides its records; instants of spans are monotonic.
struct TriggerRemarks {
  std::vector<v1::Finding> findings;
  std::vector<v1::Span> spans;
};

// One share's triggers of one kind. Everything happens on the loop's thread; what would block goes to another.
class TriggerKind {
 public:
  virtual ~TriggerKind() = default;  // kills what is in flight; `ended` is not called any more

  // Validates and makes ready (connect, pre-open): whatever should not be measured. `done` may be called later, once;
  // an error refuses the share.
  virtual void Prepare(std::function<void(absl::Status)> done) = 0;

  // Starts one trigger. The record comes with index, intended_ns and dispatched_ns.
  virtual void Fire(v1::TriggerRecord&& record) = 0;

  // Ends all that is in flight, as CANCELLED: politely, and by force after `grace_ns`. Nothing is fired afterwards, so
  // where Prepare is still at it, it may say that it is done at once.
  virtual void CancelAll(int64_t grace_ns) = 0;

  // Nothing is in flight and nothing will be fired any more: tells what is still to be told of tasks, and ends what
  // Prepare began. `done` is called once, possibly within it. CancelAll may come while it lasts.
  virtual void Finish(const std::function<void(TriggerRemarks&&)>& done) { done({}); }

  // Who fires, if that is a driver; known when it is prepared.
  virtual std::optional<v1::DriverInfo> Driver() const { return std::nullopt; }
};

}  // namespace assay

#endif  // ASSAY_AGENT_TRIGGERS_TRIGGER_KIND_H_
