#ifndef ASSAY_AGENT_COMPLETION_COMPLETION_H_
#define ASSAY_AGENT_COMPLETION_COMPLETION_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/completion/failed_looks.h"
#include "agent/completion/poll.h"
#include "agent/completion/remote_id.h"
#include "agent/completion/watched_runs.h"
#include "agent/loop/event_loop.h"
#include "assay/v1/record.pb.h"
#include "assay/v1/scenario.pb.h"

namespace assay {

// Follows the work that triggers started until it ends in the target: looks at it once a period, by one question for
// all of it where the target allows that. Loop's thread only.
class Completion {
 public:
  // How the target is asked; `hurry` is to be called when something in it has changed.
  using MakePoll = std::function<std::unique_ptr<Poll>(std::function<void()> hurry)>;
  // `ended` gets each accepted trigger once, with monotonic instants, possibly within Accept. Null: there is no poll.
  static std::unique_ptr<Completion> Of(EventLoop& loop, const v1::Trigger& trigger, const MakePoll& make_poll,
                                        std::function<void(v1::TriggerRecord&&)> ended);
  ~Completion();  // `ended` is not called any more

  void Prepare(std::function<void(absl::Status)> done);
  // Takes over a trigger that was answered as it should.
  void Accept(v1::TriggerRecord&& record, const std::string& answer);
  // Ends all that is waited for, and all that comes, as CANCELLED.
  void CancelAll();

  // What went wrong while looking; none if nothing did.
  std::optional<v1::Finding> Errors() const;
  // What is wrong with the looking, while it is: for who follows the run. At most one of each kind.
  std::vector<std::string> Notices() const;

 private:
  struct Faults {
    uint64_t count = 0;
    std::string first;
    void Add(uint64_t more, const std::string& what);
  };
  Completion(EventLoop& loop, const v1::Trigger& trigger, std::function<void(v1::TriggerRecord&&)> ended);
  void Hurry();
  void Plan(int64_t at_ns);
  void Look();
  void Take(Looked&& looked);

  EventLoop& loop_;
  const v1::Trigger trigger_;
  const std::function<void(v1::TriggerRecord&&)> ended_;
  std::optional<RemoteId> remote_id_;
  WatchedRuns runs_;
  absl::flat_hash_map<WatchedRuns::Key, EventLoop::TimerId> timeouts_;
  EventLoop::TimerId look_timer_ = 0;
  int64_t look_at_ns_ = INT64_MAX;
  int64_t looked_ns_ = 0;  // when the last look began
  bool looking_ = false;
  bool hurried_ = false;  // while it was looking
  bool cancelled_ = false;
  FailedLooks failed_looks_;
  Faults look_faults_;
  Faults instant_faults_;       // of ends that were seen, but not when they were
  std::unique_ptr<Poll> poll_;  // last: what it calls must find the others
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_COMPLETION_H_
