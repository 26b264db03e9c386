// What the agent itself costs, in one process: null triggers through loop, share and batches into a sink that only
// counts; sleeps of 1-10 ms against the list schedule of their nominal lengths; the memory of 10,000 sleeps in flight;
// and processes beside a bare loop of posix_spawn and wait, in turns. One line of JSON per repetition.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <queue>
#include <string>
#include <thread>
#include <vector>

#include "agent/executor.h"
#include "common/clock.h"

extern char** environ;

namespace assay {
namespace {

constexpr uint32_t kSleepSlots = 16;

class Count final : public BatchSink {
 public:
  void Append(v1::Batch&& batch) override {
    for (const v1::TriggerRecord& record : batch.triggers()) {
      ++records;
      last_ns = std::max(last_ns, record.finished_ns());
      if (keep_planned) planned.emplace(record.index(), record.planned_ns());
    }
  }
  absl::Status Flush() override { return absl::OkStatus(); }
  bool Full() const override { return false; }

  bool keep_planned = false;
  uint64_t records = 0;
  int64_t last_ns = 0;  // since T0
  std::map<uint64_t, int64_t> planned;
};

int64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0;
  statm >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

// Executes one share as a coordinator would have it executed; `in_flight` is called while it runs.
void Execute(const v1::ShareSpec& spec, Count& sink, const std::function<void(const v1::ShareStatus&)>& running) {
  EventLoop loop;
  std::thread thread([&] { loop.Run(); });
  const auto on_loop = [&](const std::function<void()>& f) {
    std::promise<void> done;
    loop.Post([&] {
      f();
      done.set_value();
    });
    done.get_future().wait();
  };
  std::unique_ptr<Executor> executor;
  on_loop([&] {
    executor = std::make_unique<Executor>(loop, sink, Executor::Options{.agent_name = "bench"}, [] {});
    executor->TrustLeaseUntil(MonotonicNs() + 3'600'000'000'000);
  });
  v1::Desired desired;
  v1::DesiredShare& share = *desired.add_shares();
  share.set_run_id(spec.run_id());
  *share.mutable_spec() = spec;
  const auto move_to = [&](v1::SharePhase wanted, v1::SharePhase until) {
    share.set_phase(wanted);
    share.set_t0_ns(MonotonicNs() + 10'000'000);
    share.set_sample_until_ns(MonotonicNs());
    on_loop([&] { executor->Reconcile(desired, ClockOffset::Estimate{.offset_ns = 0, .bound_ns = 0}); });
    for (bool there = false; !there;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      on_loop([&] {
        v1::Report report;
        executor->Fill(report);
        if (report.shares_size() == 0) return;
        if (wanted == v1::RUN) running(report.shares(0));
        there = report.shares(0).phase() == until;
      });
    }
  };
  move_to(v1::PREPARE, v1::READY);
  move_to(v1::RUN, v1::FIRED);
  move_to(v1::COOLDOWN, v1::ENDED);
  on_loop([&] { executor.reset(); });
  loop.Stop();
  thread.join();
}

v1::ShareSpec Spec(uint64_t count, uint32_t slots) {
  v1::ShareSpec spec;
  spec.set_run_id(1);
  spec.set_count(count);
  spec.set_stride(1);
  spec.set_slots(slots);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->set_fixed_ns(0);
  return spec;
}

void NullTriggers(uint64_t count) {
  Count sink;
  const int64_t cpu_ns = ProcessCpuNs();
  Execute(Spec(count, 8), sink, [](const v1::ShareStatus&) {});
  fmt::print(R"({{"bench": "null_triggers", "triggers": {}, "per_second": {:.0f}, "cpu_ns_each": {:.0f}}})"
             "\n",
             sink.records, static_cast<double>(sink.records) * 1e9 / static_cast<double>(sink.last_ns),
             static_cast<double>(ProcessCpuNs() - cpu_ns) / static_cast<double>(sink.records));
}

void Sleeps(uint64_t count) {
  Count sink;
  sink.keep_planned = true;
  v1::ShareSpec spec = Spec(count, kSleepSlots);
  auto& uniform = *spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_uniform();
  uniform.set_min_ns(1'000'000);
  uniform.set_max_ns(10'000'000);
  Execute(spec, sink, [](const v1::ShareStatus&) {});
  // The list schedule: each sleep, in order, on the slot that is free first.
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> slots;
  for (uint32_t i = 0; i < kSleepSlots; ++i) slots.push(0);
  int64_t ideal_ns = 0;
  for (const auto& [index, planned_ns] : sink.planned) {
    const int64_t end_ns = slots.top() + planned_ns;
    slots.pop();
    slots.push(end_ns);
    ideal_ns = std::max(ideal_ns, end_ns);
  }
  fmt::print(R"({{"bench": "sleeps", "triggers": {}, "list_schedule_s": {:.4f}, "overhead_us_per_task": {:.2f}}})"
             "\n",
             sink.records, static_cast<double>(ideal_ns) / 1e9,
             static_cast<double>(sink.last_ns - ideal_ns) / 1e3 / static_cast<double>(sink.records));
}

void Memory() {
  Count sink;
  v1::ShareSpec spec = Spec(10'000, 10'000);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->set_fixed_ns(1'000'000'000);
  int64_t most_bytes = 0;
  const int64_t before_bytes = ResidentBytes();
  Execute(spec, sink, [&](const v1::ShareStatus& status) {
    if (status.in_flight() == 10'000) most_bytes = std::max(most_bytes, ResidentBytes());
  });
  fmt::print(R"({{"bench": "sleeps_in_flight", "sleeps": 10000, "resident_mb": {:.1f}, "before_mb": {:.1f}}})"
             "\n",
             static_cast<double>(most_bytes) / 1e6, static_cast<double>(before_bytes) / 1e6);
}

// User and system time of this process and of the children it waited for.
int64_t CpuNs() {
  int64_t sum_us = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    sum_us +=
        (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  }
  return sum_us * 1000;
}

// Nothing but starting and waiting, with as many in flight: no pipe, no output, no records.
double BareRate(uint64_t count, uint32_t slots, char* program) {
  char* argv[] = {program, nullptr};
  const int64_t begin_ns = MonotonicNs();
  uint64_t in_flight = 0;
  for (uint64_t i = 0; i < count; ++i) {
    pid_t pid = 0;
    if (in_flight == slots) {
      wait(nullptr);
      --in_flight;
    }
    if (posix_spawnp(&pid, program, nullptr, nullptr, argv, environ) != 0) std::abort();
    ++in_flight;
  }
  while (in_flight-- > 0) wait(nullptr);
  return static_cast<double>(count) * 1e9 / static_cast<double>(MonotonicNs() - begin_ns);
}

void Processes(uint64_t count, uint32_t slots, std::string program) {
  const int64_t begin_ns = CpuNs();
  const double bare = BareRate(count, slots, program.data());
  const int64_t between_ns = CpuNs();
  Count sink;
  v1::ShareSpec spec = Spec(count, slots);
  spec.mutable_trigger()->mutable_exec()->add_argv(program);
  Execute(spec, sink, [](const v1::ShareStatus&) {});
  const double agent = static_cast<double>(sink.records) * 1e9 / static_cast<double>(sink.last_ns);
  fmt::print(R"({{"bench": "exec", "in_flight": {}, "bare_per_second": {:.0f}, "agent_per_second": {:.0f}, )"
             R"("ratio": {:.3f}, "bare_cpu_us_each": {}, "agent_cpu_us_each": {}}})"
             "\n",
             slots, bare, agent, agent / bare, (between_ns - begin_ns) / 1000 / static_cast<int64_t>(count),
             (CpuNs() - between_ns) / 1000 / static_cast<int64_t>(count));
}

}  // namespace
}  // namespace assay

// Arguments: repetitions (5), null triggers (1000000), sleeps (10000), processes (3000).
int main(int argc, char** argv) {
  const auto argument = [&](int n, uint64_t otherwise) {
    return argc > n ? std::strtoull(argv[n], nullptr, 10) : otherwise;
  };
  assay::Memory();
  for (uint64_t i = 0; i < argument(1, 5); ++i) {
    assay::NullTriggers(argument(2, 1'000'000));
    assay::Sleeps(argument(3, 10'000));
    assay::Processes(argument(4, 3'000), 8, "/bin/true");
  }
}
