#include "mock/gate.h"

#include <utility>

namespace assay {

void Gate::Run(std::function<void()> turn) {
  if (!shut_) {
    const int64_t stall_ns = faults_.StallLeftNs();
    if (stall_ns == 0) return turn();
    Shut(stall_ns);
  }
  waiting_.push_back(std::move(turn));
}

void Gate::ShutFor(int64_t ns, std::function<void()> then) {
  waiting_.push_front(std::move(then));
  Shut(ns);
}

void Gate::Shut(int64_t ns) {
  shut_ = true;
  timers_.After(ns, [this] { Open(); });
}

void Gate::Open() {
  // A stall that has begun in the meantime goes on.
  if (const int64_t stall_ns = faults_.StallLeftNs(); stall_ns > 0) return Shut(stall_ns);
  shut_ = false;
  while (!shut_ && !waiting_.empty()) {
    const std::function<void()> turn = std::move(waiting_.front());
    waiting_.pop_front();
    turn();
  }
}

}  // namespace assay
