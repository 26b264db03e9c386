#ifndef ASSAY_COORDINATOR_SCENARIO_PLAN_TEXT_H_
#define ASSAY_COORDINATOR_SCENARIO_PLAN_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/scenario/plan.h"

namespace assay {

// What is allowed but probably not meant, for the agents that will fire: the plan's own warnings, and the cells in
// which some of so many agents would have nothing to fire. Where nobody asked for so many, being too many is no reason
// to warn: then only what the scenario's own agents.count is too many for.
std::vector<std::string> WarningsFor(const Plan& plan, uint32_t agents, bool assumed = false);

// What a sweep will do, for people: cells, blocks, runs, triggers in all and per agent, the shortest possible time, a
// line per cell (the first of them where there are many), warnings. `agents`: how many will fire; 0 takes the
// scenario's minimum. `assumed`: whose number it is, where nobody asked for it; empty: it was asked for.
std::string DescribePlan(const Plan& plan, uint32_t agents, const std::string& assumed = "");

// The same as one JSON object, with every cell. Durations in seconds.
std::string DescribePlanJson(const Plan& plan, uint32_t agents, const std::string& assumed = "");

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_PLAN_TEXT_H_
