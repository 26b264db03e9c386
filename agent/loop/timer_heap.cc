#include "agent/loop/timer_heap.h"

#include <algorithm>
#include <utility>

namespace assay {
namespace {

constexpr size_t kSweepFrom = 256;

}  // namespace

bool TimerHeap::Later(const Entry& a, const Entry& b) {
  return a.at_ns != b.at_ns ? a.at_ns > b.at_ns : a.order > b.order;
}

// The slot's generation moves on when its timer is gone, so an id names one timer and never its successor.
bool TimerHeap::Stale(const Entry& entry) const {
  return slots_[static_cast<uint32_t>(entry.id)].generation != static_cast<uint32_t>(entry.id >> 32);
}

void TimerHeap::Free(uint32_t slot) {
  slots_[slot].due = nullptr;
  if (++slots_[slot].generation == 0) slots_[slot].generation = 1;
  free_.push_back(slot);
  --live_;
}

uint64_t TimerHeap::Add(int64_t at_ns, std::function<void()> due) {
  uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  slots_[slot].due = std::move(due);
  const uint64_t id = (uint64_t{slots_[slot].generation} << 32) | slot;
  heap_.push_back({at_ns, ++order_, id});
  std::push_heap(heap_.begin(), heap_.end(), Later);
  ++live_;
  return id;
}

void TimerHeap::Cancel(uint64_t id) {
  const auto slot = static_cast<uint32_t>(id);
  if (slot >= slots_.size() || Stale({0, 0, id})) return;
  Free(slot);
  if (heap_.size() >= kSweepFrom && heap_.size() > 2 * live_) {
    std::erase_if(heap_, [this](const Entry& entry) { return Stale(entry); });
    std::make_heap(heap_.begin(), heap_.end(), Later);
  }
}

void TimerHeap::DropStaleTop() {
  while (!heap_.empty() && Stale(heap_.front())) {
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    heap_.pop_back();
  }
}

int64_t TimerHeap::NextNs() {
  DropStaleTop();
  return heap_.empty() ? kNever : heap_.front().at_ns;
}

std::function<void()> TimerHeap::PopDue(int64_t now_ns) {
  if (NextNs() > now_ns || heap_.empty()) return nullptr;
  const auto slot = static_cast<uint32_t>(heap_.front().id);
  std::pop_heap(heap_.begin(), heap_.end(), Later);
  heap_.pop_back();
  std::function<void()> due = std::move(slots_[slot].due);
  Free(slot);
  return due;
}

}  // namespace assay
