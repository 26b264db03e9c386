// The exec trigger: one process per trigger, without a shell.
#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/triggers/process.h"
#include "agent/triggers/trigger_kind.h"
#include "common/built_in_names.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

class ExecTrigger final : public TriggerKind {
 public:
  explicit ExecTrigger(TriggerContext context)
      : context_(std::move(context)),
        exec_(context_.spec.trigger().exec()),
        names_{.agent = context_.agent_name,
               .run_id = context_.spec.run_id(),
               .block = context_.spec.block(),
               .target = context_.spec.target()} {}

  ~ExecTrigger() override {
    for (auto& [process, in_flight] : in_flight_) process->Abandon();
  }

  // A missing program is not looked for here: it is a finding about the target, and becomes rows with its error.
  void Prepare(std::function<void(absl::Status)> done) override {
    if (exec_.argv().empty() || exec_.argv(0).empty()) {
      return done(absl::InvalidArgumentError("the exec trigger has no program to start"));
    }
    const uint64_t most = context_.spec.count() > 0 ? std::min<uint64_t>(context_.spec.count(), context_.spec.slots())
                                                    : context_.spec.slots();
    if (context_.max_processes > 0 && most > context_.max_processes) {
      return done(absl::ResourceExhaustedError(fmt::format(
          "agent '{}' is asked for {} processes at once, but this host's limits allow {}; raise 'ulimit -u' "
          "and 'ulimit -n' there, use more agents, or lower the concurrency",
          context_.agent_name, most, context_.max_processes)));
    }
    done(absl::OkStatus());
  }

  void Fire(v1::TriggerRecord&& record) override {
    const uint64_t index = record.index();
    Process::Options options;
    options.request.argv.reserve(static_cast<size_t>(exec_.argv_size()));
    for (const std::string& argument : exec_.argv()) options.request.argv.push_back(names_.Expand(argument, index));
    for (const auto& [key, value] : exec_.env()) {
      options.request.env.push_back(fmt::format("{}={}", key, names_.Expand(value, index)));
    }
    options.request.cwd = names_.Expand(exec_.cwd(), index);
    options.stdin_bytes = names_.Expand(exec_.stdin(), index);
    options.timeout_ns = context_.spec.trigger().timeout_ns();
    options.cgroup = context_.run_cgroup;
    // What is left of its deadline is for the wait behind those that are started before it.
    if (const int64_t deadline_ns = context_.spec.open().deadline_ns(); deadline_ns > 0)
      options.start_by_ns = MonotonicNs() + deadline_ns - (record.dispatched_ns() - record.intended_ns());

    auto process = std::make_shared<Process>(context_.loop, context_.spawner);
    Process* const key = process.get();
    in_flight_.emplace(key, InFlight{process, std::move(record)});
    process->Start(std::move(options), [this, key](ProcessEnd&& end) { End(key, std::move(end)); });
  }

  void CancelAll(int64_t grace_ns) override {
    for (auto& [process, in_flight] : in_flight_) process->Kill(grace_ns);
  }

 private:
  struct InFlight {
    std::shared_ptr<Process> process;
    v1::TriggerRecord record;
  };

  void End(Process* key, ProcessEnd&& end) {
    const auto found = in_flight_.find(key);
    v1::TriggerRecord record = std::move(found->second.record);
    in_flight_.erase(found);
    record.set_planned_ns(-1);
    record.set_started_ns(end.started_ns);
    record.set_finished_ns(end.finished_ns);
    record.set_cpu_ns(end.cpu_ns);
    record.set_max_rss_bytes(end.max_rss_bytes);
    record.set_output(std::move(end.output));
    record.set_output_bytes(end.output_bytes);
    record.set_has_exit(end.status_known);
    record.set_exit_code(end.exit_code);
    record.set_signal(end.signal);
    if (end.too_late) {
      record.set_outcome(v1::SKIPPED);
      record.set_error(fmt::format("not started within its deadline of {}: the agent was starting others",
                                   FormatDuration(context_.spec.open().deadline_ns())));
    } else if (end.killed) {
      record.set_outcome(v1::CANCELLED);
      record.set_error(end.start.ok() ? "cancelled" : std::string(end.start.message()));
    } else if (end.timed_out) {
      record.set_outcome(v1::TIMEOUT);
      record.set_error(
          fmt::format("took longer than {} and was killed", FormatDuration(context_.spec.trigger().timeout_ns())));
    } else {
      std::string error = Failure(end);
      record.set_outcome(error.empty() ? v1::OK : v1::FAILED);
      record.set_error(std::move(error));
    }
    context_.ended(std::move(record));
  }

  static std::string Failure(const ProcessEnd& end) {
    if (!end.start.ok()) return std::string(end.start.message());
    if (!end.status_known) return "its exit status is unknown: another part of this process reaped it";
    if (end.signal != 0) return fmt::format("was killed by signal {} ({})", end.signal, strsignal(end.signal));
    if (end.exit_code != 0) return fmt::format("exited with {}", end.exit_code);
    return {};
  }

  TriggerContext context_;
  const v1::ExecTrigger& exec_;
  BuiltInNames names_;
  absl::flat_hash_map<Process*, InFlight> in_flight_;
};

}  // namespace

// Registered in registry.cc.
std::unique_ptr<TriggerKind> MakeExecTrigger(TriggerContext context);
std::unique_ptr<TriggerKind> MakeExecTrigger(TriggerContext context) {
  return std::make_unique<ExecTrigger>(std::move(context));
}

}  // namespace assay
