#ifndef ASSAY_AGENT_LOOP_TIMER_HEAP_H_
#define ASSAY_AGENT_LOOP_TIMER_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace assay {

// Deadlines in a binary heap. A cancelled one leaves a stale entry behind that is skipped when it comes up, and swept
// out once more than half of the heap is stale. Pure: time comes in as an argument.
class TimerHeap {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // An id is never 0 and is not used again.
  uint64_t Add(int64_t at_ns, std::function<void()> due);
  void Cancel(uint64_t id);

  int64_t NextNs();  // of the earliest deadline, kNever if there is none
  // Takes the earliest deadline out if it is at or before `now_ns`; an empty function if there is none.
  std::function<void()> PopDue(int64_t now_ns);
  size_t size() const { return live_; }
  size_t heap_size() const { return heap_.size(); }

 private:
  struct Entry {
    int64_t at_ns;
    uint64_t order;  // equal deadlines keep the order they were added in
    uint64_t id;
  };
  struct Slot {
    std::function<void()> due;
    uint32_t generation = 1;
  };
  static bool Later(const Entry& a, const Entry& b);
  bool Stale(const Entry& entry) const;
  void Free(uint32_t slot);
  void DropStaleTop();

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t order_ = 0;
  size_t live_ = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_LOOP_TIMER_HEAP_H_
