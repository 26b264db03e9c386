#include "agent/loop/event_loop.h"

#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "agent/loop/timer_heap.h"
#include "common/clock.h"

namespace assay {
namespace {

constexpr size_t kPostsPerTurn = 1024;
constexpr size_t kTimersPerTurn = 1024;
constexpr size_t kEventsPerTurn = 256;

// Without these three descriptors there is no agent: the only mend is a higher limit, so say that and go.
int Demand(int fd, const char* what) {
  if (fd >= 0) return fd;
  spdlog::critical("cannot create the event loop's {}: {}; raise the limit of open files (ulimit -n)", what,
                   std::strerror(errno));
  std::exit(1);
}

}  // namespace

struct EventLoop::State {
  struct Watcher {
    uint32_t generation = 0;  // tells an event of this watch from one of an earlier watch of the same descriptor
    std::function<void(uint32_t)> ready;
  };

  int epoll_fd = Demand(epoll_create1(EPOLL_CLOEXEC), "epoll");
  int event_fd = Demand(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  int timer_fd = Demand(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd");

  std::atomic<bool> stopping = false;
  std::atomic<std::thread::id> thread;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;  // under mutex
  bool awake = false;                         // under mutex: a wake-up is on its way, another is not needed

  std::vector<std::function<void()>> taken;  // posts of this turn and, where a turn's bound was met, of the next
  size_t taken_next = 0;
  TimerHeap timers;
  int64_t armed_ns = TimerHeap::kNever;
  std::vector<std::unique_ptr<Watcher>> watchers;   // by descriptor; null: not watched
  std::vector<std::unique_ptr<Watcher>> unwatched;  // kept until the turn's end: one of them may be running
  uint32_t generation = 0;

  Watcher* Of(int fd) const {
    return static_cast<size_t>(fd) < watchers.size() ? watchers[static_cast<size_t>(fd)].get() : nullptr;
  }

  void Wake() const {
    const uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is awake anyway.
    [[maybe_unused]] const ssize_t written = write(event_fd, &one, sizeof(one));
  }

  void RunPosts() {
    if (taken_next == taken.size()) {
      taken.clear();
      taken_next = 0;
      const std::lock_guard lock(mutex);
      taken.swap(posted);
      awake = false;
    }
    const size_t until = std::min(taken.size(), taken_next + kPostsPerTurn);
    while (taken_next < until) {
      const std::function<void()> task = std::move(taken[taken_next++]);
      task();
    }
  }

  void RunTimers() {
    const int64_t now_ns = MonotonicNs();
    for (size_t n = 0; n < kTimersPerTurn; ++n) {
      const std::function<void()> due = timers.PopDue(now_ns);
      if (!due) return;
      due();
    }
  }

  // Whether there is work that does not wait for any descriptor.
  bool WorkWaits(int64_t next_ns) {
    if (taken_next < taken.size() || next_ns <= MonotonicNs()) return true;
    const std::lock_guard lock(mutex);
    return !posted.empty();
  }

  void Arm(int64_t at_ns) {
    if (at_ns == armed_ns) return;
    armed_ns = at_ns;
    itimerspec spec{};  // all zero disarms
    if (at_ns != TimerHeap::kNever) {
      spec.it_value.tv_sec = at_ns / 1'000'000'000;
      spec.it_value.tv_nsec = at_ns % 1'000'000'000;
    }
    timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  void RunEvents() {
    const int64_t next_ns = timers.NextNs();
    int timeout_ms = 0;
    if (!WorkWaits(next_ns)) {
      Arm(next_ns);
      timeout_ms = -1;
    }
    std::array<epoll_event, kEventsPerTurn>
        events;  // NOLINT(cppcoreguidelines-pro-type-member-init): the kernel fills it
    const int count = epoll_wait(epoll_fd, events.data(), kEventsPerTurn, timeout_ms);
    for (int i = 0; i < count; ++i) {
      const auto fd = static_cast<int>(static_cast<uint32_t>(events[i].data.u64));
      if (fd == timer_fd) {
        armed_ns = TimerHeap::kNever;  // edge-triggered: arming it again clears it, no read is needed
        continue;
      }
      if (fd == event_fd) {
        uint64_t ignored = 0;
        [[maybe_unused]] const ssize_t n = read(event_fd, &ignored, sizeof(ignored));
        continue;
      }
      Watcher* const watcher = Of(fd);
      if (watcher == nullptr || watcher->generation != events[i].data.u64 >> 32) continue;
      watcher->ready(events[i].events);
    }
    unwatched.clear();
  }
};

EventLoop::EventLoop() : state_(std::make_unique<State>()) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = static_cast<uint32_t>(state_->event_fd)}};
  epoll_ctl(state_->epoll_fd, EPOLL_CTL_ADD, state_->event_fd, &event);
  event = {.events = EPOLLIN | EPOLLET, .data = {.u64 = static_cast<uint32_t>(state_->timer_fd)}};
  epoll_ctl(state_->epoll_fd, EPOLL_CTL_ADD, state_->timer_fd, &event);
}

EventLoop::~EventLoop() {
  close(state_->timer_fd);
  close(state_->event_fd);
  close(state_->epoll_fd);
}

void EventLoop::Run() {
  state_->thread = std::this_thread::get_id();
  while (!state_->stopping) {
    state_->RunPosts();
    state_->RunTimers();
    state_->RunEvents();
  }
  state_->thread = std::thread::id();
}

void EventLoop::Stop() {
  state_->stopping = true;
  state_->Wake();
}

void EventLoop::Post(std::function<void()> task) {
  bool wake = false;
  {
    const std::lock_guard lock(state_->mutex);
    state_->posted.push_back(std::move(task));
    // The loop's own thread looks at the queue before it sleeps.
    wake = !state_->awake && state_->thread.load(std::memory_order_relaxed) != std::this_thread::get_id();
    state_->awake |= wake;
  }
  if (wake) state_->Wake();
}

EventLoop::TimerId EventLoop::At(int64_t monotonic_ns, std::function<void()> due) {
  return state_->timers.Add(monotonic_ns, std::move(due));
}

void EventLoop::Cancel(TimerId id) { state_->timers.Cancel(id); }

bool EventLoop::Watch(int fd, uint32_t epoll_events, std::function<void(uint32_t)> ready) {
  Unwatch(fd);
  const uint32_t generation = ++state_->generation;
  epoll_event event{.events = epoll_events, .data = {.u64 = (uint64_t{generation} << 32) | static_cast<uint32_t>(fd)}};
  if (epoll_ctl(state_->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
    spdlog::error("cannot watch descriptor {}: {}", fd, std::strerror(errno));
    return false;
  }
  auto watcher = std::make_unique<State::Watcher>();
  watcher->generation = generation;
  watcher->ready = std::move(ready);
  const auto place = static_cast<size_t>(fd);
  if (place >= state_->watchers.size()) state_->watchers.resize(place + 1);
  state_->watchers[place] = std::move(watcher);
  return true;
}

bool EventLoop::Rewatch(int fd, uint32_t epoll_events) {
  const State::Watcher* const watcher = state_->Of(fd);
  if (watcher == nullptr) return false;
  epoll_event event{.events = epoll_events,
                    .data = {.u64 = (uint64_t{watcher->generation} << 32) | static_cast<uint32_t>(fd)}};
  return epoll_ctl(state_->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0;
}

void EventLoop::Unwatch(int fd) {
  if (state_->Of(fd) == nullptr) return;
  epoll_ctl(state_->epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
  state_->unwatched.push_back(std::move(state_->watchers[static_cast<size_t>(fd)]));
}

}  // namespace assay
