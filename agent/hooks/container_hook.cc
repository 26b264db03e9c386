#include "agent/hooks/container_hook.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "agent/hooks/compose_order.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int64_t kLookEveryNs = 100'000'000;

// Not OK: it will never come to what is waited for.
absl::StatusOr<bool> HasCome(const DockerContainerState& state, bool healthy) {
  if (!state.running && !state.restarting) {
    // One that only prepares something for others has done so.
    if (state.exit_code == 0) return true;
    return absl::FailedPreconditionError(fmt::format("it ended with {}", state.exit_code));
  }
  if (!healthy || state.health.empty() || state.health == "none") return state.running;
  if (state.health == "unhealthy") return absl::FailedPreconditionError("its health check fails");
  return state.running && state.health == "healthy";
}

}  // namespace

ContainerHook::ContainerHook(EventLoop& loop, Options options, std::function<void(v1::HookStatus&&)> ended)
    : loop_(loop), options_(std::move(options)), ended_(std::move(ended)), engine_(loop, options_.action.socket(), 1) {}

ContainerHook::~ContainerHook() {
  loop_.Cancel(timeout_timer_);
  loop_.Cancel(look_timer_);
}

void ContainerHook::Start() {
  begun_ns_ = MonotonicNs();
  timeout_timer_ = loop_.At(begun_ns_ + options_.timeout_ns, [this] { End(TimeoutText()); });
  const v1::ContainerAction& action = options_.action;
  if (action.compose_project().empty()) {
    DockerContainer one;
    one.id = one.name = action.container();
    one.running = true;
    return Plan({std::move(one)});
  }
  engine_.ListContainers("com.docker.compose.project=" + action.compose_project(),
                         [this](absl::StatusOr<std::vector<DockerContainer>> found) {
                           if (!found.ok()) return End(std::string(found.status().message()));
                           std::vector<DockerContainer> containers = InStartOrder(*std::move(found));
                           if (containers.empty()) {
                             return End(
                                 fmt::format("the engine on {0} has no container of the Compose project '{1}'; "
                                             "`docker compose -p {1} up` makes them",
                                             options_.action.socket(), options_.action.compose_project()));
                           }
                           Plan(std::move(containers));
                         });
}

// Of a project those that run are stopped and started again. One that has ended was not meant to run on, unless all
// have.
void ContainerHook::Plan(std::vector<DockerContainer> containers) {
  if (ended_ == nullptr) return;
  const v1::ContainerAction& action = options_.action;
  const auto runs = [](const auto& container) { return container.running; };
  if (action.action() != v1::ContainerAction::START && std::any_of(containers.begin(), containers.end(), runs))
    std::erase_if(containers, [&](const auto& container) { return !runs(container); });
  if (action.action() != v1::ContainerAction::START) {
    for (auto container = containers.rbegin(); container != containers.rend(); ++container) {
      if (container->running) steps_.push_back({Kind::kStop, *container});
    }
  }
  if (action.action() != v1::ContainerAction::STOP) {
    for (const DockerContainer& container : containers) {
      steps_.push_back({Kind::kStart, container});
      if (action.wait() != v1::ContainerAction::NONE) steps_.push_back({Kind::kWait, container});
    }
  }
  Next();
}

void ContainerHook::Next() {
  if (steps_.empty()) return End("");
  const Step& step = steps_.front();
  under_way_ = true;
  v1::HookStep& told = *status_.add_steps();
  told.set_container(step.container.name);
  told.set_begun_ns(MonotonicNs() + options_.clock_offset_ns);
  const auto ended = [this](const absl::Status& status) { StepEnded(status); };
  switch (step.kind) {
    case Kind::kStop:
      told.set_action("stop");
      return engine_.StopContainer(step.container.id, ended);
    case Kind::kStart:
      told.set_action("start");
      return engine_.StartContainer(step.container.id, ended);
    case Kind::kWait:
      told.set_action("wait");
      return Look();
  }
}

void ContainerHook::Look() {
  engine_.InspectContainer(steps_.front().container.id, [this](const absl::StatusOr<DockerContainerState>& state) {
    if (ended_ == nullptr) return;
    const absl::StatusOr<bool> come =
        state.ok() ? HasCome(*state, options_.action.wait() == v1::ContainerAction::HEALTHY) : state.status();
    if (!come.ok() || *come) return StepEnded(come.status());
    look_timer_ = loop_.At(MonotonicNs() + kLookEveryNs, [this] { Look(); });
  });
}

void ContainerHook::StepEnded(const absl::Status& status) {
  if (ended_ == nullptr) return;
  if (!status.ok()) return End(std::string(status.message()));
  status_.mutable_steps()->rbegin()->set_ended_ns(MonotonicNs() + options_.clock_offset_ns);
  under_way_ = false;
  steps_.pop_front();
  Next();
}

// An engine that was told to stop a container goes on with that, and its grace may be longer than the hook's timeout.
std::string ContainerHook::TimeoutText() const {
  std::string text = fmt::format("took longer than {}", FormatDuration(options_.timeout_ns));
  if (!under_way_ || steps_.front().kind != Kind::kStop) return text;
  return text +
         "; the container has its stop timeout (the engine's default is 10 s) before it is killed, and may still "
         "be stopped: give the hook a longer timeout";
}

void ContainerHook::End(const std::string& error) {
  if (ended_ == nullptr) return;
  loop_.Cancel(timeout_timer_);
  loop_.Cancel(look_timer_);
  status_.set_done(true);
  status_.set_elapsed_ns(MonotonicNs() - begun_ns_);
  if (!error.empty()) {
    status_.set_exit_code(1);
    status_.set_error(error);
  }
  if (under_way_) {
    v1::HookStep& step = *status_.mutable_steps()->rbegin();
    step.set_ended_ns(MonotonicNs() + options_.clock_offset_ns);
    step.set_error(error);
    status_.set_error(fmt::format("{} container '{}': {}", step.action() == "wait" ? "waiting for" : step.action(),
                                  step.container(), error));
  }
  std::exchange(ended_, nullptr)(std::move(status_));
}

}  // namespace assay
