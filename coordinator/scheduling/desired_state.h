#ifndef ASSAY_COORDINATOR_SCHEDULING_DESIRED_STATE_H_
#define ASSAY_COORDINATOR_SCHEDULING_DESIRED_STATE_H_

#include <cstdint>
#include <map>

#include "assay/v1/agent.pb.h"
#include "coordinator/scheduling/agent_roster.h"
#include "coordinator/scheduling/live_sweep.h"

namespace assay {

// All that one process of an agent is to hold: hooks, shares with their phase, and when to report next. It follows from
// what is stored alone, so a message that was lost heals with the next one. What belongs to another process of that
// name is not in it. Pure.
v1::Desired DesiredOf(const KnownAgent& agent, const std::map<int64_t, LiveSweep>& sweeps);

// How often an agent reports, given how many there are: a whole lease always holds at least four reports.
uint32_t ReportEveryMs(bool busy, size_t agents, int64_t lease_ttl_ns);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_DESIRED_STATE_H_
