#include "coordinator/scheduling/live_sweep.h"

#include <utility>

namespace assay {
namespace {

bool IsOfRun(const std::string& kind) { return kind == "before_run" || kind == "after_run" || kind == "collect"; }

template <typename Sweep, typename Visit>
void VisitStages(Sweep& sweep, const Visit& visit) {
  visit(sweep.before);
  visit(sweep.after);
  for (auto& [name, target] : sweep.targets) {
    visit(target.setup);
    visit(target.teardown);
  }
  if (!sweep.run) return;
  visit(sweep.run->before);
  visit(sweep.run->collect);
  visit(sweep.run->after);
}

}  // namespace

LiveSweep::LiveSweep(SweepRow sweep) : row(std::move(sweep)), grid(row) {
  for (const v1::TargetHooks& hooks : row.spec.targets()) targets[hooks.target()].hooks = hooks;
  for (const CellRow& cell : row.cells) {
    if (LiveTarget* const target = TargetOf(cell)) target->left += row.spec.blocks();
  }
}

LiveTarget* LiveSweep::TargetOf(const CellRow& cell) {
  const auto found = targets.find(cell.spec.target());
  return found == targets.end() ? nullptr : &found->second;
}

void LiveSweep::NoteEnded(const RunRow& ended, const std::string& verdict, bool agent_lost) {
  const bool done = grid.NoteEnded(ended, verdict, agent_lost, row.spec);
  LiveTarget* const target = TargetOf(CellOf(ended.cell_id));
  if (done && target != nullptr) --target->left;
}

PlacedHook LiveSweep::NewHook(const std::string& kind, const std::string& target, uint32_t position) const {
  HookRow hook;
  hook.sweep_id = row.sweep_id;
  hook.run_id = IsOfRun(kind) ? run->row.run_id : 0;
  hook.kind = kind;
  hook.target = target;
  hook.position = position;
  hook.state = "running";
  return HookOf(std::move(hook));
}

PlacedHook LiveSweep::HookOf(HookRow of) const {
  PlacedHook hook;
  hook.row = std::move(of);
  const std::string& kind = hook.row.kind;
  hook.target = hook.row.target;
  if (IsOfRun(kind)) {
    const v1::CellSpec& cell = CellOf(run->row.cell_id).spec;
    hook.block = run->row.block;
    hook.target = cell.target();
    if (kind == "before_run") hook.spec = cell.before_run();
    if (kind == "after_run") hook.spec = cell.after_run();
    if (kind == "collect" && hook.row.position < static_cast<uint32_t>(cell.collect_size()))
      hook.spec = cell.collect(static_cast<int>(hook.row.position));
  } else if (!hook.row.target.empty()) {
    const v1::TargetHooks& hooks = targets.at(hook.row.target).hooks;
    hook.spec = kind == "setup" ? hooks.setup() : hooks.teardown();
  } else {
    hook.spec = kind == "before_sweep" ? row.spec.before_sweep() : row.spec.after_sweep();
  }
  return hook;
}

HookStage* LiveSweep::StageOf(const HookRow& hook) {
  if (!hook.target.empty()) {
    const auto target = targets.find(hook.target);
    if (target == targets.end()) return nullptr;
    return hook.kind == "setup" ? &target->second.setup : &target->second.teardown;
  }
  if (!IsOfRun(hook.kind)) return hook.kind == "before_sweep" ? &before : &after;
  if (!run || run->row.run_id != hook.run_id) return nullptr;
  if (hook.kind == "collect") return &run->collect;
  return hook.kind == "before_run" ? &run->before : &run->after;
}

HookStage* LiveSweep::StageWith(int64_t hook_id) {
  HookStage* found = nullptr;
  VisitStages(*this, [&](HookStage& stage) {
    if (stage.open.contains(hook_id)) found = &stage;
  });
  return found;
}

void LiveSweep::CutHooks() {
  VisitStages(*this, [](HookStage& stage) {
    for (auto& [id, hook] : stage.open) hook.row.cut = true;
  });
}

std::string LiveSweep::WhatWasCut() const {
  std::string text;
  for (const HookStage* const stage : Stages()) {
    if (stage->cut) text += (text.empty() ? "" : "; ") + stage->failure;
  }
  return text;
}

std::vector<const HookStage*> LiveSweep::Stages() const {
  std::vector<const HookStage*> stages;
  VisitStages(*this, [&](const HookStage& stage) { stages.push_back(&stage); });
  return stages;
}

}  // namespace assay
