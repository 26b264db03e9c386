#ifndef ASSAY_COORDINATOR_SCHEDULING_LIVE_SWEEP_H_
#define ASSAY_COORDINATOR_SCHEDULING_LIVE_SWEEP_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/scheduling/grid_progress.h"
#include "coordinator/scheduling/hook_stage.h"
#include "coordinator/scheduling/live_run.h"
#include "storage/rows.h"

namespace assay {

// A target that has hooks of its own.
struct LiveTarget {
  v1::TargetHooks hooks;
  HookStage setup, teardown;
  uint32_t left = 0;  // runs to come
};

// A sweep that has not ended: what the store has of it, its present run, and the stages of its hooks. Which stage and
// which spec a hook is of follows from its row alone, for one that is made as for one that is read back. Pure.
struct LiveSweep {
  SweepRow row;
  GridProgress grid;
  std::set<std::string> pinned;               // agents that fire
  HookStage before, after;                    // before.begun: the sweep has begun
  std::map<std::string, LiveTarget> targets;  // by name
  std::optional<LiveRun> run;
  std::string waiting;  // for whom, shown to users
  std::string failure;

  explicit LiveSweep(SweepRow sweep);

  bool Cancelling() const { return row.state == "cancelling"; }
  const CellRow& CellAt(uint32_t position) const { return row.cells[position]; }
  const CellRow& CellOf(int64_t cell_id) const { return CellAt(grid.PositionOf(cell_id)); }
  LiveTarget* TargetOf(const CellRow& cell);  // nullptr: it has no hooks

  void NoteEnded(const RunRow& run, const std::string& verdict, bool agent_lost);

  // A hook of this kind, of the sweep, of a target or of the present run, that has no place yet.
  PlacedHook NewHook(const std::string& kind, const std::string& target = "", uint32_t position = 0) const;
  // The hook that this row is an execution of.
  PlacedHook HookOf(HookRow row) const;

  // Nothing if its run is over.
  HookStage* StageOf(const HookRow& row);
  // Where that hook is open.
  HookStage* StageWith(int64_t hook_id);
  std::vector<const HookStage*> Stages() const;
  // Those that run at this moment; later ones, which tidy up, are left to run.
  void CutHooks();
  // Which hooks of the sweep and its targets were cut, for people; empty if none.
  std::string WhatWasCut() const;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_LIVE_SWEEP_H_
