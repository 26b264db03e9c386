#ifndef ASSAY_MOCK_GATE_H_
#define ASSAY_MOCK_GATE_H_

#include <cstdint>
#include <deque>
#include <functional>

#include "mock/faults.h"
#include "mock/timers.h"

namespace assay {

// The one event loop of the server that is mocked: while it is shut nothing is read or answered, and what wants to be
// waits in order. A stall shuts it, and a serial load, which sleeps on that loop. The base's thread only.
class Gate {
 public:
  Gate(Timers& timers, const Faults& faults) : timers_(timers), faults_(faults) {}

  // At once, or when the gate opens.
  void Run(std::function<void()> turn);
  // Shut for so long from now, and `then` before all that waits.
  void ShutFor(int64_t ns, std::function<void()> then);

 private:
  void Shut(int64_t ns);
  void Open();

  Timers& timers_;
  const Faults& faults_;
  bool shut_ = false;
  std::deque<std::function<void()>> waiting_;
};

}  // namespace assay

#endif  // ASSAY_MOCK_GATE_H_
