#ifndef ASSAY_COORDINATOR_SCENARIO_PLAN_ASKS_H_
#define ASSAY_COORDINATOR_SCENARIO_PLAN_ASKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/scenario/plan.h"

namespace assay {

// What runs ask of their targets besides their triggers: the looks of completions while triggers are in flight, and
// those of collectors after them.

// Lines for people; empty: nothing is asked. `agents`: how many fire.
std::string DescribeAsks(const Plan& plan, uint32_t agents);

// As members of a cell's JSON object: "completion": {...} or null, "collect": [...].
std::string AsksJson(const v1::CellSpec& cell, uint32_t agents);

// What is allowed and cannot go well: more requests than are sent, and questions without anything to ask for.
std::vector<std::string> AskWarnings(const Plan& plan, uint32_t agents);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_PLAN_ASKS_H_
