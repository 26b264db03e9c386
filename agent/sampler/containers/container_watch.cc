#include "agent/sampler/containers/container_watch.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/clients/docker_engine.h"
#include "agent/loop/event_loop.h"
#include "common/clock.h"
#include "common/descriptor.h"
#include "common/nanoseconds.h"
#include "common/start_thread.h"

namespace assay {
namespace {

constexpr size_t kConnections = 2;
constexpr int64_t kRetryNs = kSecond;

Container ContainerOf(const DockerContainer& told) {
  return {.id = told.id,
          .name = told.name,
          .image = told.image,
          .labels = told.labels,
          .pod = LabelOf(told.labels, "io.kubernetes.pod.name"),
          .pod_namespace = LabelOf(told.labels, "io.kubernetes.pod.namespace")};
}

}  // namespace

struct ContainerWatch::State {
  explicit State(std::string socket)
      : engine(std::make_unique<DockerEngine>(loop, std::move(socket), kConnections)),
        bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void Connect();
  void Listed(const absl::StatusOr<std::vector<DockerContainer>>& containers);
  void Lost(const absl::Status& why);
  void Heard(const DockerEvent& event);
  void Tell(std::shared_ptr<const Containers> now, std::set<std::string> ids, absl::Status status);

  // Of the thread:
  EventLoop loop;
  std::unique_ptr<DockerEngine> engine;
  HttpClient::Id following = 0;
  uint64_t attempt = 0;              // answers to an earlier one are too late
  bool listed = false;               // in this attempt
  std::vector<DockerEvent> waiting;  // that came before the list
  std::thread thread;

  Descriptor bell;
  std::mutex mutex;
  std::condition_variable answered;
  bool has_answer = false;  // guarded by mutex, as are these
  std::shared_ptr<const Containers> running = std::make_shared<Containers>();
  std::set<std::string> changed;
  absl::Status state = absl::UnavailableError("the container engine has not answered yet");
};

// The events first, so that none falls between them and the list.
void ContainerWatch::State::Connect() {
  listed = false;
  waiting.clear();
  const uint64_t mine = ++attempt;
  following = engine->Follow(
      WallNs() / kSecond,
      [this, mine](const DockerEvent& event) {
        if (mine == attempt) Heard(event);
      },
      [this, mine](const absl::Status& status) {
        if (mine != attempt) return;
        Lost(status.ok() ? absl::UnavailableError("the container engine ended its stream of events") : status);
      });
  engine->ListContainers("", [this, mine](const auto& containers) {
    if (mine == attempt) Listed(containers);
  });
}

void ContainerWatch::State::Listed(const absl::StatusOr<std::vector<DockerContainer>>& containers) {
  if (!containers.ok()) {
    Lost(containers.status());
    return;
  }
  auto now = std::make_shared<Containers>();
  for (const DockerContainer& container : *containers) (*now)[container.id] = ContainerOf(container);
  // After a loss of the connection anything may have happened to any of them.
  std::set<std::string> ids;
  for (const auto& [id, container] : *now) ids.insert(id);
  for (const auto& [id, container] : *running) ids.insert(id);
  Tell(std::move(now), std::move(ids), absl::OkStatus());
  listed = true;
  for (const DockerEvent& event : std::exchange(waiting, {})) Heard(event);
}

void ContainerWatch::State::Lost(const absl::Status& why) {
  ++attempt;
  engine->Cancel(following);
  Tell(running, {}, why);
  loop.At(MonotonicNs() + kRetryNs, [this] { Connect(); });
}

void ContainerWatch::State::Heard(const DockerEvent& event) {
  if (!listed) {
    waiting.push_back(event);
    return;
  }
  auto now = std::make_shared<Containers>(*running);
  if (event.action == "die") {
    now->erase(event.container.id);
  } else if (event.action == "start" || (event.action == "rename" && now->contains(event.container.id))) {
    (*now)[event.container.id] = ContainerOf(event.container);
  } else {
    return;
  }
  Tell(std::move(now), {event.container.id}, absl::OkStatus());
}

// Only this thread changes `running`, so it may read it without the lock.
void ContainerWatch::State::Tell(std::shared_ptr<const Containers> now, std::set<std::string> ids,
                                 absl::Status status) {
  {
    const std::lock_guard lock(mutex);
    running = std::move(now);
    changed.merge(ids);
    state = std::move(status);
    has_answer = true;
  }
  answered.notify_all();
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t rung = write(bell.get(), &one, sizeof(one));
}

ContainerWatch::ContainerWatch(std::string socket) : state_(std::make_unique<State>(std::move(socket))) {}

ContainerWatch::~ContainerWatch() {
  if (!state_->thread.joinable()) return;
  state_->loop.Stop();
  state_->thread.join();
}

absl::Status ContainerWatch::Start(int64_t patience_ns) {
  State* const state = state_.get();
  absl::Status started = StartThread(state->thread, [state] {
    pthread_setname_np(pthread_self(), "assay-engine");
    state->Connect();
    state->loop.Run();
    state->engine.reset();
  });
  if (!started.ok()) return started;
  std::unique_lock lock(state->mutex);
  state->answered.wait_for(lock, std::chrono::nanoseconds(patience_ns), [state] { return state->has_answer; });
  return state->state;
}

int ContainerWatch::fd() const { return state_->bell.get(); }

ContainerWatch::News ContainerWatch::Take() {
  uint64_t rings = 0;
  [[maybe_unused]] const ssize_t taken = read(state_->bell.get(), &rings, sizeof(rings));
  const std::lock_guard lock(state_->mutex);
  return {state_->running, std::exchange(state_->changed, {}), state_->state};
}

int64_t ContainerWatch::CpuNs() const {
  clockid_t clock{};
  timespec used{};
  if (!state_->thread.joinable() || pthread_getcpuclockid(state_->thread.native_handle(), &clock) != 0 ||
      clock_gettime(clock, &used) != 0)
    return 0;
  return used.tv_sec * kSecond + used.tv_nsec;
}

}  // namespace assay
