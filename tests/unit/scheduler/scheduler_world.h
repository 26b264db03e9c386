#ifndef ASSAY_TESTS_UNIT_SCHEDULER_SCHEDULER_WORLD_H_
#define ASSAY_TESTS_UNIT_SCHEDULER_SCHEDULER_WORLD_H_

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/nanoseconds.h"
#include "coordinator/scheduler.h"

namespace assay {

SweepRow MakeSweep(int64_t id, uint32_t cells, uint32_t blocks, uint32_t agents);
v1::Hello MakeHello(const std::string& name, const std::string& incarnation, const std::string& role = "load");
v1::Hook Collector(const std::string& role);  // on the coordinator, if it is empty

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
  std::vector<std::string> notices;  // of each of its shares
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
    sweeps.at(id).cancel_now |= now;
    for (auto& [hook_id, hook] : hooks) hook.cut |= now && hook.sweep_id == id && hook.state == "running";
    scheduler_->CancelSweep(id, now);
  }

  // A new coordinator process: only what is stored remains.
  void RestartCoordinator();

  void Connect(FakeAgent& agent);
  void CutOff(FakeAgent& agent) {
    if (agent.session != 0) scheduler_->Disconnected(agent.session, now_ns_);
    agent.session = 0;
  }
  // The process dies. What it fired is in its spool; the next life delivers the end of its shares.
  void Kill(FakeAgent& agent);
  // The coordinator's thread is stopped for so long, and then goes on before anything that agents said is taken in.
  void Pause(int64_t for_ns);
  void Revive(FakeAgent& agent) {
    agent.up = true;
    ++agent.life;
  }

  void Step(int64_t by_ns = 100 * kMs);

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
  bool Ended(int64_t sweep) const;
  int Accepted(int64_t sweep) const;

  std::set<std::string> FiringAgents(int64_t run) const;
  int HooksOf(const std::string& kind, const std::string& state) const;

  std::optional<std::string> refusal;
  std::map<int64_t, int> hooks_started;
  bool hooks_hang = false;
  bool results_are_held_up = false;  // those of collectors on agents
  int crash_at_write = 0;            // the coordinator dies when it has stored this many, before it acts on the last

 private:
  void Exchange(FakeAgent& agent);
  void Deliver(FakeAgent& agent, int64_t run_id, FakeAgent::Held& held, bool crashed);
  void Store(Scheduler::Write& write);
  void StoreHook(HookRow& row);
  void CheckInvariants();

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

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_SCHEDULER_SCHEDULER_WORLD_H_
