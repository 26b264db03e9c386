#include "agent/sampler/sampler.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>

#include "agent/sampler/registry.h"
#include "common/clock.h"
#include "common/descriptor.h"
#include "common/nanoseconds.h"
#include "common/start_thread.h"

namespace assay {
namespace {
constexpr int64_t kDefaultEveryNs = kSecond;
constexpr int64_t kMinEveryNs = 1'000'000;

}  // namespace

struct Sampler::State {
  enum class Wake { kDue, kStop, kBetween };

  SamplerOptions options;
  v1::Sampling sampling;
  Sink sink;
  int64_t every_ns = kDefaultEveryNs;
  int64_t start_ns = 0;  // the thread's
  bool started = false;
  std::thread thread;
  Descriptor stop;  // an eventfd
  Summary summary;  // the thread's until it is joined

  void Run();
  Wake WaitUntil(int64_t due_ns, std::vector<pollfd>& fds) const;
  void Tick(uint64_t tick, std::vector<std::unique_ptr<Source>>& sources);
  void Deliver(Readings&& readings, const std::vector<std::unique_ptr<Source>>& sources) const;
};

// The first of `fds` is stop's, the others the sources'.
Sampler::State::Wake Sampler::State::WaitUntil(int64_t due_ns, std::vector<pollfd>& fds) const {
  while (true) {
    const int64_t rest_ns = std::max<int64_t>(due_ns - MonotonicNs(), 0);
    const timespec rest{rest_ns / kSecond, rest_ns % kSecond};
    const int ready = ppoll(fds.data(), fds.size(), &rest, nullptr);
    if (ready > 0 && fds[0].revents != 0) return Wake::kStop;
    // A tick that is due goes first: something that never ends to happen must not hold it up.
    if (MonotonicNs() >= due_ns) return Wake::kDue;
    if (ready > 0) return Wake::kBetween;
  }
}

void Sampler::State::Deliver(Readings&& readings, const std::vector<std::unique_ptr<Source>>& sources) const {
  if (readings.empty()) return;
  for (v1::HostSample& host : readings.hosts) {
    for (const auto& source : sources) host.set_sampler_cpu_ns(host.sampler_cpu_ns() + source->OtherThreadsCpuNs());
  }
  sink(std::move(readings));
}

void Sampler::State::Tick(uint64_t tick, std::vector<std::unique_ptr<Source>>& sources) {
  Readings readings;
  summary.last_tick_ns = MonotonicNs();
  for (const auto& source : sources) source->Read(tick, readings);
  ++summary.ticks;
  Deliver(std::move(readings), sources);
}

void Sampler::State::Run() {
  pthread_setname_np(pthread_self(), "assay-sampler");
  // Made here, so that opening many files and asking a container engine does not hold up the caller of Start.
  std::vector<std::unique_ptr<Source>> sources = MakeSources(options, sampling);
  std::vector<pollfd> fds{{stop.get(), POLLIN, 0}};
  for (const auto& source : sources) {
    if (source->WakeFd() >= 0) fds.push_back({source->WakeFd(), POLLIN, 0});
  }
  start_ns = MonotonicNs();
  // Tick k is due at start + k * every. Positions of the schedule that passed by unused are missed, and a late tick
  // moves none after it.
  uint64_t next = 0;
  bool last = sources.empty();
  while (!last) {
    const Wake wake = WaitUntil(start_ns + static_cast<int64_t>(next) * every_ns, fds);
    if (wake == Wake::kBetween) {
      Readings readings;
      for (const auto& source : sources) source->ReadBetween(next == 0 ? 0 : next - 1, readings);
      Deliver(std::move(readings), sources);
      continue;
    }
    last = wake == Wake::kStop;
    const auto position = static_cast<uint64_t>((MonotonicNs() - start_ns) / every_ns);
    if (position > next) {
      summary.missed_ticks += position - next;
      next = position;
    }
    if (last) {
      for (const auto& source : sources) source->BeforeLastRead();
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
  if (std::exchange(state_->started, true)) return absl::OkStatus();
  state_->stop = Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state_->stop.ok()) return absl::ResourceExhaustedError("no file descriptor left");
  return StartThread(state_->thread, [state = state_.get()] { state->Run(); });
}

Sampler::Summary Sampler::Stop() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t told = write(state_->stop.get(), &one, sizeof(one));
  if (state_->thread.joinable()) state_->thread.join();
  return state_->summary;
}

}  // namespace assay
