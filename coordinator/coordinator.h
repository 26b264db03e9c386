#ifndef ASSAY_COORDINATOR_COORDINATOR_H_
#define ASSAY_COORDINATOR_COORDINATOR_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "common/bounded_queue.h"
#include "common/secrets.h"
#include "coordinator/finisher.h"
#include "coordinator/scheduler.h"
#include "storage/lease.h"
#include "storage/sweep_store.h"

namespace assay {

// Drives the scheduler on a thread of its own: takes in what agents, users and the other threads say, stores what must
// be stored, and only then tells the agents. All public methods may be called from any thread.
class Coordinator {
 public:
  struct Options {
    std::string database_url;
    std::string cluster_id;
    int64_t term = 0;
    Scheduler::Options scheduler;
    std::string secrets_directory;  // see Secrets
  };
  // One Control stream: `send` may be called from this object's thread until AgentGone.
  struct Session {
    uint64_t id = 0;
    std::function<void(v1::Desired&&)> send;
  };

  // `fatal`: this process must not go on (another coordinator has taken over).
  Coordinator(Options options, Connection& connection, Lease& lease, std::function<void(absl::Status)> fatal);
  ~Coordinator();

  // Loads what is unfinished, then runs.
  absl::Status Start();
  void Stop();

  void AgentReported(const Session& session, v1::Report&& report, int64_t received_ns);
  void AgentGone(uint64_t session);
  void ShareEnded(int64_t run_id, int64_t agent_id, const v1::ShareEnd& end);
  void Collected(int64_t hook_id);  // what a collector on an agent found is stored
  void LateRows(int64_t run_id);
  void ResultsTrouble(absl::Status status);  // they cannot be stored for the moment; OK: again they can

  // The sweep is stored already.
  void AddSweep(SweepRow sweep);
  void CancelSweep(int64_t sweep_id, bool now);
  // Nothing if the sweep is not unfinished, or the coordinator is stopping.
  std::optional<v1::SweepProgress> Progress(int64_t sweep_id);
  v1::ListAgentsReply Agents(const v1::ListAgentsRequest& request);

 private:
  struct Connected {
    Session session;
    v1::Hello hello;
    bool accepted = false;
    std::string refusal;
    bool welcomed = false;
    // The report to answer, 0 if it was answered.
    uint64_t report_id = 0;
    int64_t received_ns = 0;
  };

  // A hook of the coordinator itself.
  struct RunningHook {
    std::thread thread;
    std::atomic<bool> stop = false;
  };

  void Run();
  void Accept(Connected& connected, int64_t now_ns);
  void Handle(const Session& session, const v1::Report& report, int64_t received_ns);
  void Advance();
  absl::Status Store(Scheduler::Write& write);
  void Answer();
  void RunHooks();
  HookRow RunCollector(const Scheduler::Hook& hook, const std::atomic<bool>& stop);  // on a hook's thread
  template <typename T>
  std::optional<T> Ask(std::function<T()> question);

  const Options options_;
  Connection& connection_;
  Lease& lease_;
  SweepStore store_;
  const std::function<void(absl::Status)> fatal_;
  BoundedQueue<std::function<void()>> tasks_;
  // Below: the thread's own.
  Scheduler scheduler_;
  std::map<uint64_t, Connected> sessions_;
  std::map<int64_t, RunningHook> hooks_;
  int64_t retry_at_ns_ = 0;
  int64_t renew_at_ns_ = 0;
  int64_t listened_ns_ = 0;  // when what others said was last taken in
  absl::Status trouble_;
  absl::Status results_trouble_;
  std::atomic<bool> stopping_ = false;
  std::unique_ptr<Finisher> finisher_;
  std::thread thread_;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_COORDINATOR_H_
