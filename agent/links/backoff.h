#ifndef ASSAY_AGENT_LINKS_BACKOFF_H_
#define ASSAY_AGENT_LINKS_BACKOFF_H_

#include <algorithm>
#include <chrono>
#include <random>

namespace assay {

// How long to wait before the next try to connect: doubles from 0.2 s to 2 s, each time by a factor of 0.5 to 1, so
// that the agents of a restarted coordinator do not come all at once. Not thread-safe.
class Backoff {
 public:
  std::chrono::milliseconds Next() {
    const int64_t wait_ms = std::uniform_int_distribution<int64_t>(wait_ms_ / 2, wait_ms_)(random_);
    wait_ms_ = std::min(wait_ms_ * 2, kMaxMs);
    return std::chrono::milliseconds(wait_ms);
  }
  void Reset() { wait_ms_ = kMinMs; }

 private:
  static constexpr int64_t kMinMs = 400;
  static constexpr int64_t kMaxMs = 2000;
  int64_t wait_ms_ = kMinMs;
  std::mt19937_64 random_{std::random_device()()};
};

}  // namespace assay

#endif  // ASSAY_AGENT_LINKS_BACKOFF_H_
