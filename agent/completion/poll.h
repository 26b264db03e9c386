#ifndef ASSAY_AGENT_COMPLETION_POLL_H_
#define ASSAY_AGENT_COMPLETION_POLL_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/completion/watched_runs.h"

namespace assay {

// What came of one look at the target.
struct Looked {
  std::vector<RunSeen> seen;
  bool listed_all = false;  // what is not in `seen` is not in the target's listing
  uint64_t errors = 0;
  std::string error;  // the first of them

  void Fault(std::string what) {
    if (errors++ == 0) error = std::move(what);
  }
};

// Asks the target how the runs in it stand. Loop's thread only; nothing blocks it.
class Poll {
 public:
  virtual ~Poll() = default;  // drops the look that is under way; its `done` is not called any more

  // An error refuses the share. `done` is called once, possibly later.
  virtual void Prepare(std::function<void(absl::Status)> done) = 0;
  // One look at a time. `done` is called once, later.
  virtual void Look(std::vector<std::string> ids, std::function<void(Looked&&)> done) = 0;
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_POLL_H_
