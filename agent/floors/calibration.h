#ifndef ASSAY_AGENT_FLOORS_CALIBRATION_H_
#define ASSAY_AGENT_FLOORS_CALIBRATION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/floors/echo_child.h"
#include "agent/load/firing_lease.h"
#include "agent/load/record_batch.h"
#include "agent/load/share_load.h"
#include "agent/loop/event_loop.h"
#include "agent/loop/work_threads.h"
#include "agent/spool/batch_sink.h"
#include "agent/triggers/null_trigger.h"
#include "assay/v1/agent.pb.h"
#include "assay/v1/record.pb.h"

namespace assay {

// Measures one floor: fires null triggers as a share fires its own, by the same pacer and the same kind, only that the
// records are looked at here and kept nowhere. Bounded in number and time. Loop's thread only.
class Calibration : public std::enable_shared_from_this<Calibration> {
 public:
  struct Context {
    EventLoop& loop;
    WorkThreads& spawner;
    const FiringLease& lease;
    std::string agent_name;
    uint32_t max_processes;
    uint64_t max_sockets;
    std::vector<std::string> echo_argv;  // empty: no echo server can be had
    int64_t for_ns;
  };
  // `spec`: of the share that the floor is wanted for.
  Calibration(const Context& context, const v1::ShareSpec& spec, const NullTrigger& null);
  ~Calibration();  // kills what is in flight; `done` is not called

  // `done` is called once, later. A floor that could not be measured says why in its error.
  void Start(std::function<void(v1::Floor)> done);

  // How many are fired at once for such a share.
  static uint32_t Concurrency(const v1::ShareSpec& spec);

 private:
  class Records final : public BatchSink {
   public:
    void Append(v1::Batch&& batch) override;
    absl::Status Flush() override { return absl::OkStatus(); }
    bool Full() const override { return false; }

    std::vector<v1::TriggerRecord> all;
  };

  void Fire();
  void LookWhetherEnough(int64_t at_ns);
  void Fired();
  void Fail(const std::string& why);
  void Tell();

  const Context context_;
  v1::ShareSpec spec_;
  const std::string echo_protocol_;  // empty: no echo server is needed
  v1::Floor floor_;
  std::function<void(v1::Floor)> done_;
  std::shared_ptr<EchoChild> echo_;
  Records records_;
  RecordBatch batch_;
  EventLoop::TimerId patience_timer_ = 0;
  EventLoop::TimerId enough_timer_ = 0;
  std::unique_ptr<ShareLoad> load_;  // last: its end must find the others
};

}  // namespace assay

#endif  // ASSAY_AGENT_FLOORS_CALIBRATION_H_
