#include "collect/task_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

#include "common/utf8.h"
#include "common/wall_instant.h"

namespace assay {
namespace {

constexpr int64_t kMostAttempts = std::numeric_limits<int32_t>::max();  // as its column is an integer

struct InstantField {
  TaskField field;
  void (*set)(v1::TaskRecord& task, int64_t ns);
  bool (*has)(const v1::TaskRecord& task);
};
#define ASSAY_FIELD(field, name)                                                     \
  {                                                                                  \
    TaskField::field, [](v1::TaskRecord& task, int64_t ns) { task.set_##name(ns); }, \
        [](const v1::TaskRecord& task) { return task.has_##name(); }                 \
  }
constexpr auto kInstants = std::to_array<InstantField>(
    {ASSAY_FIELD(kCreated, created_ns), ASSAY_FIELD(kScheduled, scheduled_ns), ASSAY_FIELD(kQueued, queued_ns),
     ASSAY_FIELD(kReady, ready_ns), ASSAY_FIELD(kStarted, started_ns), ASSAY_FIELD(kFinished, finished_ns),
     ASSAY_FIELD(kBodyStarted, body_started_ns), ASSAY_FIELD(kBodyFinished, body_finished_ns),
     ASSAY_FIELD(kRecorded, recorded_ns)});
#undef ASSAY_FIELD

const InstantField& InstantOf(TaskField field) {
  return kInstants[static_cast<size_t>(field) - static_cast<size_t>(TaskField::kCreated)];
}

std::optional<int64_t> Whole(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> Truth(std::string_view text) {
  for (const std::string_view word : {"t", "true", "True", "TRUE", "1", "yes"})
    if (text == word) return true;
  for (const std::string_view word : {"f", "false", "False", "FALSE", "0", "no"})
    if (text == word) return false;
  return std::nullopt;
}

}  // namespace

absl::StatusOr<TaskReader> TaskReader::Make(std::string origin, const v1::Collector& collector, const RunFrame& frame) {
  absl::StatusOr<std::optional<absl::TimeZone>> zone = ReadZone(collector.zone());
  if (!zone.ok())
    return absl::InvalidArgumentError(fmt::format("collect.zone: {}", std::string(zone.status().message())));
  return TaskReader(std::move(origin), collector, frame, *zone);
}

TaskReader::TaskReader(std::string origin, const v1::Collector& collector, const RunFrame& frame,
                       std::optional<absl::TimeZone> zone)
    : origin_(std::move(origin)),
      frame_(frame),
      zone_(zone),
      declared_resolution_ns_(collector.resolution_ns()),
      words_(collector.outcomes()) {}

std::string TaskReader::Called(TaskField field) const {
  const std::string& name = called_[static_cast<size_t>(field)];
  return name.empty() ? fmt::format("'{}'", kTaskFieldNames[static_cast<size_t>(field)]) : name;
}

void TaskReader::Misread(std::string what) {
  if (++misread_ == 1) first_misread_ = std::move(what);
}

absl::Status TaskReader::AddInstant(TaskField field, std::string_view text, v1::TaskRecord& task) {
  if (text == "infinity" || text == "-infinity") return absl::OkStatus();  // PostgreSQL's way to say that there is none
  const absl::StatusOr<WallInstant> told = WallInstant::Parse(text, zone_, frame_.t0_unix_ns);
  if (absl::IsFailedPrecondition(told.status())) {
    return absl::FailedPreconditionError(
        fmt::format("{} of {} ({}); declare the zone that it is written in, such as collect: {{zone: UTC}}",
                    Called(field), origin_, std::string(told.status().message())));
  }
  if (!told.ok()) {
    Misread(fmt::format("{}: {}", Called(field), std::string(told.status().message())));
    return absl::OkStatus();
  }
  InstantOf(field).set(task, told->unix_ns - frame_.t0_unix_ns);
  int64_t& finest = resolution_ns_[static_cast<size_t>(field)];
  finest = finest == 0 ? told->resolution_ns : std::min(finest, told->resolution_ns);
  return absl::OkStatus();
}

void TaskReader::AddState(const Texts& texts, v1::TaskRecord& task) {
  const auto& state = texts[static_cast<size_t>(TaskField::kState)];
  if (!state) {
    // Records without states are of what has happened.
    if (task.has_finished_ns()) task.set_outcome(v1::OK);
    return;
  }
  task.set_state(ValidText(*state));
  task.set_outcome(words_.OutcomeOf(*state));
  if (*state == "Cached" || *state == "cached") task.set_cached(true);
  if (task.outcome() == v1::OUTCOME_UNSPECIFIED && task.has_finished_ns()) {
    Misread(
        fmt::format("the state '{0}' of a task that has finished says nothing here; add outcomes: {{{0}: ok}}, or "
                    "failed, timeout, cancelled or skipped",
                    *state));
  }
}

absl::Status TaskReader::Add(const Texts& texts) {
  if (texts[static_cast<size_t>(TaskField::kTask)].value_or("").empty()) {
    // It could not be told from others, or be found again at the next look.
    Misread(fmt::format("{} is empty: a record without a name is left out", Called(TaskField::kTask)));
    return absl::OkStatus();
  }
  v1::TaskRecord task;
  const auto text = [&texts](TaskField field) -> const std::optional<std::string_view>& {
    return texts[static_cast<size_t>(field)];
  };
  const auto copy = [&](TaskField field, std::string* into) {
    if (const auto& value = text(field)) *into = ValidText(*value);
  };
  copy(TaskField::kTask, task.mutable_task());
  copy(TaskField::kName, task.mutable_name());
  copy(TaskField::kRemoteId, task.mutable_remote_id());
  copy(TaskField::kWorker, task.mutable_worker());
  copy(TaskField::kError, task.mutable_error());
  task.set_origin(origin_);
  task.set_attempt(1);
  if (const auto& attempt = text(TaskField::kAttempt)) {
    const std::optional<int64_t> value = Whole(*attempt);
    value&&* value >= 0 && *value <= kMostAttempts
        ? task.set_attempt(static_cast<uint32_t>(std::max<int64_t>(1, *value)))
        : Misread(fmt::format("{} is no whole number up to {}: '{}'", Called(TaskField::kAttempt), kMostAttempts,
                              *attempt));
  }
  if (const auto& index = text(TaskField::kIndex)) {
    const std::optional<int64_t> value = Whole(*index);
    value&&* value >= 0 ? task.set_index(static_cast<uint64_t>(*value))
                        : Misread(fmt::format("{} is no whole number: '{}'", Called(TaskField::kIndex), *index));
  }
  if (const auto& planned = text(TaskField::kPlannedNs); planned && !planned->empty()) {
    const std::optional<int64_t> value = Whole(*planned);
    value&&* value >= 0 ? task.set_planned_ns(*value)
                        : Misread(fmt::format("{} is no whole number: '{}'", Called(TaskField::kPlannedNs), *planned));
  }
  if (const auto& cached = text(TaskField::kCached)) {
    const std::optional<bool> value = Truth(*cached);
    value ? task.set_cached(*value)
          : Misread(fmt::format("{} is neither true nor false: '{}'", Called(TaskField::kCached), *cached));
  }
  for (const InstantField& instant : kInstants) {
    const auto& told = text(instant.field);
    if (!told || told->empty()) continue;
    if (absl::Status status = AddInstant(instant.field, *told, task); !status.ok()) return status;
  }
  AddState(texts, task);
  tasks_.push_back(std::move(task));
  return absl::OkStatus();
}

std::vector<v1::TaskRecord> TaskReader::Take() {
  for (v1::TaskRecord& task : tasks_) {
    int64_t resolution_ns = declared_resolution_ns_;
    for (const InstantField& instant : kInstants) {
      if (declared_resolution_ns_ == 0 && instant.has(task))
        resolution_ns = std::max(resolution_ns, resolution_ns_[static_cast<size_t>(instant.field)]);
    }
    task.set_error_ns(resolution_ns + frame_.clock_bound_ns);
  }
  resolution_ns_.fill(0);
  return std::exchange(tasks_, {});
}

std::string TaskReader::TakeProblem() {
  const uint64_t count = std::exchange(misread_, 0);
  if (count == 0) return "";
  return fmt::format("{} value{} could not be understood, for example: {}", count, count == 1 ? "" : "s",
                     std::exchange(first_misread_, {}));
}

absl::Status CheckTaskFields(const std::array<bool, kTaskFields>& given, const std::string& how) {
  if (!given[static_cast<size_t>(TaskField::kTask)]) {
    return absl::InvalidArgumentError(
        fmt::format("nothing says by which name the target knows a task (field 'task'); {}", how));
  }
  if (!given[static_cast<size_t>(TaskField::kState)] && !given[static_cast<size_t>(TaskField::kFinished)]) {
    return absl::InvalidArgumentError(
        fmt::format("nothing says whether a task has ended (field 'state' or 'finished'); {}", how));
  }
  return absl::OkStatus();
}

bool IsNegative(const v1::TaskRecord& t) {
  if (t.has_body_started_ns() && t.has_body_finished_ns() && t.body_finished_ns() < t.body_started_ns()) return true;
  if (t.has_started_ns() && t.has_finished_ns() && t.finished_ns() < t.started_ns()) return true;
  if (!t.has_started_ns()) return false;
  return (t.has_created_ns() && t.started_ns() < t.created_ns()) ||
         (t.has_scheduled_ns() && t.started_ns() < t.scheduled_ns()) ||
         (t.has_queued_ns() && t.started_ns() < t.queued_ns()) || (t.has_ready_ns() && t.started_ns() < t.ready_ns());
}

}  // namespace assay
