#include "coordinator/scheduler.h"

#include <algorithm>
#include <utility>

#include "coordinator/scheduling/desired_state.h"
#include "coordinator/scheduling/hook_places.h"
#include "coordinator/scheduling/share_leases.h"
#include "coordinator/scheduling/sweep_progress.h"

namespace assay {
namespace {

constexpr char kCancelled[] = "the sweep was cancelled";

std::string GiveUp(const LiveSweep& sweep) { return sweep.Cancelling() ? kCancelled : ""; }

}  // namespace

// ---- loading, users

void Scheduler::Load(SweepRow row, const std::vector<RunRow>& runs, std::vector<HookRow> hooks, int64_t now_ns) {
  const int64_t id = row.sweep_id;
  roster_.AwaitReconnects(now_ns);
  AddSweep(std::move(row));
  LiveSweep& sweep = sweeps_.at(id);
  for (const std::string& name : sweep.row.pinned_agents) {
    sweep.pinned.insert(name);
    roster_.Expect(name, "", now_ns);
  }
  sweep.before.begun = !runs.empty() || sweep.row.state == "running";
  for (const RunRow& run : runs) {
    if (run.state == "ended") {
      sweep.NoteEnded(run, run.verdict, run.agent_lost);
    } else {
      for (const ShareRow& share : run.shares)
        roster_.Expect(share.agent, share.incarnation, now_ns).agent_id = share.agent_id;
      AdoptRun(sweep, run, now_ns);
    }
  }
  if (sweep.run && sweep.run->row.state == "preparing")
    sweep.run->trouble = {"interrupted", "the coordinator was restarted before the run began"};
  for (HookRow& hook : hooks) {
    HookStage* const stage = sweep.StageOf(hook);
    if (stage == nullptr) continue;
    stage->begun = true;
    stage->Note(hook);
    if (hook.state == "running") book_.Reopen(sweep.HookOf(std::move(hook)), *stage, roster_, now_ns);
  }
  // Without a setup nothing but its runs tells that a target has begun, and is to be torn down.
  for (const RunRow& run : runs) {
    LiveTarget* const target = sweep.TargetOf(sweep.CellOf(run.cell_id));
    if (target != nullptr && !target->hooks.has_setup()) target->setup.begun = true;
  }
}

void Scheduler::AddSweep(SweepRow row) {
  const int64_t id = row.sweep_id;
  sweeps_.emplace(id, LiveSweep(std::move(row)));
}

void Scheduler::CancelSweep(int64_t sweep_id, bool now) {
  const auto found = sweeps_.find(sweep_id);
  if (found == sweeps_.end()) return;
  LiveSweep& sweep = found->second;
  sweep.row.state = "cancelling";
  sweep.row.cancel_now |= now;
  if (now) sweep.CutHooks();
  if (sweep.run) Changed(*sweep.run);
}

void Scheduler::AdoptRun(LiveSweep& sweep, RunRow row, int64_t now_ns) {
  const int64_t cooldown_ns = sweep.CellOf(row.cell_id).spec.sampling().cooldown_ns();
  Changed(sweep.run.emplace(std::move(row), cooldown_ns, now_ns));
}

// ---- news: of agents, of other threads

void Scheduler::Reported(uint64_t session, const v1::Report& report, int64_t now_ns) {
  KnownAgent* const agent = roster_.Reported(session, report, now_ns);
  if (agent == nullptr) return;
  for (const v1::ShareStatus& status : report.shares()) {
    if (LiveRun* const run = FindRun(status.run_id()))
      run->Reported(agent->hello.name(), agent->hello.incarnation(), status);
  }
  // A report that was under way still names hooks that are settled.
  for (const v1::HookStatus& status : report.hooks()) {
    if (FindHook(status.hook_id()) != nullptr) agent->hooks[status.hook_id()] = status;
  }
}

void Scheduler::Paused(int64_t for_ns, int64_t now_ns) {
  roster_.Paused(for_ns, now_ns);
  for (auto& [id, sweep] : sweeps_) {
    if (sweep.run) sweep.run->Paused(for_ns, now_ns);
  }
}

void Scheduler::ShareEnded(int64_t run_id, int64_t agent_id, const v1::ShareEnd& end) {
  LiveRun* const run = FindRun(run_id);
  if (run == nullptr) return;
  for (auto& [name, share] : run->shares) {
    if (share.row.agent_id != agent_id) continue;
    share.ended = true;
    share.status.set_fired(end.fired());
    share.status.set_in_flight(0);
    roster_.Changed(name);
  }
}

void Scheduler::RunEnded(int64_t run_id, const std::string& verdict, bool agent_lost, int64_t now_ns) {
  LiveSweep* sweep = nullptr;
  const LiveRun* const run = FindRun(run_id, &sweep);
  if (run == nullptr) return;
  sweep->NoteEnded(run->row, verdict, agent_lost);
  sweep->grid.NoteSpent(run->row, now_ns - run->created_ns);
  Changed(*run);
  sweep->run.reset();
}

void Scheduler::HookEnded(const HookRow& hook) {
  const HookStage* const stage = StageOf(hook);
  if (stage != nullptr && stage->open.contains(hook.hook_id)) book_.Ended(hook, *stage);
}

void Scheduler::Collecting(int64_t hook_id, const v1::CollectorStatus& status) {
  if (PlacedHook* const hook = FindHook(hook_id)) hook->collector = status;
}

void Scheduler::Collected(int64_t hook_id) {
  if (PlacedHook* const hook = FindHook(hook_id)) hook->row.collected = true;
}

// ---- what there is

// The one that has begun, also if an older one comes in only now; else the oldest.
const LiveSweep* Scheduler::Active() const {
  for (const auto& [id, sweep] : sweeps_) {
    if (sweep.before.begun) return &sweep;
  }
  return sweeps_.empty() ? nullptr : &sweeps_.begin()->second;
}

LiveRun* Scheduler::FindRun(int64_t run_id, LiveSweep** owner) {
  for (auto& [id, sweep] : sweeps_) {
    if (!sweep.run || sweep.run->row.run_id != run_id) continue;
    if (owner != nullptr) *owner = &sweep;
    return &*sweep.run;
  }
  return nullptr;
}

// Nothing if its sweep or run is over.
HookStage* Scheduler::StageOf(const HookRow& hook) {
  const auto sweep = sweeps_.find(hook.sweep_id);
  return sweep == sweeps_.end() ? nullptr : sweep->second.StageOf(hook);
}

PlacedHook* Scheduler::FindHook(int64_t hook_id) {
  for (auto& [id, sweep] : sweeps_) {
    if (HookStage* const stage = sweep.StageWith(hook_id)) return &stage->open.at(hook_id);
  }
  return nullptr;
}

void Scheduler::Changed(const LiveRun& run) {
  for (const auto& [name, share] : run.shares) roster_.Changed(name);
}

// ---- what comes next

std::optional<Scheduler::Write> Scheduler::NextWrite(int64_t now_ns) {
  const LiveSweep* const active = Active();
  for (auto& [id, sweep] : sweeps_) {
    // A sweep that waits behind another one is only ever cancelled.
    if (&sweep != active && !sweep.Cancelling()) continue;
    if (std::optional<Write> write = NextOfSweep(sweep, now_ns)) return write;
  }
  return std::nullopt;
}

std::optional<Scheduler::Write> Scheduler::NextOfSweep(LiveSweep& sweep, int64_t now_ns) {
  sweep.waiting.clear();
  if (sweep.row.state == "pending") return NextOfStart(sweep, now_ns);
  if (!sweep.Cancelling() || sweep.before.begun) {
    if (auto write = NextOfStage(sweep, sweep.before, "before_sweep", GiveUp(sweep), now_ns)) return write;
    if (!sweep.before.Over()) return std::nullopt;
    if (!sweep.before.failure.empty() && !sweep.Cancelling()) sweep.failure = sweep.before.failure;
  }
  for (auto& [name, target] : sweep.targets) {
    if (!target.setup.begun || target.setup.Over()) continue;
    if (auto write = NextOfStage(sweep, target.setup, "setup", GiveUp(sweep), now_ns, name)) return write;
    if (!target.setup.Over()) return std::nullopt;
  }
  if (sweep.run) return NextOfRun(sweep, *sweep.run, now_ns);
  const std::optional<GridProgress::Turn> next = sweep.grid.Next();
  const bool goes_on = next && !sweep.Cancelling() && sweep.failure.empty();
  if (auto write = NextOfTeardowns(sweep, !goes_on, now_ns)) return write;
  for (const auto& [name, target] : sweep.targets) {
    if (!target.teardown.open.empty()) return std::nullopt;
    // One that waits for an agent of its teardown; with runs to come it waits for those.
    if (target.setup.begun && !target.teardown.begun && (!goes_on || target.left == 0)) return std::nullopt;
  }
  if (goes_on) return NextOfCell(sweep, *next, now_ns);
  if (sweep.before.begun) {
    if (auto write = NextOfStage(sweep, sweep.after, "after_sweep", "", now_ns)) return write;
    if (!sweep.after.Over()) return std::nullopt;
    if (sweep.failure.empty() && !sweep.after.cut) sweep.failure = sweep.after.failure;
  }
  for (const auto& [name, target] : sweep.targets) {
    if (sweep.failure.empty() && !target.teardown.cut) sweep.failure = target.teardown.failure;
  }
  if (!sweep.failure.empty()) return EndSweep{sweep.row.sweep_id, "failed", sweep.failure};
  return EndSweep{sweep.row.sweep_id, sweep.Cancelling() ? "cancelled" : "finished", sweep.WhatWasCut()};
}

std::optional<Scheduler::Write> Scheduler::NextOfStart(LiveSweep& sweep, int64_t now_ns) {
  if (auto write = NextOfPins(sweep, now_ns)) return write;
  if (!sweep.waiting.empty()) return std::nullopt;
  std::optional<HookPlaces> places = PlacesOf(sweep.NewHook("before_sweep"), sweep.pinned, roster_, now_ns);
  if (!places) return std::nullopt;
  if (!places->failure.empty()) return EndSweep{sweep.row.sweep_id, "failed", places->failure};
  return StartSweep{sweep.row.sweep_id, std::move(places->hooks)};
}

// Without a write and with nobody in sweep.waiting all that fire are there.
std::optional<Scheduler::Write> Scheduler::NextOfPins(LiveSweep& sweep, int64_t now_ns) const {
  ChosenAgents firing = ChooseFiring(sweep, roster_, now_ns);
  if (!firing.pins.empty()) return PinAgents{sweep.row.sweep_id, std::move(firing.pins)};
  sweep.waiting = std::move(firing.waiting);
  return std::nullopt;
}

// A target that does not come up costs its own runs, not those of the others.
std::optional<Scheduler::Write> Scheduler::NextOfCell(LiveSweep& sweep, const GridProgress::Turn& turn,
                                                      int64_t now_ns) {
  if (auto write = NextOfPins(sweep, now_ns)) return write;
  if (!sweep.waiting.empty()) return std::nullopt;
  const CellRow& cell = sweep.CellAt(turn.position);
  if (LiveTarget* const target = sweep.TargetOf(cell); target != nullptr && !target->setup.begun) {
    if (auto write = NextOfStage(sweep, target->setup, "setup", "", now_ns, cell.spec.target())) return write;
    if (!target->setup.Over()) return std::nullopt;
  }
  if (cell.spec.sampling().has_where() && !roster_.Settled(now_ns)) {
    sweep.waiting = "waiting for agents to connect again";
    return std::nullopt;
  }
  return CreateRun{LeaseRun(sweep, turn, roster_, now_ns)};
}

// Of what has begun, and was perhaps only half set up: each target when it has no run left, with `all` every one.
std::optional<Scheduler::Write> Scheduler::NextOfTeardowns(LiveSweep& sweep, bool all, int64_t now_ns) {
  for (auto& [name, target] : sweep.targets) {
    if (!target.setup.begun || target.teardown.Over() || (target.left > 0 && !all && !target.teardown.begun)) continue;
    if (auto write = NextOfStage(sweep, target.teardown, "teardown", "", now_ns, name)) return write;
  }
  return std::nullopt;
}

std::optional<Scheduler::Write> Scheduler::NextOfRun(LiveSweep& sweep, LiveRun& run, int64_t now_ns) {
  if (run.judging) return std::nullopt;
  if (run.trouble.code.empty() && sweep.Cancelling() && !run.IsMeasured()) {
    run.trouble = {"cancelled", kCancelled};
    if (run.cooldown_until_ns > now_ns) Changed(run);
    run.cooldown_until_ns = std::min(run.cooldown_until_ns, now_ns);
  }
  if (run.row.state == "preparing") {
    if (auto write = NextBeforeT0(sweep, run, now_ns)) return write;
    if (!run.before.Over() || run.trouble.code.empty()) return std::nullopt;
  } else {
    if (auto write = NextAfterT0(run, now_ns)) return write;
    if (run.row.state == "running" || !run.IsOver()) return std::nullopt;
  }
  if (auto write = NextOfCollect(sweep, run, now_ns)) return write;
  if (!run.collect.Over()) return std::nullopt;
  if (auto write = NextOfStage(sweep, run.after, "after_run", "", now_ns)) return write;
  if (!run.after.Over()) return std::nullopt;
  if (run.trouble.code.empty() && !run.after.failure.empty())
    run.trouble = {run.after.cut           ? "cancelled"
                   : run.after.interrupted ? "interrupted"
                                           : "hook_failed",
                   run.after.failure};
  return EndRun{run.row.run_id, sweep.row.spec, sweep.CellOf(run.row.cell_id).spec, run.trouble};
}

std::optional<Scheduler::Write> Scheduler::NextBeforeT0(LiveSweep& sweep, LiveRun& run, int64_t now_ns) {
  const LiveTarget* const target = sweep.TargetOf(sweep.CellOf(run.row.cell_id));
  if (run.trouble.code.empty() && target != nullptr && !target->setup.failure.empty())
    run.trouble = {"hook_failed", target->setup.failure};
  run.FindTrouble(roster_, now_ns);
  if (auto write = NextOfStage(sweep, run.before, "before_run", run.trouble.detail, now_ns)) return write;
  if (!run.before.Over()) return std::nullopt;
  if (run.trouble.code.empty() && !run.before.failure.empty()) run.trouble = {"hook_failed", run.before.failure};
  if (!run.trouble.code.empty()) return std::nullopt;
  const std::optional<int64_t> t0_ns = run.StartInstant(roster_, now_ns);
  if (!t0_ns) return std::nullopt;
  return StartRun{run.row.run_id, *t0_ns};
}

std::optional<Scheduler::Write> Scheduler::NextAfterT0(LiveRun& run, int64_t now_ns) const {
  if (const std::optional<LiveRun::Loss> loss = run.NextLoss(roster_, now_ns))
    return LoseShare{run.row.run_id, run.shares.at(loss->agent).row.agent_id, loss->agent, loss->why};
  if (run.row.state == "running" && run.HasFired()) return DrainRun{run.row.run_id};
  return std::nullopt;
}

// What it finds, or why it found nothing, is a row of its own and never the run's fault.
std::optional<Scheduler::Write> Scheduler::NextOfCollect(const LiveSweep& sweep, LiveRun& run, int64_t now_ns) {
  const std::string give_up = GiveUp(sweep);
  if (run.collect.begun) return NextEnd(run.collect, give_up, now_ns);
  const auto collectors = static_cast<uint32_t>(sweep.CellOf(run.row.cell_id).spec.collect_size());
  CreateHooks create;
  for (uint32_t position = 0; position < collectors && run.row.t0_ns > 0 && give_up.empty(); ++position) {
    std::optional<Hook> placed = PlaceOfCollector(sweep.NewHook("collect", "", position), roster_, now_ns);
    if (!placed) return std::nullopt;
    create.hooks.push_back(*std::move(placed));
  }
  if (!create.hooks.empty()) return create;
  run.collect.begun = true;
  return std::nullopt;
}

// A stage that is given up before it has begun has nothing to run.
std::optional<Scheduler::Write> Scheduler::NextOfStage(const LiveSweep& sweep, HookStage& stage, const char* kind,
                                                       const std::string& give_up, int64_t now_ns,
                                                       const std::string& target) {
  if (stage.begun) return NextEnd(stage, give_up, now_ns);
  if (give_up.empty()) {
    std::optional<HookPlaces> places = PlacesOf(sweep.NewHook(kind, target), sweep.pinned, roster_, now_ns);
    if (!places) return std::nullopt;
    if (!places->hooks.empty()) return CreateHooks{std::move(places->hooks)};
    stage.failure = std::move(places->failure);
  }
  stage.begun = true;
  return std::nullopt;
}

std::optional<Scheduler::Write> Scheduler::NextEnd(HookStage& stage, const std::string& give_up, int64_t now_ns) {
  book_.Settle(stage, give_up, roster_, now_ns);
  if (std::optional<HookRow> ended = book_.NextEnd(stage)) return EndHook{*std::move(ended)};
  return std::nullopt;
}

// ---- what was stored

void Scheduler::Written(const Write& write, int64_t now_ns) {
  if (const auto* pin = std::get_if<PinAgents>(&write)) {
    const auto found = sweeps_.find(pin->sweep_id);
    if (found != sweeps_.end()) found->second.pinned = {pin->agents.begin(), pin->agents.end()};
  } else if (const auto* begin = std::get_if<StartSweep>(&write)) {
    LiveSweep& sweep = sweeps_.at(begin->sweep_id);
    sweep.row.state = "running";
    book_.Open(begin->hooks, sweep.before, roster_);
  } else if (const auto* finish = std::get_if<EndSweep>(&write)) {
    sweeps_.erase(finish->sweep_id);
  } else if (const auto* create = std::get_if<CreateRun>(&write)) {
    AdoptRun(sweeps_.at(create->run.sweep_id), create->run, now_ns);
  } else if (const auto* start = std::get_if<StartRun>(&write)) {
    LiveRun* const run = FindRun(start->run_id);
    run->row.state = "running";
    run->row.t0_ns = start->t0_ns;
    Changed(*run);
  } else if (const auto* drain = std::get_if<DrainRun>(&write)) {
    LiveSweep* sweep = nullptr;
    LiveRun* const run = FindRun(drain->run_id, &sweep);
    run->row.state = "draining";
    const bool cut_short = run->trouble.code == "cancelled";
    run->fired_by_itself = !cut_short;
    run->cooldown_until_ns = now_ns + (cut_short ? 0 : sweep->CellOf(run->row.cell_id).spec.sampling().cooldown_ns());
    Changed(*run);
  } else if (const auto* lose = std::get_if<LoseShare>(&write)) {
    LiveShare& share = FindRun(lose->run_id)->shares.at(lose->agent);
    (lose->had_ended ? share.ended : share.lost) = true;
    roster_.Changed(lose->agent);
  } else if (const auto* create_hooks = std::get_if<CreateHooks>(&write)) {
    book_.Open(create_hooks->hooks, *StageOf(create_hooks->hooks[0].row), roster_);
  } else if (const auto* end = std::get_if<EndHook>(&write)) {
    book_.Close(end->hook, StageOf(end->hook), roster_);
  } else if (const auto* judged = std::get_if<EndRun>(&write)) {
    if (LiveRun* const run = FindRun(judged->run_id)) {
      run->judging = true;
      Changed(*run);
    }
  }
}

// ---- for agents and people

v1::Desired Scheduler::DesiredOf(uint64_t session, int64_t now_ns) const {
  const KnownAgent* const agent = roster_.Of(session);
  if (agent == nullptr) return {};
  v1::Desired desired = assay::DesiredOf(*agent, sweeps_);
  const bool busy = desired.shares_size() + desired.hooks_size() > 0;
  desired.set_report_every_ms(ReportEveryMs(busy, roster_.all().size(), options_.lease_ttl_ns));
  desired.set_sent_ns(now_ns);
  return desired;
}

std::optional<v1::SweepProgress> Scheduler::Progress(int64_t sweep_id, int64_t now_ns) const {
  const auto found = sweeps_.find(sweep_id);
  if (found == sweeps_.end()) return std::nullopt;
  return ProgressOf(found->second, *Active(), roster_, now_ns);
}

}  // namespace assay
