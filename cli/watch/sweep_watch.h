#ifndef ASSAY_CLI_WATCH_SWEEP_WATCH_H_
#define ASSAY_CLI_WATCH_SWEEP_WATCH_H_

#include <absl/status/status.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "assay/v1/control.pb.h"
#include "cli/control_client.h"

namespace assay {

// Follows one sweep on a thread of its own until it has ended. A lost connection is tried again for `patience_ns` (the
// coordinator may be restarting); the next message then repeats all results so far.
class SweepWatch {
 public:
  static constexpr int64_t kPatienceNs = 60'000'000'000;

  SweepWatch(std::string address, int64_t sweep_id, int64_t patience_ns = kPatienceNs);
  ~SweepWatch();
  SweepWatch(const SweepWatch&) = delete;
  SweepWatch& operator=(const SweepWatch&) = delete;

  // Readable when there is news.
  int fd() const { return event_fd_; }

  struct News {
    std::vector<v1::SweepProgress> messages;  // in order
    bool over = false;                        // nothing more will come
    absl::Status status;                      // once over: OK if the sweep has ended
    int64_t away_since_ns = 0;                // monotonic; 0 while connected
    absl::Status away_reason;
  };
  News Take();

 private:
  void Follow();
  void Signal();

  ControlClient client_;
  const int64_t sweep_id_;
  const int64_t patience_ns_;
  const int event_fd_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  News news_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace assay

#endif  // ASSAY_CLI_WATCH_SWEEP_WATCH_H_
