#include "cli/watch/sweep_watch.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>

#include "cli/exit_code.h"
#include "common/clock.h"

namespace assay {
namespace {

constexpr std::chrono::milliseconds kRetryEvery(300);

// What a restart of the coordinator does not mend.
bool IsFinal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

}  // namespace

SweepWatch::SweepWatch(std::string address, int64_t sweep_id, int64_t patience_ns)
    : client_(std::move(address)),
      sweep_id_(sweep_id),
      patience_ns_(patience_ns),
      event_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  thread_ = std::thread([this] { Follow(); });
}

SweepWatch::~SweepWatch() {
  stop_ = true;
  client_.StopWatching();
  thread_.join();
  close(event_fd_);
}

SweepWatch::News SweepWatch::Take() {
  uint64_t count = 0;
  // Empty is fine: Take may be called without a signal.
  [[maybe_unused]] const ssize_t got = read(event_fd_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  News taken = news_;
  news_.messages.clear();
  return taken;
}

void SweepWatch::Signal() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t put = write(event_fd_, &one, sizeof one);
}

void SweepWatch::Follow() {
  int64_t away_since_ns = 0;
  while (!stop_) {
    bool ended = false;
    const absl::Status status = client_.Watch(sweep_id_, [&](v1::SweepProgress progress) {
      ended = HasEnded(progress.sweep()) && !progress.more();
      away_since_ns = 0;
      const std::lock_guard lock(mutex_);
      news_.away_since_ns = 0;
      news_.messages.push_back(std::move(progress));
      Signal();
      return !ended;
    });
    if (stop_) return;
    const int64_t now_ns = MonotonicNs();
    if (away_since_ns == 0) away_since_ns = now_ns;
    {
      const std::lock_guard lock(mutex_);
      // A stream that ends well before the sweep does is a coordinator shutting down.
      const absl::Status reason = status.ok() ? absl::UnavailableError("the coordinator ended the connection") : status;
      news_.over = ended || IsFinal(reason) || now_ns - away_since_ns > patience_ns_;
      news_.status = ended ? absl::OkStatus() : reason;
      if (!ended) news_.away_since_ns = away_since_ns;
      news_.away_reason = ended ? absl::OkStatus() : reason;
      Signal();
      if (news_.over) return;
    }
    std::this_thread::sleep_for(kRetryEvery);
  }
}

}  // namespace assay
