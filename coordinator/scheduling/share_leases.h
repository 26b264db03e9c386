#ifndef ASSAY_COORDINATOR_SCHEDULING_SHARE_LEASES_H_
#define ASSAY_COORDINATOR_SCHEDULING_SHARE_LEASES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/scheduling/agent_roster.h"
#include "coordinator/scheduling/grid_progress.h"
#include "coordinator/scheduling/live_sweep.h"
#include "storage/rows.h"

namespace assay {

// To which agents the runs of a sweep are leased. Those that fire stay the same for the whole sweep, so that its cells
// can be compared; one that is gone for good is replaced between two runs. Pure.

struct ChosenAgents {
  std::vector<std::string> pins;  // to be pinned from now on
  std::string waiting;            // for whom
};
// With neither, all that are pinned are there.
ChosenAgents ChooseFiring(const LiveSweep& sweep, const AgentRoster& roster, int64_t now_ns);

// The next run of that cell: its triggers in shares of the agents that fire, and those that only sample beside them.
RunRow LeaseRun(const LiveSweep& sweep, const GridProgress::Turn& turn, const AgentRoster& roster, int64_t now_ns);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_SHARE_LEASES_H_
