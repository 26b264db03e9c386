#ifndef ASSAY_AGENT_LOAD_PACER_H_
#define ASSAY_AGENT_LOAD_PACER_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <queue>

#include "assay/v1/agent.pb.h"
#include "common/arrivals.h"

namespace assay {

// Says when each trigger of a share is intended. Pure: reads no clock. Instants are ns since T0.
// Closed loop: the first `slots` triggers are intended at T0, each later one at the instant a slot became free.
// Open loop: triggers are intended at the instants of the arrivals. One that finds no free slot waits, first come first
// served, and is intended when it arrived all the same; one that waits longer than the deadline is skipped.
class Pacer {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  struct Due {
    uint64_t index;
    int64_t intended_ns;
    // Open loop: until a slot was free, or its deadline was past. What it is later than that is the agent's doing.
    int64_t waited_ns;
    bool skipped;  // its deadline is past: it is not to be started
  };

  explicit Pacer(const v1::ShareSpec& spec);

  // When Next will have one; kNever if only the end of another trigger brings it, or none will come.
  int64_t NextDueNs() const;
  // Takes the next trigger if it is due by now. Every index comes once.
  std::optional<Due> Next(int64_t now_ns);
  // A trigger that was started has ended: its slot is free from then on.
  void Ended(int64_t ended_ns);
  // No more triggers.
  void Stop() { stopped_ = true; }
  // Whether no trigger will be due any more, whatever ends.
  bool Exhausted(int64_t now_ns) const;

  uint64_t taken() const { return taken_; }

 private:
  // When one that has waited since `arrived_ns` is skipped.
  int64_t SkippedFromNs(int64_t arrived_ns) const;
  void TakeArrival(uint64_t steps);
  // Since when the slot that the next one takes is free; kNever if none is.
  int64_t SlotFreeFromNs() const;
  void TakeSlot();

  const uint64_t first_index_;
  const uint64_t count_;  // 0: bounded by the duration only
  const uint64_t stride_;
  const int64_t duration_ns_;  // nothing is due at its end or later, so that 300/s for 3 s are 900; 0: no such bound
  const int64_t deadline_ns_;  // 0: none
  const uint32_t slots_;
  uint64_t taken_ = 0;
  uint32_t unused_slots_;  // that no trigger had yet
  bool stopped_ = false;
  std::queue<int64_t> freed_ns_;  // the instants at which the other free slots became so, oldest first
  std::optional<Arrivals> arrivals_;
  std::optional<int64_t> arrival_ns_;  // open loop: of the next trigger; nothing: there are no more
};

}  // namespace assay

#endif  // ASSAY_AGENT_LOAD_PACER_H_
