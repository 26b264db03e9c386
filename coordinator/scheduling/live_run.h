#ifndef ASSAY_COORDINATOR_SCHEDULING_LIVE_RUN_H_
#define ASSAY_COORDINATOR_SCHEDULING_LIVE_RUN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "assay/v1/agent.pb.h"
#include "coordinator/run_trouble.h"
#include "coordinator/scheduling/agent_roster.h"
#include "coordinator/scheduling/hook_stage.h"
#include "storage/rows.h"

namespace assay {

struct LiveShare {
  ShareRow row;
  v1::ShareStatus status;
  bool ended = false;  // its last record is committed
  bool lost = false;
  int64_t orphaned_ns = 0;  // when its agent was seen to be another process
  bool Over() const { return ended || lost; }
};

// A run that has not ended, with what its agents say of their shares. Pure. It begins only when all of them are there,
// are ready and are the processes that prepared it; a share is given up only when its agent cannot be firing any more.
struct LiveRun {
  RunRow row;
  std::map<std::string, LiveShare> shares;  // by agent name
  HookStage before, collect, after;
  RunTrouble trouble;
  int64_t created_ns = 0;
  int64_t cooldown_until_ns = 0;
  bool fired_by_itself = false;  // it came to its cool-down without a cancel; after a restart not known any more
  bool judging = false;

  LiveRun(RunRow run, int64_t cooldown_ns, int64_t now_ns);

  void Reported(const std::string& agent, const std::string& incarnation, const v1::ShareStatus& status);
  void Paused(int64_t for_ns, int64_t now_ns);

  bool HasFired() const;  // nobody has anything left to fire
  bool IsOver() const;    // no share is open
  // Nothing of it is left to be cut short.
  bool IsMeasured() const { return fired_by_itself && IsOver(); }

  // While it is preparing: notes why it will not begin, the first reason that there is.
  void FindTrouble(const AgentRoster& roster, int64_t now_ns);
  // T0, if all agents are there and ready. Far enough ahead for all to hear of it.
  std::optional<int64_t> StartInstant(const AgentRoster& roster, int64_t now_ns) const;

  struct Loss {
    std::string agent;
    std::string why;
  };
  // A share to give up. Its rows may still come later.
  std::optional<Loss> NextLoss(const AgentRoster& roster, int64_t now_ns);
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_LIVE_RUN_H_
