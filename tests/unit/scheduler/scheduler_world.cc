#include "tests/unit/scheduler/scheduler_world.h"

#include <algorithm>

#include "common/protocol.h"

namespace assay {

SweepRow MakeSweep(int64_t id, uint32_t cells, uint32_t blocks, uint32_t agents) {
  SweepRow row;
  row.sweep_id = id;
  row.state = "pending";
  row.spec.set_name("test");
  row.spec.set_seed(42);
  row.spec.set_blocks(blocks);
  row.spec.set_agents_min(agents);
  (*row.spec.mutable_agents()->mutable_labels())["role"] = "load";
  row.spec.set_repeat_limit(2);
  for (uint32_t c = 0; c < cells; ++c) {
    CellRow cell;
    cell.cell_id = id * 1000 + c;
    cell.position = c;
    cell.label = fmt::format("tasks={}", c);
    cell.spec.set_target("t");
    cell.spec.set_key(c);
    cell.spec.mutable_load()->mutable_closed()->set_concurrency(16);
    cell.spec.mutable_load()->set_triggers(100);
    cell.spec.mutable_trigger()->mutable_sleep()->mutable_length()->set_fixed_ns(kMs);
    row.cells.push_back(cell);
  }
  return row;
}

v1::Hello MakeHello(const std::string& name, const std::string& incarnation, const std::string& role) {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_name(name);
  hello.set_incarnation(incarnation);
  v1::Label& label = *hello.add_labels();
  label.set_key("role");
  label.set_value(role);
  return hello;
}

v1::Hook Collector(const std::string& role) {
  v1::Hook hook;
  hook.mutable_collector()->mutable_csv()->set_files("/x");
  hook.set_on_coordinator(role.empty());
  if (!role.empty()) (*hook.mutable_where()->mutable_labels())["role"] = role;
  return hook;
}

void World::RestartCoordinator() {
  scheduler_ = std::make_unique<Scheduler>(Scheduler::Options{});
  judging_.clear();
  coordinator_hooks_.clear();
  for (FakeAgent& agent : agents_) agent.session = 0;
  for (const auto& [id, sweep] : sweeps) {
    if (sweep.state == "finished" || sweep.state == "cancelled" || sweep.state == "failed") continue;
    std::vector<RunRow> mine;
    for (const auto& [run_id, run] : runs) {
      if (run.sweep_id == id) mine.push_back(run);
    }
    std::vector<HookRow> mine_hooks;
    for (const auto& [hook_id, hook] : hooks) {
      if (hook.sweep_id == id) mine_hooks.push_back(hook);
    }
    scheduler_->Load(sweep, mine, mine_hooks, now_ns_);
  }
}

void World::Connect(FakeAgent& agent) {
  agent.session = ++last_session_;
  const v1::Hello hello = MakeHello(agent.name, agent.Incarnation(), agent.role);
  refusal = scheduler_->RefusalOf(hello, now_ns_);
  if (!refusal) scheduler_->Connect(agent.session, agent.agent_id, hello, now_ns_);
}

void World::Kill(FakeAgent& agent) {
  CutOff(agent);
  agent.up = false;
  for (auto& [run, held] : agent.shares) held.phase = v1::SHARE_PHASE_UNSPECIFIED;
  agent.hooks.clear();
}

void World::Pause(int64_t for_ns) {
  now_ns_ += for_ns;
  scheduler_->Paused(for_ns, now_ns_);
  while (std::optional<Scheduler::Write> write = scheduler_->NextWrite(now_ns_)) {
    Store(*write);
    scheduler_->Written(*write, now_ns_);
  }
}

void World::Step(int64_t by_ns) {
  now_ns_ += by_ns;
  for (FakeAgent& agent : agents_) Exchange(agent);
  for (int writes = 0; writes < 1000; ++writes) {
    std::optional<Scheduler::Write> write = scheduler_->NextWrite(now_ns_);
    if (!write) break;
    if (Chance(fail_writes_percent)) break;
    Store(*write);
    if (--crash_at_write == 0) {
      RestartCoordinator();
      break;
    }
    scheduler_->Written(*write, now_ns_);
    ASSERT_LT(writes, 999) << "the scheduler writes without end";
  }
  for (const Scheduler::Hook& hook : scheduler_->TakeCoordinatorHooks()) {
    // One that reads may do so again.
    if (!hook.spec.has_collector() || hooks_started[hook.row.hook_id] == 0) ++hooks_started[hook.row.hook_id];
    coordinator_hooks_.push_back(hook.row);
  }
  const std::vector<int64_t> stopped = scheduler_->TakeStoppedHooks();
  stopped_.insert(stopped.begin(), stopped.end());
  std::erase_if(coordinator_hooks_, [&](HookRow& row) {
    const bool stop = stopped_.contains(row.hook_id);
    if (!stop && (hooks_hang || Chance(30))) return false;
    row.state = stop ? "failed" : "ok";
    if (stop) row.error = "was killed by signal 15";
    scheduler_->HookEnded(row);
    return true;
  });
  std::erase_if(on_their_way_, [&](int64_t id) {
    if (results_are_held_up || Chance(30)) return false;
    hooks.at(id).collected = true;
    scheduler_->Collected(id);
    return true;
  });
  const auto judging = std::exchange(judging_, {});
  for (const auto& [run_id, lost] : judging) {
    RunRow& run = runs.at(run_id);
    run.state = "ended";
    run.verdict = verdicts[run_id];
    run.agent_lost = lost;
    scheduler_->RunEnded(run_id, run.verdict, lost, now_ns_);
  }
  CheckInvariants();
}

bool World::Ended(int64_t sweep) const {
  const std::string& state = sweeps.at(sweep).state;
  return state == "finished" || state == "cancelled" || state == "failed";
}

int World::Accepted(int64_t sweep) const {
  return static_cast<int>(std::count_if(runs.begin(), runs.end(), [&](const auto& r) {
    return r.second.sweep_id == sweep && r.second.verdict == "accepted";
  }));
}

std::set<std::string> World::FiringAgents(int64_t run) const {
  std::set<std::string> names;
  for (const ShareRow& share : runs.at(run).shares) {
    if (share.slots > 0) names.insert(share.agent);
  }
  return names;
}

int World::HooksOf(const std::string& kind, const std::string& state) const {
  return static_cast<int>(std::count_if(hooks.begin(), hooks.end(), [&](const auto& hook) {
    return hook.second.kind == kind && hook.second.state == state;
  }));
}

void World::Exchange(FakeAgent& agent) {
  if (!agent.up) return;
  if (agent.session == 0) Connect(agent);
  v1::Report report;
  report.set_report_id(1);
  for (auto& [run_id, held] : agent.shares) {
    if (held.life != agent.life) {
      // The new process's spool closes what the old one had begun.
      if (!held.end_delivered) Deliver(agent, run_id, held, true);
      continue;
    }
    v1::ShareStatus& status = *report.add_shares();
    status.set_run_id(run_id);
    status.set_phase(held.phase);
    status.set_fired(held.fired);
    for (const std::string& notice : agent.notices) status.add_notices(notice);
  }
  for (const auto& [id, hook] : agent.hooks) *report.add_hooks() = hook;
  scheduler_->Reported(agent.session, report, now_ns_);
  const v1::Desired desired = scheduler_->DesiredOf(agent.session, now_ns_);
  std::map<int64_t, v1::DesiredShare> wanted;
  for (const v1::DesiredShare& share : desired.shares()) wanted[share.run_id()] = share;
  for (const auto& [run_id, share] : wanted) {
    ASSERT_NE(share.has_spec(), agent.shares.contains(run_id)) << "a spec goes out until it was seen to have come";
    if (!agent.shares.contains(run_id)) {
      ASSERT_EQ(share.phase(), v1::PREPARE) << "an agent is told to go on with what it never prepared";
      ASSERT_EQ(share.spec().run_id(), run_id);
      agent.shares[run_id] = {v1::PREPARING, share.spec().count(), 0, agent.life, false};
    }
    FakeAgent::Held& held = agent.shares[run_id];
    ASSERT_EQ(held.life, agent.life) << "a share was given to another process of the agent";
    if (held.phase == v1::PREPARING) {
      held.phase = v1::READY;
      if (std::exchange(agent.loses_lease_when_ready, false)) {
        held.phase = v1::ENDED;
        Deliver(agent, run_id, held, false);
      }
    } else if (share.phase() == v1::RUN) {
      ASSERT_GT(share.t0_ns(), 0);
      if (now_ns_ >= share.t0_ns() && held.phase != v1::FIRED) held.phase = v1::RUNNING;
      if (held.phase == v1::RUNNING && Chance(50)) held.fired = std::min(held.count, held.fired + 40);
      if (held.phase == v1::RUNNING && held.fired == held.count) held.phase = v1::FIRED;
    } else if (share.phase() == v1::DRAIN || share.phase() == v1::CANCEL) {
      held.phase = v1::FIRED;
    } else if (share.phase() == v1::COOLDOWN && now_ns_ >= share.sample_until_ns() && !held.end_delivered) {
      held.phase = v1::ENDED;
      Deliver(agent, run_id, held, false);
    }
  }
  // What is no longer wanted is ended and forgotten.
  std::erase_if(agent.shares, [&](const auto& entry) {
    if (wanted.contains(entry.first) || entry.second.life != agent.life) return false;
    FakeAgent::Held last = entry.second;
    if (!last.end_delivered) Deliver(agent, entry.first, last, false);
    return true;
  });
  std::map<int64_t, v1::HookStatus> kept;
  for (const v1::DesiredHook& hook : desired.hooks()) {
    v1::HookStatus& status = kept[hook.hook_id()] = agent.hooks[hook.hook_id()];
    if (status.hook_id() == 0) ++hooks_started[hook.hook_id()];
    if (hook.hook().has_collector())
      ASSERT_NE(hook.has_work(), status.hook_id() != 0) << "its work goes out until it was seen to have come";
    status.set_hook_id(hook.hook_id());
    if (status.done() && hook.hook().has_collector()) continue;
    status.set_done(!hooks_hang && Chance(70));
    if (status.done() && !hook_ok(hook)) status.set_error("exited with 1");
    if (status.done() && status.error().empty() && hook.hook().has_collector()) on_their_way_.insert(hook.hook_id());
  }
  agent.hooks = kept;
}

void World::Deliver(FakeAgent& agent, int64_t run_id, FakeAgent::Held& held, bool crashed) {
  held.end_delivered = true;
  v1::ShareEnd end;
  end.set_fired(held.fired);
  end.set_crashed(crashed);
  const auto run = runs.find(run_id);
  if (run == runs.end()) return;
  for (ShareRow& share : run->second.shares) {
    if (share.agent_id != agent.agent_id) continue;
    if (share.state == "leased") share.state = "ended";
    if (crashed) crashed_.insert({run_id, agent.agent_id});
  }
  scheduler_->ShareEnded(run_id, agent.agent_id, end);
}

void World::Store(Scheduler::Write& write) {
  if (auto* pin = std::get_if<Scheduler::PinAgents>(&write)) {
    sweeps.at(pin->sweep_id).pinned_agents = pin->agents;
  } else if (auto* begin = std::get_if<Scheduler::StartSweep>(&write)) {
    ASSERT_EQ(sweeps.at(begin->sweep_id).state, "pending");
    sweeps.at(begin->sweep_id).state = "running";
    for (Scheduler::Hook& hook : begin->hooks) StoreHook(hook.row);
  } else if (auto* finish = std::get_if<Scheduler::EndSweep>(&write)) {
    sweeps.at(finish->sweep_id).state = finish->state;
    sweeps.at(finish->sweep_id).failure = finish->failure;
  } else if (auto* create = std::get_if<Scheduler::CreateRun>(&write)) {
    create->run.run_id = static_cast<int64_t>(runs.size()) + 1;
    for (ShareRow& share : create->run.shares) share.run_id = create->run.run_id;
    runs[create->run.run_id] = create->run;
  } else if (auto* start = std::get_if<Scheduler::StartRun>(&write)) {
    RunRow& run = runs.at(start->run_id);
    ASSERT_EQ(run.state, "preparing");
    run.state = "running";
    run.t0_ns = start->t0_ns;
  } else if (auto* drain = std::get_if<Scheduler::DrainRun>(&write)) {
    ASSERT_EQ(runs.at(drain->run_id).state, "running");
    runs.at(drain->run_id).state = "draining";
  } else if (auto* lose = std::get_if<Scheduler::LoseShare>(&write)) {
    for (ShareRow& share : runs.at(lose->run_id).shares) {
      if (share.agent_id != lose->agent_id) continue;
      lose->had_ended = share.state == "ended";
      if (!lose->had_ended) share.state = "lost";
    }
  } else if (auto* stage = std::get_if<Scheduler::CreateHooks>(&write)) {
    for (Scheduler::Hook& hook : stage->hooks) StoreHook(hook.row);
  } else if (auto* ended = std::get_if<Scheduler::EndHook>(&write)) {
    ASSERT_EQ(hooks.at(ended->hook.hook_id).state, "running");
    hooks[ended->hook.hook_id] = ended->hook;
  } else if (auto* end = std::get_if<Scheduler::EndRun>(&write)) {
    const RunRow& run = runs.at(end->run_id);
    bool lost = end->trouble.code == "interrupted";
    for (const ShareRow& share : run.shares) {
      if (run.t0_ns > 0) ASSERT_NE(share.state, "leased") << "a run ended before its shares";
      lost |= share.state == "lost" || crashed_.contains({run.run_id, share.agent_id});
    }
    judging_[end->run_id] = lost;
    troubles[end->run_id] = end->trouble.code;
    verdicts[end->run_id] = lost || !end->trouble.code.empty() ? "rejected" : "accepted";
  }
}

void World::StoreHook(HookRow& row) {
  row.hook_id = static_cast<int64_t>(hooks.size()) + 1;
  for (int i = 0; i < remote_ids; ++i) row.work.add_remote_ids("manual__2026-11-22T19:30:49+00:00");
  hooks[row.hook_id] = row;
}

void World::CheckInvariants() {
  int active = 0;
  std::map<std::pair<int64_t, uint32_t>, int> accepted;
  for (const auto& [id, run] : runs) {
    active += run.state != "ended";
    if (run.verdict == "accepted") ++accepted[{run.cell_id, run.block}];
    const std::vector<std::string>& pinned = sweeps.at(run.sweep_id).pinned_agents;
    for (const ShareRow& share : run.shares) {
      if (run.state == "ended" || share.slots == 0) continue;
      ASSERT_TRUE(std::count(pinned.begin(), pinned.end(), share.agent)) << share.agent << " fires";
    }
  }
  ASSERT_LE(active, 1) << "two runs at once";
  for (const auto& [key, count] : accepted) ASSERT_EQ(count, 1) << "a finished cell was run again";
  for (const auto& [id, count] : hooks_started) ASSERT_EQ(count, 1) << "hook " << id << " was started twice";
}

}  // namespace assay
