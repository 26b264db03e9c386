#ifndef ASSAY_AGENT_SHARE_H_
#define ASSAY_AGENT_SHARE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/batch_sink.h"
#include "agent/event_loop.h"
#include "agent/pacer.h"
#include "agent/record_batch.h"
#include "agent/sampler/sampler.h"
#include "agent/triggers/trigger_kind.h"
#include "agent/work_thread.h"
#include "assay/v1/agent.pb.h"
#include "common/clock_offset.h"

namespace assay {

// Until when this agent may start triggers, in monotonic ns, and when the coordinator was last heard.
struct Lease {
  std::optional<int64_t> until_ns;  // unset: never granted yet
  int64_t last_word_ns = 0;
};

// One share from PREPARE to its ShareEnd: validates, samples, fires from T0 on, cools down. Loop's thread only; held by
// shared_ptr because what it has asked other threads for may come back after its end.
class Share : public std::enable_shared_from_this<Share> {
 public:
  struct Context {
    EventLoop& loop;
    BatchSink& sink;
    WorkThread& spawner;
    WorkThread& disk;  // the loop never waits for the spool or the sampler
    const Lease& lease;
    std::string agent_name;
    SamplerOptions sampler;
    uint32_t max_processes;
    std::function<void()> changed;  // ready, fired, ended or refused; nothing is destroyed within it
  };
  Share(const v1::ShareSpec& spec, Context context);
  ~Share();  // kills what is in flight; nothing more is written

  void Prepare();
  // Fires at t0_ns (coordinator time), at once if that is past. The first call counts.
  void Run(int64_t t0_ns, const ClockOffset::Estimate& clock);
  // Starts no more triggers; those in flight end. Then it samples on until its cooldown.
  void Drain(const std::string& why);
  // Starts no more triggers, kills those in flight, and ends without a cooldown.
  void Cancel(const std::string& why);
  // Once fired, samples until then (coordinator time) and ends.
  void Cooldown(int64_t sample_until_ns, const std::optional<ClockOffset::Estimate>& clock);
  // The agent is leaving: starts no more, and ends as soon as what is in flight has ended.
  void Leave(const std::string& why);
  // The lease was granted or is over: see Lease.
  void LeaseChanged();

  v1::ShareStatus Status() const;
  // ENDED or REFUSED: nothing happens any more.
  bool Over() const { return state_ == State::kEnded || state_ == State::kRefused; }

 private:
  enum class State { kPreparing, kReady, kRunning, kFired, kEnding, kEnded, kRefused };

  absl::Status Validate() const;
  void Begin();
  void Begun(const absl::Status& spooled);
  void Refuse(const absl::Status& why);
  void Sampled(std::vector<v1::CgroupSample>&& cgroups, std::vector<v1::HostSample>&& hosts);
  void RebaseSamples();
  void ReachT0();
  void Pump();
  void PumpLater();
  bool HeldBack(int64_t now_ns);
  void CountBackpressure(bool full, int64_t now_ns);
  void StopStarting(const std::string& why);
  void TriggerEnded(v1::TriggerRecord&& record);
  void Fired();
  void LeaseRanOut(int64_t now_ns);
  void CooldownAlone();
  void EndAt(int64_t monotonic_ns);
  void End();
  void WriteEnd(const Sampler::Summary& summary);
  void Fault(const std::string& why);
  bool LeaseIsOut(int64_t now_ns) const { return context_.lease.until_ns && now_ns >= *context_.lease.until_ns; }

  const v1::ShareSpec spec_;
  const Context context_;
  State state_ = State::kPreparing;
  std::string error_;  // why it does not do all that it was asked; the first reason stands
  Pacer pacer_;
  RecordBatch batch_;
  std::unique_ptr<TriggerKind> kind_;
  std::shared_ptr<Sampler> sampler_;  // the disk's thread starts and stops it

  std::optional<int64_t> t0_ns_;  // monotonic
  ClockOffset::Estimate clock_{};
  bool reached_t0_ = false;
  int64_t t0_wall_ns_ = 0;
  std::vector<v1::CgroupSample> early_cgroups_;  // from before T0 was known; instants still monotonic
  std::vector<v1::HostSample> early_hosts_;

  bool pumping_ = false;
  bool pump_posted_ = false;
  uint64_t ended_triggers_ = 0;
  uint64_t not_ok_ = 0;
  int64_t first_dispatch_ns_ = 0;
  std::optional<int64_t> full_since_ns_;  // since T0: triggers are due, but the spool is full
  bool backpressured_ = false;
  int64_t backpressured_ns_ = 0;

  bool end_when_idle_ = false;  // no cooldown: cancelled, or the agent is leaving
  bool cancelled_ = false;
  bool ends_alone_ = false;     // the lease ran out on it
  bool refuse_at_end_ = false;  // begun, but could not be spooled
  int64_t cooldown_asked_ns_ = 0;
  std::optional<int64_t> end_ns_;  // monotonic, of the cooldown
  EventLoop::TimerId t0_timer_ = 0;
  EventLoop::TimerId retry_timer_ = 0;
  EventLoop::TimerId end_timer_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SHARE_H_
