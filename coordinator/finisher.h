#ifndef ASSAY_COORDINATOR_FINISHER_H_
#define ASSAY_COORDINATOR_FINISHER_H_

#include <absl/status/statusor.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "common/bounded_queue.h"
#include "coordinator/scheduler.h"
#include "storage/connection.h"

namespace assay {

// Judges and closes runs on a thread and a connection of its own, so that reading 100,000 rows never keeps agents
// waiting. Also closes ended runs anew when late rows came for them: those that Refresh names, and, as soon as no run
// waits for its end, those that the store has marked and an earlier coordinator, or a failure, left.
class Finisher {
 public:
  using Ended = std::function<void(int64_t run_id, const std::string& verdict, bool agent_lost)>;

  Finisher(std::string database_url, int64_t term, Ended ended);
  ~Finisher();

  void Finish(Scheduler::EndRun run);
  void Refresh(int64_t run_id);

 private:
  struct Job {
    bool refresh = false;
    Scheduler::EndRun run;
  };
  void Run();
  void Do(const Job& job);
  void RefreshMarked();
  absl::Status Close(const Job& job);
  absl::Status CloseUnjudged(int64_t run_id, const std::string& why);
  absl::StatusOr<Scheduler::EndRun> Recall(int64_t run_id);

  Connection connection_;
  const Ended ended_;
  BoundedQueue<Job> jobs_;
  std::mutex mutex_;
  std::set<int64_t> to_refresh_;  // in jobs_ and not yet begun; under mutex_
  std::atomic<bool> look_for_marked_ = true;
  std::thread thread_;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_FINISHER_H_
