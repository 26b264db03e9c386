#ifndef ASSAY_COORDINATOR_SCHEDULING_HOOK_STAGE_H_
#define ASSAY_COORDINATOR_SCHEDULING_HOOK_STAGE_H_

#include <cstdint>
#include <map>
#include <string>

#include "assay/v1/agent.pb.h"
#include "assay/v1/scenario.pb.h"
#include "storage/rows.h"

namespace assay {

// One execution of a hook in one place.
struct PlacedHook {
  HookRow row;
  v1::Hook spec;
  uint32_t block = 0;  // of its run, for templates
  std::string target;
  std::string given_up;           // why it is not run at all or, on the coordinator, was told to stop
  v1::CollectorStatus collector;  // of one that runs on the coordinator, as it last said
};

// The hooks that are due at one point of a sweep, on every host that they are for. It begins whole or not at all, and
// what comes behind it waits until all of them have ended.
struct HookStage {
  bool begun = false;
  std::map<int64_t, PlacedHook> open;  // stored and not ended, by hook_id
  std::string failure;
  bool interrupted = false;  // that failure is not a hook's own
  bool cut = false;          // nor is this one: a user wanted it

  bool Over() const { return begun && open.empty(); }
  void Note(const HookRow& ended);
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_HOOK_STAGE_H_
