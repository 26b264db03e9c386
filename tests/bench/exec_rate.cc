// Processes per second: the agent's exec trigger beside a bare loop of posix_spawn and waitpid, in turns, in one
// process. One line of JSON per repetition.
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "agent/executor.h"
#include "common/clock.h"

extern char** environ;

namespace assay {
namespace {

class Count final : public BatchSink {
 public:
  void Append(v1::Batch&& batch) override {
    for (const v1::TriggerRecord& record : batch.triggers()) {
      ok += record.outcome() == v1::OK ? 1 : 0;
      last_ns = std::max(last_ns, record.finished_ns());
    }
  }
  absl::Status Flush() override { return absl::OkStatus(); }
  bool Full() const override { return false; }

  uint64_t ok = 0;
  int64_t last_ns = 0;  // since T0
};

double AgentRate(uint64_t count, uint32_t slots, const char* program) {
  Count sink;
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
  share.mutable_spec()->set_run_id(1);
  share.mutable_spec()->set_count(count);
  share.mutable_spec()->set_stride(1);
  share.mutable_spec()->set_slots(slots);
  share.mutable_spec()->mutable_trigger()->mutable_exec()->add_argv(program);
  const auto move_to = [&](v1::SharePhase wanted, v1::SharePhase until) {
    share.set_phase(wanted);
    share.set_t0_ns(MonotonicNs() + 5'000'000);
    share.set_sample_until_ns(MonotonicNs());
    on_loop([&] { executor->Reconcile(desired, ClockOffset::Estimate{.offset_ns = 0, .bound_ns = 0}); });
    for (bool there = false; !there;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      on_loop([&] {
        v1::Report report;
        executor->Fill(report);
        there = report.shares_size() > 0 && report.shares(0).phase() == until;
      });
    }
  };
  move_to(v1::PREPARE, v1::READY);
  move_to(v1::RUN, v1::FIRED);
  move_to(v1::COOLDOWN, v1::ENDED);
  on_loop([&] { executor.reset(); });
  loop.Stop();
  thread.join();
  return static_cast<double>(sink.ok) * 1e9 / static_cast<double>(sink.last_ns);
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

}  // namespace
}  // namespace assay

// Arguments: repetitions (5), processes (3000), in flight (8), program (true).
int main(int argc, char** argv) {
  const auto argument = [&](int n, uint64_t otherwise) {
    return argc > n ? std::strtoull(argv[n], nullptr, 10) : otherwise;
  };
  const uint64_t count = argument(2, 3000);
  const auto slots = static_cast<uint32_t>(argument(3, 8));
  std::string program = argc > 4 ? argv[4] : "true";
  for (uint64_t i = 0; i < argument(1, 5); ++i) {
    const int64_t begin_ns = assay::CpuNs();
    const double bare = assay::BareRate(count, slots, program.data());
    const int64_t between_ns = assay::CpuNs();
    const double agent = assay::AgentRate(count, slots, program.c_str());
    const int64_t end_ns = assay::CpuNs();
    fmt::print(R"({{"bench": "exec", "in_flight": {}, "bare_per_second": {:.0f}, "agent_per_second": {:.0f}, )"
               R"("ratio": {:.3f}, "bare_cpu_us_each": {}, "agent_cpu_us_each": {}}})"
               "\n",
               slots, bare, agent, agent / bare, (between_ns - begin_ns) / 1000 / static_cast<int64_t>(count),
               (end_ns - between_ns) / 1000 / static_cast<int64_t>(count));
  }
}
