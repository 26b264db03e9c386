#include "storage/result_rows.h"

#include <string_view>

namespace assay {
namespace {

// An agent never sends LOST or nothing; should one, the row is kept and not taken for a success.
std::string_view OutcomeName(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OK:
      return "ok";
    case v1::TIMEOUT:
      return "timeout";
    case v1::CANCELLED:
      return "cancelled";
    case v1::SKIPPED:
      return "skipped";
    default:
      return "failed";
  }
}

void AppendCommon(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::TriggerRecord& trigger) {
  rows.Integer(run_id);
  rows.Integer(agent_id);
  rows.Integer(static_cast<int64_t>(trigger.index()));
  rows.Integer(trigger.intended_ns());
  rows.Integer(trigger.dispatched_ns());
  if (trigger.outcome() == v1::SKIPPED) {
    rows.Null();
    rows.Null();
  } else {
    rows.Integer(trigger.started_ns());
    rows.Integer(trigger.finished_ns());
  }
  rows.IntegerOrNull(trigger.planned_ns());
  rows.Word(OutcomeName(trigger.outcome()));
}

}  // namespace

bool IsPlain(const v1::TriggerRecord& trigger) {
  return !trigger.has_exit() && trigger.signal() == 0 && trigger.cpu_ns() <= 0 && trigger.output_bytes() == 0 &&
         trigger.output().empty() && trigger.error().empty();
}

const std::vector<std::string>& PlainTriggerColumns() {
  static const auto& columns =
      *new std::vector<std::string>{"run_id",     "agent_id",    "index",      "intended_ns", "dispatched_ns",
                                    "started_ns", "finished_ns", "planned_ns", "outcome"};
  return columns;
}

void AppendPlainTrigger(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::TriggerRecord& trigger) {
  AppendCommon(rows, run_id, agent_id, trigger);
  rows.EndRow();
}

const std::vector<std::string>& TriggerColumns() {
  static const auto& columns = *new std::vector<std::string>{
      "run_id",  "agent_id",  "index",  "intended_ns", "dispatched_ns", "started_ns",   "finished_ns", "planned_ns",
      "outcome", "exit_code", "signal", "cpu_ns",      "output",        "output_bytes", "error"};
  return columns;
}

void AppendTrigger(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::TriggerRecord& trigger) {
  AppendCommon(rows, run_id, agent_id, trigger);
  if (trigger.has_exit() && trigger.signal() == 0) {
    rows.Integer(trigger.exit_code());
  } else {
    rows.Null();
  }
  if (trigger.signal() != 0) {
    rows.Integer(trigger.signal());
  } else {
    rows.Null();
  }
  // 0 without a process means that nobody has set it.
  rows.IntegerOrNull(!trigger.has_exit() && trigger.cpu_ns() == 0 ? -1 : trigger.cpu_ns());
  if (trigger.output().empty()) {
    rows.Null();
  } else {
    rows.Bytes(trigger.output());
  }
  if (trigger.has_exit() || trigger.output_bytes() != 0) {
    rows.Integer(static_cast<int64_t>(trigger.output_bytes()));
  } else {
    rows.Null();
  }
  if (trigger.error().empty()) {
    rows.Null();
  } else {
    rows.Text(trigger.error());
  }
  rows.EndRow();
}

const std::vector<std::string>& SampleColumns() {
  static const auto& columns = *new std::vector<std::string>{"run_id",
                                                             "agent_id",
                                                             "tick",
                                                             "read_begin_ns",
                                                             "read_end_ns",
                                                             "cgroup",
                                                             "inode",
                                                             "cpu_usage_ns",
                                                             "cpu_user_ns",
                                                             "cpu_system_ns",
                                                             "throttled_ns",
                                                             "nr_throttled",
                                                             "memory_current_bytes",
                                                             "memory_inactive_file_bytes",
                                                             "memory_anon_bytes",
                                                             "memory_peak_bytes",
                                                             "oom_kills",
                                                             "io_read_bytes",
                                                             "io_write_bytes",
                                                             "io_read_ops",
                                                             "io_write_ops",
                                                             "pids",
                                                             "cpu_some_us",
                                                             "memory_some_us",
                                                             "memory_full_us",
                                                             "io_some_us",
                                                             "io_full_us"};
  return columns;
}

void AppendSample(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::CgroupSample& sample) {
  rows.Integer(run_id);
  rows.Integer(agent_id);
  rows.Integer(static_cast<int64_t>(sample.tick()));
  rows.Integer(sample.read_begin_ns());
  rows.Integer(sample.read_end_ns());
  rows.Text(sample.cgroup());
  rows.Integer(static_cast<int64_t>(sample.inode()));
  for (const int64_t value : {sample.cpu_usage_ns(),
                              sample.cpu_user_ns(),
                              sample.cpu_system_ns(),
                              sample.throttled_ns(),
                              sample.nr_throttled(),
                              sample.memory_current_bytes(),
                              sample.memory_inactive_file_bytes(),
                              sample.memory_anon_bytes(),
                              sample.memory_peak_bytes(),
                              sample.oom_kills(),
                              sample.io_read_bytes(),
                              sample.io_write_bytes(),
                              sample.io_read_ops(),
                              sample.io_write_ops(),
                              sample.pids(),
                              sample.cpu_some_us(),
                              sample.memory_some_us(),
                              sample.memory_full_us(),
                              sample.io_some_us(),
                              sample.io_full_us()}) {
    rows.IntegerOrNull(value);
  }
  rows.EndRow();
}

const std::vector<std::string>& HostSampleColumns() {
  static const auto& columns = *new std::vector<std::string>{"run_id",
                                                             "agent_id",
                                                             "tick",
                                                             "read_begin_ns",
                                                             "read_end_ns",
                                                             "cpu_user_ns",
                                                             "cpu_system_ns",
                                                             "cpu_idle_ns",
                                                             "cpu_iowait_ns",
                                                             "cpu_steal_ns",
                                                             "cpus",
                                                             "memory_total_bytes",
                                                             "memory_available_bytes",
                                                             "swap_used_bytes",
                                                             "load_milli",
                                                             "cpu_some_us",
                                                             "memory_some_us",
                                                             "memory_full_us",
                                                             "io_some_us",
                                                             "io_full_us",
                                                             "agent_cpu_ns",
                                                             "agent_memory_bytes",
                                                             "sampler_cpu_ns"};
  return columns;
}

void AppendHostSample(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::HostSample& sample) {
  rows.Integer(run_id);
  rows.Integer(agent_id);
  rows.Integer(static_cast<int64_t>(sample.tick()));
  rows.Integer(sample.read_begin_ns());
  rows.Integer(sample.read_end_ns());
  for (const int64_t value : {sample.cpu_user_ns(), sample.cpu_system_ns(), sample.cpu_idle_ns(),
                              sample.cpu_iowait_ns(), sample.cpu_steal_ns()}) {
    rows.IntegerOrNull(value);
  }
  rows.Integer(sample.cpus());
  for (const int64_t value :
       {sample.memory_total_bytes(), sample.memory_available_bytes(), sample.swap_used_bytes(), sample.load_milli(),
        sample.cpu_some_us(), sample.memory_some_us(), sample.memory_full_us(), sample.io_some_us(),
        sample.io_full_us(), sample.agent_cpu_ns(), sample.agent_memory_bytes(), sample.sampler_cpu_ns()}) {
    rows.IntegerOrNull(value);
  }
  rows.EndRow();
}

}  // namespace assay
