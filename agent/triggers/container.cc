// The container trigger: a process in a running container, through the Docker Engine API. Its steps are recorded apart:
// started (the engine is asked), created (it has made the exec), running (it has started it), finished (output ended).
#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/clients/docker_engine.h"
#include "agent/triggers/trigger_kind.h"
#include "common/bounded_output.h"
#include "common/built_in_names.h"
#include "common/clock.h"
#include "common/json_text.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int64_t kExecGraceNs = 2'000'000'000;
constexpr int64_t kInspectAgainNs = 5'000'000;
constexpr int kInspections = 20;
constexpr int64_t kAskPidAgainNs = 20'000'000;
// Exit codes of shells and of engines.
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;
constexpr char kUnseen[] = "its process cannot be seen from this agent (is the engine in another PID namespace?)";

class ContainerTrigger final : public TriggerKind {
 public:
  explicit ContainerTrigger(TriggerContext context)
      : context_(std::move(context)),
        container_(context_.spec.trigger().container()),
        names_{.agent = context_.agent_name,
               .run_id = context_.spec.run_id(),
               .block = context_.spec.block(),
               .target = context_.spec.target()},
        most_(std::max(1U, container_.in_flight())),
        engine_(context_.loop, container_.socket(), most_) {}

  ~ContainerTrigger() override {
    for (const auto& [key, exec] : in_flight_) {
      context_.loop.Cancel(exec->timer);
      if (exec->pid > 0) kill(static_cast<pid_t>(exec->pid), SIGKILL);
    }
  }

  // An engine that does not answer is a fault of this host. A container that is not there is one of the target, and
  // becomes rows.
  void Prepare(std::function<void(absl::Status)> done) override {
    if (container_.argv().empty() || container_.argv(0).empty())
      return done(absl::InvalidArgumentError("the container trigger has no program to start"));
    engine_.Ping([this, done = std::move(done)](const absl::Status& status) {
      done(status.ok() ? status
                       : absl::Status(status.code(), fmt::format("agent '{}': {}", context_.agent_name,
                                                                 std::string(status.message()))));
    });
  }

  void Fire(v1::TriggerRecord&& record) override {
    if (in_flight_.size() >= most_) {
      waiting_.push_back(std::move(record));
    } else {
      Create(std::move(record));
    }
  }

  void CancelAll(int64_t grace_ns) override {
    while (!waiting_.empty()) {
      v1::TriggerRecord record = std::move(waiting_.front());
      waiting_.pop_front();
      record.set_started_ns(MonotonicNs());
      record.set_finished_ns(record.started_ns());
      record.set_planned_ns(-1);
      record.set_cpu_ns(-1);
      record.set_outcome(v1::CANCELLED);
      record.set_error("cancelled before it was started");
      context_.ended(std::move(record));
    }
    std::vector<Exec*> all;
    for (const auto& [key, exec] : in_flight_) all.push_back(key);
    for (Exec* exec : all) {
      exec->cancelled = true;
      Terminate(*exec, grace_ns);
    }
  }

 private:
  struct Exec {
    v1::TriggerRecord record;
    BoundedOutput output;
    std::string id;
    int64_t pid = 0;
    HttpClient::Id start = 0;
    EventLoop::TimerId timer = 0;
    bool timed_out = false;
    bool cancelled = false;
    bool ended = false;  // its output has
    bool being_ended = false;
    int64_t grace_ns = 0;       // between the polite signal and the other
    int64_t give_up_at_ns = 0;  // if there is still no process to end by then
    int inspections = 0;
  };

  std::string Request(uint64_t index) const {
    std::string argv;
    for (const std::string& word : container_.argv())
      argv += (argv.empty() ? "" : ", ") + JsonString(names_.Expand(word, index));
    std::string env;
    for (const auto& [key, value] : container_.env())
      env += (env.empty() ? "" : ", ") + JsonString(fmt::format("{}={}", key, names_.Expand(value, index)));
    return fmt::format(
        R"({{"AttachStdin": false, "AttachStdout": true, "AttachStderr": true, "Tty": false, "Cmd": [{}], "Env": [{}], )"
        R"("WorkingDir": {}, "User": {}}})",
        argv, env, JsonString(names_.Expand(container_.cwd(), index)), JsonString(container_.user()));
  }

  void Create(v1::TriggerRecord&& record) {
    auto owned = std::make_unique<Exec>();
    Exec* const exec = owned.get();
    in_flight_.emplace(exec, std::move(owned));
    exec->record = std::move(record);
    const uint64_t index = exec->record.index();
    exec->record.set_planned_ns(-1);
    exec->record.set_cpu_ns(-1);
    exec->record.set_started_ns(MonotonicNs());
    if (const int64_t timeout_ns = context_.spec.trigger().timeout_ns(); timeout_ns > 0) {
      exec->timer = context_.loop.At(exec->record.started_ns() + timeout_ns, [this, exec] {
        exec->timer = 0;
        if (exec->ended) return;  // in time; only its exit code is not known yet
        exec->timed_out = true;
        Terminate(*exec, kExecGraceNs);
      });
    }
    engine_.CreateExec(names_.Expand(container_.name(), index), Request(index),
                       [this, exec](absl::StatusOr<std::string> id, int64_t answered_ns) {
                         if (!id.ok()) return Fail(*exec, id.status(), answered_ns);
                         exec->record.set_created_ns(answered_ns);
                         exec->id = *std::move(id);
                         if (exec->timed_out || exec->cancelled) return Finish(*exec, answered_ns);
                         Start(*exec);
                       });
  }

  void Start(Exec& exec) {
    exec.start = engine_.StartExec(
        exec.id, [&exec](std::string_view bytes) { exec.output.Append(bytes); },
        [this, &exec](const absl::Status& status, int64_t running_ns, int64_t ended_ns) {
          if (running_ns >= 0) exec.record.set_running_ns(running_ns);
          exec.ended = true;
          exec.record.set_finished_ns(ended_ns);
          if (!status.ok()) return Fail(exec, status, ended_ns);
          Inspect(exec);
        });
  }

  // The engine ends the output a moment before it knows the exit code.
  void Inspect(Exec& exec) {
    engine_.InspectExec(exec.id, [this, &exec](const absl::StatusOr<DockerExecState>& state) {
      if (!state.ok()) return Fail(exec, state.status(), exec.record.finished_ns());
      if (state->running && ++exec.inspections < kInspections) {
        context_.loop.Cancel(exec.timer);
        exec.timer = context_.loop.At(MonotonicNs() + kInspectAgainNs, [this, &exec] {
          exec.timer = 0;
          Inspect(exec);
        });
        return;
      }
      if (state->running) {
        return Fail(exec, absl::InternalError("it closed its output and runs on; its exit code is not known"),
                    exec.record.finished_ns());
      }
      exec.record.set_has_exit(true);
      // As a shell tells it, a signal is 128 and its number.
      exec.record.set_exit_code(state->exit_code);
      Finish(exec, exec.record.finished_ns());
    });
  }

  // There is no call that ends an exec: its process is ended from outside, where it can be seen from here.
  void Terminate(Exec& exec, int64_t grace_ns) {
    exec.grace_ns = grace_ns;
    if (exec.ended || exec.id.empty()) return;  // being inspected, or not yet made
    if (!std::exchange(exec.being_ended, true)) exec.give_up_at_ns = MonotonicNs() + std::max(grace_ns, kExecGraceNs);
    FindAndEnd(exec);
  }

  // A busy engine was told to start the process a while before there is one; whoever stopped asking then would leave it
  // running, also into the next run.
  void FindAndEnd(Exec& exec) {
    engine_.InspectExec(exec.id, [this, &exec, id = exec.id](const absl::StatusOr<DockerExecState>& state) {
      // Its output may have ended meanwhile, and with it all of it: another may be in its place.
      if (!in_flight_.contains(&exec) || exec.id != id || exec.ended) return;
      exec.pid = state.ok() ? state->pid : 0;
      const int error = exec.pid <= 0 ? 0 : kill(static_cast<pid_t>(exec.pid), SIGTERM) == 0 ? -1 : errno;
      if (error == EPERM) return GiveUp(exec, "this user may not end its process, root may");
      const int64_t now_ns = MonotonicNs();
      context_.loop.Cancel(exec.timer);
      if (error < 0) {
        exec.timer = context_.loop.At(now_ns + exec.grace_ns, [this, &exec] {
          exec.timer = 0;
          if (kill(static_cast<pid_t>(exec.pid), SIGKILL) != 0) GiveUp(exec, kUnseen);
        });
        return;
      }
      exec.timer = 0;
      // It may have ended this very moment: then its output does so too.
      if (now_ns >= exec.give_up_at_ns)
        return GiveUp(exec, exec.pid > 0 ? kUnseen : "the engine does not tell its process");
      exec.timer = context_.loop.At(now_ns + kAskPidAgainNs, [this, &exec] {
        exec.timer = 0;
        FindAndEnd(exec);
      });
    });
  }

  void GiveUp(Exec& exec, const char* why) {
    exec.record.set_error(fmt::format("; it may still run in the container: {}", why));
    engine_.Cancel(exec.start);
  }

  void Fail(Exec& exec, const absl::Status& status, int64_t at_ns) {
    if (!exec.timed_out && !exec.cancelled) exec.record.set_error(std::string(status.message()));
    exec.record.set_outcome(v1::FAILED);
    Finish(exec, at_ns);
  }

  void Finish(Exec& exec, int64_t at_ns) {
    context_.loop.Cancel(exec.timer);
    const auto found = in_flight_.find(&exec);
    const std::unique_ptr<Exec> owned = std::move(found->second);
    in_flight_.erase(found);
    v1::TriggerRecord& record = owned->record;
    record.set_finished_ns(at_ns);
    record.set_output(owned->output.Text());
    record.set_output_bytes(owned->output.total_bytes());
    if (owned->cancelled) {
      record.set_outcome(v1::CANCELLED);
      record.set_error("cancelled" + record.error());
    } else if (owned->timed_out) {
      record.set_outcome(v1::TIMEOUT);
      record.set_error(fmt::format("took longer than {}{}", FormatDuration(context_.spec.trigger().timeout_ns()),
                                   record.error().empty() ? " and was killed" : record.error()));
    } else if (record.has_exit() && record.exit_code() != 0) {
      record.set_outcome(v1::FAILED);
      record.set_error(fmt::format("exited with {}", record.exit_code()));
      // What the engine writes about it comes in many forms, and need not be the last that it writes.
      if (record.exit_code() == kCannotRun || record.exit_code() == kNotFound) {
        record.set_error(fmt::format("{}: is there a program '{}' in container {}, and may it be run?", record.error(),
                                     names_.Expand(container_.argv(0), record.index()),
                                     names_.Expand(container_.name(), record.index())));
      }
    } else if (record.outcome() == v1::OUTCOME_UNSPECIFIED) {
      record.set_outcome(v1::OK);
    }
    if (!waiting_.empty()) {
      v1::TriggerRecord next = std::move(waiting_.front());
      waiting_.pop_front();
      Create(std::move(next));
    }
    context_.ended(std::move(record));
  }

  TriggerContext context_;
  const v1::ContainerTrigger& container_;
  const BuiltInNames names_;
  const size_t most_;
  absl::flat_hash_map<Exec*, std::unique_ptr<Exec>> in_flight_;
  std::deque<v1::TriggerRecord> waiting_;
  DockerEngine engine_;
};

}  // namespace

// Registered in registry.cc.
std::unique_ptr<TriggerKind> MakeContainerTrigger(TriggerContext context);
std::unique_ptr<TriggerKind> MakeContainerTrigger(TriggerContext context) {
  return std::make_unique<ContainerTrigger>(std::move(context));
}

}  // namespace assay
