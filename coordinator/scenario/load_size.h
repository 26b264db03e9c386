#ifndef ASSAY_COORDINATOR_SCENARIO_LOAD_SIZE_H_
#define ASSAY_COORDINATOR_SCENARIO_LOAD_SIZE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/scenario.pb.h"
#include "coordinator/scenario/plan.h"

namespace assay {

// Triggers of one run over all agents, each a row; 0 where only the target's speed tells. Of Poisson arrivals what is
// expected.
double TriggersAsked(const v1::Load& load);

// The highest rate at which an open loop's triggers are due; 0 in a closed loop and of a trace.
double PeakRatePerS(const v1::Load& load);

// Where the plan asks for more than any agent can fire, or for more rows than anybody will read.
std::vector<std::string> LoadWarnings(const Plan& plan, uint32_t agents);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_LOAD_SIZE_H_
