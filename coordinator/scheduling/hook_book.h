#ifndef ASSAY_COORDINATOR_SCHEDULING_HOOK_BOOK_H_
#define ASSAY_COORDINATOR_SCHEDULING_HOOK_BOOK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/scheduling/agent_roster.h"
#include "coordinator/scheduling/hook_stage.h"

namespace assay {

// The hooks that are stored as running, until their end is stored too. Each is started once, in one process of its
// place: one whose agent or coordinator was restarted is never started again and ends as interrupted, but for a
// collector on the coordinator, as it only reads. Pure.
class HookBook {
 public:
  // A stage has begun with these hooks, and they are stored.
  void Open(const std::vector<PlacedHook>& hooks, HookStage& stage, AgentRoster& roster);
  // At start: one that a coordinator before this one had stored as running.
  void Reopen(PlacedHook hook, HookStage& stage, AgentRoster& roster, int64_t now_ns);

  // Takes in what agents say of the stage's hooks. With `give_up` those that still run end with that reason, and those
  // that a user has cut in any case; one on the coordinator is told to stop.
  void Settle(HookStage& stage, const std::string& give_up, const AgentRoster& roster, int64_t now_ns);
  // One that ran on the coordinator.
  void Ended(HookRow row, const HookStage& stage);

  // An end that is still to be stored.
  std::optional<HookRow> NextEnd(const HookStage& stage) const;
  // It is stored.
  void Close(const HookRow& ended, HookStage* stage, AgentRoster& roster);

  // Hooks to start on the coordinator itself, once each, and those to stop; each then ends by Ended.
  std::vector<PlacedHook> TakeOwn() { return std::exchange(own_, {}); }
  std::vector<int64_t> TakeStopped() { return std::exchange(stopped_, {}); }

 private:
  void GiveUp(HookRow row, const std::string& why);

  std::map<int64_t, HookRow> ended_;  // and not yet stored as such
  std::vector<PlacedHook> own_;
  std::vector<int64_t> stopped_;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_HOOK_BOOK_H_
