#ifndef ASSAY_AGENT_HOOKS_MEMORY_OF_ENDED_H_
#define ASSAY_AGENT_HOOKS_MEMORY_OF_ENDED_H_

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

namespace assay {

// The last word on shares (or hooks) that have ended, by id. It outlives the coordinator's interest: one that is listed
// again, say by a coordinator that restarted, is answered from here and never executed twice. Bounded: the oldest go.
template <typename Status>
class MemoryOfEnded {
 public:
  void Remember(int64_t id, Status status) {
    if (!statuses_.emplace(id, std::move(status)).second) return;
    order_.push_back(id);
    if (order_.size() > kMost) {
      statuses_.erase(order_.front());
      order_.pop_front();
    }
  }

  // nullptr if unknown.
  const Status* Find(int64_t id) const {
    const auto found = statuses_.find(id);
    return found == statuses_.end() ? nullptr : &found->second;
  }

 private:
  static constexpr size_t kMost = 1024;
  absl::flat_hash_map<int64_t, Status> statuses_;
  std::deque<int64_t> order_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_HOOKS_MEMORY_OF_ENDED_H_
