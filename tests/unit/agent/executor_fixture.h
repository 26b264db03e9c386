#ifndef ASSAY_TESTS_UNIT_AGENT_EXECUTOR_FIXTURE_H_
#define ASSAY_TESTS_UNIT_AGENT_EXECUTOR_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/executor.h"
#include "agent/loop/event_loop.h"
#include "agent/spool/batch_sink.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "tests/unit/patience.h"

namespace assay {

// All that one share wrote, in order.
struct Written {
  std::vector<v1::TriggerRecord> triggers;
  std::vector<v1::TaskRecord> tasks;
  std::vector<v1::CgroupSample> cgroups;
  std::vector<v1::HostSample> hosts;
  std::optional<v1::ShareStart> start;
  std::optional<v1::ShareEnd> end;
  std::vector<size_t> batch_sizes;
  std::vector<v1::Batch> collected;  // by collectors, with the records that they read
};

// A spool that is a list.
class ListSink final : public BatchSink {
 public:
  void Append(v1::Batch&& batch) override;
  absl::Status Flush() override;
  bool Full() const override { return full; }

  Written Of(int64_t run_id) const;
  std::map<v1::Outcome, uint64_t> Outcomes() const;  // of all trigger records, kept or not

  std::atomic<bool> keeps_triggers = true;
  std::atomic<bool> full = false;
  std::atomic<bool> broken = false;
  std::atomic<int> full_after = -1;  // becomes full once it holds so many trigger records; -1: never

 private:
  mutable std::mutex mutex_;
  std::map<int64_t, Written> written_;
  std::map<v1::Outcome, uint64_t> outcomes_;
};

// An executor on a real loop, and this test in the coordinator's part. Coordinator time is far from the monotonic
// clock.
class ExecutorTest : public testing::Test {
 protected:
  static constexpr ClockOffset::Estimate kClock{.offset_ns = 7'000'000 * kSecond, .bound_ns = 4321};

  void SetUp() override;
  void TearDown() override;
  // Makes the executor anew, for tests that need other options.
  void Restart(const Executor::Options& options);

  // Runs on the loop's thread and waits for it.
  template <typename F>
  auto OnLoop(F f) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto result = task.get_future();
    loop_.Post([&task] { task(); });
    return result.get();
  }

  v1::DesiredShare& Want(const v1::ShareSpec& spec, v1::SharePhase phase);  // adds or changes what is desired
  void Unlist(int64_t run_id);
  void Exchange();  // one exchange with the executor: lease and desired state
  v1::Report Report();
  std::optional<v1::ShareStatus> Status(int64_t run_id);
  v1::ShareStatus WaitFor(int64_t run_id, const std::function<bool(const v1::ShareStatus&)>& condition);
  v1::ShareStatus WaitForPhase(int64_t run_id, v1::SharePhase phase);
  v1::HookStatus WaitForHook(int64_t hook_id);

  // Prepare and RUN; T0 is `in_ns` from now.
  void Begin(const v1::ShareSpec& spec, int64_t in_ns = 5 * kMs);
  // COOLDOWN, for so long, and waits for the end.
  Written Finish(const v1::ShareSpec& spec, int64_t cooldown_ns = 0);
  Written Execute(const v1::ShareSpec& spec);      // Begin, fired, Finish
  std::string Refusal(const v1::ShareSpec& spec);  // why it cannot be prepared

  static v1::ShareSpec SleepSpec(int64_t run_id, uint64_t count, uint32_t slots, int64_t sleep_ns);
  static v1::ShareSpec ExecSpec(int64_t run_id, uint64_t count, uint32_t slots, const std::vector<std::string>& argv);

  EventLoop loop_;
  ListSink sink_;
  v1::Desired desired_;
  int64_t lease_ns_ = 3600 * kSecond;
  std::unique_ptr<Executor> executor_;
  std::atomic<int> changes_ = 0;

 private:
  std::thread thread_;
};

// What must hold for the records of any share, whatever else happened: instants in order, every index once.
void ExpectSound(const Written& written, const v1::ShareSpec& spec);
// The most triggers that were in flight at once, from started to finished.
size_t MostInFlight(const Written& written);
size_t OpenDescriptors();
uint64_t ResidentBytes();  // of this process
size_t Children();         // of this process, zombies included

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_AGENT_EXECUTOR_FIXTURE_H_
