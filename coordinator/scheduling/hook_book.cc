#include "coordinator/scheduling/hook_book.h"

#include "coordinator/scheduling/hook_places.h"

namespace assay {
namespace {

constexpr char kCut[] = "ended by `assay sweep cancel --now`";

void TakeEnd(const v1::HookStatus& status, HookRow& row) {
  row.exit_code = status.exit_code();
  row.output = status.output();
  row.elapsed_ns = status.elapsed_ns();
  row.error = status.error();
  row.interrupted = status.interrupted();
  row.cut = false;
  for (const v1::HookStep& step : status.steps())
    row.steps.push_back({step.container(), step.action(), step.begun_ns(), step.ended_ns(), step.error()});
}

}  // namespace

void HookBook::GiveUp(HookRow row, const std::string& why) {
  row.state = "failed";
  row.error = why;
  ended_[row.hook_id] = std::move(row);
}

void HookBook::Open(const std::vector<PlacedHook>& hooks, HookStage& stage, AgentRoster& roster) {
  stage.begun = true;
  for (const PlacedHook& hook : hooks) {
    PlacedHook& open = stage.open[hook.row.hook_id] = hook;
    if (open.given_up.empty()) open.given_up = TooMuchWork(hook.row);
    if (!open.given_up.empty()) {
      GiveUp(hook.row, open.given_up);
    } else if (hook.row.where == kCoordinatorPlace) {
      own_.push_back(hook);
    } else {
      roster.Changed(hook.row.where);
    }
  }
}

void HookBook::Reopen(PlacedHook hook, HookStage& stage, AgentRoster& roster, int64_t now_ns) {
  const int64_t id = hook.row.hook_id;
  PlacedHook& open = stage.open[id] = std::move(hook);
  if (open.row.where != kCoordinatorPlace) {
    roster.Expect(open.row.where, open.row.incarnation, now_ns);
    open.given_up = TooMuchWork(open.row);
    if (!open.given_up.empty()) GiveUp(open.row, open.given_up);
    return;
  }
  // Reading once more does no harm, and what the last coordinator read it has not stored.
  if (open.spec.has_collector() && open.spec.on_coordinator()) {
    own_.push_back(open);
    return;
  }
  HookRow row = open.row;
  row.interrupted = !row.cut;
  GiveUp(std::move(row), open.row.cut ? kCut : "the coordinator was restarted while the hook ran");
}

void HookBook::Settle(HookStage& stage, const std::string& give_up, const AgentRoster& roster, int64_t now_ns) {
  for (auto& [id, open] : stage.open) {
    if (ended_.contains(id)) continue;
    HookRow row = open.row;
    const std::string why = give_up.empty() && row.cut ? kCut : give_up;
    if (row.where == kCoordinatorPlace) {
      if (why.empty() || !open.given_up.empty()) continue;
      open.given_up = why;
      stopped_.push_back(id);
      continue;
    }
    const KnownAgent& agent = roster.At(row.where);
    const auto status = agent.hooks.find(id);
    const bool done = status != agent.hooks.end() && status->second.done();
    // What it found travels with the results, and the run is not judged before it is there.
    const bool on_its_way = done && row.kind == "collect" && status->second.error().empty() && !row.collected;
    if (done && !on_its_way) {
      TakeEnd(status->second, row);
    } else if (!why.empty()) {
      row.error = why;
    } else if (agent.session != 0 && agent.hello.incarnation() != row.incarnation) {
      // It is never started twice: what the old process was doing is over, and how it ended is not known.
      row.error = "the agent was restarted while the hook ran";
      row.interrupted = true;
    } else if (roster.IsGone(agent, now_ns)) {
      row.error = "the agent was not heard of any more";
      row.interrupted = true;
    } else {
      continue;
    }
    row.state = row.error.empty() ? "ok" : "failed";
    ended_[id] = std::move(row);
  }
}

void HookBook::Ended(HookRow row, const HookStage& stage) {
  const PlacedHook& open = stage.open.at(row.hook_id);
  const bool stopped = row.state == "failed" && !open.given_up.empty();
  if (stopped) row.error = open.given_up;
  row.cut = stopped && open.row.cut;
  ended_[row.hook_id] = std::move(row);
}

std::optional<HookRow> HookBook::NextEnd(const HookStage& stage) const {
  for (const auto& [id, open] : stage.open) {
    if (const auto ended = ended_.find(id); ended != ended_.end()) return ended->second;
  }
  return std::nullopt;
}

void HookBook::Close(const HookRow& ended, HookStage* stage, AgentRoster& roster) {
  if (stage != nullptr && stage->open.erase(ended.hook_id) > 0) stage->Note(ended);
  ended_.erase(ended.hook_id);
  roster.ForgetHook(ended.where, ended.hook_id);
  roster.Changed(ended.where);
}

}  // namespace assay
