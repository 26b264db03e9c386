#include "coordinator/coordinator.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <utility>

#include "collect/collect.h"
#include "common/clock.h"
#include "common/start_thread.h"
#include "coordinator/own_hooks.h"

namespace assay {
namespace {

constexpr size_t kMaxTasks = 100'000;
constexpr size_t kTasksPerTurn = 1000;
constexpr auto kTurn = std::chrono::milliseconds(50);
constexpr int64_t kRetryNs = 500'000'000;
constexpr int64_t kRenewNs = 3'000'000'000;
// A turn that took longer, because the database or the whole process was stopped, says nothing about agents' silence.
constexpr int64_t kPauseNs = 1'000'000'000;
constexpr auto kAnswerPatience = std::chrono::seconds(30);

std::string LabelsJson(const v1::Hello& hello) {
  std::map<std::string, std::string> merged;
  const auto quoted = [](const std::string& text) {
    google::protobuf::Value value;
    value.set_string_value(text);
    std::string json;
    (void)google::protobuf::util::MessageToJsonString(value, &json);
    return json;
  };
  for (const v1::Label& label : hello.labels()) {
    std::string& values = merged[label.key()];
    values += fmt::format("{}{}", values.empty() ? "" : ",", quoted(label.value()));
  }
  std::string json;
  for (const auto& [key, values] : merged)
    json += fmt::format("{}{}:[{}]", json.empty() ? "" : ",", quoted(key), values);
  return fmt::format("{{{}}}", json);
}

std::string FactsJson(const v1::Hello& hello) {
  v1::Hello facts = hello;
  facts.clear_labels();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(facts, &json, options);
  // protobuf writes 64-bit numbers as text; this one is computed with.
  return fmt::format(R"({{"memory_bytes":{},{})", hello.capacity().memory_bytes(), json.substr(1));
}

absl::Status StoreHooks(std::vector<Scheduler::Hook>& hooks,
                        const std::function<absl::Status(std::vector<HookRow>&)>& store) {
  std::vector<HookRow> rows;
  rows.reserve(hooks.size());
  for (const Scheduler::Hook& hook : hooks) rows.push_back(hook.row);
  absl::Status status = store(rows);
  for (size_t i = 0; i < hooks.size(); ++i) hooks[i].row = std::move(rows[i]);
  return status;
}

// Of a run's hook of kind collect; one that asks for nothing where there is none such.
v1::Collector CollectorOf(const HookRow& hook, const SweepRow& sweep, const std::vector<RunRow>& runs) {
  for (const RunRow& run : runs) {
    if (run.run_id != hook.run_id) continue;
    for (const CellRow& cell : sweep.cells) {
      if (cell.cell_id == run.cell_id && hook.position < static_cast<uint32_t>(cell.spec.collect_size()))
        return cell.spec.collect(static_cast<int>(hook.position)).collector();
    }
  }
  return {};
}

}  // namespace

Coordinator::Coordinator(Options options, Connection& connection, Lease& lease, std::function<void(absl::Status)> fatal)
    : options_(std::move(options)),
      connection_(connection),
      lease_(lease),
      store_(connection),
      fatal_(std::move(fatal)),
      tasks_(kMaxTasks),
      scheduler_(options_.scheduler) {}

Coordinator::~Coordinator() { Stop(); }

absl::Status Coordinator::Start() {
  const int64_t now_ns = SteadyWallNs();
  absl::StatusOr<std::vector<SweepRow>> sweeps = store_.UnfinishedSweeps();
  if (!sweeps.ok()) return sweeps.status();
  finisher_ = std::make_unique<Finisher>(
      options_.database_url, options_.term, [this](int64_t run_id, const std::string& verdict, bool agent_lost) {
        tasks_.Push([=, this] { scheduler_.RunEnded(run_id, verdict, agent_lost, SteadyWallNs()); });
      });
  for (SweepRow& sweep : *sweeps) {
    absl::StatusOr<std::vector<RunRow>> runs = store_.RunsOfSweep(sweep.sweep_id);
    if (!runs.ok()) return runs.status();
    absl::StatusOr<std::vector<HookRow>> hooks = store_.HooksOfSweep(
        sweep.sweep_id, [&](const HookRow& hook) { return AsksForRemoteIds(CollectorOf(hook, sweep, *runs)); });
    if (!hooks.ok()) return hooks.status();
    spdlog::info("sweep {} ({}) goes on: {} runs so far", sweep.sweep_id, sweep.spec.name(), runs->size());
    scheduler_.Load(std::move(sweep), *runs, *std::move(hooks), now_ns);
  }
  listened_ns_ = now_ns;
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

void Coordinator::Stop() {
  stopping_ = true;
  tasks_.Close();
  if (thread_.joinable()) thread_.join();
  for (auto& [id, hook] : hooks_) hook.stop = true;
  for (auto& [id, hook] : hooks_) hook.thread.join();
  hooks_.clear();
  finisher_.reset();
}

// ---- from other threads

void Coordinator::AgentReported(const Session& session, v1::Report&& report, int64_t received_ns) {
  // A report that finds no room is dropped: the next one says all again.
  tasks_.TryPush([this, session, report = std::move(report), received_ns] { Handle(session, report, received_ns); });
}

void Coordinator::AgentGone(uint64_t session) {
  tasks_.Push([this, session] {
    if (const auto found = sessions_.find(session); found != sessions_.end()) {
      if (found->second.accepted) spdlog::info("agent {} is disconnected", found->second.hello.name());
      sessions_.erase(found);
    }
    scheduler_.Disconnected(session, SteadyWallNs());
  });
}

void Coordinator::ShareEnded(int64_t run_id, int64_t agent_id, const v1::ShareEnd& end) {
  tasks_.Push([this, run_id, agent_id, end] { scheduler_.ShareEnded(run_id, agent_id, end); });
}

void Coordinator::Collected(int64_t hook_id) {
  tasks_.Push([this, hook_id] { scheduler_.Collected(hook_id); });
}

void Coordinator::LateRows(int64_t run_id) {
  tasks_.Push([this, run_id] { finisher_->Refresh(run_id); });
}

void Coordinator::ResultsTrouble(absl::Status status) {
  tasks_.Push([this, status = std::move(status)] { results_trouble_ = status; });
}

void Coordinator::AddSweep(SweepRow sweep) {
  tasks_.Push([this, sweep = std::move(sweep)] { scheduler_.AddSweep(sweep); });
}

void Coordinator::CancelSweep(int64_t sweep_id, bool now) {
  tasks_.Push([this, sweep_id, now] { scheduler_.CancelSweep(sweep_id, now); });
}

template <typename T>
std::optional<T> Coordinator::Ask(std::function<T()> question) {
  auto answer = std::make_shared<std::promise<T>>();
  std::future<T> future = answer->get_future();
  if (!tasks_.Push([answer, question = std::move(question)] { answer->set_value(question()); })) return std::nullopt;
  // After a fatal error the thread is gone, and the question stays where it is.
  for (auto waited = kTurn; waited < kAnswerPatience && !stopping_; waited += kTurn) {
    if (future.wait_for(kTurn) == std::future_status::ready) return future.get();
  }
  return std::nullopt;
}

std::optional<v1::SweepProgress> Coordinator::Progress(int64_t sweep_id) {
  using Answer = std::optional<v1::SweepProgress>;
  return Ask<Answer>([this, sweep_id] {
           Answer progress = scheduler_.Progress(sweep_id, SteadyWallNs());
           const absl::Status& trouble = trouble_.ok() ? results_trouble_ : trouble_;
           if (progress && !trouble.ok()) {
             const std::string why(trouble.message());
             progress->add_notices("the database takes no writes, trying on: " + why.substr(0, why.find('\n')));
           }
           return progress;
         })
      .value_or(std::nullopt);
}

v1::ListAgentsReply Coordinator::Agents(const v1::ListAgentsRequest& request) {
  return Ask<v1::ListAgentsReply>([this, request] { return scheduler_.Agents(request, SteadyWallNs()); })
      .value_or(v1::ListAgentsReply());
}

// ---- the thread

void Coordinator::Run() {
  while (!stopping_) {
    if (std::optional<std::function<void()>> task = tasks_.Pop(kTurn)) {
      (*task)();
      for (size_t i = 1; i < kTasksPerTurn; ++i) {
        task = tasks_.Pop(std::chrono::nanoseconds(0));
        if (!task) break;
        (*task)();
      }
    }
    const int64_t now_ns = SteadyWallNs();
    if (now_ns - listened_ns_ > kPauseNs) scheduler_.Paused(now_ns - listened_ns_, now_ns);
    listened_ns_ = now_ns;
    Advance();
    RunHooks();
    Answer();
  }
}

void Coordinator::Handle(const Session& session, const v1::Report& report, int64_t received_ns) {
  Connected& connected = sessions_[session.id];
  connected.session = session;
  if (report.has_hello()) connected.hello = report.hello();
  connected.report_id = report.report_id();
  connected.received_ns = received_ns;
  // Its place was taken: by a later session, or by another process of that name while this one was silent.
  if (connected.accepted && !scheduler_.Knows(session.id)) connected.accepted = false;
  if (!connected.accepted) Accept(connected, received_ns);
  if (connected.accepted) scheduler_.Reported(session.id, report, received_ns);
}

void Coordinator::Accept(Connected& connected, int64_t now_ns) {
  const v1::Hello& hello = connected.hello;
  if (std::optional<std::string> refusal = scheduler_.RefusalOf(hello, now_ns)) {
    if (connected.refusal != *refusal) spdlog::warn("refused: {}", *refusal);
    connected.refusal = *std::move(refusal);
    return;
  }
  const absl::StatusOr<int64_t> agent_id =
      store_.UpsertAgent(hello.name(), hello.host(), LabelsJson(hello), FactsJson(hello));
  // Without the database nobody new can come in; the agent's next report tries again.
  if (!agent_id.ok()) return;
  scheduler_.Connect(connected.session.id, *agent_id, hello, now_ns);
  connected.refusal.clear();
  connected.accepted = scheduler_.Knows(connected.session.id);
  if (!connected.accepted) return;
  spdlog::info("agent {} is connected: host {}, pid {}, cgroups {}", hello.name(), hello.host(), hello.pid(),
               hello.cgroup_layout());
}

void Coordinator::Advance() {
  const int64_t now_ns = SteadyWallNs();
  if (now_ns < retry_at_ns_) return;
  absl::Status status;
  if (now_ns >= renew_at_ns_) {
    status = lease_.Renew();
    if (status.ok()) renew_at_ns_ = now_ns + kRenewNs;
  }
  while (status.ok()) {
    const int64_t then_ns = SteadyWallNs();
    if (then_ns - listened_ns_ > kPauseNs) break;  // first to what agents have said meanwhile
    std::optional<Scheduler::Write> write = scheduler_.NextWrite(then_ns);
    if (!write) break;
    status = Store(*write);
    if (status.ok()) scheduler_.Written(*write, SteadyWallNs());
  }
  // Another state than we thought (a user's cancel came first) heals when its news arrives; a term that is over does
  // not.
  if (status.code() == absl::StatusCode::kFailedPrecondition)
    status = lease_.Renew().code() == absl::StatusCode::kFailedPrecondition
                 ? status
                 : absl::AbortedError(std::string(status.message()));
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    stopping_ = true;
    fatal_(status);
    return;
  }
  if (!status.ok()) {
    retry_at_ns_ = SteadyWallNs() + kRetryNs;
    if (trouble_.ok()) spdlog::error("the database does not take writes, trying on: {}", std::string(status.message()));
  } else if (!trouble_.ok()) {
    spdlog::info("the database takes writes again");
  }
  trouble_ = status;
}

absl::Status Coordinator::Store(Scheduler::Write& write) {
  if (auto* pin = std::get_if<Scheduler::PinAgents>(&write)) return store_.PinAgents(pin->sweep_id, pin->agents);
  if (auto* begin = std::get_if<Scheduler::StartSweep>(&write)) {
    spdlog::info("sweep {} is running", begin->sweep_id);
    return StoreHooks(begin->hooks,
                      [&](std::vector<HookRow>& rows) { return store_.StartSweep(begin->sweep_id, rows); });
  }
  if (auto* finish = std::get_if<Scheduler::EndSweep>(&write)) {
    spdlog::info("sweep {} is {}{}", finish->sweep_id, finish->state,
                 finish->failure.empty() ? "" : ": " + finish->failure);
    return store_.SetSweepState(finish->sweep_id, finish->state, finish->failure);
  }
  if (auto* create = std::get_if<Scheduler::CreateRun>(&write)) return store_.CreateRun(create->run);
  if (auto* start = std::get_if<Scheduler::StartRun>(&write)) return store_.StartRun(start->run_id, start->t0_ns);
  if (auto* drain = std::get_if<Scheduler::DrainRun>(&write)) return store_.DrainRun(drain->run_id);
  if (auto* lose = std::get_if<Scheduler::LoseShare>(&write)) {
    spdlog::warn("run {}: the share of agent {} is lost: {}", lose->run_id, lose->agent, lose->why);
    const absl::StatusOr<bool> lost = store_.LoseShare(lose->run_id, lose->agent_id, lose->why);
    if (!lost.ok()) return lost.status();
    lose->had_ended = !*lost;
    return absl::OkStatus();
  }
  if (auto* create = std::get_if<Scheduler::CreateHooks>(&write)) {
    for (Scheduler::Hook& hook : create->hooks) hook.row.remote_ids = AsksForRemoteIds(hook.spec.collector());
    return StoreHooks(create->hooks, [&](std::vector<HookRow>& rows) { return store_.CreateHooks(rows); });
  }
  if (auto* hook = std::get_if<Scheduler::EndHook>(&write)) {
    if (hook->hook.state == "failed")
      spdlog::warn("{} hook on {} failed: {}", hook->hook.kind, hook->hook.where, hook->hook.error);
    return store_.EndHook(hook->hook);
  }
  if (auto* end = std::get_if<Scheduler::EndRun>(&write)) finisher_->Finish(*end);
  return absl::OkStatus();
}

void Coordinator::Answer() {
  for (const uint64_t id : scheduler_.TakeChanged()) {
    if (const auto found = sessions_.find(id); found != sessions_.end())
      found->second.received_ns = std::max<int64_t>(found->second.received_ns, 1);
  }
  for (auto& [id, connected] : sessions_) {
    if (connected.received_ns == 0) continue;
    // A state is answered to those it is for; without any an agent would end its shares.
    if (connected.refusal.empty() && !(connected.accepted && scheduler_.Knows(id))) continue;
    const int64_t now_ns = SteadyWallNs();
    v1::Desired desired = scheduler_.DesiredOf(id, now_ns);
    desired.set_refusal(connected.refusal);
    if (connected.accepted && !std::exchange(connected.welcomed, true)) {
      desired.mutable_welcome()->set_cluster_id(options_.cluster_id);
      desired.mutable_welcome()->set_term(options_.term);
      desired.mutable_welcome()->set_lease_ttl_ms(static_cast<uint32_t>(options_.scheduler.lease_ttl_ns / 1'000'000));
    }
    if (connected.report_id != 0) {
      desired.set_report_id(connected.report_id);
      desired.set_received_ns(connected.received_ns);
    }
    connected.report_id = 0;
    connected.received_ns = 0;
    desired.set_sent_ns(SteadyWallNs());
    connected.session.send(std::move(desired));
  }
}

HookRow Coordinator::RunCollector(const Scheduler::Hook& hook, const std::atomic<bool>& stop) {
  const auto told = [this, hook_id = hook.row.hook_id](const v1::CollectorStatus& status) {
    // One that finds no room is dropped: the next look says it again.
    tasks_.TryPush([this, hook_id, status] { scheduler_.Collecting(hook_id, status); });
  };
  return RunOwnCollector(
      hook, {options_.database_url, options_.term, Secrets(options_.secrets_directory), stop, stopping_, told});
}

void Coordinator::RunHooks() {
  for (Scheduler::Hook& hook : scheduler_.TakeCoordinatorHooks()) {
    RunningHook& running = hooks_[hook.row.hook_id];
    const absl::Status started = StartThread(running.thread, [this, hook, &stop = running.stop] {
      const HookRow row = hook.spec.has_collector() ? RunCollector(hook, stop)
                                                    : RunOwnCommand(hook, Secrets(options_.secrets_directory), stop);
      tasks_.Push([this, row] {
        scheduler_.HookEnded(row);
        if (const auto found = hooks_.find(row.hook_id); found != hooks_.end()) {
          found->second.thread.join();
          hooks_.erase(found);
        }
      });
    });
    if (started.ok()) continue;
    hook.row.state = "failed";
    hook.row.error = fmt::format("not run: {}", std::string(started.message()));
    scheduler_.HookEnded(hook.row);
    hooks_.erase(hook.row.hook_id);
  }
  for (const int64_t id : scheduler_.TakeStoppedHooks()) {
    if (const auto found = hooks_.find(id); found != hooks_.end()) found->second.stop = true;
  }
}

}  // namespace assay
