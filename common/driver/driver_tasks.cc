#include "common/driver/driver_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/units.h"

namespace assay {
namespace {

// Added in the order of their being told: "started=worker,finished=worker".
void AddSource(DriverInstant instant, const std::string& from, v1::TaskRecord& record) {
  if (from.empty()) return;
  std::string& all = *record.mutable_instants_from();
  const std::string name = fmt::format("{}=", DriverInstantName(instant));
  if (const size_t at = ("," + all).find("," + name); at != std::string::npos) {
    const size_t end = std::min(all.find(',', at), all.size());
    all.replace(at, end - at, name + from);
    return;
  }
  all += fmt::format("{}{}{}", all.empty() ? "" : ",", name, from);
}

bool IsEnd(DriverEvent::Kind kind) {
  return kind == DriverEvent::Kind::kFinished || kind == DriverEvent::Kind::kFailed ||
         kind == DriverEvent::Kind::kCancelled;
}

}  // namespace

void DriverTasks::Give(v1::TriggerRecord&& trigger) {
  const uint64_t index = trigger.index();
  auto task = std::make_unique<Task>();
  task->given_ns = trigger.started_ns();
  task->record.set_index(index);
  task->record.set_origin("driver");
  task->record.set_attempt(1);
  if (timeout_ns_ > 0) timeouts_.push_back({trigger.started_ns() + timeout_ns_, index});
  trigger.set_cpu_ns(-1);
  task->trigger = std::make_unique<v1::TriggerRecord>(std::move(trigger));
  places_.insert_or_assign(index, tasks_.size());
  tasks_.push_back(std::move(task));
  ++in_flight_;
}

DriverTasks::Task* DriverTasks::Find(uint64_t index) {
  const auto found = places_.find(index);
  return found == places_.end() ? nullptr : tasks_[found->second].get();
}

absl::Status DriverTasks::Check(const DriverEvent& event, const Task& task, int64_t now_ns, int64_t shift_ns) const {
  const int64_t slack_ns = event.wall ? kFarNs : kClockSlackNs;
  const auto possible = [&](int64_t ns) {
    return ns + shift_ns >= task.given_ns - slack_ns && ns + shift_ns <= now_ns + slack_ns;
  };
  const auto impossible = [&](std::string_view name, int64_t ns) {
    return absl::InvalidArgumentError(
        fmt::format("task {}: {} at {} lies {}", event.index, name, ns,
                    ns + shift_ns > now_ns ? "in the future" : "before the task was given"));
  };
  if (!possible(event.at_ns)) return impossible(DriverEventName(event.kind), event.at_ns);
  for (size_t i = 0; i < kDriverInstants; ++i) {
    if (event.instants_ns[i] && !possible(*event.instants_ns[i]))
      return impossible(DriverInstantName(static_cast<DriverInstant>(i)), *event.instants_ns[i]);
  }
  if (event.body_begun_ns && !possible(*event.body_begun_ns)) return impossible("body", *event.body_begun_ns);
  if (event.body_ended_ns && !possible(*event.body_ended_ns)) return impossible("body", *event.body_ended_ns);
  if (event.kind == DriverEvent::Kind::kDone && task.done)
    return absl::AlreadyExistsError(fmt::format("task {} is done a second time", event.index));
  const bool of_this_try = event.attempt == 0 || event.attempt == task.record.attempt();
  if (IsEnd(event.kind) && of_this_try && task.record.outcome() != v1::OUTCOME_UNSPECIFIED)
    return absl::AlreadyExistsError(
        fmt::format("task {} {} although it had ended", event.index, DriverEventName(event.kind)));
  return absl::OkStatus();
}

absl::Status DriverTasks::Take(const DriverEvent& event, int64_t now_ns, int64_t monotonic_from_wall_ns) {
  Task* const found = Find(event.index);
  if (found == nullptr)
    return absl::NotFoundError(fmt::format("{}: task {} was never given", DriverEventName(event.kind), event.index));
  Task& task = *found;
  const int64_t shift_ns = event.wall ? monotonic_from_wall_ns : 0;
  if (absl::Status checked = Check(event, task, now_ns, shift_ns); !checked.ok()) return checked;
  // Of an earlier try than the last: its own instants were told, or never will be.
  if (event.attempt > 0 && event.attempt < task.record.attempt()) return absl::OkStatus();
  Describe(event, task);
  for (size_t i = 0; i < kDriverInstants; ++i) {
    if (event.instants_ns[i]) SetInstant(task, static_cast<DriverInstant>(i), *event.instants_ns[i] + shift_ns, event);
  }
  if (event.body_begun_ns && event.body_ended_ns) {
    task.record.set_body_started_ns(*event.body_begun_ns + shift_ns);
    task.record.set_body_finished_ns(*event.body_ended_ns + shift_ns);
  }
  const int64_t at_ns = event.at_ns + shift_ns;
  if (event.kind == DriverEvent::Kind::kDone) {
    Done(event, task, at_ns, now_ns);
  } else if (IsEnd(event.kind)) {
    Finish(event, task, at_ns, now_ns);
  } else {
    SetInstant(task, static_cast<DriverInstant>(event.kind), at_ns, event);
  }
  return absl::OkStatus();
}

// What an event says besides its instants.
void DriverTasks::Describe(const DriverEvent& event, Task& task) {
  v1::TaskRecord& record = task.record;
  if (event.attempt > record.attempt()) {
    record.set_attempt(event.attempt);
    record.set_outcome(v1::OUTCOME_UNSPECIFIED);
    record.clear_error();
    // A try that has only begun must not have the end of the one before it.
    record.clear_started_ns();
    record.clear_finished_ns();
    record.clear_body_started_ns();
    record.clear_body_finished_ns();
  }
  if (!event.task.empty()) record.set_task(event.task);
  if (!event.worker.empty()) record.set_worker(event.worker);
  if (!event.name.empty()) record.set_name(event.name);
  if (!event.error.empty()) record.set_error(event.error);
  if (event.cached) record.set_cached(*event.cached);
  record.set_error_ns(std::max(record.error_ns(), event.error_ns));
  if (!event.state.empty()) {
    record.set_state(event.state);
  } else if (event.kind != DriverEvent::Kind::kDone && record.outcome() == v1::OUTCOME_UNSPECIFIED) {
    record.set_state(std::string(DriverEventName(event.kind)));
  }
}

void DriverTasks::SetInstant(Task& task, DriverInstant instant, int64_t ns, const DriverEvent& event) {
  const uint32_t attempt = event.attempt > 0 ? event.attempt : task.record.attempt();
  uint32_t& kept = task.attempts[static_cast<size_t>(instant)];
  if (kept >= attempt) return;
  kept = attempt;
  v1::TaskRecord& record = task.record;
  switch (instant) {
    case DriverInstant::kAccepted:
      if (task.trigger) task.trigger->set_accepted_ns(ns);
      return;  // the trigger's alone
    case DriverInstant::kCreated:
      record.set_created_ns(ns);
      break;
    case DriverInstant::kScheduled:
      record.set_scheduled_ns(ns);
      break;
    case DriverInstant::kQueued:
      record.set_queued_ns(ns);
      break;
    case DriverInstant::kReady:
      record.set_ready_ns(ns);
      break;
    case DriverInstant::kStarted:
      record.set_started_ns(ns);
      break;
    case DriverInstant::kFinished:
      record.set_finished_ns(ns);
      break;
  }
  AddSource(instant, event.from, record);
}

void DriverTasks::Finish(const DriverEvent& event, Task& task, int64_t at_ns, int64_t now_ns) {
  SetInstant(task, DriverInstant::kFinished, at_ns, event);
  task.record.set_outcome(event.kind == DriverEvent::Kind::kFinished ? v1::OK
                          : event.kind == DriverEvent::Kind::kFailed ? v1::FAILED
                                                                     : v1::CANCELLED);
  task.record.set_recorded_ns(now_ns);
  task.over_ns = now_ns;
  if (task.trigger) dones_.push_back({now_ns + kDonePatienceNs, event.index});
}

void DriverTasks::Done(const DriverEvent& event, Task& task, int64_t at_ns, int64_t now_ns) {
  task.done = true;
  v1::TaskRecord& record = task.record;
  const bool fine = event.ok.value_or(event.error.empty());
  task.told = fine ? v1::OK : v1::FAILED;
  if (record.outcome() == v1::OUTCOME_UNSPECIFIED && record.has_finished_ns()) {
    // All in one event: its end was told as an instant.
    record.set_outcome(fine ? v1::OK : v1::FAILED);
    record.set_recorded_ns(now_ns);
    if (event.state.empty()) record.set_state(fine ? "finished" : "failed");
  } else if (record.outcome() == v1::OUTCOME_UNSPECIFIED && record.state().empty()) {
    record.set_state("done");
  }
  if (!task.trigger) return;
  const bool over_badly = record.outcome() == v1::FAILED || record.outcome() == v1::CANCELLED;
  std::string error = record.error();
  if (error.empty() && over_badly)
    error = fmt::format("the target says: {}", record.state());
  else if (error.empty() && !fine)
    error = "the driver says that it is not ok";
  const bool ok = event.ok.value_or(fine && !over_badly);
  End(task, ok ? v1::OK : v1::FAILED, ok ? "" : error, std::clamp(at_ns, task.given_ns, now_ns));
}

void DriverTasks::End(Task& task, v1::Outcome outcome, std::string error, int64_t at_ns) {
  v1::TriggerRecord trigger = std::move(*task.trigger);
  task.trigger.reset();
  const v1::TaskRecord& record = task.record;
  --in_flight_;
  trigger.set_outcome(outcome);
  trigger.set_error(std::move(error));
  trigger.set_finished_ns(at_ns);
  trigger.set_remote_id(record.task());
  trigger.set_remote_state(record.state());
  if (record.has_finished_ns()) {
    trigger.set_completed_ns(record.finished_ns());
    trigger.set_completed_error_ns(record.error_ns());
  }
  ended_.push_back(std::move(trigger));
}

void DriverTasks::Pass(int64_t now_ns) {
  for (; !timeouts_.empty() && timeouts_.front().at_ns <= now_ns; timeouts_.pop_front()) {
    Task* const task = Find(timeouts_.front().index);
    if (task == nullptr || !task->trigger) continue;
    End(*task, v1::TIMEOUT, "took longer than " + FormatDuration(timeout_ns_), now_ns);
  }
  for (; !dones_.empty() && dones_.front().at_ns <= now_ns; dones_.pop_front()) {
    Task* const task = Find(dones_.front().index);
    if (task == nullptr || !task->trigger) continue;
    // Another try of it may have begun, or have ended since.
    if (task->record.outcome() == v1::OUTCOME_UNSPECIFIED) continue;
    if (task->over_ns != dones_.front().at_ns - kDonePatienceNs) continue;
    const bool ok = task->record.outcome() == v1::OK;
    std::string error = task->record.error();
    if (error.empty()) error = fmt::format("the target says: {}", task->record.state());
    if (undone_++ == 0) first_undone_ = task->record.index();
    // Its end was told then; since then nothing but its `done` was waited for.
    End(*task, ok ? v1::OK : v1::FAILED, ok ? "" : error, dones_.front().at_ns - kDonePatienceNs);
  }
}

int64_t DriverTasks::NextDueNs() const {
  const int64_t timeout_ns = timeouts_.empty() ? kNever : timeouts_.front().at_ns;
  return dones_.empty() ? timeout_ns : std::min(timeout_ns, dones_.front().at_ns);
}

void DriverTasks::EndAll(v1::Outcome outcome, const std::string& error, int64_t now_ns) {
  for (const std::unique_ptr<Task>& task : tasks_) {
    if (task && task->trigger) End(*task, outcome, error, now_ns);
  }
}

uint64_t DriverTasks::first_in_flight() const {
  for (const std::unique_ptr<Task>& task : tasks_) {
    if (task && task->trigger) return task->record.index();
  }
  return 0;
}

std::vector<v1::TriggerRecord> DriverTasks::TakeEnded() { return std::exchange(ended_, {}); }

std::vector<v1::TaskRecord> DriverTasks::TakeTasks(size_t most) {
  std::vector<v1::TaskRecord> records;
  for (; taken_ < tasks_.size() && records.size() < most; ++taken_) {
    const std::unique_ptr<Task> task = std::move(tasks_[taken_]);
    if (task->record.state().empty()) task->record.set_state(kNotTold);
    if (task->record.outcome() == v1::OUTCOME_UNSPECIFIED) task->record.set_outcome(task->told);
    if (task->record.task().empty()) task->record.set_task(fmt::format("{}", task->record.index()));
    records.push_back(std::move(task->record));
  }
  return records;
}

}  // namespace assay
