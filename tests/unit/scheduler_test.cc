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

v1::Hello MakeHello(const std::string& name, const std::string& incarnation) {
  v1::Hello hello;
  hello.set_protocol_version(kProtocolVersion);
  hello.set_name(name);
  hello.set_incarnation(incarnation);
  v1::Label& label = *hello.add_labels();
  label.set_key("role");
  label.set_value("load");
  return hello;
}

// An agent that does at once what it is told, and dies, is cut off and comes back when the world says so.
struct FakeAgent {
  std::string name;
  int64_t agent_id = 0;
  int life = 1;
  bool up = true;
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
  std::map<int64_t, SweepStore::HookRow> hooks;
  std::map<int64_t, std::string> verdicts;
  int fail_writes_percent = 0;
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
    for (FakeAgent& agent : agents_) agent.session = 0;
    for (const auto& [id, sweep] : sweeps) {
      if (sweep.state == "finished" || sweep.state == "cancelled" || sweep.state == "failed") continue;
      std::vector<RunRow> mine;
      for (const auto& [run_id, run] : runs) {
        if (run.sweep_id == id) mine.push_back(run);
      }
      std::vector<SweepStore::HookRow> mine_hooks;
      for (const auto& [hook_id, hook] : hooks) {
        if (hook.sweep_id == id) mine_hooks.push_back(hook);
      }
      scheduler_->Load(sweep, mine, mine_hooks, now_ns_);
    }
  }

  void Connect(FakeAgent& agent) {
    agent.session = ++last_session_;
    refusal = scheduler_->Connect(agent.session, agent.agent_id, MakeHello(agent.name, agent.Incarnation()), now_ns_);
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
      scheduler_->Written(*write, now_ns_);
      ASSERT_LT(writes, 999) << "the scheduler writes without end";
    }
    for (const Scheduler::CreateHook& hook : scheduler_->TakeCoordinatorHooks()) {
      SweepStore::HookRow row = hook.hook;
      row.state = "ok";
      scheduler_->HookEnded(row);
    }
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

  std::optional<std::string> refusal;
  std::map<int64_t, int> hooks_started;

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
    for (const v1::DesiredShare& share : desired.shares()) wanted[share.spec().run_id()] = share;
    for (const auto& [run_id, share] : wanted) {
      if (!agent.shares.contains(run_id)) {
        ASSERT_EQ(share.phase(), v1::PREPARE) << "an agent is told to go on with what it never prepared";
        agent.shares[run_id] = {v1::PREPARING, share.spec().count(), 0, agent.life, false};
      }
      FakeAgent::Held& held = agent.shares[run_id];
      ASSERT_EQ(held.life, agent.life) << "a share was given to another process of the agent";
      if (held.phase == v1::PREPARING) {
        held.phase = v1::READY;
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
      status.set_hook_id(hook.hook_id());
      status.set_done(Chance(70));
      if (status.done() && !hook_ok(hook)) status.set_error("exited with 1");
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
    if (auto* set = std::get_if<Scheduler::SetSweepState>(&write)) {
      SweepRow& sweep = sweeps.at(set->sweep_id);
      if (set->state != "running" || sweep.state == "pending") sweep.state = set->state;
      sweep.failure = set->failure;
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
    } else if (auto* hook = std::get_if<Scheduler::CreateHook>(&write)) {
      hook->hook.hook_id = static_cast<int64_t>(hooks.size()) + 1;
      hooks[hook->hook.hook_id] = hook->hook;
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
      verdicts[end->run_id] = lost || !end->trouble.code.empty() ? "rejected" : "accepted";
    }
  }

  void CheckInvariants() {
    int active = 0;
    std::map<std::pair<int64_t, uint32_t>, int> accepted;
    for (const auto& [id, run] : runs) {
      active += run.state != "ended";
      if (run.verdict == "accepted") ++accepted[{run.cell_id, run.block}];
    }
    ASSERT_LE(active, 1) << "two runs at once";
    for (const auto& [key, count] : accepted) ASSERT_EQ(count, 1) << "a finished cell was run again";
    for (const auto& [id, count] : hooks_started) ASSERT_EQ(count, 1) << "hook " << id << " was started twice";
  }

  std::mt19937_64 random_;
  std::unique_ptr<Scheduler> scheduler_;
  std::deque<FakeAgent> agents_;
  std::map<int64_t, bool> judging_;
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
  const auto refusal = scheduler.Connect(1, 1, hello, 0);
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

TEST(Scheduler, TheEtaShrinksOnceTheFirstRunIsKnown) {
  World world(12, 1);
  world.AddSweep(MakeSweep(1, 4, 2, 1));
  world.Step();
  EXPECT_EQ(world.scheduler().Progress(1, world.now_ns())->eta_ns(), -1);
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 2; }));
  const int64_t early_ns = world.scheduler().Progress(1, world.now_ns())->eta_ns();
  ASSERT_TRUE(world.RunUntil([&] { return world.runs.size() == 7; }));
  const int64_t late_ns = world.scheduler().Progress(1, world.now_ns())->eta_ns();
  EXPECT_GT(early_ns, 0);
  EXPECT_LT(late_ns, early_ns);
}

// Thousands of steps with dying agents, cut links, refused writes and restarted coordinators: no two runs at once, no
// finished cell again, no share for two processes, no hook twice, and the sweep ends.
TEST(Scheduler, SurvivesARandomWorld) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    World world(seed, 3);
    world.fail_writes_percent = 10;
    SweepRow sweep = MakeSweep(1, 3, 2, 2);
    sweep.spec.set_repeat_limit(1000);
    world.AddSweep(sweep);
    for (int step = 0; step < 1500 && !world.Ended(1); ++step) {
      for (size_t i = 0; i < 3; ++i) {
        FakeAgent& agent = world.agent(i);
        if (agent.up && world.Chance(1)) world.Kill(agent);
        if (agent.up && world.Chance(3)) world.CutOff(agent);
        if (!agent.up && world.Chance(20)) world.Revive(agent);
      }
      if (world.Chance(1)) world.RestartCoordinator();
      world.Step(world.Chance(1) ? 30 * kSecond : 200 * kMs);
      if (HasFatalFailure()) return;
    }
    world.fail_writes_percent = 0;
    for (size_t i = 0; i < 3; ++i) {
      if (!world.agent(i).up) world.Revive(world.agent(i));
    }
    ASSERT_TRUE(world.RunUntil([&] { return world.Ended(1); }));
    EXPECT_EQ(world.sweeps[1].state, "finished");
    EXPECT_EQ(world.Accepted(1), 6);
  }
}

}  // namespace
}  // namespace assay
