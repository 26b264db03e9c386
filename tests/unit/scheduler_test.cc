#include "coordinator/scheduler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "common/protocol.h"

namespace assay {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

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

v1::Hello MakeHello(const std::string& name, const std::string& incarnation, const std::string& role = "load") {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_name(name);
  hello.set_incarnation(incarnation);
  v1::Label& label = *hello.add_labels();
  label.set_key("role");
  label.set_value(role);
  return hello;
}

// An agent that does at once what it is told, and dies, is cut off and comes back when the world says so.
struct FakeAgent {
  std::string name;
  int64_t agent_id = 0;
  std::string role = "load";
  int life = 1;
  bool up = true;
  bool loses_lease_when_ready = false;
  uint64_t session = 0;  // 0: not connected
  struct Held {
    v1::SharePhase phase = v1::PREPARING;
    uint64_t count = 0;
    uint64_t fired = 0;
    int life = 0;
    bool end_delivered = false;
  };
  std::map<int64_t, Held> shares;
  std::map<int64_t, v1::HookStatus> hooks;
  std::string Incarnation() const { return fmt::format("{}-{}", name, life); }
};

// Scheduler, store and agents in one thread with a clock of their own.
class World {
 public:
  explicit World(uint64_t seed, int agents) : random_(seed) {
    scheduler_ = std::make_unique<Scheduler>(Scheduler::Options{});
    for (int i = 0; i < agents; ++i) agents_.push_back({fmt::format("a{}", i), i + 1});
  }

  // --- the store
  std::map<int64_t, SweepRow> sweeps;
  std::map<int64_t, RunRow> runs;
  std::map<int64_t, HookRow> hooks;
  std::map<int64_t, std::string> verdicts;
  std::map<int64_t, std::string> troubles;
  int fail_writes_percent = 0;
  int remote_ids = 0;  // of every run
  std::function<bool(const v1::DesiredHook&)> hook_ok = [](const v1::DesiredHook&) { return true; };

  Scheduler& scheduler() { return *scheduler_; }
  FakeAgent& agent(size_t i) { return agents_[i]; }
  int64_t now_ns() const { return now_ns_; }
  bool Chance(int percent) { return static_cast<int>(random_() % 100) < percent; }

  void AddSweep(SweepRow row) {
    sweeps[row.sweep_id] = row;
    scheduler_->AddSweep(std::move(row));
  }

  void Cancel(int64_t id, bool now) {
    sweeps.at(id).state = "cancelling";
    scheduler_->CancelSweep(id, now);
  }

  // A new coordinator process: only what is stored remains.
  void RestartCoordinator() {
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

  void Connect(FakeAgent& agent) {
    agent.session = ++last_session_;
    const v1::Hello hello = MakeHello(agent.name, agent.Incarnation(), agent.role);
    refusal = scheduler_->RefusalOf(hello, now_ns_);
    if (!refusal) scheduler_->Connect(agent.session, agent.agent_id, hello, now_ns_);
  }
  void CutOff(FakeAgent& agent) {
    if (agent.session != 0) scheduler_->Disconnected(agent.session, now_ns_);
    agent.session = 0;
  }
  // The process dies. What it fired is in its spool; the next life delivers the end of its shares.
  void Kill(FakeAgent& agent) {
    CutOff(agent);
    agent.up = false;
    for (auto& [run, held] : agent.shares) held.phase = v1::SHARE_PHASE_UNSPECIFIED;
    agent.hooks.clear();
  }
  // The coordinator's thread is stopped for so long, and then goes on before anything that agents said is taken in.
  void Pause(int64_t for_ns) {
    now_ns_ += for_ns;
    scheduler_->Paused(for_ns, now_ns_);
    while (std::optional<Scheduler::Write> write = scheduler_->NextWrite(now_ns_)) {
      Store(*write);
      scheduler_->Written(*write, now_ns_);
    }
  }
  void Revive(FakeAgent& agent) {
    agent.up = true;
    ++agent.life;
  }

  void Step(int64_t by_ns = 100 * kMs) {
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

  // Steps until `done`, at most this many times.
  template <typename Done>
  ::testing::AssertionResult RunUntil(const Done& done, int steps = 5000) {
    for (int i = 0; i < steps; ++i) {
      if (done()) return ::testing::AssertionSuccess();
      Step();
      if (::testing::Test::HasFatalFailure()) return ::testing::AssertionFailure();
    }
    return ::testing::AssertionFailure() << "not within " << steps << " steps";
  }
  bool Ended(int64_t sweep) const {
    const std::string& state = sweeps.at(sweep).state;
    return state == "finished" || state == "cancelled" || state == "failed";
  }
  int Accepted(int64_t sweep) const {
    return static_cast<int>(std::count_if(runs.begin(), runs.end(), [&](const auto& r) {
      return r.second.sweep_id == sweep && r.second.verdict == "accepted";
    }));
  }

  std::set<std::string> FiringAgents(int64_t run) const {
    std::set<std::string> names;
    for (const ShareRow& share : runs.at(run).shares) {
      if (share.slots > 0) names.insert(share.agent);
    }
    return names;
  }
  int HooksOf(const std::string& kind, const std::string& state) const {
    return static_cast<int>(std::count_if(hooks.begin(), hooks.end(), [&](const auto& hook) {
      return hook.second.kind == kind && hook.second.state == state;
    }));
  }

  std::optional<std::string> refusal;
  std::map<int64_t, int> hooks_started;
  bool hooks_hang = false;
  bool results_are_held_up = false;  // those of collectors on agents
  int crash_at_write = 0;            // the coordinator dies when it has stored this many, before it acts on the last

 private:
  void Exchange(FakeAgent& agent) {
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

  void Deliver(FakeAgent& agent, int64_t run_id, FakeAgent::Held& held, bool crashed) {
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

  void Store(Scheduler::Write& write) {
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

  void StoreHook(HookRow& row) {
    row.hook_id = static_cast<int64_t>(hooks.size()) + 1;
    for (int i = 0; i < remote_ids; ++i) row.work.add_remote_ids("manual__2026-11-22T19:30:49+00:00");
    hooks[row.hook_id] = row;
  }

  void CheckInvariants() {
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

  std::mt19937_64 random_;
  std::unique_ptr<Scheduler> scheduler_;
  std::deque<FakeAgent> agents_;
  std::map<int64_t, bool> judging_;
  std::vector<HookRow> coordinator_hooks_;
  std::set<int64_t> stopped_;
  std::set<int64_t> on_their_way_;  // what collectors found, in spools
  std::set<std::pair<int64_t, int64_t>> crashed_;
  uint64_t last_session_ = 0;
  int64_t now_ns_ = kSecond * 1'000'000;
};

TEST(Scheduler, RunsEveryCellOncePerBlockInShuffledOrder) {
  World world(1, 2);
  world.AddSweep(MakeSweep(1, 5, 3, 2));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 15);
  ASSERT_EQ(world.runs.size(), 15u);
  std::vector<std::vector<int64_t>> order(4);
  for (const auto& [id, run] : world.runs) order[run.block].push_back(run.cell_id);
  EXPECT_NE(order[1], order[2]);
  for (int block = 1; block <= 3; ++block) {
    std::sort(order[block].begin(), order[block].end());
    EXPECT_EQ(order[block], (std::vector<int64_t>{1000, 1001, 1002, 1003, 1004}));
  }
}

TEST(Scheduler, SharesCoverAllTriggersAndSlots) {
  World world(2, 3);
  world.AddSweep(MakeSweep(1, 1, 1, 3));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  uint64_t count = 0;
  uint32_t slots = 0;
  for (const ShareRow& share : world.runs.at(1).shares) {
    count += share.count;
    slots += share.slots;
  }
  EXPECT_EQ(count, 100u);
  EXPECT_EQ(slots, 16u);
}

TEST(Scheduler, WaitsForAgentsAndSaysForWhom) {
  World world(3, 1);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  for (int i = 0; i < 10; ++i) world.Step();
  EXPECT_EQ(world.sweeps[1].state, "pending");
  EXPECT_EQ(world.scheduler().Progress(1, world.now_ns())->doing(),
            "waiting for 1 more agent with role=load; start assay-agent --label role=load");
  world.AddSweep(MakeSweep(2, 1, 1, 1));
  world.Step();
  EXPECT_EQ(world.scheduler().Progress(2, world.now_ns())->doing(), "waiting for sweep 1 to end");
  world.Cancel(1, false);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(2); }));
  EXPECT_EQ(world.sweeps[1].state, "cancelled");
  EXPECT_EQ(world.sweeps[2].state, "finished");
}

TEST(Scheduler, ASecondAgentOfTheSameNameIsRefusedWhileTheFirstIsHeard) {
  World world(4, 1);
  world.Step();
  FakeAgent impostor = world.agent(0);
  impostor.life = 7;
  world.Connect(impostor);
  ASSERT_TRUE(world.refusal);
  EXPECT_NE(world.refusal->find("--name"), std::string::npos);
  world.agent(0).up = false;
  world.Step(11 * kSecond);
  world.Connect(impostor);
  EXPECT_FALSE(world.refusal) << "a name whose holder is silent is taken over";
}

TEST(Scheduler, AnotherProtocolVersionIsRefused) {
  Scheduler scheduler({});
  v1::Hello hello = MakeHello("a", "1");
  hello.set_protocol_version(kProtocolVersion + 1);
  const auto refusal = scheduler.RefusalOf(hello, 0);
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->find("protocol version"), std::string::npos);
}

TEST(Scheduler, ADeadAgentLosesItsShareOnlyAfterItsLeaseAndTheRunIsRepeated) {
  World world(5, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "running"; }));
  world.Kill(world.agent(1));
  const int64_t died_ns = world.now_ns();
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.at(1).state == "ended"; }));
  EXPECT_GE(world.now_ns() - died_ns, 25 * kSecond);
  EXPECT_EQ(world.runs.at(1).verdict, "rejected");
  world.Revive(world.agent(1));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.runs.at(2).attempt, 2u);
  EXPECT_EQ(world.runs.at(2).verdict, "accepted");
}

TEST(Scheduler, ItsOwnPauseIsNoAgentsSilence) {
  World world(5, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "preparing"; }));
  world.Pause(60 * kSecond);
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.at(1).state == "running"; }));
  world.Pause(60 * kSecond);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.runs.size(), 1u);
  EXPECT_EQ(world.Accepted(1), 1);
}

TEST(Scheduler, ARunBeginsOnlyWhenAllItsAgentsAreThereToHearOfIt) {
  World world(5, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "preparing"; }));
  world.agent(0).up = false;  // its link stands, but it says nothing yet
  for (int i = 0; i < 3; ++i) world.Step();
  world.CutOff(world.agent(1));
  world.agent(1).up = false;
  world.agent(0).up = true;
  for (int i = 0; i < 10; ++i) world.Step();
  EXPECT_EQ(world.runs.at(1).state, "preparing");
  world.agent(1).up = true;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.Accepted(1), 1);
  EXPECT_EQ(world.runs.size(), 1u);
}

TEST(Scheduler, AnEarlierSessionThatIsHeardOfLaterTakesNothingOver) {
  Scheduler scheduler({});
  const v1::Hello hello = MakeHello("a", "1");
  scheduler.Connect(2, 1, hello, kSecond);
  scheduler.Connect(1, 1, hello, 2 * kSecond);
  EXPECT_FALSE(scheduler.Knows(1));
  EXPECT_TRUE(scheduler.Knows(2));
  scheduler.Disconnected(1, 3 * kSecond);
  EXPECT_EQ(scheduler.Agents({}, 3 * kSecond).agents(0).state(), "connected");
  scheduler.Connect(3, 1, MakeHello("a", "2"), 20 * kSecond);
  EXPECT_FALSE(scheduler.Knows(2)) << "another process has the name now";
}

TEST(Scheduler, AnAgentThatFellSilentOnALinkThatStandsIsWaitedFor) {
  World world(5, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "running"; }));
  world.agent(1).up = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.at(1).state == "ended"; }));
  for (int i = 0; i < 20; ++i) world.Step();
  EXPECT_EQ(world.runs.size(), 1u) << "no try is spent on it";
  world.agent(1).up = true;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.runs.at(2).verdict, "accepted");
}

TEST(Scheduler, ARestartedAgentEndsTheRunAtOnceThroughItsSpool) {
  World world(6, 2);
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "running"; }));
  world.Kill(world.agent(1));
  world.Revive(world.agent(1));
  const int64_t died_ns = world.now_ns();
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_LT(world.now_ns() - died_ns, 20 * kSecond);
  EXPECT_EQ(world.runs.at(1).verdict, "rejected");
  EXPECT_EQ(world.Accepted(1), 1);
}

TEST(Scheduler, ThePolicyForALostAgentIsKept) {
  for (const auto policy : {v1::SweepSpec::FAIL, v1::SweepSpec::REPEAT}) {
    World world(7, 1);
    SweepRow sweep = MakeSweep(1, 1, 1, 1);
    sweep.spec.set_on_agent_loss(policy);
    sweep.spec.set_repeat_limit(1);
    world.AddSweep(sweep);
    int kills = 0;
    size_t killed = 0;
    ASSERT_TRUE(world.RunUntil([&] {
      if (!world.runs.empty() && world.runs.rbegin()->second.state == "running" && world.runs.size() > killed) {
        killed = world.runs.size();
        ++kills;
        world.Kill(world.agent(0));
        world.Revive(world.agent(0));
      }
      return world.Ended(1);
    }));
    EXPECT_EQ(kills, policy == v1::SweepSpec::FAIL ? 1 : 2);
    EXPECT_EQ(world.Accepted(1), 0);
    EXPECT_EQ(world.sweeps[1].state, "finished");
  }
}

TEST(Scheduler, ACancelEndsTheRunAndTheSweep) {
  for (const bool now : {false, true}) {
    World world(8, 2);
    world.AddSweep(MakeSweep(1, 3, 2, 2));
    ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 2 && world.runs.at(2).state == "running"; }));
    world.Cancel(1, now);
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.sweeps[1].state, "cancelled");
    EXPECT_EQ(world.runs.at(1).verdict, "accepted");
    EXPECT_EQ(world.runs.at(2).verdict, "rejected");
    EXPECT_EQ(world.runs.size(), 2u);
  }
}

TEST(Scheduler, ACancelCutsTheCooldownShort) {
  World world(8, 2);
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  sweep.cells[0].spec.mutable_sampling()->set_cooldown_ns(3600 * kSecond);
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "draining"; }));
  world.Cancel(1, false);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 100));
  EXPECT_EQ(world.troubles.at(1), "cancelled");
}

TEST(Scheduler, ACancelLeavesARunThatIsMeasured) {
  World world(8, 2);
  SweepRow sweep = MakeSweep(1, 1, 2, 2);
  sweep.cells[0].spec.mutable_after_run()->add_argv("collect");
  world.AddSweep(sweep);
  world.hooks_hang = true;
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("after_run", "running") > 0; }));
  world.Cancel(1, false);
  world.Step();
  world.hooks_hang = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps.at(1).state, "cancelled");
  EXPECT_EQ(world.runs.size(), 1u);
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
}

TEST(Scheduler, HooksRunOnceOnEachAgentAndAFailedOneFailsTheSweep) {
  World world(9, 2);
  SweepRow sweep = MakeSweep(1, 2, 1, 2);
  sweep.spec.mutable_before_sweep()->add_argv("prepare");
  sweep.spec.mutable_after_sweep()->add_argv("tidy");
  sweep.spec.mutable_after_sweep()->set_on_coordinator(true);
  for (CellRow& cell : sweep.cells) cell.spec.mutable_before_run()->add_argv("reset");
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.hooks.size(), 2u + 2u * 2u + 1u);

  World failing(10, 2);
  failing.hook_ok = [](const v1::DesiredHook& hook) { return hook.hook().argv(0) != "prepare"; };
  failing.AddSweep(sweep);
  ASSERT_TRUE(failing.RunUntil([&] { return failing.Ended(1); }));
  EXPECT_EQ(failing.sweeps[1].state, "failed");
  EXPECT_NE(failing.sweeps[1].failure.find("before_sweep"), std::string::npos);
  EXPECT_TRUE(failing.runs.empty());
}

TEST(Scheduler, AFailedRunHookRejectsItsRunAndTheSweepGoesOn) {
  World world(11, 1);
  SweepRow sweep = MakeSweep(1, 2, 1, 1);
  sweep.cells[0].spec.mutable_before_run()->add_argv("reset");
  world.hook_ok = [](const v1::DesiredHook&) { return false; };
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 1);
  EXPECT_EQ(world.runs.size(), 2u);
}

TEST(Scheduler, ARunWhoseHookWasCutOffIsTriedAgain) {
  for (const bool on_coordinator : {true, false}) {
    SCOPED_TRACE(on_coordinator);
    World world(17, 2);
    SweepRow sweep = MakeSweep(1, 1, 1, 2);
    v1::Hook& hook = *sweep.cells[0].spec.mutable_after_run();
    hook.add_argv("collect");
    hook.set_on_coordinator(on_coordinator);
    world.AddSweep(sweep);
    world.hooks_hang = true;
    ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("after_run", "running") > 0; }));
    world.Step();
    if (on_coordinator) {
      world.RestartCoordinator();
    } else {
      world.Kill(world.agent(1));
      world.Revive(world.agent(1));
    }
    world.hooks_hang = false;
    world.Step();
    world.RestartCoordinator();  // what it was is stored
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.troubles.at(1), "interrupted");
    EXPECT_EQ(world.runs.at(1).verdict, "rejected");
    EXPECT_EQ(world.runs.at(2).verdict, "accepted");
  }
}

TEST(Scheduler, TheEtaIsThePlansShortestTimeUntilTheFirstRunIsKnownAndThenShrinks) {
  World world(12, 1);
  world.AddSweep(MakeSweep(1, 4, 2, 1));
  const v1::SweepProgress planned = *world.scheduler().Progress(1, world.now_ns());
  EXPECT_EQ(planned.eta_ns(), 8 * 7 * kMs) << "100 sleeps of 1 ms on 16 slots, in 8 runs";
  EXPECT_TRUE(planned.eta_is_least());
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 2; }));
  EXPECT_FALSE(world.scheduler().Progress(1, world.now_ns())->eta_is_least());
  const int64_t early_ns = world.scheduler().Progress(1, world.now_ns())->eta_ns();
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 7; }));
  const int64_t late_ns = world.scheduler().Progress(1, world.now_ns())->eta_ns();
  EXPECT_GT(early_ns, 0);
  EXPECT_LT(late_ns, early_ns);
}

TEST(Scheduler, TheEtaOfProcessesIsUnknownUntilARunIsKnown) {
  World world(12, 1);
  SweepRow sweep = MakeSweep(1, 1, 2, 1);
  sweep.cells[0].spec.mutable_trigger()->mutable_exec()->add_argv("true");
  world.AddSweep(sweep);
  EXPECT_FALSE(world.scheduler().Progress(1, world.now_ns())->has_eta_ns());
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 2; }));
  EXPECT_GT(world.scheduler().Progress(1, world.now_ns())->eta_ns(), 0);
}

TEST(Scheduler, TellsTheAgentsThatASweepWouldTake) {
  World world(15, 3);
  world.agent(1).role = "db";
  world.Step();
  v1::ListAgentsRequest request;
  EXPECT_EQ(world.scheduler().Agents(request, world.now_ns()).agents_size(), 3);
  (*request.mutable_select()->mutable_labels())["role"] = "load";
  EXPECT_EQ(world.scheduler().Agents(request, world.now_ns()).agents_size(), 2);
  world.CutOff(world.agent(0));
  const v1::ListAgentsReply left = world.scheduler().Agents(request, world.now_ns());
  ASSERT_EQ(left.agents_size(), 1);
  EXPECT_EQ(left.agents(0).name(), "a2");
  request.mutable_select()->clear_labels();
  EXPECT_EQ(world.scheduler().Agents(request, world.now_ns()).agents_size(), 2) << "any label will do";
}

TEST(Scheduler, ARestartWhileAHookRunsOnAnAgentWithoutAShareGoesOn) {
  World world(13, 2);
  world.agent(1).role = "db";
  world.hooks_hang = true;
  SweepRow sweep = MakeSweep(1, 1, 1, 1);
  sweep.spec.mutable_before_sweep()->add_argv("prepare");
  (*sweep.spec.mutable_before_sweep()->mutable_where()->mutable_labels())["role"] = "db";
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.hooks_started.size() == 1; }));
  world.RestartCoordinator();
  world.agent(1).up = false;  // not the first to come back
  world.Step();
  world.agent(1).up = true;
  world.hooks_hang = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.hooks.size(), 1u);
}

TEST(Scheduler, AHookIsNotGivenToTheNextProcessOfItsAgent) {
  for (const bool coordinator_too : {false, true}) {
    World world(14, 1);
    world.hooks_hang = true;
    SweepRow sweep = MakeSweep(1, 1, 1, 1);
    sweep.spec.mutable_before_sweep()->add_argv("prepare");
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] { return world.hooks_started.size() == 1; }));
    world.Kill(world.agent(0));  // before it could report the hook
    world.Revive(world.agent(0));
    if (coordinator_too) world.RestartCoordinator();
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.sweeps[1].failure, "before_sweep hook on a0: the agent was restarted while the hook ran");
  }
}

// The host that is only sampled must not become one that fires, nor those that fire fewer.
TEST(Scheduler, ARestartKeepsTheAgentsThatFire) {
  const std::set<std::string> load = {"a0", "a1", "a2"};
  for (const bool between_runs : {false, true}) {
    World world(15, 4);
    world.agent(3).role = "target";
    SweepRow sweep = MakeSweep(1, 3, 1, 1);
    for (CellRow& cell : sweep.cells)
      (*cell.spec.mutable_sampling()->mutable_where()->mutable_labels())["role"] = "target";
    sweep.cells[0].spec.mutable_load()->mutable_closed()->set_concurrency(1);  // only one of them has anything to do
    sweep.spec.mutable_after_sweep()->add_argv("tidy");
    world.AddSweep(sweep);
    size_t restarted = 0;
    ASSERT_TRUE(world.RunUntil([&] {
      if (!world.runs.empty() && world.runs.size() > restarted &&
          world.runs.rbegin()->second.state == (between_runs ? "ended" : "running")) {
        restarted = world.runs.size();
        world.RestartCoordinator();
        world.agent(0).up = false;
        world.agent(2).up = false;
        world.Step();
        world.Step();
        world.agent(0).up = true;
        world.agent(2).up = true;
      }
      return world.Ended(1);
    }));
    EXPECT_EQ(world.sweeps[1].state, "finished") << world.sweeps[1].failure;
    EXPECT_EQ(restarted, 3u);
    EXPECT_EQ(world.Accepted(1), 3);
    for (const auto& [id, run] : world.runs) {
      const std::set<std::string> firing = world.FiringAgents(id);
      EXPECT_EQ(firing.size(), run.cell_id == 1000 ? 1u : 3u);
      EXPECT_TRUE(std::includes(load.begin(), load.end(), firing.begin(), firing.end())) << "run " << id;
      EXPECT_EQ(std::count_if(run.shares.begin(), run.shares.end(), [](const ShareRow& s) { return s.samples; }), 1);
    }
    EXPECT_EQ(world.HooksOf("after_sweep", "ok"), 3);
  }
}

TEST(Scheduler, AShareThatEndsBeforeTheRunBeginsInterruptsIt) {
  World world(16, 2);
  world.agent(1).loses_lease_when_ready = true;
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.troubles[1], "interrupted");
  EXPECT_EQ(world.Accepted(1), 1);
}

TEST(Scheduler, ASweepThatComesInLateDoesNotTakeOverInTheMiddleOfARun) {
  World world(17, 2);
  world.AddSweep(MakeSweep(2, 2, 1, 2));
  ASSERT_TRUE(world.RunUntil([&] { return !world.runs.empty() && world.runs.at(1).state == "running"; }));
  world.AddSweep(MakeSweep(1, 1, 1, 2));
  world.Step();
  EXPECT_EQ(world.scheduler().Progress(1, world.now_ns())->doing(), "waiting for sweep 2 to end");
  EXPECT_EQ(world.scheduler().Progress(2, world.now_ns())->doing(), "running");
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1) && world.Ended(2); }));
  EXPECT_EQ(world.Accepted(2), 2);
  EXPECT_EQ(world.runs.size(), 3u);
  EXPECT_EQ(world.runs.at(2).sweep_id, 2);
}

// Whatever it had stored when it died: every agent runs the sweep's hooks once, and no run goes before them.
TEST(Scheduler, ACoordinatorThatDiesAtAnyWriteSkipsNoHookOfTheSweep) {
  for (int at = 1; at <= 30; ++at) {
    SCOPED_TRACE(fmt::format("write {}", at));
    World world(18, 2);
    world.crash_at_write = at;
    SweepRow sweep = MakeSweep(1, 1, 1, 2);
    sweep.spec.mutable_before_sweep()->add_argv("prepare");
    sweep.spec.mutable_after_sweep()->add_argv("tidy");
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] {
      if (!world.runs.empty()) EXPECT_EQ(world.HooksOf("before_sweep", "ok"), 2);
      return world.Ended(1);
    }));
    EXPECT_EQ(world.sweeps[1].state, "finished");
    EXPECT_EQ(world.HooksOf("before_sweep", "ok"), 2);
    EXPECT_EQ(world.HooksOf("after_sweep", "ok"), 2);
    EXPECT_EQ(world.hooks.size(), 4u);
    EXPECT_EQ(world.Accepted(1), 1);
  }
}

// Two targets of one cell each, of which "t" has hooks on each agent.
SweepRow MakeSweepOfTargets(uint32_t blocks) {
  SweepRow sweep = MakeSweep(1, 2, blocks, 2);
  sweep.cells[1].spec.set_target("other");
  v1::TargetHooks& hooks = *sweep.spec.add_targets();
  hooks.set_target("t");
  hooks.mutable_setup()->add_argv("up");
  hooks.mutable_teardown()->add_argv("down");
  return sweep;
}

TEST(Scheduler, ATargetIsSetUpBeforeItsFirstRunAndTornDownAfterItsLast) {
  World world(31, 2);
  world.AddSweep(MakeSweepOfTargets(3));
  const auto runs_of_t = [&](bool all) {
    return std::count_if(world.runs.begin(), world.runs.end(), [&](const auto& run) {
      return run.second.cell_id == 1000 && (all || run.second.state == "ended");
    });
  };
  ASSERT_TRUE(world.RunUntil([&] {
    if (runs_of_t(true) > 0) EXPECT_EQ(world.HooksOf("setup", "ok"), 2);
    if (world.HooksOf("teardown", "ok") + world.HooksOf("teardown", "running") > 0) EXPECT_EQ(runs_of_t(false), 3);
    return world.Ended(1);
  }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 6);
  EXPECT_EQ(world.HooksOf("setup", "ok"), 2);
  EXPECT_EQ(world.HooksOf("teardown", "ok"), 2);
  for (const auto& [id, hook] : world.hooks) EXPECT_EQ(hook.target, "t");
}

TEST(Scheduler, AFailedSetupRejectsTheRunsOfItsTargetAndIsTornDown) {
  World world(32, 2);
  world.hook_ok = [](const v1::DesiredHook& hook) { return hook.hook().argv(0) != "up"; };
  world.AddSweep(MakeSweepOfTargets(2));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 2);
  EXPECT_EQ(world.runs.size(), 4u);
  for (const auto& [id, run] : world.runs) {
    EXPECT_EQ(run.verdict, run.cell_id == 1000 ? "rejected" : "accepted");
    if (run.cell_id == 1000) EXPECT_EQ(world.troubles.at(id), "hook_failed");
  }
  EXPECT_EQ(world.HooksOf("setup", "failed"), 2) << "once, not for each run";
  EXPECT_EQ(world.HooksOf("teardown", "ok"), 2);
}

TEST(Scheduler, ASetupThatNoAgentCanRunRejectsTheRunsOfItsTarget) {
  World world(33, 2);
  SweepRow sweep = MakeSweepOfTargets(1);
  (*sweep.spec.mutable_targets(0)->mutable_setup()->mutable_where()->mutable_labels())["role"] = "target";
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "finished");
  EXPECT_EQ(world.Accepted(1), 1);
  EXPECT_EQ(world.HooksOf("setup", "ok"), 0);
}

TEST(Scheduler, AFailedTeardownFailsTheSweepWhenAllRunsAreDone) {
  World world(34, 2);
  world.hook_ok = [](const v1::DesiredHook& hook) { return hook.hook().argv(0) != "down"; };
  world.AddSweep(MakeSweepOfTargets(2));
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.sweeps[1].state, "failed");
  EXPECT_NE(world.sweeps[1].failure.find("teardown hook of t on a"), std::string::npos) << world.sweeps[1].failure;
  EXPECT_EQ(world.Accepted(1), 4);
}

TEST(Scheduler, ACancelledSweepIsTornDownIfASetupHadBegun) {
  for (const bool begun : {false, true}) {
    World world(35, 1);
    SweepRow sweep = MakeSweepOfTargets(1);
    sweep.spec.set_agents_min(1);
    if (!begun) sweep.cells.erase(sweep.cells.begin());
    if (!begun) sweep.cells[0].position = 0;
    world.hooks_hang = begun;
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] { return begun ? world.HooksOf("setup", "running") == 1 : !world.runs.empty(); }));
    world.Cancel(1, true);
    world.hooks_hang = false;
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.sweeps[1].state, "cancelled");
    EXPECT_EQ(world.HooksOf("teardown", "ok"), begun ? 1 : 0);
  }
}

TEST(Scheduler, ACoordinatorThatDiesAtAnyWriteSetsUpAndTearsDownOnce) {
  for (int at = 1; at <= 40; ++at) {
    SCOPED_TRACE(fmt::format("write {}", at));
    World world(36, 2);
    world.crash_at_write = at;
    world.AddSweep(MakeSweepOfTargets(1));
    ASSERT_TRUE(world.RunUntil([&] {
      for (const auto& [id, run] : world.runs) {
        if (run.cell_id == 1000) EXPECT_EQ(world.HooksOf("setup", "ok"), 2);
      }
      return world.Ended(1);
    }));
    EXPECT_EQ(world.sweeps[1].state, "finished");
    EXPECT_EQ(world.Accepted(1), 2);
    EXPECT_EQ(world.HooksOf("setup", "ok"), 2);
    EXPECT_EQ(world.HooksOf("teardown", "ok"), 2);
    EXPECT_EQ(world.hooks.size(), 4u);
  }
}

TEST(Scheduler, ACancelStopsAHookWhereverItRuns) {
  for (const bool on_coordinator : {false, true}) {
    World world(19, 1);
    world.hooks_hang = true;
    SweepRow sweep = MakeSweep(1, 1, 1, 1);
    sweep.spec.mutable_before_sweep()->add_argv("prepare");
    sweep.spec.mutable_before_sweep()->set_on_coordinator(on_coordinator);
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] { return world.hooks_started.size() == 1; }));
    world.Cancel(1, true);
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 10));
    EXPECT_EQ(world.sweeps[1].state, "cancelled");
    EXPECT_EQ(world.hooks.at(1).error, "the sweep was cancelled");
  }
}

TEST(Scheduler, NoAgentMayBeNamedAsThePlaceOfTheCoordinatorsHooks) {
  const auto refusal = Scheduler({}).RefusalOf(MakeHello("coordinator", "1"), 0);
  ASSERT_TRUE(refusal);
  EXPECT_NE(refusal->find("--name"), std::string::npos);
}

v1::Hook Collector(const std::string& role) {
  v1::Hook hook;
  hook.mutable_collector()->mutable_csv()->set_files("/x");
  hook.set_on_coordinator(role.empty());
  if (!role.empty()) (*hook.mutable_where()->mutable_labels())["role"] = role;
  return hook;
}

TEST(Scheduler, CollectorsReadAfterTheSharesAndBeforeTheAfterRunHook) {
  World world(21, 3);
  world.agent(2).role = "db";
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  *sweep.cells[0].spec.add_collect() = Collector("");
  *sweep.cells[0].spec.add_collect() = Collector("db");
  *sweep.cells[0].spec.add_collect() = Collector("load");
  sweep.cells[0].spec.mutable_after_run()->add_argv("tidy");
  world.hooks_hang = true;
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("collect", "running") == 3; }));
  for (const ShareRow& share : world.runs.at(1).shares) EXPECT_EQ(share.state, "ended");
  std::vector<std::string> places;
  for (const auto& [id, hook] : world.hooks) places.push_back(fmt::format("{} {}", hook.position, hook.where));
  EXPECT_EQ(places, (std::vector<std::string>{"0 coordinator", "1 a2", "2 a0"})) << "each in one place";
  v1::CollectorStatus status;
  status.set_records(640);
  world.scheduler().Collecting(1, status);
  const v1::SweepProgress progress = *world.scheduler().Progress(1, world.now_ns());
  EXPECT_EQ(progress.run_phase(), "collecting");
  ASSERT_EQ(progress.collectors_size(), 3);
  EXPECT_EQ(progress.collectors(0).records(), 640u);
  for (int i = 0; i < 20; ++i) world.Step();
  EXPECT_EQ(world.HooksOf("after_run", "running"), 0);
  world.hooks_hang = false;
  world.results_are_held_up = true;
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("collect", "ok") == 1; }));
  for (int i = 0; i < 20; ++i) world.Step();
  EXPECT_EQ(world.HooksOf("collect", "running"), 2) << "what those on agents found is not stored yet";
  world.results_are_held_up = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.HooksOf("collect", "ok"), 3);
  EXPECT_EQ(world.HooksOf("after_run", "ok"), 2);
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
}

TEST(Scheduler, ACollectorThatFailsOrHasNoPlaceLeavesTheRunAccepted) {
  World world(22, 2);
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  *sweep.cells[0].spec.add_collect() = Collector("nobody");
  *sweep.cells[0].spec.add_collect() = Collector("load");
  world.hook_ok = [](const v1::DesiredHook&) { return false; };
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
  EXPECT_EQ(world.HooksOf("collect", "failed"), 2);
  EXPECT_NE(world.hooks.at(1).error.find("no connected agent has role=nobody"), std::string::npos);
}

TEST(Scheduler, MoreIdsThanAMessageHoldsAreNotSentToAnAgent) {
  World world(25, 2);
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  *sweep.cells[0].spec.add_collect() = Collector("load");
  world.remote_ids = 200'000;
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_TRUE(world.hooks_started.empty());
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
  EXPECT_NE(world.hooks.at(1).error.find("the run has 200000 remote ids"), std::string::npos);
}

TEST(Scheduler, ACollectorOnTheCoordinatorReadsAgainAfterARestart) {
  World world(23, 2);
  SweepRow sweep = MakeSweep(1, 1, 1, 2);
  *sweep.cells[0].spec.add_collect() = Collector("");
  world.hooks_hang = true;
  world.AddSweep(sweep);
  ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("collect", "running") == 1; }));
  world.RestartCoordinator();
  world.hooks_hang = false;
  ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
  EXPECT_EQ(world.HooksOf("collect", "ok"), 1);
  EXPECT_EQ(world.runs.size(), 1u);
  EXPECT_EQ(world.runs.at(1).verdict, "accepted");
}

TEST(Scheduler, ACancelEndsCollectorsAndKeepsTheRun) {
  for (const char* role : {"", "load"}) {
    World world(24, 2);
    SweepRow sweep = MakeSweep(1, 1, 2, 2);
    *sweep.cells[0].spec.add_collect() = Collector(role);
    world.hooks_hang = true;
    world.AddSweep(sweep);
    ASSERT_TRUE(world.RunUntil([&] { return world.HooksOf("collect", "running") == 1; }));
    world.Cancel(1, false);
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }, 20));
    EXPECT_EQ(world.sweeps[1].state, "cancelled");
    EXPECT_EQ(world.runs.at(1).verdict, "accepted");
    EXPECT_EQ(world.hooks.at(1).error, "the sweep was cancelled");
  }
}

// A sweep with hooks around it and its runs, each in one of the places where hooks run.
SweepRow MakeSweepWithHooks(World& world, int64_t id) {
  SweepRow sweep = MakeSweep(id, 3, 2, 2);
  sweep.spec.set_repeat_limit(1000);
  const auto fill = [&](v1::Hook& hook, const char* program) {
    if (world.Chance(25)) return;
    hook.add_argv(program);
    if (world.Chance(30)) {
      hook.set_on_coordinator(true);
    } else if (world.Chance(50)) {
      (*hook.mutable_where()->mutable_labels())["role"] = "target";
    }
  };
  fill(*sweep.spec.mutable_before_sweep(), "prepare");
  fill(*sweep.spec.mutable_after_sweep(), "tidy");
  if (world.Chance(50)) {
    v1::TargetHooks& hooks = *sweep.spec.add_targets();
    hooks.set_target("t");
    fill(*hooks.mutable_setup(), "up");
    fill(*hooks.mutable_teardown(), "down");
  }
  for (CellRow& cell : sweep.cells) {
    fill(*cell.spec.mutable_before_run(), "reset");
    fill(*cell.spec.mutable_after_run(), "collect");
    for (int i = 0; i < 2; ++i) {
      if (world.Chance(50)) *cell.spec.add_collect() = Collector(world.Chance(50) ? "" : "target");
    }
    if (world.Chance(50)) (*cell.spec.mutable_sampling()->mutable_where()->mutable_labels())["role"] = "target";
  }
  return sweep;
}

// Every cell is accepted, or a hook failed; no hook is left running.
void CheckEnding(const World& world, const SweepRow& sweep) {
  for (const auto& [id, hook] : world.hooks) EXPECT_NE(hook.state, "running") << "hook " << id;
  if (sweep.state == "failed") {
    EXPECT_GT(world.HooksOf("before_sweep", "failed") + world.HooksOf("after_sweep", "failed") +
                  world.HooksOf("teardown", "failed") + (sweep.failure.find("no connected agent") != std::string::npos),
              0)
        << sweep.failure;
  }
  if (sweep.state != "finished") return;
  std::map<std::pair<int64_t, uint32_t>, const RunRow*> last;
  for (const auto& [id, run] : world.runs) {
    if (run.sweep_id == sweep.sweep_id) last[{run.cell_id, run.block}] = &run;
  }
  EXPECT_EQ(last.size(), 6u);
  for (const auto& [key, run] : last) {
    EXPECT_TRUE(run->verdict == "accepted" || world.troubles.at(run->run_id) == "hook_failed")
        << run->run_id << world.troubles.at(run->run_id);
  }
}

// Thousands of steps with dying agents, cut links, refused writes and restarted coordinators: no two runs at once, no
// finished cell again, no share for two processes, no hook twice, nobody fires who was not chosen, and the sweeps end.
TEST(Scheduler, SurvivesARandomWorld) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed, 4);
    const bool hooks = seed % 3 != 0;
    const int restarts_percent = static_cast<int>(seed % 5);
    if (hooks) world.agent(3).role = "target";
    world.fail_writes_percent = 10;
    SweepRow plain = MakeSweep(2, 3, 2, 2);
    plain.spec.set_repeat_limit(1000);
    world.AddSweep(hooks ? MakeSweepWithHooks(world, 2) : plain);
    const auto ended = [&] {
      return std::all_of(world.sweeps.begin(), world.sweeps.end(),
                         [&](const auto& sweep) { return world.Ended(sweep.first); });
    };
    for (int step = 0; step < 1500 && !ended(); ++step) {
      for (size_t i = 0; i < 4; ++i) {
        FakeAgent& agent = world.agent(i);
        if (agent.up && world.Chance(1)) world.Kill(agent);
        if (agent.up && world.Chance(3)) world.CutOff(agent);
        if (agent.up && world.Chance(1)) agent.loses_lease_when_ready = true;
        if (!agent.up && world.Chance(20)) world.Revive(agent);
      }
      if (world.Chance(restarts_percent)) world.RestartCoordinator();
      if (hooks && step == 100) world.AddSweep(MakeSweepWithHooks(world, 1));
      if (seed % 7 == 0 && step == 150 && !world.Ended(2)) world.Cancel(2, world.Chance(50));
      world.Step(world.Chance(1) ? 30 * kSecond : 200 * kMs);
      if (HasFatalFailure()) return;
    }
    world.fail_writes_percent = 0;
    for (size_t i = 0; i < 4; ++i) {
      if (!world.agent(i).up) world.Revive(world.agent(i));
    }
    ASSERT_TRUE(world.RunUntil(ended));
    for (const auto& [id, sweep] : world.sweeps) CheckEnding(world, sweep);
    if (hooks || seed % 7 == 0) continue;
    EXPECT_EQ(world.sweeps[2].state, "finished");
    EXPECT_EQ(world.Accepted(2), 6);
  }
}

}  // namespace
}  // namespace assay
