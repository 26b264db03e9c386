#ifndef ASSAY_COMMON_DRIVER_DRIVER_TASKS_H_
#define ASSAY_COMMON_DRIVER_DRIVER_TASKS_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "assay/v1/record.pb.h"
#include "common/driver/driver_line.h"

namespace assay {

// The tasks that a driver was given, and what its events make of them: of each the record of its trigger, once that has
// ended, and the record of the task itself, to which events may add until the end. Reads no clock; all instants are
// monotonic.
class DriverTasks {
 public:
  static constexpr int64_t kNever = INT64_MAX;
  static constexpr int64_t kDonePatienceNs = 10'000'000'000;  // for the `done` of a task that is over
  // Instants of other threads and of a converted clock may be off by so much without being wrong.
  static constexpr int64_t kClockSlackNs = 1'000'000;
  // The wall clocks of other hosts may say what they like, and what they err is a finding about the target; but an
  // instant a year away is of another unit.
  static constexpr int64_t kFarNs = 366LL * 86'400 * 1'000'000'000;
  // State of a task of which nothing was told: it may have run, or not. In the words of the store's is_told.
  static constexpr const char* kNotTold = "not told";

  explicit DriverTasks(int64_t timeout_ns) : timeout_ns_(timeout_ns) {}

  // With index, started_ns and all that is known before; the rest follows from the events.
  void Give(v1::TriggerRecord&& trigger);
  // An error says why the event is not taken: NotFound (no such task), AlreadyExists (told a second time),
  // InvalidArgument (instants that cannot be). `monotonic_from_wall_ns`: what is added to the wall clock's instants.
  absl::Status Take(const DriverEvent& event, int64_t now_ns, int64_t monotonic_from_wall_ns);
  // Ends the triggers whose timeout is past, and those that are over in the target without being done.
  void Pass(int64_t now_ns);
  int64_t NextDueNs() const;  // of Pass; kNever: none
  // Ends all that is in flight.
  void EndAll(v1::Outcome outcome, const std::string& error, int64_t now_ns);

  // Triggers that have ended since the last call.
  std::vector<v1::TriggerRecord> TakeEnded();
  // Whose trigger ended without a `done`, though the task had.
  uint64_t undone() const { return undone_; }
  uint64_t first_undone() const { return first_undone_; }
  // At most so many of all that were given; none: there are no more. The end of them all.
  std::vector<v1::TaskRecord> TakeTasks(size_t most);

  uint64_t given() const { return tasks_.size(); }
  size_t in_flight() const { return in_flight_; }
  uint64_t first_in_flight() const;  // its index; of some

 private:
  struct Task {
    std::unique_ptr<v1::TriggerRecord> trigger;  // while it is in flight
    v1::TaskRecord record;
    bool done = false;                           // the event
    v1::Outcome told = v1::OUTCOME_UNSPECIFIED;  // by it; the task's where nothing else tells of its end
    int64_t given_ns = 0;
    int64_t over_ns = 0;                                  // when the end of its last try was told
    std::array<uint32_t, kDriverInstants> attempts = {};  // that the instants are of; 0: not told
  };
  struct Due {
    int64_t at_ns;
    uint64_t index;
  };

  absl::Status Check(const DriverEvent& event, const Task& task, int64_t now_ns, int64_t shift_ns) const;
  static void Describe(const DriverEvent& event, Task& task);
  static void SetInstant(Task& task, DriverInstant instant, int64_t ns, const DriverEvent& event);
  void Finish(const DriverEvent& event, Task& task, int64_t at_ns, int64_t now_ns);
  void Done(const DriverEvent& event, Task& task, int64_t at_ns, int64_t now_ns);
  void End(Task& task, v1::Outcome outcome, std::string error, int64_t at_ns);

  Task* Find(uint64_t index);

  const int64_t timeout_ns_;                  // 0: none
  std::vector<std::unique_ptr<Task>> tasks_;  // as given; null once taken
  absl::flat_hash_map<uint64_t, size_t> places_;
  size_t taken_ = 0;
  std::vector<v1::TriggerRecord> ended_;
  std::deque<Due> timeouts_;  // in the order of their instants, as all wait as long
  std::deque<Due> dones_;
  uint64_t undone_ = 0;
  uint64_t first_undone_ = 0;
  size_t in_flight_ = 0;
};

}  // namespace assay

#endif  // ASSAY_COMMON_DRIVER_DRIVER_TASKS_H_
