#ifndef ASSAY_AGENT_SHARE_H_
#define ASSAY_AGENT_SHARE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/floors/floor_book.h"
#include "agent/load/firing_lease.h"
#include "agent/load/record_batch.h"
#include "agent/load/share_load.h"
#include "agent/loop/event_loop.h"
#include "agent/loop/work_threads.h"
#include "agent/run_cgroups/run_cgroups.h"
#include "agent/sample_buffer.h"
#include "agent/sampler/sampler.h"
#include "agent/spool/batch_sink.h"
#include "assay/v1/agent.pb.h"
#include "common/clock_offset.h"
#include "common/secrets.h"

namespace assay {

// One share from PREPARE to its ShareEnd: validates, has its floor measured, samples, fires from T0 on, cools down.
// Loop's thread only; held by shared_ptr because what it has asked other threads for may come back after its end.
class Share : public std::enable_shared_from_this<Share> {
 public:
  struct Context {
    EventLoop& loop;
    BatchSink& sink;
    WorkThreads& spawner;
    WorkThreads& disk;  // the loop never waits for the spool or the sampler
    const FiringLease& lease;
    FloorBook& floors;
    RunCgroups& run_cgroups;  // on the disk's thread
    const Secrets& secrets;
    std::string agent_name;
    SamplerOptions sampler;
    uint32_t max_processes;
    uint64_t max_sockets;
    std::function<void()> changed;  // ready, fired, ended or refused; the share must outlive the call
  };
  Share(const v1::ShareSpec& spec, Context context);
  ~Share();  // kills what is in flight; nothing more is written

  void Prepare();
  // Fires at t0_ns (coordinator time), at once if that is past. The first call counts.
  void Run(int64_t t0_ns, const ClockOffset::Estimate& clock);
  // Starts no more triggers; those in flight end. Then it samples on until its cooldown. Before T0 is set it just ends.
  void Drain(const std::string& why) { Drain(why, /*interrupted=*/false); }
  // Starts no more triggers, kills those in flight, and ends without a cooldown. `interrupted`: it is not the
  // coordinator that wants it.
  void Cancel(const std::string& why, bool interrupted);
  // Once fired, samples until then (coordinator time) and ends.
  void Cooldown(int64_t sample_until_ns, const std::optional<ClockOffset::Estimate>& clock);
  // The agent is leaving: starts no more, and ends as soon as what is in flight has ended.
  void Leave(const std::string& why);
  // To be called at the instant a lease is over. Triggers are held to it exactly, whatever the timer's lateness.
  void LeaseEnded();

  v1::ShareStatus Status() const;
  // ENDED or REFUSED: nothing happens any more.
  bool Over() const { return state_ == State::kEnded || state_ == State::kRefused; }

 private:
  enum class State { kPreparing, kReady, kRunning, kFired, kEnding, kEnded, kRefused };

  absl::Status Validate() const;
  void MakeRunCgroup();
  void PrepareLoad();
  void Calibrate();
  void Begin(const std::optional<v1::Floor>& floor);
  void Begun(const absl::Status& begun);
  void Refuse(const absl::Status& why);
  void ReachT0();
  void Drain(const std::string& why, bool interrupted);
  void StopPreparing();
  void FaultUnstarted(const std::string& why, bool interrupted);
  void Fired();
  void LeaseRanOut(int64_t now_ns);
  void CooldownAlone();
  void EndAt(int64_t monotonic_ns);
  void End();
  void WriteEnd(const Sampler::Summary& summary);
  void Fault(const std::string& why, bool interrupted = false);

  const v1::ShareSpec spec_;
  const Context context_;
  State state_ = State::kPreparing;
  std::string error_;         // why it does not do all that it was asked; the first reason stands
  bool interrupted_ = false;  // that reason is the lease, or that the agent leaves
  RecordBatch batch_;
  SampleBuffer samples_;
  std::shared_ptr<Sampler> sampler_;  // the disk's thread starts and stops it
  std::shared_ptr<RunCgroup>
      run_cgroup_;                  // the disk's thread makes and removes it; none: not asked for, or not to be had
  std::string run_cgroup_missing_;  // why

  std::optional<int64_t> t0_ns_;  // monotonic
  ClockOffset::Estimate clock_{};
  int64_t t0_wall_ns_ = 0;

  bool end_when_idle_ = false;  // no cooldown: cancelled, or the agent is leaving
  bool cancelled_ = false;
  bool ends_alone_ = false;     // the lease ran out on it
  bool refuse_at_end_ = false;  // begun, but could not be spooled or sampled
  int64_t cooldown_asked_ns_ = 0;
  std::optional<int64_t> end_ns_;  // monotonic, of the cooldown
  EventLoop::TimerId t0_timer_ = 0;
  EventLoop::TimerId end_timer_ = 0;
  ShareLoad load_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_SHARE_H_
