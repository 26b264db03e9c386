#ifndef ASSAY_AGENT_PACER_H_
#define ASSAY_AGENT_PACER_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <queue>

namespace assay {

// Says when each trigger of a share is intended. Pure: reads no clock. Instants are ns since T0.
// Closed loop: the first `slots` triggers are intended at T0, each later one at the instant a slot became free.
class Pacer {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  struct Plan {
    uint64_t first_index = 0;
    uint64_t count = 0;  // 0: bounded by the duration only
    uint64_t stride = 1;
    uint32_t slots = 0;       // 0: nothing is ever due
    int64_t duration_ns = 0;  // nothing is due later than this; 0: bounded by the count only
  };
  struct Due {
    uint64_t index;
    int64_t intended_ns;
  };

  explicit Pacer(const Plan& plan);

  // The next trigger's intended instant; kNever if only the end of another one brings it, or none will come.
  int64_t NextIntendedNs() const;
  // Takes the next trigger if it is intended by now. Every index comes once.
  std::optional<Due> Next(int64_t now_ns);
  // A trigger has ended: its slot is free from then on.
  void Ended(int64_t ended_ns) { free_.push(ended_ns); }
  // No more triggers.
  void Stop() { stopped_ = true; }
  // Whether no trigger will be due any more, whatever ends.
  bool Exhausted(int64_t now_ns) const;

  uint64_t started() const { return started_; }

 private:
  Plan plan_;
  uint64_t started_ = 0;
  uint32_t unused_slots_;
  std::queue<int64_t> free_;  // the instants at which slots became free, oldest first
  bool stopped_ = false;
};

}  // namespace assay

#endif  // ASSAY_AGENT_PACER_H_
