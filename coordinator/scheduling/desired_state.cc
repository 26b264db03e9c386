#include "coordinator/scheduling/desired_state.h"

#include <algorithm>

#include "common/counter_random.h"
#include "common/nanoseconds.h"

namespace assay {
namespace {

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

void AddHooks(const HookStage& stage, const KnownAgent& agent, v1::Desired& desired) {
  for (const auto& [hook_id, open] : stage.open) {
    if (open.row.where != agent.hello.name() || open.row.incarnation != agent.hello.incarnation()) continue;
    if (!open.given_up.empty()) continue;
    v1::DesiredHook& hook = *desired.add_hooks();
    hook.set_hook_id(hook_id);
    *hook.mutable_hook() = open.spec;
    hook.set_run_id(open.row.run_id);
    hook.set_block(open.block);
    hook.set_target(open.target);
    if (open.spec.has_collector() && !agent.hooks.contains(hook_id)) *hook.mutable_work() = open.row.work;
  }
}

void AddShare(const LiveSweep& sweep, const LiveRun& run, const KnownAgent& agent, v1::Desired& desired) {
  const auto found = run.shares.find(agent.hello.name());
  if (found == run.shares.end()) return;
  const LiveShare& share = found->second;
  // After a restart the new process must not take up what the old one had begun.
  const bool mine = share.row.incarnation == agent.hello.incarnation();
  const bool never_fires = run.row.state == "preparing" && !run.trouble.code.empty();
  if (!mine || share.Over() || run.judging || never_fires) return;
  v1::DesiredShare& wanted = *desired.add_shares();
  wanted.set_run_id(run.row.run_id);
  if (!agent.shares.contains(run.row.run_id))
    *wanted.mutable_spec() = SpecOf(share.row, run.row, sweep.CellOf(run.row.cell_id), sweep.row.spec.seed());
  wanted.set_t0_ns(run.row.t0_ns);
  if (run.row.state == "preparing") {
    wanted.set_phase(v1::PREPARE);
  } else if (run.row.state == "draining") {
    wanted.set_phase(v1::COOLDOWN);
    wanted.set_sample_until_ns(run.cooldown_until_ns);
  } else if (sweep.Cancelling()) {
    wanted.set_phase(sweep.row.cancel_now ? v1::CANCEL : v1::DRAIN);
  } else {
    wanted.set_phase(v1::RUN);
  }
}

}  // namespace

v1::Desired DesiredOf(const KnownAgent& agent, const std::map<int64_t, LiveSweep>& sweeps) {
  v1::Desired desired;
  // Only a sweep that has begun has any of it.
  for (const auto& [id, sweep] : sweeps) {
    for (const HookStage* const stage : sweep.Stages()) AddHooks(*stage, agent, desired);
    if (sweep.run) AddShare(sweep, *sweep.run, agent, desired);
  }
  return desired;
}

uint32_t ReportEveryMs(bool busy, size_t agents, int64_t lease_ttl_ns) {
  // Idle agents share a budget of about 200 reports a second.
  const auto count = static_cast<int64_t>(agents);
  const int64_t idle_ms = std::clamp<int64_t>(count * 5, 1000, std::max<int64_t>(1000, lease_ttl_ns / kMs / 4));
  return static_cast<uint32_t>(busy ? std::min<int64_t>(250 + count, idle_ms) : idle_ms);
}

}  // namespace assay
