#ifndef ASSAY_AGENT_LOAD_SHARE_LOAD_H_
#define ASSAY_AGENT_LOAD_SHARE_LOAD_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/completion/completion.h"
#include "agent/load/firing_lease.h"
#include "agent/load/pacer.h"
#include "agent/load/record_batch.h"
#include "agent/loop/event_loop.h"
#include "agent/spool/batch_sink.h"
#include "agent/triggers/trigger_kind.h"
#include "assay/v1/agent.pb.h"
#include "common/secrets.h"

namespace assay {

// Fires one share's triggers: the pacer says when, the kind does it, the batch takes the records. Loop's thread only.
class ShareLoad {
 public:
  struct Context {
    EventLoop& loop;
    const BatchSink& sink;
    const FiringLease& lease;
    RecordBatch& batch;
    std::function<void()> lease_ran_out;  // met while triggers were due; nothing more is started then
    // No trigger is in flight, none will come, and their kind has nothing more to tell; once.
    std::function<void()> ended;
  };
  ShareLoad(const v1::ShareSpec& spec, Context context);
  ~ShareLoad();  // kills what is in flight

  // Makes the trigger's kind ready; not needed for a share that only samples. What hangs on others of its context is
  // set here. `hidden` comes into no record. `done` may be called later.
  void Prepare(TriggerContext trigger, HiddenTexts hidden, std::function<void(absl::Status)> done);
  // T0 is now, or was at this monotonic instant.
  void Begin(int64_t t0_ns);
  // Starts no more triggers.
  void Stop();
  // Also kills those in flight, by force after `grace_ns`; while it gets ready, it need not any more.
  void Cancel(int64_t grace_ns);
  // Whether some trigger may still be started.
  bool MayStart() const;

  uint64_t taken() const { return pacer_.taken(); }  // started or skipped
  uint64_t ended() const { return ended_; }          // skipped ones too
  uint64_t not_ok() const { return not_ok_; }
  int64_t first_dispatch_ns() const { return first_dispatch_ns_; }  // since T0; 0 before it
  int64_t first_intended_ns() const { return first_intended_ns_; }  // of that trigger
  bool backpressured() const { return backpressured_; }
  int64_t backpressured_ns() const { return backpressured_ns_; }  // triggers were due, but the spool was full
  // Of the kind and of what followed its triggers; spans are since T0. Complete once `ended` is called.
  const TriggerRemarks& remarks() const { return remarks_; }
  std::vector<std::string> Notices() const;  // what is wrong at the moment with following what triggers started
  std::optional<v1::DriverInfo> driver() const { return kind_ ? kind_->Driver() : std::nullopt; }

 private:
  void MakeCompletion(const TriggerContext& trigger, const BuiltInNames& names);
  void AskForToken(std::function<void(absl::Status)> done);
  int64_t NowNs() const;  // since T0
  void Pump();
  void Take(const Pacer::Due& due, int64_t now_ns);
  void Skip(v1::TriggerRecord&& record);
  bool HeldBack(int64_t now_ns);
  void CountBackpressure(bool full, int64_t now_ns);
  void TriggerEnded(v1::TriggerRecord&& record);
  void TaskTold(v1::TaskRecord&& task);
  void Finished(TriggerRemarks&& remarks);
  void Keep(v1::TriggerRecord&& record);

  const Context context_;
  const int64_t deadline_ns_;
  Pacer pacer_;
  std::optional<int64_t> t0_ns_;  // monotonic; set by Begin
  bool pumping_ = false;
  bool over_ = false;
  uint64_t ended_ = 0;
  uint64_t not_ok_ = 0;
  int64_t first_dispatch_ns_ = 0;
  int64_t first_intended_ns_ = 0;
  std::optional<int64_t> full_since_ns_;  // since T0
  bool backpressured_ = false;
  int64_t backpressured_ns_ = 0;
  TriggerRemarks remarks_;
  EventLoop::TimerId pump_timer_ = 0;
  HiddenTexts hidden_;
  std::shared_ptr<LoginToken> login_;       // the trigger's; null: it has none
  std::unique_ptr<Completion> completion_;  // null: a trigger is over when it is answered
  std::unique_ptr<TriggerKind> kind_;       // last: its end must find the others
};

}  // namespace assay

#endif  // ASSAY_AGENT_LOAD_SHARE_LOAD_H_
