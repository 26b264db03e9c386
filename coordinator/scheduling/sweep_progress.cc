#include "coordinator/scheduling/sweep_progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "common/units.h"

namespace assay {
namespace {

constexpr int kShareNotices = 3;  // of many agents at one target most are alike

v1::CollectorStatus StatusOf(const PlacedHook& collector, const AgentRoster& roster) {
  if (collector.row.where == kCoordinatorPlace) return collector.collector;
  const KnownAgent& agent = roster.At(collector.row.where);
  const auto status = agent.hooks.find(collector.row.hook_id);
  return status == agent.hooks.end() ? v1::CollectorStatus() : status->second.collector();
}

std::string PhaseOf(const LiveRun& run) {
  if (run.judging) return "committing";
  if (run.collect.begun && !run.collect.open.empty()) return "collecting";
  return run.row.state == "draining" ? "cooldown" : run.row.state;
}

void AddShareNotices(const LiveRun& run, v1::SweepProgress& progress) {
  int told = 0;
  int left = 0;
  for (const auto& [name, share] : run.shares) {
    if (share.Over()) continue;
    for (const std::string& notice : share.status.notices()) {
      if (told++ < kShareNotices) {
        progress.add_notices(fmt::format("agent {}: {}", name, notice));
      } else {
        ++left;
      }
    }
  }
  if (left > 0) progress.add_notices(fmt::format("and {} more of the agents", left));
}

void AddShares(const LiveRun& run, const AgentRoster& roster, int64_t now_ns, v1::SweepProgress& progress) {
  for (const auto& [name, share] : run.shares) {
    progress.set_triggers_done(progress.triggers_done() + share.status.fired());
    progress.set_not_ok(progress.not_ok() + share.status.not_ok());
    progress.set_in_flight(progress.in_flight() + share.status.in_flight());
    const KnownAgent& agent = roster.At(name);
    if (!share.Over() && agent.session == 0) {
      const int64_t away_ns = now_ns - agent.heard_ns;
      progress.add_notices(fmt::format("agent {} has been away for {}; its lease ends in {}", name,
                                       FormatDuration(away_ns),
                                       FormatDuration(std::max<int64_t>(0, roster.patience_ns() - away_ns))));
    }
    if (!agent.spool.error().empty()) progress.add_notices(fmt::format("agent {}: {}", name, agent.spool.error()));
  }
}

void AddRun(const LiveSweep& sweep, const LiveRun& run, const AgentRoster& roster, int64_t now_ns,
            v1::SweepProgress& progress) {
  const CellRow& cell = sweep.CellOf(run.row.cell_id);
  progress.set_run_id(run.row.run_id);
  progress.set_cell(cell.label);
  progress.set_block(run.row.block);
  progress.set_triggers_total(cell.spec.load().triggers());
  progress.set_run_phase(PhaseOf(run));
  for (const auto& [hook_id, open] : run.collect.open) *progress.add_collectors() = StatusOf(open, roster);
  AddShares(run, roster, now_ns, progress);
  AddShareNotices(run, progress);
  const int64_t elapsed_ns = now_ns - run.row.t0_ns;
  if (run.row.t0_ns <= 0 || elapsed_ns <= 0) return;
  progress.set_run_elapsed_ns(elapsed_ns);
  // The cool-down is no time of firing.
  if (run.row.state == "running")
    progress.set_rate_per_s(static_cast<double>(progress.triggers_done()) / static_cast<double>(elapsed_ns) * 1e9);
}

std::string Doing(const LiveSweep& sweep, const LiveSweep& active) {
  for (const auto& [name, target] : sweep.targets) {
    if (!target.teardown.open.empty()) return fmt::format("running the teardown hook of {}", name);
    if (!target.setup.open.empty()) return fmt::format("running the setup hook of {}", name);
  }
  if (!sweep.run && !sweep.before.Over() && sweep.before.begun) return "running the before_sweep hook";
  if (!sweep.run && sweep.after.begun) return "running the after_sweep hook";
  if (!sweep.waiting.empty()) return sweep.waiting;
  if (sweep.Cancelling()) return "cancelling";
  return &active == &sweep ? "running" : fmt::format("waiting for sweep {} to end", active.row.sweep_id);
}

}  // namespace

v1::SweepProgress ProgressOf(const LiveSweep& sweep, const LiveSweep& active, const AgentRoster& roster,
                             int64_t now_ns) {
  v1::SweepProgress progress;
  v1::SweepInfo& info = *progress.mutable_sweep();
  info.set_sweep_id(sweep.row.sweep_id);
  info.set_name(sweep.row.spec.name());
  info.set_about(sweep.row.spec.about());
  info.set_state(sweep.row.state);
  info.set_runs_total(static_cast<uint32_t>(sweep.row.cells.size()) * sweep.row.spec.blocks());
  info.set_accepted(sweep.grid.accepted());
  info.set_rejected(sweep.grid.rejected());
  progress.set_runs_done(sweep.grid.done());
  if (!sweep.Cancelling()) {
    const RunRow* const current = sweep.run ? &sweep.run->row : nullptr;
    const int64_t under_way_ns = sweep.run ? now_ns - sweep.run->created_ns : 0;
    if (const std::optional<GridProgress::Eta> eta = sweep.grid.Left(current, under_way_ns)) {
      progress.set_eta_ns(eta->ns);
      progress.set_eta_is_least(eta->is_least);
    }
  }
  if (sweep.run) AddRun(sweep, *sweep.run, roster, now_ns, progress);
  progress.set_doing(Doing(sweep, active));
  return progress;
}

}  // namespace assay
