#ifndef ASSAY_COORDINATOR_SCHEDULING_SWEEP_PROGRESS_H_
#define ASSAY_COORDINATOR_SCHEDULING_SWEEP_PROGRESS_H_

#include <cstdint>

#include "assay/v1/control.pb.h"
#include "coordinator/scheduling/agent_roster.h"
#include "coordinator/scheduling/live_sweep.h"

namespace assay {

// What people are told of an unfinished sweep: what it does or waits for, how far its run is, who is away and until
// when that is borne. `active` is the one that runs at present. Without results: those are in the store. Pure.
v1::SweepProgress ProgressOf(const LiveSweep& sweep, const LiveSweep& active, const AgentRoster& roster,
                             int64_t now_ns);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_SWEEP_PROGRESS_H_
