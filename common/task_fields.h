#ifndef ASSAY_COMMON_TASK_FIELDS_H_
#define ASSAY_COMMON_TASK_FIELDS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// What a target's records may say of a task. Scenarios, queries and files call the fields by these names.
enum class TaskField : uint8_t {
  kTask,
  kName,
  kState,
  kAttempt,
  kIndex,
  kRemoteId,
  kCached,
  kWorker,
  kError,
  kPlannedNs,
  kCreated,  // from here on: instants
  kScheduled,
  kQueued,
  kReady,
  kStarted,
  kFinished,
  kBodyStarted,
  kBodyFinished,
  kRecorded,
};
inline constexpr size_t kTaskFields = 19;
inline constexpr std::array<std::string_view, kTaskFields> kTaskFieldNames{
    "task",    "name",     "state",        "attempt",       "index",     "remote_id", "cached",
    "worker",  "error",    "planned_ns",   "created",       "scheduled", "queued",    "ready",
    "started", "finished", "body_started", "body_finished", "recorded"};

std::optional<TaskField> TaskFieldOf(std::string_view name);
std::vector<std::string> TaskFieldNames();

}  // namespace assay

#endif  // ASSAY_COMMON_TASK_FIELDS_H_
