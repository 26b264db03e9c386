#include "storage/task_rows.h"

#include <array>

#include "storage/result_rows.h"

namespace assay {
namespace {

struct Instant {
  const char* column;
  bool (*known)(const v1::TaskRecord& task);
  int64_t (*value)(const v1::TaskRecord& task);
};

#define ASSAY_INSTANT(name)                                                                                      \
  {                                                                                                              \
#name, [](const v1::TaskRecord& task) { return task.has_##name(); }, [](const v1::TaskRecord& task)          \
                                                                              -> int64_t { return task.name(); } \
  }
constexpr auto kInstants = std::to_array<Instant>(
    {ASSAY_INSTANT(created_ns), ASSAY_INSTANT(scheduled_ns), ASSAY_INSTANT(queued_ns), ASSAY_INSTANT(ready_ns),
     ASSAY_INSTANT(started_ns), ASSAY_INSTANT(finished_ns), ASSAY_INSTANT(body_started_ns),
     ASSAY_INSTANT(body_finished_ns), ASSAY_INSTANT(recorded_ns)});
#undef ASSAY_INSTANT

}  // namespace

const std::vector<std::string>& TaskColumns() {
  static const auto& columns = *new std::vector<std::string>([] {
    std::vector<std::string> names{"run_id",        "agent_id", "origin", "task",      "index",  "remote_id",
                                   "name",          "attempt",  "state",  "outcome",   "cached", "error_ns",
                                   "instants_from", "worker",   "error",  "planned_ns"};
    for (const Instant& instant : kInstants) names.emplace_back(instant.column);
    return names;
  }());
  return columns;
}

void AppendTask(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::TaskRecord& task) {
  const auto text = [&rows](const std::string& value) { value.empty() ? rows.Null() : rows.Text(value); };
  const auto number = [&rows](bool known, int64_t value) { known ? rows.Integer(value) : rows.Null(); };
  rows.Integer(run_id);
  number(agent_id != 0, agent_id);
  rows.Text(task.origin());
  rows.Text(task.task());
  number(task.has_index(), static_cast<int64_t>(task.index()));
  text(task.remote_id());
  text(task.name());
  rows.Integer(task.attempt() == 0 ? 1 : task.attempt());
  rows.Text(task.state());
  task.outcome() == v1::OUTCOME_UNSPECIFIED ? rows.Null() : rows.Word(OutcomeName(task.outcome()));
  rows.Word(task.cached() ? "t" : "f");
  rows.Integer(task.error_ns());
  text(task.instants_from());
  text(task.worker());
  text(task.error());
  number(task.has_planned_ns(), task.planned_ns());
  for (const Instant& instant : kInstants) number(instant.known(task), instant.value(task));
  rows.EndRow();
}

}  // namespace assay
