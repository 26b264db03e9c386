#include "agent/sampler/sampler.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/sampler/registry.h"
#include "common/clock.h"
#include "common/start_thread.h"

namespace assay {
namespace {

constexpr int64_t kDefaultEveryNs = 1'000'000'000;
constexpr int64_t kMinEveryNs = 1'000'000;

}  // namespace

struct Sampler::State {
  SamplerOptions options;
  v1::Sampling sampling;
  Sink sink;
  int64_t every_ns = kDefaultEveryNs;
  int64_t start_ns = 0;
  std::thread thread;

  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;  // guarded by mutex
  Summary summary;        // the thread's until it is joined

  void Run();
  bool WaitUntil(int64_t due_ns);
  void Tick(uint64_t tick, std::vector<std::unique_ptr<Source>>& sources);
};

// Whether to stop.
bool Sampler::State::WaitUntil(int64_t due_ns) {
  // libstdc++'s steady clock is CLOCK_MONOTONIC, as is MonotonicNs().
  const std::chrono::steady_clock::time_point due{std::chrono::nanoseconds(due_ns)};
  std::unique_lock lock(mutex);
  return wake.wait_until(lock, due, [this] { return stopping; });
}

void Sampler::State::Tick(uint64_t tick, std::vector<std::unique_ptr<Source>>& sources) {
  Readings readings;
  summary.last_tick_ns = MonotonicNs();
  for (const auto& source : sources) source->Read(tick, readings);
  ++summary.ticks;
  if (!readings.cgroups.empty() || !readings.hosts.empty())
    sink(std::move(readings.cgroups), std::move(readings.hosts));
}

void Sampler::State::Run() {
  pthread_setname_np(pthread_self(), "assay-sampler");
  // Made here, so that opening many files does not hold up the caller of Start.
  std::vector<std::unique_ptr<Source>> sources = MakeSources(options, sampling);
  // Tick k is due at start + k * every. Positions of the schedule that passed by unused are missed, and a late tick
  // moves none after it.
  uint64_t next = 0;
  bool last = sources.empty();
  while (!last) {
    last = WaitUntil(start_ns + static_cast<int64_t>(next) * every_ns);
    const auto position = static_cast<uint64_t>((MonotonicNs() - start_ns) / every_ns);
    if (position > next) {
      summary.missed_ticks += position - next;
      next = position;
    }
    // The last reading is wherever the end falls, often before its position is due.
    Tick(next++, sources);
  }
  for (const auto& source : sources) source->Finish(summary);
}

Sampler::Sampler(SamplerOptions options, const v1::Sampling& sampling, Sink sink) : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  state_->sampling = sampling;
  state_->sink = std::move(sink);
  if (sampling.every_ns() > 0) state_->every_ns = std::max(sampling.every_ns(), kMinEveryNs);
}

Sampler::~Sampler() { Stop(); }

absl::Status Sampler::Start() {
  if (state_->start_ns != 0) return absl::OkStatus();
  state_->start_ns = MonotonicNs();
  return StartThread(state_->thread, [state = state_.get()] { state->Run(); });
}

Sampler::Summary Sampler::Stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
  return state_->summary;
}

}  // namespace assay
