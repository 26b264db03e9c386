#include "storage/result_rows.h"

#include <string_view>

namespace assay {
namespace {

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

template <typename Sample>
struct Counter {
  const char* column;
  int64_t (*value)(const Sample& sample);
};

constexpr Counter<v1::CgroupSample> kCgroupCounters[] = {
    {"cpu_usage_ns", [](const v1::CgroupSample& s) -> int64_t { return s.cpu_usage_ns(); }},
    {"cpu_user_ns", [](const v1::CgroupSample& s) -> int64_t { return s.cpu_user_ns(); }},
    {"cpu_system_ns", [](const v1::CgroupSample& s) -> int64_t { return s.cpu_system_ns(); }},
    {"throttled_ns", [](const v1::CgroupSample& s) -> int64_t { return s.throttled_ns(); }},
    {"nr_throttled", [](const v1::CgroupSample& s) -> int64_t { return s.nr_throttled(); }},
    {"memory_current_bytes", [](const v1::CgroupSample& s) -> int64_t { return s.memory_current_bytes(); }},
    {"memory_inactive_file_bytes", [](const v1::CgroupSample& s) -> int64_t { return s.memory_inactive_file_bytes(); }},
    {"memory_anon_bytes", [](const v1::CgroupSample& s) -> int64_t { return s.memory_anon_bytes(); }},
    {"memory_peak_bytes", [](const v1::CgroupSample& s) -> int64_t { return s.memory_peak_bytes(); }},
    {"oom_kills", [](const v1::CgroupSample& s) -> int64_t { return s.oom_kills(); }},
    {"io_read_bytes", [](const v1::CgroupSample& s) -> int64_t { return s.io_read_bytes(); }},
    {"io_write_bytes", [](const v1::CgroupSample& s) -> int64_t { return s.io_write_bytes(); }},
    {"io_read_ops", [](const v1::CgroupSample& s) -> int64_t { return s.io_read_ops(); }},
    {"io_write_ops", [](const v1::CgroupSample& s) -> int64_t { return s.io_write_ops(); }},
    {"pids", [](const v1::CgroupSample& s) -> int64_t { return s.pids(); }},
    {"cpu_some_us", [](const v1::CgroupSample& s) -> int64_t { return s.cpu_some_us(); }},
    {"memory_some_us", [](const v1::CgroupSample& s) -> int64_t { return s.memory_some_us(); }},
    {"memory_full_us", [](const v1::CgroupSample& s) -> int64_t { return s.memory_full_us(); }},
    {"io_some_us", [](const v1::CgroupSample& s) -> int64_t { return s.io_some_us(); }},
    {"io_full_us", [](const v1::CgroupSample& s) -> int64_t { return s.io_full_us(); }},
    {"net_rx_bytes", [](const v1::CgroupSample& s) -> int64_t { return s.net_rx_bytes(); }},
    {"net_tx_bytes", [](const v1::CgroupSample& s) -> int64_t { return s.net_tx_bytes(); }},
    {"net_rx_packets", [](const v1::CgroupSample& s) -> int64_t { return s.net_rx_packets(); }},
    {"net_tx_packets", [](const v1::CgroupSample& s) -> int64_t { return s.net_tx_packets(); }},
};

constexpr Counter<v1::HostSample> kHostCounters[] = {
    {"cpu_user_ns", [](const v1::HostSample& s) -> int64_t { return s.cpu_user_ns(); }},
    {"cpu_system_ns", [](const v1::HostSample& s) -> int64_t { return s.cpu_system_ns(); }},
    {"cpu_idle_ns", [](const v1::HostSample& s) -> int64_t { return s.cpu_idle_ns(); }},
    {"cpu_iowait_ns", [](const v1::HostSample& s) -> int64_t { return s.cpu_iowait_ns(); }},
    {"cpu_steal_ns", [](const v1::HostSample& s) -> int64_t { return s.cpu_steal_ns(); }},
    {"cpus", [](const v1::HostSample& s) -> int64_t { return s.cpus(); }},
    {"memory_total_bytes", [](const v1::HostSample& s) -> int64_t { return s.memory_total_bytes(); }},
    {"memory_available_bytes", [](const v1::HostSample& s) -> int64_t { return s.memory_available_bytes(); }},
    {"swap_used_bytes", [](const v1::HostSample& s) -> int64_t { return s.swap_used_bytes(); }},
    {"load_milli", [](const v1::HostSample& s) -> int64_t { return s.load_milli(); }},
    {"cpu_some_us", [](const v1::HostSample& s) -> int64_t { return s.cpu_some_us(); }},
    {"memory_some_us", [](const v1::HostSample& s) -> int64_t { return s.memory_some_us(); }},
    {"memory_full_us", [](const v1::HostSample& s) -> int64_t { return s.memory_full_us(); }},
    {"io_some_us", [](const v1::HostSample& s) -> int64_t { return s.io_some_us(); }},
    {"io_full_us", [](const v1::HostSample& s) -> int64_t { return s.io_full_us(); }},
    {"agent_cpu_ns", [](const v1::HostSample& s) -> int64_t { return s.agent_cpu_ns(); }},
    {"agent_memory_bytes", [](const v1::HostSample& s) -> int64_t { return s.agent_memory_bytes(); }},
    {"sampler_cpu_ns", [](const v1::HostSample& s) -> int64_t { return s.sampler_cpu_ns(); }},
};

template <typename Counters>
std::vector<std::string> Columns(std::vector<std::string> columns, const Counters& counters) {
  for (const auto& counter : counters) columns.emplace_back(counter.column);
  return columns;
}

template <typename Sample>
void AppendReading(CopyText& rows, int64_t run_id, int64_t agent_id, const Sample& sample) {
  rows.Integer(run_id);
  rows.Integer(agent_id);
  rows.Integer(static_cast<int64_t>(sample.tick()));
  rows.Integer(sample.read_begin_ns());
  rows.Integer(sample.read_end_ns());
}

// Whether it got as far as bytes or a connection: only then are the columns of requests not null.
bool IsRequest(const v1::TriggerRecord& trigger) {
  return trigger.has_status() || trigger.has_connected_ns() || trigger.sent_bytes() != 0 ||
         trigger.received_bytes() != 0;
}

void AppendRequest(CopyText& rows, const v1::TriggerRecord& trigger) {
  const auto number = [&rows](bool known, int64_t value) { known ? rows.Integer(value) : rows.Null(); };
  number(trigger.has_status(), trigger.status());
  number(trigger.has_connected_ns(), trigger.connected_ns());
  number(trigger.has_secured_ns(), trigger.secured_ns());
  number(trigger.has_first_byte_ns(), trigger.first_byte_ns());
  number(IsRequest(trigger), static_cast<int64_t>(trigger.sent_bytes()));
  number(IsRequest(trigger), static_cast<int64_t>(trigger.received_bytes()));
  number(trigger.has_created_ns(), trigger.created_ns());
  number(trigger.has_running_ns(), trigger.running_ns());
}

// What was started is followed to its end elsewhere.
void AppendFollowed(CopyText& rows, const v1::TriggerRecord& trigger) {
  const auto text = [&rows](const std::string& value) { value.empty() ? rows.Null() : rows.Text(value); };
  const auto number = [&rows](bool known, int64_t value) { known ? rows.Integer(value) : rows.Null(); };
  text(trigger.remote_id());
  text(trigger.remote_state());
  number(trigger.has_accepted_ns(), trigger.accepted_ns());
  number(trigger.has_completed_ns(), trigger.completed_ns());
  number(trigger.has_completed_ns(), trigger.completed_error_ns());
}

}  // namespace

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

bool IsPlain(const v1::TriggerRecord& trigger) {
  return !trigger.has_exit() && trigger.signal() == 0 && trigger.cpu_ns() <= 0 && trigger.output_bytes() == 0 &&
         trigger.output().empty() && trigger.error().empty() && !IsRequest(trigger) && !trigger.has_created_ns() &&
         trigger.waited_ns() == 0 && trigger.remote_id().empty() && !trigger.has_accepted_ns();
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
      "run_id",        "agent_id",      "index",        "intended_ns",    "dispatched_ns", "started_ns",
      "finished_ns",   "planned_ns",    "outcome",      "exit_code",      "signal",        "cpu_ns",
      "max_rss_bytes", "output",        "output_bytes", "error",          "status",        "connected_ns",
      "secured_ns",    "first_byte_ns", "sent_bytes",   "received_bytes", "created_ns",    "running_ns",
      "waited_ns",     "remote_id",     "remote_state", "accepted_ns",    "completed_ns",  "completed_error_ns"};
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
  rows.IntegerOrNull(trigger.max_rss_bytes() == 0 ? -1 : static_cast<int64_t>(trigger.max_rss_bytes()));
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
  AppendRequest(rows, trigger);
  rows.IntegerOrNull(trigger.waited_ns() == 0 ? -1 : trigger.waited_ns());
  AppendFollowed(rows, trigger);
  rows.EndRow();
}

const std::vector<std::string>& SampleColumns() {
  static const auto& columns = *new std::vector<std::string>(
      Columns({"run_id", "agent_id", "tick", "read_begin_ns", "read_end_ns", "cgroup", "inode"}, kCgroupCounters));
  return columns;
}

void AppendSample(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::CgroupSample& sample) {
  AppendReading(rows, run_id, agent_id, sample);
  rows.Text(sample.cgroup());
  rows.Integer(static_cast<int64_t>(sample.inode()));
  for (const auto& counter : kCgroupCounters) rows.IntegerOrNull(counter.value(sample));
  rows.EndRow();
}

const std::vector<std::string>& HostSampleColumns() {
  static const auto& columns = *new std::vector<std::string>(
      Columns({"run_id", "agent_id", "tick", "read_begin_ns", "read_end_ns"}, kHostCounters));
  return columns;
}

void AppendHostSample(CopyText& rows, int64_t run_id, int64_t agent_id, const v1::HostSample& sample) {
  AppendReading(rows, run_id, agent_id, sample);
  for (const auto& counter : kHostCounters) rows.IntegerOrNull(counter.value(sample));
  rows.EndRow();
}

}  // namespace assay
