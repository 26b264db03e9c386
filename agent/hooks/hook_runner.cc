#include "agent/hooks/hook_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "collect/collect.h"
#include "common/bounded_output.h"
#include "common/built_in_names.h"
#include "common/clock.h"
#include "common/command.h"
#include "common/start_thread.h"

namespace assay {
namespace {

v1::HookStatus Run(int64_t hook_id, SpawnRequest request, int64_t timeout_ns, const std::atomic<bool>& stop) {
  v1::HookStatus status;
  status.set_hook_id(hook_id);
  status.set_done(true);
  const std::string program = request.argv[0];
  const absl::StatusOr<CommandResult> result = RunCommand(std::move(request), timeout_ns, &stop);
  if (!result.ok()) {
    status.set_exit_code(127);  // as a shell would
    status.set_error(std::string(result.status().message()));
    return status;
  }
  status.set_exit_code(result->exit_code);
  status.set_output(result->output);
  status.set_elapsed_ns(result->elapsed_ns);
  if (!result->ok())
    status.set_error(WithLastLine(fmt::format("'{}' {}", program, result->Describe()), result->output));
  return status;
}

v1::HookStatus NotRun(int64_t hook_id, std::string error) {
  v1::HookStatus status;
  status.set_hook_id(hook_id);
  status.set_done(true);
  status.set_exit_code(127);
  status.set_error(std::move(error));
  return status;
}

}  // namespace

HookRunner::HookRunner(EventLoop& loop, BatchSink& sink, std::string agent_name, const Secrets& secrets,
                       std::function<void()> changed)
    : loop_(loop), sink_(sink), agent_name_(std::move(agent_name)), secrets_(secrets), changed_(std::move(changed)) {}

HookRunner::~HookRunner() {
  *alive_ = false;
  for (auto& [id, hook] : running_) hook->stop = true;
  for (auto& [id, hook] : running_) {
    if (hook->thread.joinable()) hook->thread.join();
  }
}

void HookRunner::Reconcile(const google::protobuf::RepeatedPtrField<v1::DesiredHook>& desired,
                           const std::optional<ClockOffset::Estimate>& clock) {
  listed_.clear();
  for (const v1::DesiredHook& hook : desired) {
    listed_.push_back(hook.hook_id());
    if (!running_.contains(hook.hook_id()) && ended_.Find(hook.hook_id()) == nullptr) Start(hook, clock);
  }
  for (auto& [id, hook] : running_) {
    if (std::find(listed_.begin(), listed_.end(), id) == listed_.end())
      StopOne(*hook, "stopped: the coordinator no longer asks for it");
  }
}

void HookRunner::StopOne(Running& hook, const std::string& reason) {
  hook.stop_reason = reason;
  hook.stop = true;
  if (hook.containers) hook.containers->Stop(reason);
}

void HookRunner::Start(const v1::DesiredHook& desired, const std::optional<ClockOffset::Estimate>& clock) {
  const int64_t id = desired.hook_id();
  const bool collects = desired.hook().has_collector();
  // What it must know of its run comes with the answer to a report that does not have it, and T0 needs a clock.
  if (collects && !stopping_ && (!desired.has_work() || !clock)) return;
  const bool no_program = desired.hook().argv().empty() || desired.hook().argv(0).empty();
  if (stopping_ || (no_program && !collects && !desired.hook().has_containers())) {
    v1::HookStatus status =
        NotRun(id, stopping_ ? "not run: the agent is stopping" : "the hook has no program to start");
    status.set_interrupted(stopping_);
    ended_.Remember(id, std::move(status));
    changed_();
    return;
  }
  v1::DesiredHook filled = desired;
  absl::StatusOr<HiddenTexts> hidden = collects ? HiddenTexts() : secrets_.Fill(*filled.mutable_hook());
  if (!hidden.ok()) {
    ended_.Remember(
        id, NotRun(id, fmt::format("not run: agent '{}': {}", agent_name_, std::string(hidden.status().message()))));
    return changed_();
  }
  Running& running = *running_.emplace(id, std::make_unique<Running>()).first->second;
  running.hidden = *std::move(hidden);
  if (desired.hook().has_containers()) return StartContainers(filled, clock, running);
  const absl::Status started =
      running.hidden.Hide(collects ? StartCollector(filled, *clock, running) : StartCommand(filled, running));
  if (started.ok()) return;
  running_.erase(id);
  ended_.Remember(id, NotRun(id, fmt::format("not run: {}", std::string(started.message()))));
  changed_();
}

absl::Status HookRunner::StartCommand(const v1::DesiredHook& desired, Running& running) {
  const BuiltInNames names{agent_name_, desired.run_id(), desired.block(), desired.target()};
  SpawnRequest request;
  for (const std::string& argument : desired.hook().argv()) request.argv.push_back(names.Expand(argument));
  for (const auto& [key, value] : desired.hook().env())
    request.env.push_back(fmt::format("{}={}", key, names.Expand(value)));
  request.cwd = names.Expand(desired.hook().cwd());
  return StartThread(running.thread, [this, id = desired.hook_id(), alive = alive_, &loop = loop_, &stop = running.stop,
                                      request = std::move(request), timeout_ns = desired.hook().timeout_ns()] {
    v1::HookStatus status = Run(id, request, timeout_ns, stop);
    loop.Post([this, alive, status = std::move(status)]() mutable {
      if (*alive) Done(std::move(status));
    });
  });
}

absl::Status HookRunner::StartCollector(const v1::DesiredHook& desired, const ClockOffset::Estimate& clock,
                                        Running& running) {
  CollectOrder order{.hook_id = desired.hook_id(),
                     .collector = desired.hook().collector(),
                     .names = {agent_name_, desired.run_id(), desired.block(), desired.target()},
                     .secrets = secrets_,
                     .work = desired.work(),
                     .t0_unix_ns = desired.work().t0_ns() - clock.offset_ns + WallAheadNs(),
                     .clock_bound_ns = clock.bound_ns};
  return StartThread(running.thread, [this, alive = alive_, &loop = loop_, &sink = sink_, &stop = running.stop,
                                      order = std::move(order), run_id = desired.run_id()]() mutable {
    const int64_t begun_ns = MonotonicNs();
    const int64_t hook_id = order.hook_id;
    v1::Batch collected = Collect(std::move(order), stop, [&](const v1::CollectorStatus& status) {
      loop.Post([this, alive, status, id = hook_id] {
        if (!*alive) return;
        if (const auto found = running_.find(id); found != running_.end()) found->second->collector = status;
      });
    });
    collected.set_run_id(run_id);
    sink.Append(std::move(collected));
    v1::HookStatus ended;
    ended.set_hook_id(hook_id);
    ended.set_done(true);
    ended.set_elapsed_ns(MonotonicNs() - begun_ns);
    loop.Post([this, alive, ended = std::move(ended)]() mutable {
      if (*alive) Done(std::move(ended));
    });
  });
}

void HookRunner::StartContainers(const v1::DesiredHook& desired, const std::optional<ClockOffset::Estimate>& clock,
                                 Running& running) {
  const BuiltInNames names{agent_name_, desired.run_id(), desired.block(), desired.target()};
  ContainerHook::Options options{.action = desired.hook().containers(),
                                 .timeout_ns = desired.hook().timeout_ns(),
                                 .clock_offset_ns = clock ? clock->offset_ns : WallAheadNs()};
  options.action.set_container(names.Expand(options.action.container()));
  options.action.set_compose_project(names.Expand(options.action.compose_project()));
  // Its end comes from within it, so it goes in a later turn.
  running.containers = std::make_unique<ContainerHook>(
      loop_, std::move(options), [this, id = desired.hook_id(), alive = alive_](v1::HookStatus&& status) {
        status.set_hook_id(id);
        loop_.Post([this, alive, status = std::move(status)]() mutable {
          if (*alive) Done(std::move(status));
        });
      });
  running.containers->Start();
}

void HookRunner::Done(v1::HookStatus&& status) {
  const auto found = running_.find(status.hook_id());
  if (found->second->thread.joinable()) found->second->thread.join();
  if (!found->second->stop_reason.empty() && !status.error().empty()) {
    status.set_error(found->second->stop_reason);
    status.set_interrupted(stopping_);
  }
  status.set_error(found->second->hidden.Hide(status.error()));
  status.set_output(found->second->hidden.Hide(status.output()));
  running_.erase(found);
  const int64_t id = status.hook_id();
  ended_.Remember(id, std::move(status));
  changed_();
}

void HookRunner::Fill(v1::Report& report) const {
  for (const int64_t id : listed_) {
    if (const v1::HookStatus* const status = ended_.Find(id)) {
      *report.add_hooks() = *status;
    } else if (const auto running = running_.find(id); running != running_.end()) {
      v1::HookStatus& so_far = *report.add_hooks();
      so_far.set_hook_id(id);
      if (running->second->collector.deadline_ns() > 0) *so_far.mutable_collector() = running->second->collector;
    }
  }
  for (const auto& [id, hook] : running_) {
    if (std::find(listed_.begin(), listed_.end(), id) == listed_.end()) report.add_hooks()->set_hook_id(id);
  }
}

void HookRunner::Stop(bool now) {
  stopping_ = true;
  if (!now) return;
  for (auto& [id, hook] : running_) StopOne(*hook, "stopped: the agent was told to stop");
}

}  // namespace assay
