#include "coordinator/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/counter_random.h"
#include "common/protocol.h"
#include "common/units.h"
#include "coordinator/scenario/plan.h"

namespace assay {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;
// A name is taken over from a session that was silent this long: its host may have vanished without a word.
constexpr int64_t kSilentNs = 10 * kSecond;
// After a restart, who is chosen by labels is chosen only when agents had this long to connect again.
constexpr int64_t kSettleNs = 10 * kSecond;
constexpr char kCoordinator[] = "coordinator";  // the place of a hook that runs on no agent
constexpr char kCollect[] = "collect";          // the kind of hook that reads the target's records
constexpr char kSetup[] = "setup";
constexpr char kTeardown[] = "teardown";
// T0 lies this far ahead, plus a generous multiple of the slowest agent's round trip.
constexpr int64_t kStartLeadNs = 150 * kMs;
constexpr int64_t kMaxStartLeadNs = 3 * kSecond;
constexpr int64_t kRoundTripsToStart = 20;
// Remote ids travel to an agent's collector in one message, which may have 8 MiB.
constexpr size_t kMaxWorkBytes = 4 << 20;
// A run that never fired says nothing about the target: it is tried again this often whatever the scenario says.
constexpr uint32_t kTriesToPrepare = 3;

// A plan of thousands of large cells must not hold up the agents: its shortest times are estimated from fewer sleeps.
constexpr uint64_t kMaxDrawnForEta = 2'000'000;
constexpr uint64_t kMaxDrawnOfACell = 100'000;

bool HasFired(v1::SharePhase phase) { return phase == v1::FIRED || phase == v1::ENDED; }

bool Matches(const v1::Hello& hello, const v1::Selector& selector) {
  return std::all_of(selector.labels().begin(), selector.labels().end(), [&](const auto& wanted) {
    return std::any_of(hello.labels().begin(), hello.labels().end(),
                       [&](const v1::Label& l) { return l.key() == wanted.first && l.value() == wanted.second; });
  });
}

std::string Describe(const v1::Selector& selector) {
  const std::string text = SelectorText(selector);
  return text.empty() ? "any label" : text.substr(1);
}

std::string FailureOf(const HookRow& hook) {
  const std::string of = hook.target.empty() ? "" : " of " + hook.target;
  return fmt::format("{} hook{} on {}: {}", hook.kind, of, hook.where, hook.error);
}

// Why a collector cannot be given to its agent; empty if it can.
std::string TooMuchWork(const HookRow& hook) {
  if (hook.work.ByteSizeLong() <= kMaxWorkBytes) return "";
  return fmt::format("the run has {} remote ids, more than can be sent to an agent; let collect.where be coordinator",
                     hook.work.remote_ids_size());
}

v1::ShareSpec SpecOf(const ShareRow& share, const RunRow& run, const CellRow& cell, uint64_t seed) {
  v1::ShareSpec spec;
  spec.set_run_id(run.run_id);
  spec.set_sweep_id(run.sweep_id);
  spec.set_block(run.block);
  spec.set_target(cell.spec.target());
  spec.set_random_key(RunKey(seed, cell.spec.key(), run.block));
  spec.set_first_index(share.first_index);
  spec.set_count(share.count);
  spec.set_stride(share.stride);
  spec.set_slots(share.slots);
  spec.set_duration_ns(cell.spec.load().duration_ns());
  if (cell.spec.load().has_open()) *spec.mutable_open() = cell.spec.load().open();
  *spec.mutable_trigger() = cell.spec.trigger();
  if (cell.spec.has_floor_of()) *spec.mutable_floor_of() = cell.spec.floor_of();
  if (share.samples) *spec.mutable_sampling() = cell.spec.sampling();
  return spec;
}

}  // namespace

// ---- loading, users

void Scheduler::Load(SweepRow row, const std::vector<RunRow>& runs, std::vector<HookRow> hooks, int64_t now_ns) {
  const int64_t id = row.sweep_id;
  settled_ns_ = now_ns + kSettleNs;
  AddSweep(std::move(row));
  Sweep& sweep = sweeps_.at(id);
  sweep.cancel_now = sweep.row.cancel_now;
  for (const std::string& name : sweep.row.pinned_agents) {
    sweep.pinned.insert(name);
    Expect(name, "", now_ns);
  }
  sweep.before.begun = !runs.empty() || sweep.row.state == "running";
  for (const RunRow& run : runs) {
    if (run.state == "ended") {
      NoteEnded(sweep, run, run.verdict, run.agent_lost);
    } else {
      for (const ShareRow& share : run.shares) Expect(share.agent, share.incarnation, now_ns).agent_id = share.agent_id;
      AdoptRun(sweep, run, now_ns);
    }
  }
  if (sweep.run && sweep.run->row.state == "preparing")
    sweep.run->trouble = {"interrupted", "the coordinator was restarted before the run began"};
  for (HookRow& hook : hooks) LoadHook(sweep, std::move(hook), now_ns);
  // Without a setup nothing but its runs tells that a target has begun, and is to be torn down.
  for (const RunRow& run : runs) {
    Target* const target = TargetOf(sweep, sweep.CellOf(run.cell_id));
    if (target != nullptr && !target->hooks.has_setup()) target->setup.begun = true;
  }
}

// An agent that is known from the store alone. Its lease counts from now.
Scheduler::Agent& Scheduler::Expect(const std::string& name, const std::string& incarnation, int64_t now_ns) {
  Agent& agent = agents_[name];
  agent.hello.set_name(name);
  if (!incarnation.empty()) agent.hello.set_incarnation(incarnation);
  agent.heard_ns = now_ns;
  return agent;
}

void Scheduler::LoadHook(Sweep& sweep, HookRow row, int64_t now_ns) {
  HookStage* const stage = StageOf(row);
  if (stage == nullptr) return;
  stage->begun = true;
  stage->Note(row);
  if (row.state != "running") return;
  const bool before = row.kind.rfind("before", 0) == 0;
  Hook& open = stage->open[row.hook_id];
  open.row = row;
  if (row.kind == kCollect) {
    const v1::CellSpec& cell = sweep.CellOf(sweep.run->row.cell_id).spec;
    if (row.position < static_cast<uint32_t>(cell.collect_size()))
      open.spec = cell.collect(static_cast<int>(row.position));
    open.block = sweep.run->row.block;
    open.target = cell.target();
  } else if (!row.target.empty()) {
    const v1::TargetHooks& hooks = sweep.targets.at(row.target).hooks;
    open.spec = row.kind == kSetup ? hooks.setup() : hooks.teardown();
    open.target = row.target;
  } else if (row.run_id == 0) {
    open.spec = before ? sweep.row.spec.before_sweep() : sweep.row.spec.after_sweep();
  } else {
    const v1::CellSpec& cell = sweep.CellOf(sweep.run->row.cell_id).spec;
    open.spec = before ? cell.before_run() : cell.after_run();
    open.block = sweep.run->row.block;
    open.target = cell.target();
  }
  if (row.where != kCoordinator) {
    Expect(row.where, row.incarnation, now_ns);
    if (TooMuchWork(row).empty()) return;
    open.given_up = TooMuchWork(row);
    row.state = "failed";
    row.error = open.given_up;
    ended_hooks_[row.hook_id] = std::move(row);
    return;
  }
  // Reading once more does no harm, and what the last coordinator read it has not stored.
  if (row.kind == kCollect && open.spec.on_coordinator()) {
    coordinator_hooks_.push_back(open);
    return;
  }
  row.state = "failed";
  row.interrupted = true;
  row.error = "the coordinator was restarted while the hook ran";
  ended_hooks_[row.hook_id] = std::move(row);
}

void Scheduler::AddSweep(SweepRow row) {
  const int64_t id = row.sweep_id;
  Sweep& sweep = sweeps_[id];
  sweep.row = std::move(row);
  const uint64_t drawn = std::max<uint64_t>(1, kMaxDrawnForEta / std::max<size_t>(1, sweep.row.cells.size()));
  for (const CellRow& cell : sweep.row.cells) {
    sweep.position_of_cell[cell.cell_id] = cell.position;
    sweep.shortest_ns.push_back(
        ShortestRunNs(cell.spec, RunKey(sweep.row.spec.seed(), cell.spec.key(), 1), std::min(drawn, kMaxDrawnOfACell)));
  }
  for (const v1::TargetHooks& hooks : sweep.row.spec.targets()) sweep.targets[hooks.target()].hooks = hooks;
  for (const CellRow& cell : sweep.row.cells) {
    if (Target* const target = TargetOf(sweep, cell)) target->left += sweep.row.spec.blocks();
  }
  for (uint32_t block = 1; block <= sweep.row.spec.blocks(); ++block) {
    sweep.order.push_back(BlockOrder(sweep.row.spec.seed(), block, static_cast<uint32_t>(sweep.row.cells.size())));
  }
}

void Scheduler::CancelSweep(int64_t sweep_id, bool now) {
  const auto found = sweeps_.find(sweep_id);
  if (found == sweeps_.end()) return;
  found->second.row.state = "cancelling";
  found->second.cancel_now |= now;
  if (found->second.run) Changed(*found->second.run);
}

void Scheduler::AdoptRun(Sweep& sweep, RunRow row, int64_t now_ns) {
  auto run = std::make_unique<Run>();
  const CellRow& cell = sweep.CellOf(row.cell_id);
  for (const ShareRow& share : row.shares) {
    Share& mine = run->shares[share.agent];
    mine.row = share;
    mine.row.run_id = row.run_id;
    mine.ended = share.state == "ended";
    mine.lost = share.state == "lost";
  }
  run->created_ns = row.t0_ns > 0 ? row.t0_ns : now_ns;
  run->cooldown_until_ns = now_ns + cell.spec.sampling().cooldown_ns();
  run->row = std::move(row);
  sweep.run = std::move(run);
  Changed(*sweep.run);
}

void Scheduler::NoteEnded(Sweep& sweep, const RunRow& row, const std::string& verdict, bool agent_lost) {
  const std::pair key{row.block, sweep.position_of_cell.at(row.cell_id)};
  const uint32_t attempts = sweep.attempts[key] = std::max(sweep.attempts[key], row.attempt);
  const auto close = [&] {
    Target* const target = TargetOf(sweep, sweep.CellOf(row.cell_id));
    if (sweep.done.insert(key).second && target != nullptr) --target->left;
  };
  if (verdict == "accepted") {
    ++sweep.accepted;
    close();
    return;
  }
  ++sweep.rejected;
  const v1::SweepSpec& spec = sweep.row.spec;
  const bool never_fired = row.t0_ns == 0 && agent_lost;
  const uint32_t tries = spec.on_agent_loss() == v1::SweepSpec::REPEAT ? spec.repeat_limit() + 1 : 1;
  const bool again = agent_lost && attempts < (never_fired ? std::max(tries, kTriesToPrepare) : tries);
  if (!again) close();
}

// ---- agents

std::optional<std::string> Scheduler::RefusalOf(const v1::Hello& hello, int64_t now_ns) const {
  if (hello.name().empty()) return "the agent did not say its name";
  if (hello.name() == kCoordinator)
    return "no agent may be named 'coordinator', which is a place where hooks run: give it another name with --name";
  if (hello.protocol_version() != kProtocolVersion) {
    return fmt::format(
        "agent {} speaks protocol version {}, this coordinator {}: install the same version of Assay on both",
        hello.name(), hello.protocol_version(), kProtocolVersion);
  }
  const auto found = agents_.find(hello.name());
  if (found == agents_.end()) return std::nullopt;
  const Agent& agent = found->second;
  if (agent.session != 0 && agent.hello.incarnation() != hello.incarnation() && now_ns - agent.heard_ns < kSilentNs) {
    return fmt::format(
        "an agent named '{}' is connected already (host {}, pid {}): give this one a name of its own with --name",
        hello.name(), agent.hello.host(), agent.hello.pid());
  }
  return std::nullopt;
}

void Scheduler::Connect(uint64_t session, int64_t agent_id, const v1::Hello& hello, int64_t now_ns) {
  Agent& agent = agents_[hello.name()];
  const bool same = agent.hello.incarnation() == hello.incarnation();
  // Sessions are numbered as they came: the words of one that is over may come behind those of the next.
  if (same && agent.session > session) return;
  if (agent.session != 0) name_of_session_.erase(agent.session);
  if (!same) {
    std::erase_if(agent.hooks, [](const auto& hook) { return !hook.second.done(); });
    agent.shares.clear();
  }
  agent.agent_id = agent_id;
  agent.hello = hello;
  agent.session = session;
  agent.heard_ns = now_ns;
  agent.leaving = false;
  name_of_session_[session] = hello.name();
  changed_.insert(session);
}

void Scheduler::Reported(uint64_t session, const v1::Report& report, int64_t now_ns) {
  const auto name = name_of_session_.find(session);
  if (name == name_of_session_.end()) return;
  Agent& agent = agents_.at(name->second);
  agent.heard_ns = now_ns;
  agent.leaving = report.leaving();
  if (report.has_clock()) {
    agent.clock = report.clock();
    if (report.wall_ns() != 0) agent.wall_ahead_ns = report.wall_ns() - (report.sent_ns() + report.clock().offset_ns());
  }
  agent.spool = report.spool();
  agent.shares.clear();
  for (const v1::ShareStatus& status : report.shares()) {
    agent.shares[status.run_id()] = status;
    Run* const run = FindRun(status.run_id());
    if (run == nullptr) continue;
    const auto share = run->shares.find(name->second);
    if (share != run->shares.end() && share->second.row.incarnation == agent.hello.incarnation())
      share->second.status = status;
  }
  // A report that was under way still names hooks that are settled.
  for (const v1::HookStatus& status : report.hooks()) {
    if (StageWith(status.hook_id()) != nullptr) agent.hooks[status.hook_id()] = status;
  }
}

void Scheduler::Disconnected(uint64_t session, int64_t now_ns) {
  const auto name = name_of_session_.find(session);
  if (name == name_of_session_.end()) return;
  Agent& agent = agents_.at(name->second);
  if (agent.session == session) {
    agent.session = 0;
    agent.heard_ns = now_ns;
  }
  name_of_session_.erase(name);
}

void Scheduler::Paused(int64_t for_ns, int64_t now_ns) {
  for (auto& [name, agent] : agents_) agent.heard_ns = std::min(now_ns, agent.heard_ns + for_ns);
  for (auto& [id, sweep] : sweeps_) {
    if (!sweep.run) continue;
    for (auto& [name, share] : sweep.run->shares) {
      if (share.orphaned_ns != 0) share.orphaned_ns = std::min(now_ns, share.orphaned_ns + for_ns);
    }
  }
  settled_ns_ += for_ns;
}

bool Scheduler::IsGone(const Agent& agent, int64_t now_ns) const {
  return (agent.session == 0 && agent.leaving) || now_ns - agent.heard_ns > options_.lease_ttl_ns + options_.grace_ns;
}

// A link may stand long after its agent has fallen silent.
bool Scheduler::IsThere(const Agent& agent, int64_t now_ns) const {
  return agent.session != 0 && !agent.leaving && !IsGone(agent, now_ns);
}

std::vector<const Scheduler::Agent*> Scheduler::Matching(const v1::Selector& selector, int64_t now_ns) const {
  std::vector<const Agent*> found;
  for (const auto& [name, agent] : agents_) {
    if (IsThere(agent, now_ns) && Matches(agent.hello, selector)) found.push_back(&agent);
  }
  return found;
}

// ---- other threads' news

void Scheduler::ShareEnded(int64_t run_id, int64_t agent_id, const v1::ShareEnd& end) {
  Run* run = FindRun(run_id);
  if (run == nullptr) return;
  for (auto& [name, share] : run->shares) {
    if (share.row.agent_id != agent_id) continue;
    share.ended = true;
    share.status.set_fired(end.fired());
    share.status.set_in_flight(0);
    Changed(name);
  }
}

void Scheduler::RunEnded(int64_t run_id, const std::string& verdict, bool agent_lost, int64_t now_ns) {
  Sweep* sweep = nullptr;
  Run* run = FindRun(run_id, &sweep);
  if (run == nullptr) return;
  NoteEnded(*sweep, run->row, verdict, agent_lost);
  auto& [total_ns, runs] = sweep->spent_ns[sweep->position_of_cell.at(run->row.cell_id)];
  total_ns += now_ns - run->created_ns;
  ++runs;
  Changed(*run);
  sweep->run.reset();
}

void Scheduler::HookEnded(const HookRow& hook) {
  const HookStage* const stage = StageWith(hook.hook_id);
  if (stage == nullptr) return;
  HookRow& ended = ended_hooks_[hook.hook_id] = hook;
  const std::string& given_up = stage->open.at(hook.hook_id).given_up;
  if (ended.state == "failed" && !given_up.empty()) ended.error = given_up;
}

void Scheduler::Collecting(int64_t hook_id, const v1::CollectorStatus& status) {
  if (HookStage* const stage = StageWith(hook_id)) stage->open.at(hook_id).collector = status;
}

void Scheduler::Collected(int64_t hook_id) {
  if (HookStage* const stage = StageWith(hook_id)) stage->open.at(hook_id).row.collected = true;
}

// ---- what comes next

// The one that has begun, also if an older one comes in only now; else the oldest.
const Scheduler::Sweep* Scheduler::Active() const {
  for (const auto& [id, sweep] : sweeps_) {
    if (sweep.before.begun) return &sweep;
  }
  return sweeps_.empty() ? nullptr : &sweeps_.begin()->second;
}

Scheduler::Run* Scheduler::FindRun(int64_t run_id, Sweep** owner) {
  for (auto& [id, sweep] : sweeps_) {
    if (!sweep.run || sweep.run->row.run_id != run_id) continue;
    if (owner != nullptr) *owner = &sweep;
    return sweep.run.get();
  }
  return nullptr;
}

std::optional<Scheduler::Write> Scheduler::NextWrite(int64_t now_ns) {
  const Sweep* const active = Active();
  for (auto& [id, sweep] : sweeps_) {
    // A sweep that waits behind another one is only ever cancelled.
    if (&sweep != active && !sweep.Cancelling()) continue;
    if (std::optional<Write> write = NextOfSweep(sweep, now_ns)) return write;
  }
  return std::nullopt;
}

std::optional<Scheduler::Write> Scheduler::NextOfSweep(Sweep& sweep, int64_t now_ns) {
  sweep.waiting.clear();
  const v1::SweepSpec& spec = sweep.row.spec;
  if (sweep.row.state == "pending") {
    if (auto write = NextPins(sweep, now_ns)) return write;
    if (!sweep.waiting.empty()) return std::nullopt;
    std::optional<std::vector<Hook>> hooks =
        HooksOf(sweep.before, sweep, "before_sweep", spec.before_sweep(), nullptr, "", now_ns);
    if (!hooks) return std::nullopt;
    if (!sweep.before.failure.empty()) return EndSweep{sweep.row.sweep_id, "failed", sweep.before.failure};
    return StartSweep{sweep.row.sweep_id, *std::move(hooks)};
  }
  if (!sweep.Cancelling() || sweep.before.begun) {
    if (auto write = NextOfStage(sweep.before, sweep, "before_sweep", spec.before_sweep(), nullptr,
                                 sweep.Cancelling() ? "the sweep was cancelled" : "", now_ns))
      return write;
    if (!sweep.before.Over()) return std::nullopt;
    if (!sweep.before.failure.empty() && !sweep.Cancelling()) sweep.failure = sweep.before.failure;
  }
  for (auto& [name, target] : sweep.targets) {
    if (!target.setup.begun || target.setup.Over()) continue;
    if (auto write = NextOfSetup(sweep, target, now_ns)) return write;
    if (!target.setup.Over()) return std::nullopt;
  }
  if (sweep.run) return NextOfRun(sweep, *sweep.run, now_ns);
  const auto next = NextCell(sweep);
  const bool goes_on = next && !sweep.Cancelling() && sweep.failure.empty();
  if (auto write = NextOfTeardowns(sweep, !goes_on, now_ns)) return write;
  for (const auto& [name, target] : sweep.targets) {
    if (!target.teardown.open.empty()) return std::nullopt;
    // One that waits for an agent of its teardown; with runs to come it waits for those.
    if (target.setup.begun && !target.teardown.begun && (!goes_on || target.left == 0)) return std::nullopt;
  }
  if (goes_on) {
    if (auto write = NextPins(sweep, now_ns)) return write;
    if (!sweep.waiting.empty()) return std::nullopt;
    if (Target* const target = TargetOf(sweep, sweep.CellAt(next->second)); target != nullptr && !target->setup.begun) {
      if (auto write = NextOfSetup(sweep, *target, now_ns)) return write;
      if (!target->setup.Over()) return std::nullopt;
    }
    const v1::Sampling& sampling = sweep.CellAt(next->second).spec.sampling();
    if (sampling.has_where() && now_ns < settled_ns_) sweep.waiting = "waiting for agents to connect again";
    if (!sweep.waiting.empty()) return std::nullopt;
    return MakeRun(sweep, next->first, next->second, now_ns);
  }
  if (sweep.before.begun) {
    if (auto write = NextOfStage(sweep.after, sweep, "after_sweep", spec.after_sweep(), nullptr, "", now_ns))
      return write;
    if (!sweep.after.Over()) return std::nullopt;
    if (sweep.failure.empty()) sweep.failure = sweep.after.failure;
  }
  for (const auto& [name, target] : sweep.targets) {
    if (sweep.failure.empty()) sweep.failure = target.teardown.failure;
  }
  const char* state = !sweep.failure.empty() ? "failed" : sweep.Cancelling() ? "cancelled" : "finished";
  return EndSweep{sweep.row.sweep_id, state, sweep.failure};
}

Scheduler::Target* Scheduler::TargetOf(Sweep& sweep, const CellRow& cell) {
  const auto found = sweep.targets.find(cell.spec.target());
  return found == sweep.targets.end() ? nullptr : &found->second;
}

// A target that does not come up costs its own runs, not those of the others.
std::optional<Scheduler::Write> Scheduler::NextOfSetup(Sweep& sweep, Target& target, int64_t now_ns) {
  return NextOfStage(target.setup, sweep, kSetup, target.hooks.setup(), nullptr,
                     sweep.Cancelling() ? "the sweep was cancelled" : "", now_ns, target.hooks.target());
}

// Of what has begun, and was perhaps only half set up: each target when it has no run left, with `all` every one.
std::optional<Scheduler::Write> Scheduler::NextOfTeardowns(Sweep& sweep, bool all, int64_t now_ns) {
  for (auto& [name, target] : sweep.targets) {
    if (!target.setup.begun || target.teardown.Over() || (target.left > 0 && !all && !target.teardown.begun)) continue;
    if (auto write = NextOfStage(target.teardown, sweep, kTeardown, target.hooks.teardown(), nullptr, "", now_ns, name))
      return write;
  }
  return std::nullopt;
}

std::optional<std::pair<uint32_t, uint32_t>> Scheduler::NextCell(const Sweep& sweep) const {
  for (uint32_t block = 1; block <= sweep.order.size(); ++block) {
    for (const uint32_t position : sweep.order[block - 1]) {
      if (!sweep.done.contains({block, position})) return std::pair{block, position};
    }
  }
  return std::nullopt;
}

// The agents that fire stay the same for the whole sweep, so that its cells can be compared; one that is gone for good
// is replaced. Without a write and with nobody in sweep.waiting all are there.
std::optional<Scheduler::Write> Scheduler::NextPins(Sweep& sweep, int64_t now_ns) const {
  const v1::SweepSpec& spec = sweep.row.spec;
  std::string away;
  bool gone = sweep.pinned.empty();
  for (const std::string& name : sweep.pinned) {
    const Agent& agent = agents_.at(name);
    if (IsThere(agent, now_ns)) continue;
    if (agent.leaving || IsGone(agent, now_ns)) gone = true;
    away += fmt::format("{}{}", away.empty() ? "" : ", ", name);
  }
  if (away.empty() && !gone) return std::nullopt;
  const std::vector<const Agent*> matching = Matching(spec.agents(), now_ns);
  const size_t wanted = std::max<size_t>(1, spec.agents_min());
  if (gone && matching.size() >= wanted) {
    PinAgents pin{sweep.row.sweep_id, {}};
    for (const Agent* agent : matching) pin.agents.push_back(agent->hello.name());
    return pin;
  }
  sweep.waiting = gone ? fmt::format("waiting for {} more agent{} with {}; start assay-agent{}",
                                     wanted - matching.size(), wanted - matching.size() == 1 ? "" : "s",
                                     Describe(spec.agents()), SelectorText(spec.agents(), " --label "))
                       : fmt::format("waiting for agent {} to come back", away);
  return std::nullopt;
}

std::optional<Scheduler::Write> Scheduler::MakeRun(Sweep& sweep, uint32_t block, uint32_t position, int64_t now_ns) {
  const CellRow& cell = sweep.CellAt(position);
  CreateRun create;
  create.run.sweep_id = sweep.row.sweep_id;
  create.run.cell_id = cell.cell_id;
  create.run.block = block;
  create.run.attempt = sweep.attempts[{block, position}] + 1;
  create.run.state = "preparing";
  create.run.verdict = "running";

  std::set<std::string> samplers;
  if (cell.spec.has_sampling() && cell.spec.sampling().has_where()) {
    for (const Agent* agent : Matching(cell.spec.sampling().where(), now_ns)) samplers.insert(agent->hello.name());
  } else if (cell.spec.has_sampling()) {
    samplers = sweep.pinned;
  }
  const std::vector<ShareRange> ranges = SplitRun(cell.spec, RunKey(sweep.row.spec.seed(), cell.spec.key(), block),
                                                  static_cast<uint32_t>(sweep.pinned.size()));
  size_t next = 0;
  const auto add = [&](const std::string& name, const ShareRange& range) {
    const Agent& agent = agents_.at(name);
    ShareRow share;
    share.agent_id = agent.agent_id;
    share.agent = name;
    share.incarnation = agent.hello.incarnation();
    share.first_index = range.first_index;
    share.count = range.count;
    share.stride = range.stride;
    share.slots = range.slots;
    share.samples = samplers.contains(name);
    share.state = "leased";
    if (share.slots > 0 || share.samples) create.run.shares.push_back(std::move(share));
  };
  for (const std::string& name : sweep.pinned) add(name, ranges[next++]);
  for (const std::string& name : samplers) {
    if (!sweep.pinned.contains(name)) add(name, {});
  }
  return create;
}

std::optional<Scheduler::Write> Scheduler::NextOfRun(Sweep& sweep, Run& run, int64_t now_ns) {
  if (run.judging) return std::nullopt;
  const CellRow& cell = sweep.CellOf(run.row.cell_id);
  if (run.trouble.code.empty() && sweep.Cancelling() && !IsMeasured(run)) {
    run.trouble = {"cancelled", "the sweep was cancelled"};
    if (run.cooldown_until_ns > now_ns) Changed(run);
    run.cooldown_until_ns = std::min(run.cooldown_until_ns, now_ns);
  }

  if (run.row.state == "preparing") {
    const Target* const target = TargetOf(sweep, cell);
    if (run.trouble.code.empty() && target != nullptr && !target->setup.failure.empty())
      run.trouble = {"hook_failed", target->setup.failure};
    for (const auto& [name, share] : run.shares) {
      const Agent& agent = agents_.at(name);
      if (!run.trouble.code.empty()) break;
      if (share.status.phase() == v1::REFUSED) {
        // Many refusals name their agent themselves, as they also stand where nobody else does.
        const std::string& error = share.status.error();
        const bool named = error.starts_with(fmt::format("agent '{}'", name));
        run.trouble = {"refused", named ? error : fmt::format("agent {}: {}", name, error)};
      } else if (share.Over() || HasFired(share.status.phase())) {
        // By itself, as when its lease ran out: it does not come to READY again.
        run.trouble = {"interrupted", fmt::format("agent {} ended its share before the run began", name)};
      }
      if (agent.hello.incarnation() != share.row.incarnation || agent.leaving)
        run.trouble = {"interrupted", fmt::format("agent {} was restarted or left before the run began", name)};
      if (now_ns - agent.heard_ns > options_.lease_ttl_ns + options_.grace_ns)
        run.trouble = {"interrupted", fmt::format("agent {} was not heard of any more before the run began", name)};
    }
    if (auto write =
            NextOfStage(run.before, sweep, "before_run", cell.spec.before_run(), &run, run.trouble.detail, now_ns))
      return write;
    if (!run.before.Over()) return std::nullopt;
    if (run.trouble.code.empty() && !run.before.failure.empty()) run.trouble = {"hook_failed", run.before.failure};
    if (run.trouble.code.empty()) {
      int64_t bound_ns = 0;
      for (const auto& [name, share] : run.shares) {
        // One that is away would hear of T0 when it is past.
        const Agent& agent = agents_.at(name);
        if (share.status.phase() != v1::READY || agent.session == 0) return std::nullopt;
        bound_ns = std::max(bound_ns, agent.clock.bound_ns());
      }
      return StartRun{run.row.run_id,
                      now_ns + std::min(kMaxStartLeadNs, kStartLeadNs + kRoundTripsToStart * 2 * bound_ns)};
    }
  } else {
    if (auto write = NextLoss(run, now_ns)) return write;
    if (run.row.state == "running") {
      for (const auto& [name, share] : run.shares) {
        if (share.row.slots > 0 && !share.Over() && !HasFired(share.status.phase())) return std::nullopt;
      }
      return DrainRun{run.row.run_id};
    }
    for (const auto& [name, share] : run.shares) {
      if (!share.Over()) return std::nullopt;
    }
  }
  if (auto write = NextOfCollect(sweep, run, now_ns)) return write;
  if (!run.collect.Over()) return std::nullopt;
  if (auto write = NextOfStage(run.after, sweep, "after_run", cell.spec.after_run(), &run, "", now_ns)) return write;
  if (!run.after.Over()) return std::nullopt;
  if (run.trouble.code.empty() && !run.after.failure.empty())
    run.trouble = {run.after.interrupted ? "interrupted" : "hook_failed", run.after.failure};
  return EndRun{run.row.run_id, sweep.row.spec, cell.spec, run.trouble};
}

// Nothing of it is left to be cut short.
bool Scheduler::IsMeasured(const Run& run) {
  return run.fired_by_itself &&
         std::all_of(run.shares.begin(), run.shares.end(), [](const auto& share) { return share.second.Over(); });
}

// A share is given up only when its agent cannot be firing any more: its own lease ran out before ours. Its rows may
// still come later.
std::optional<Scheduler::Write> Scheduler::NextLoss(Run& run, int64_t now_ns) {
  for (auto& [name, share] : run.shares) {
    if (share.Over()) continue;
    const Agent& agent = agents_.at(name);
    const int64_t patience_ns = options_.lease_ttl_ns + options_.grace_ns;
    const bool restarted = agent.hello.incarnation() != share.row.incarnation;
    // The new process delivers what its predecessor's spool holds, its end included. Only if nothing comes the share is
    // lost.
    if (restarted && share.orphaned_ns == 0) share.orphaned_ns = now_ns;
    if (restarted && now_ns - share.orphaned_ns > patience_ns) {
      return LoseShare{run.row.run_id, share.row.agent_id, name,
                       "the agent was restarted and its spool did not have the end of the share"};
    }
    if (now_ns - agent.heard_ns > patience_ns) {
      return LoseShare{run.row.run_id, share.row.agent_id, name,
                       fmt::format("not heard of for {}", FormatDuration(now_ns - agent.heard_ns))};
    }
  }
  return std::nullopt;
}

// ---- hooks

// The hooks that a stage begins with; nothing while one of its agents is away and may come back. Without any agent
// stage.failure says so.
std::optional<std::vector<Scheduler::Hook>> Scheduler::HooksOf(HookStage& stage, const Sweep& sweep, const char* kind,
                                                               const v1::Hook& hook, const Run* run,
                                                               const std::string& target, int64_t now_ns) const {
  stage.failure.clear();
  if (hook.argv().empty() && !hook.has_containers()) return std::vector<Hook>();
  std::map<std::string, std::string> places;  // with the incarnation
  if (hook.on_coordinator()) {
    places[kCoordinator];
  } else {
    if (hook.has_where() && now_ns < settled_ns_) return std::nullopt;
    for (const auto& [name, agent] : agents_) {
      const bool meant =
          hook.has_where() ? !IsGone(agent, now_ns) && Matches(agent.hello, hook.where()) : sweep.pinned.contains(name);
      if (!meant) continue;
      if (agent.session == 0 && !IsGone(agent, now_ns)) return std::nullopt;
      places[name] = agent.hello.incarnation();
    }
  }
  if (places.empty()) {
    stage.failure = fmt::format("{}{}: no connected agent has {}", kind, target.empty() ? "" : " of " + target,
                                Describe(hook.where()));
  }
  std::vector<Hook> hooks;
  for (const auto& [place, incarnation] : places) {
    Hook& made = hooks.emplace_back();
    made.row.sweep_id = sweep.row.sweep_id;
    made.row.run_id = run != nullptr ? run->row.run_id : 0;
    made.row.kind = kind;
    made.row.target = target;
    made.target = target;
    made.row.where = place;
    made.row.incarnation = incarnation;
    made.row.state = "running";
    made.spec = hook;
    if (run == nullptr) continue;
    made.block = run->row.block;
    made.target = sweep.CellOf(run->row.cell_id).spec.target();
  }
  return hooks;
}

// A collector runs in one place: with labels on the first agent that has them. Nothing while the only ones are away and
// may come back; without any it is given up before it begins.
std::optional<Scheduler::Hook> Scheduler::CollectorOf(const Sweep& sweep, const Run& run, uint32_t position,
                                                      int64_t now_ns) const {
  const v1::CellSpec& cell = sweep.CellOf(run.row.cell_id).spec;
  Hook made;
  made.spec = cell.collect(static_cast<int>(position));
  made.block = run.row.block;
  made.target = cell.target();
  made.row.sweep_id = sweep.row.sweep_id;
  made.row.run_id = run.row.run_id;
  made.row.kind = kCollect;
  made.row.position = position;
  made.row.where = kCoordinator;
  made.row.state = "running";
  if (made.spec.on_coordinator()) return made;
  if (now_ns < settled_ns_) return std::nullopt;
  bool away = false;
  for (const auto& [name, agent] : agents_) {
    if (IsGone(agent, now_ns) || !Matches(agent.hello, made.spec.where())) continue;
    if (!IsThere(agent, now_ns)) {
      away = true;
      continue;
    }
    made.row.where = name;
    made.row.incarnation = agent.hello.incarnation();
    return made;
  }
  if (away) return std::nullopt;
  made.given_up = fmt::format("no connected agent has {}; start one with these labels, or correct collect.where",
                              Describe(made.spec.where()));
  return made;
}

// What it finds, or why it found nothing, is a row of its own and never the run's fault.
std::optional<Scheduler::Write> Scheduler::NextOfCollect(const Sweep& sweep, Run& run, int64_t now_ns) {
  const std::string give_up = sweep.Cancelling() ? "the sweep was cancelled" : "";
  if (!run.collect.begun) {
    const auto collectors = static_cast<uint32_t>(sweep.CellOf(run.row.cell_id).spec.collect_size());
    CreateHooks create;
    for (uint32_t position = 0; position < collectors && run.row.t0_ns > 0 && give_up.empty(); ++position) {
      std::optional<Hook> made = CollectorOf(sweep, run, position, now_ns);
      if (!made) return std::nullopt;
      create.hooks.push_back(*std::move(made));
    }
    if (!create.hooks.empty()) return create;
    run.collect.begun = true;
    return std::nullopt;
  }
  SettleHooks(run.collect, give_up, now_ns);
  return NextEnded(run.collect);
}

void Scheduler::HookStage::Note(const HookRow& ended) {
  // What a hook did itself weighs more than that another one was cut off.
  if (ended.state != "failed" || (ended.interrupted && !failure.empty())) return;
  failure = FailureOf(ended);
  interrupted = ended.interrupted;
}

void Scheduler::OpenHooks(const std::vector<Hook>& hooks, HookStage& stage) {
  stage.begun = true;
  for (const Hook& hook : hooks) {
    stage.open[hook.row.hook_id] = hook;
    const std::string& given_up = hook.given_up.empty() ? TooMuchWork(hook.row) : hook.given_up;
    if (!given_up.empty()) {
      HookRow& ended = ended_hooks_[hook.row.hook_id] = hook.row;
      ended.state = "failed";
      ended.error = given_up;
      stage.open[hook.row.hook_id].given_up = given_up;
    } else if (hook.row.where == kCoordinator) {
      coordinator_hooks_.push_back(hook);
    } else {
      Changed(hook.row.where);
    }
  }
}

// Moves what agents say of their hooks to ended_hooks_. With `give_up` those that still run are ended with that reason;
// one on the coordinator is told to stop.
void Scheduler::SettleHooks(HookStage& stage, const std::string& give_up, int64_t now_ns) {
  for (auto& [id, open] : stage.open) {
    if (ended_hooks_.contains(id)) continue;
    HookRow row = open.row;
    if (row.where == kCoordinator) {
      if (give_up.empty() || !open.given_up.empty()) continue;
      open.given_up = give_up;
      stopped_hooks_.push_back(id);
      continue;
    }
    const Agent& agent = agents_.at(row.where);
    const auto status = agent.hooks.find(id);
    const bool done = status != agent.hooks.end() && status->second.done();
    // What it found travels with the results, and the run is not judged before it is there.
    const bool on_its_way = done && row.kind == kCollect && status->second.error().empty() && !row.collected;
    if (done && !on_its_way) {
      row.exit_code = status->second.exit_code();
      row.output = status->second.output();
      row.elapsed_ns = status->second.elapsed_ns();
      row.error = status->second.error();
      row.interrupted = status->second.interrupted();
      for (const v1::HookStep& step : status->second.steps())
        row.steps.push_back({step.container(), step.action(), step.begun_ns(), step.ended_ns(), step.error()});
    } else if (!give_up.empty()) {
      row.error = give_up;
    } else if (agent.session != 0 && agent.hello.incarnation() != row.incarnation) {
      // It is never started twice: what the old process was doing is over, and how it ended is not known.
      row.error = "the agent was restarted while the hook ran";
      row.interrupted = true;
    } else if (IsGone(agent, now_ns)) {
      row.error = "the agent was not heard of any more";
      row.interrupted = true;
    } else {
      continue;
    }
    row.state = row.error.empty() ? "ok" : "failed";
    ended_hooks_[id] = std::move(row);
  }
}

std::optional<Scheduler::Write> Scheduler::NextOfStage(HookStage& stage, const Sweep& sweep, const char* kind,
                                                       const v1::Hook& hook, const Run* run, const std::string& give_up,
                                                       int64_t now_ns, const std::string& target) {
  if (!stage.begun) {
    std::optional<std::vector<Hook>> hooks;
    if (give_up.empty()) {
      hooks = HooksOf(stage, sweep, kind, hook, run, target, now_ns);
      if (!hooks) return std::nullopt;
      if (!hooks->empty()) return CreateHooks{*std::move(hooks)};
    }
    stage.begun = true;
    return std::nullopt;
  }
  SettleHooks(stage, give_up, now_ns);
  return NextEnded(stage);
}

std::optional<Scheduler::Write> Scheduler::NextEnded(const HookStage& stage) const {
  for (const auto& [id, open] : stage.open) {
    if (const auto ended = ended_hooks_.find(id); ended != ended_hooks_.end()) return EndHook{ended->second};
  }
  return std::nullopt;
}

// Nothing if its sweep or run is over.
Scheduler::HookStage* Scheduler::StageOf(const HookRow& hook) {
  const auto found = sweeps_.find(hook.sweep_id);
  if (found == sweeps_.end()) return nullptr;
  Sweep& sweep = found->second;
  if (!hook.target.empty()) {
    const auto target = sweep.targets.find(hook.target);
    if (target == sweep.targets.end()) return nullptr;
    return hook.kind == kSetup ? &target->second.setup : &target->second.teardown;
  }
  const bool before = hook.kind.rfind("before", 0) == 0;
  if (hook.run_id == 0) return before ? &sweep.before : &sweep.after;
  if (!sweep.run || sweep.run->row.run_id != hook.run_id) return nullptr;
  if (hook.kind == kCollect) return &sweep.run->collect;
  return before ? &sweep.run->before : &sweep.run->after;
}

Scheduler::HookStage* Scheduler::StageWith(int64_t hook_id) {
  for (auto& [id, sweep] : sweeps_) {
    for (HookStage* stage : {&sweep.before, &sweep.after, sweep.run ? &sweep.run->before : nullptr,
                             sweep.run ? &sweep.run->collect : nullptr, sweep.run ? &sweep.run->after : nullptr}) {
      if (stage != nullptr && stage->open.contains(hook_id)) return stage;
    }
    for (auto& [name, target] : sweep.targets) {
      if (target.setup.open.contains(hook_id)) return &target.setup;
      if (target.teardown.open.contains(hook_id)) return &target.teardown;
    }
  }
  return nullptr;
}

// ---- what was stored

void Scheduler::Written(const Write& write, int64_t now_ns) {
  if (const auto* pin = std::get_if<PinAgents>(&write)) {
    const auto found = sweeps_.find(pin->sweep_id);
    if (found != sweeps_.end()) found->second.pinned = {pin->agents.begin(), pin->agents.end()};
  } else if (const auto* begin = std::get_if<StartSweep>(&write)) {
    Sweep& sweep = sweeps_.at(begin->sweep_id);
    sweep.row.state = "running";
    OpenHooks(begin->hooks, sweep.before);
  } else if (const auto* finish = std::get_if<EndSweep>(&write)) {
    sweeps_.erase(finish->sweep_id);
  } else if (const auto* create = std::get_if<CreateRun>(&write)) {
    AdoptRun(sweeps_.at(create->run.sweep_id), create->run, now_ns);
  } else if (const auto* start = std::get_if<StartRun>(&write)) {
    Run* run = FindRun(start->run_id);
    run->row.state = "running";
    run->row.t0_ns = start->t0_ns;
    Changed(*run);
  } else if (const auto* drain = std::get_if<DrainRun>(&write)) {
    Sweep* sweep = nullptr;
    Run* run = FindRun(drain->run_id, &sweep);
    run->row.state = "draining";
    const bool cut_short = run->trouble.code == "cancelled";
    run->fired_by_itself = !cut_short;
    run->cooldown_until_ns = now_ns + (cut_short ? 0 : sweep->CellOf(run->row.cell_id).spec.sampling().cooldown_ns());
    Changed(*run);
  } else if (const auto* lose = std::get_if<LoseShare>(&write)) {
    Run* run = FindRun(lose->run_id);
    Share& share = run->shares.at(lose->agent);
    (lose->had_ended ? share.ended : share.lost) = true;
    Changed(lose->agent);
  } else if (const auto* create_hooks = std::get_if<CreateHooks>(&write)) {
    OpenHooks(create_hooks->hooks, *StageOf(create_hooks->hooks[0].row));
  } else if (const auto* end = std::get_if<EndHook>(&write)) {
    if (HookStage* stage = StageWith(end->hook.hook_id)) {
      stage->Note(end->hook);
      stage->open.erase(end->hook.hook_id);
    }
    ended_hooks_.erase(end->hook.hook_id);
    if (const auto agent = agents_.find(end->hook.where); agent != agents_.end()) {
      agent->second.hooks.erase(end->hook.hook_id);
      Changed(end->hook.where);
    }
  } else if (const auto* judged = std::get_if<EndRun>(&write)) {
    if (Run* run = FindRun(judged->run_id)) {
      run->judging = true;
      Changed(*run);
    }
  }
}

// ---- what agents are to hold

void Scheduler::Changed(const std::string& agent) {
  const auto found = agents_.find(agent);
  if (found != agents_.end() && found->second.session != 0) changed_.insert(found->second.session);
}

void Scheduler::Changed(const Run& run) {
  for (const auto& [name, share] : run.shares) Changed(name);
}

std::set<uint64_t> Scheduler::TakeChanged() { return std::exchange(changed_, {}); }

v1::Desired Scheduler::DesiredOf(uint64_t session, int64_t now_ns) const {
  v1::Desired desired;
  const auto name = name_of_session_.find(session);
  if (name == name_of_session_.end()) return desired;
  const Agent& agent = agents_.at(name->second);
  bool busy = false;
  // Only a sweep that has begun has any of it.
  for (const auto& [id, sweep] : sweeps_) {
    const auto add_hooks = [&](const HookStage& stage) {
      for (const auto& [hook_id, open] : stage.open) {
        if (open.row.where != name->second || open.row.incarnation != agent.hello.incarnation()) continue;
        if (!open.given_up.empty()) continue;
        busy = true;
        v1::DesiredHook& hook = *desired.add_hooks();
        hook.set_hook_id(hook_id);
        *hook.mutable_hook() = open.spec;
        hook.set_run_id(open.row.run_id);
        hook.set_block(open.block);
        hook.set_target(open.target);
        if (open.spec.has_collector() && !agent.hooks.contains(hook_id)) *hook.mutable_work() = open.row.work;
      }
    };
    add_hooks(sweep.before);
    add_hooks(sweep.after);
    for (const auto& [target_name, target] : sweep.targets) {
      add_hooks(target.setup);
      add_hooks(target.teardown);
    }
    if (sweep.run) {
      const Run& run = *sweep.run;
      add_hooks(run.before);
      add_hooks(run.collect);
      add_hooks(run.after);
      const auto share = run.shares.find(name->second);
      const bool never_fires = run.row.state == "preparing" && !run.trouble.code.empty();
      // After a restart the new process must not take up what the old one had begun.
      const bool mine = share != run.shares.end() && share->second.row.incarnation == agent.hello.incarnation();
      if (mine && !share->second.Over() && !run.judging && !never_fires) {
        busy = true;
        v1::DesiredShare& wanted = *desired.add_shares();
        wanted.set_run_id(run.row.run_id);
        if (!agent.shares.contains(run.row.run_id))
          *wanted.mutable_spec() =
              SpecOf(share->second.row, run.row, sweep.CellOf(run.row.cell_id), sweep.row.spec.seed());
        wanted.set_t0_ns(run.row.t0_ns);
        if (run.row.state == "preparing") {
          wanted.set_phase(v1::PREPARE);
        } else if (run.row.state == "draining") {
          wanted.set_phase(v1::COOLDOWN);
          wanted.set_sample_until_ns(run.cooldown_until_ns);
        } else if (sweep.Cancelling()) {
          wanted.set_phase(sweep.cancel_now ? v1::CANCEL : v1::DRAIN);
        } else {
          wanted.set_phase(v1::RUN);
        }
      }
    }
  }
  // Idle agents share a budget of about 200 reports a second; a whole lease always holds at least four reports.
  const int64_t idle_ms = std::clamp<int64_t>(static_cast<int64_t>(agents_.size()) * 5, 1000,
                                              std::max<int64_t>(1000, options_.lease_ttl_ns / kMs / 4));
  desired.set_report_every_ms(
      static_cast<uint32_t>(busy ? std::min<int64_t>(250 + static_cast<int64_t>(agents_.size()), idle_ms) : idle_ms));
  desired.set_sent_ns(now_ns);
  return desired;
}

// ---- for people

// A cell that has not run yet is guessed from its shortest possible time and what runs took beyond theirs so far.
void Scheduler::SetEta(const Sweep& sweep, int64_t now_ns, v1::SweepProgress& progress) const {
  double beyond = 0;
  double runs = 0;
  for (const auto& [position, spent] : sweep.spent_ns) {
    beyond += static_cast<double>(spent.first) - static_cast<double>(sweep.shortest_ns[position]) * spent.second;
    runs += spent.second;
  }
  if (runs > 0) beyond /= runs;
  double eta_ns = 0;
  for (uint32_t block = 1; block <= sweep.order.size(); ++block) {
    for (const uint32_t position : sweep.order[block - 1]) {
      if (sweep.done.contains({block, position})) continue;
      const auto spent = sweep.spent_ns.find(position);
      double run_ns = spent != sweep.spent_ns.end() ? static_cast<double>(spent->second.first) / spent->second.second
                                                    : static_cast<double>(sweep.shortest_ns[position]) + beyond;
      const bool current =
          sweep.run && sweep.run->row.block == block && sweep.position_of_cell.at(sweep.run->row.cell_id) == position;
      if (current) run_ns = std::max(0.0, run_ns - static_cast<double>(now_ns - sweep.run->created_ns));
      eta_ns += run_ns;
    }
  }
  if (runs == 0 && eta_ns == 0) return;
  progress.set_eta_ns(static_cast<int64_t>(std::min(eta_ns, 9.2e18)));
  progress.set_eta_is_least(runs == 0);
}

v1::CollectorStatus Scheduler::StatusOf(const Hook& collector) const {
  if (collector.row.where == kCoordinator) return collector.collector;
  const Agent& agent = agents_.at(collector.row.where);
  const auto status = agent.hooks.find(collector.row.hook_id);
  return status == agent.hooks.end() ? v1::CollectorStatus() : status->second.collector();
}

std::optional<v1::SweepProgress> Scheduler::Progress(int64_t sweep_id, int64_t now_ns) const {
  const auto found = sweeps_.find(sweep_id);
  if (found == sweeps_.end()) return std::nullopt;
  const Sweep& sweep = found->second;
  v1::SweepProgress progress;
  v1::SweepInfo& info = *progress.mutable_sweep();
  info.set_sweep_id(sweep_id);
  info.set_name(sweep.row.spec.name());
  info.set_about(sweep.row.spec.about());
  info.set_state(sweep.row.state);
  info.set_runs_total(static_cast<uint32_t>(sweep.row.cells.size()) * sweep.row.spec.blocks());
  info.set_accepted(sweep.accepted);
  info.set_rejected(sweep.rejected);
  progress.set_runs_done(static_cast<uint32_t>(sweep.done.size()));
  if (!sweep.Cancelling()) SetEta(sweep, now_ns, progress);
  const Sweep* const active = Active();
  std::string doing = sweep.Cancelling() ? "cancelling" : "running";
  if (active != &sweep && !sweep.Cancelling()) doing = fmt::format("waiting for sweep {} to end", active->row.sweep_id);
  if (!sweep.waiting.empty()) doing = sweep.waiting;
  if (sweep.run) {
    const Run& run = *sweep.run;
    const CellRow& cell = sweep.CellOf(run.row.cell_id);
    progress.set_run_id(run.row.run_id);
    progress.set_cell(cell.label);
    progress.set_block(run.row.block);
    progress.set_triggers_total(cell.spec.load().triggers());
    const bool collects = run.collect.begun && !run.collect.open.empty();
    progress.set_run_phase(run.judging                   ? "committing"
                           : collects                    ? "collecting"
                           : run.row.state == "draining" ? "cooldown"
                                                         : run.row.state);
    for (const auto& [hook_id, open] : run.collect.open) *progress.add_collectors() = StatusOf(open);
    for (const auto& [name, share] : run.shares) {
      progress.set_triggers_done(progress.triggers_done() + share.status.fired());
      progress.set_not_ok(progress.not_ok() + share.status.not_ok());
      progress.set_in_flight(progress.in_flight() + share.status.in_flight());
      const Agent& agent = agents_.at(name);
      if (!share.Over() && agent.session == 0) {
        progress.add_notices(fmt::format("agent {} has been away for {}; its lease ends in {}", name,
                                         FormatDuration(now_ns - agent.heard_ns),
                                         FormatDuration(std::max<int64_t>(0, options_.lease_ttl_ns + options_.grace_ns -
                                                                                 (now_ns - agent.heard_ns)))));
      }
      if (!agent.spool.error().empty()) progress.add_notices(fmt::format("agent {}: {}", name, agent.spool.error()));
    }
    if (run.row.t0_ns > 0 && now_ns > run.row.t0_ns) {
      progress.set_run_elapsed_ns(now_ns - run.row.t0_ns);
      // The cool-down is no time of firing.
      if (run.cooldown_until_ns == 0) {
        progress.set_rate_per_s(static_cast<double>(progress.triggers_done()) /
                                static_cast<double>(now_ns - run.row.t0_ns) * 1e9);
      }
    }
  } else if (!sweep.before.Over() && sweep.before.begun) {
    doing = "running the before_sweep hook";
  } else if (sweep.after.begun) {
    doing = "running the after_sweep hook";
  }
  for (const auto& [name, target] : sweep.targets) {
    if (!target.setup.open.empty()) doing = fmt::format("running the setup hook of {}", name);
    if (!target.teardown.open.empty()) doing = fmt::format("running the teardown hook of {}", name);
  }
  progress.set_doing(std::move(doing));
  return progress;
}

v1::ListAgentsReply Scheduler::Agents(const v1::ListAgentsRequest& request, int64_t now_ns) const {
  v1::ListAgentsReply reply;
  for (const auto& [name, agent] : agents_) {
    if (request.has_select() && !(IsThere(agent, now_ns) && Matches(agent.hello, request.select()))) continue;
    v1::AgentInfo& info = *reply.add_agents();
    info.set_name(name);
    info.set_host(agent.hello.host());
    info.set_state(agent.session != 0 ? "connected" : IsGone(agent, now_ns) ? "gone" : "away");
    *info.mutable_labels() = agent.hello.labels();
    info.set_version(agent.hello.version());
    info.set_cpus(agent.hello.capacity().cpus());
    info.set_cgroup_layout(agent.hello.cgroup_layout());
    info.set_clock_offset_ms(static_cast<double>(agent.wall_ahead_ns) / 1e6);
    info.set_clock_bound_ms(static_cast<double>(agent.clock.bound_ns()) / 1e6);
    info.set_spool_bytes(agent.spool.bytes());
    info.set_spool_limit_bytes(agent.spool.limit_bytes());
    info.set_problem(agent.spool.error());
    info.set_doing("idle");
    for (const auto& [run_id, status] : agent.shares)
      info.set_doing(fmt::format("run {}: {} triggers done, {} in flight", run_id, status.fired(), status.in_flight()));
    if (agent.session == 0)
      info.set_doing(fmt::format("last heard of {} ago", FormatDuration(now_ns - agent.heard_ns)));
  }
  return reply;
}

}  // namespace assay
