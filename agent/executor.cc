#include "agent/executor.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "agent/floors/floor_book.h"
#include "agent/hooks/hook_runner.h"
#include "agent/hooks/memory_of_ended.h"
#include "agent/load/firing_lease.h"
#include "agent/loop/stray_reaper.h"
#include "agent/loop/work_threads.h"
#include "agent/run_cgroups/run_cgroups.h"
#include "agent/share.h"
#include "common/clock.h"
#include "common/secrets.h"

namespace assay {

struct Executor::State {
  State(EventLoop& loop_in, BatchSink& sink_in, Options options_in, std::function<void()> changed_in)
      : loop(loop_in),
        sink(sink_in),
        options(std::move(options_in)),
        changed(std::move(changed_in)),
        secrets(options.secrets_directory),
        strays(loop),
        hooks(loop, sink, options.agent_name, secrets, [this] { Changed(); }) {}

  ~State() {
    // What is queued for them is dropped first: the shares' ends then only meet what was really started.
    spawner.Stop();
    disk.Stop();
    shares.clear();
    loop.Cancel(lease_timer);
  }

  // Collects what is over and tells the owner: later, and once however much has changed, because a share that reports
  // must not be destroyed under its own feet.
  void Changed() {
    if (std::exchange(change_posted, true)) return;
    loop.Post([this, alive = std::weak_ptr<bool>(alive)] {
      if (alive.expired()) return;
      change_posted = false;
      for (auto share = shares.begin(); share != shares.end();) {
        if (!share->second->Over()) {
          ++share;
          continue;
        }
        ended.Remember(share->first, share->second->Status());
        share = shares.erase(share);
      }
      changed();
      TellIfStopped();
    });
  }

  void TellIfStopped() {
    if (!stopping || !shares.empty() || !hooks.Idle()) return;
    for (const std::function<void()>& tell : std::exchange(tell_stopped, {})) tell();
  }

  void Refuse(int64_t run_id, const char* why) {
    v1::ShareStatus status;
    status.set_run_id(run_id);
    status.set_phase(v1::REFUSED);
    status.set_error(why);
    ended.Remember(run_id, std::move(status));
    Changed();
  }

  void Prepare(const v1::ShareSpec& spec) {
    const auto share = std::make_shared<Share>(
        spec, Share::Context{loop, sink, spawner, disk, lease, floors, run_cgroups, secrets, options.agent_name,
                             options.sampler, options.max_processes, options.max_sockets, [this] { Changed(); }});
    shares.emplace(spec.run_id(), share);
    share->Prepare();
  }

  void Move(Share& share, const v1::DesiredShare& desired, const std::optional<ClockOffset::Estimate>& clock) {
    switch (desired.phase()) {
      case v1::RUN:
        if (clock) share.Run(desired.t0_ns(), *clock);
        return;
      case v1::DRAIN:
        return share.Drain("drained");
      case v1::CANCEL:
        return share.Cancel("cancelled", /*interrupted=*/false);
      case v1::COOLDOWN:
        return share.Cooldown(desired.sample_until_ns(), clock);
      default:
        return;  // PREPARE: it does
    }
  }

  void LeaseEnded() {
    // What ends now moves out of the map in a later turn, so it stands still here.
    for (const auto& [run_id, share] : shares) share->LeaseEnded();
  }

  EventLoop& loop;
  BatchSink& sink;
  const Options options;
  const std::function<void()> changed;
  const Secrets secrets;
  StrayReaper strays;
  // Two: while one waits for its child to begin, the other gets the next one ready.
  WorkThreads spawner{{.name = "assay-spawner", .threads = 2, .ahead_of_triggers = true}};
  WorkThreads disk{{.name = "assay-disk"}};
  RunCgroups run_cgroups{options.sampler.cgroup_root, options.sampler.proc_root, options.agent_name,
                         options.cgroup_name.empty() ? options.agent_name : options.cgroup_name};
  FiringLease lease;
  FloorBook floors{{.loop = loop,
                    .spawner = spawner,
                    .lease = lease,
                    .agent_name = options.agent_name,
                    .max_processes = options.max_processes,
                    .max_sockets = options.max_sockets,
                    .echo_argv = options.echo_argv,
                    .for_ns = options.calibrate_ns}};
  EventLoop::TimerId lease_timer = 0;
  std::map<int64_t, std::shared_ptr<Share>> shares;  // by run id
  MemoryOfEnded<v1::ShareStatus> ended;
  std::set<int64_t> listed;
  HookRunner hooks;
  bool change_posted = false;
  bool stopping = false;
  std::vector<std::function<void()>> tell_stopped;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

Executor::Executor(EventLoop& loop, BatchSink& sink, Options options, std::function<void()> changed)
    : state_(std::make_unique<State>(loop, sink, std::move(options), std::move(changed))) {}

Executor::~Executor() = default;

void Executor::Reconcile(const v1::Desired& desired, std::optional<ClockOffset::Estimate> clock) {
  // A refusal says nothing about shares; the lease decides how long they go on without a coordinator.
  if (!desired.refusal().empty()) return;
  State& state = *state_;
  state.listed.clear();
  for (const v1::DesiredShare& share : desired.shares()) {
    const int64_t run_id = share.run_id();
    state.listed.insert(run_id);
    if (state.ended.Find(run_id) != nullptr) continue;
    if (!state.shares.contains(run_id)) {
      if (share.phase() != v1::PREPARE) {
        // What an earlier process of this agent fired of it is not known here, and nothing is fired twice.
        state.Refuse(run_id, "agent restarted");
        continue;
      }
      if (state.stopping) {
        state.Refuse(run_id, "the agent is stopping");
        continue;
      }
      // It was sent to a report that had the share: the answer to the next one, which has not, will have it.
      if (!share.has_spec()) continue;
      state.Prepare(share.spec());
    }
    state.Move(*state.shares.at(run_id), share, clock);
  }
  for (const auto& [run_id, share] : state.shares) {
    if (!state.listed.contains(run_id)) share->Cancel("the coordinator no longer asks for it", /*interrupted=*/false);
  }
  state.hooks.Reconcile(desired.hooks(), clock);
}

void Executor::Fill(v1::Report& report) const {
  for (const auto& [run_id, share] : state_->shares) *report.add_shares() = share->Status();
  for (const int64_t run_id : state_->listed) {
    if (state_->shares.contains(run_id)) continue;
    if (const v1::ShareStatus* const status = state_->ended.Find(run_id)) *report.add_shares() = *status;
  }
  state_->hooks.Fill(report);
}

void Executor::TrustLeaseUntil(int64_t monotonic_ns) {
  State& state = *state_;
  state.lease = {.until_ns = monotonic_ns, .last_word_ns = MonotonicNs()};
  state.loop.Cancel(state.lease_timer);
  state.lease_timer = state.loop.At(monotonic_ns, [&state] { state.LeaseEnded(); });
}

void Executor::Stop(bool now, std::function<void()> ended) {
  State& state = *state_;
  state.stopping = true;
  state.tell_stopped.push_back(std::move(ended));
  for (const auto& [run_id, share] : state.shares) {
    if (now) {
      share->Cancel("the agent was told to stop", /*interrupted=*/true);
    } else {
      share->Leave("the agent was told to stop");
    }
  }
  state.hooks.Stop(now);
  state.Changed();
}

}  // namespace assay
