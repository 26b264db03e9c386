#ifndef ASSAY_COORDINATOR_SCENARIO_PLAN_H_
#define ASSAY_COORDINATOR_SCENARIO_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assay/v1/scenario.pb.h"

namespace assay {

// A scenario after loading: everything resolved, nothing left to look up. The plan is a pure function of (scenario,
// seed).
struct PlannedCell {
  uint32_t position = 0;    // in the grid, from 0
  std::string label;        // "tasks=1000 sleep=1ms..10ms", for people
  std::string params_json;  // the axes' values as one JSON object, as written; cell.params in the store
  v1::CellSpec spec;
};

struct Plan {
  v1::SweepSpec spec;
  std::vector<PlannedCell> cells;
  std::vector<std::string> warnings;  // what is allowed but probably not meant, with its place
};

// Labels, sorted, each behind `before_each`: " disk=ssd role=load"; empty if every agent will do.
std::string SelectorText(const v1::Selector& selector, std::string_view before_each = " ");

// The order of cells in one block: positions, shuffled by (seed, block).
std::vector<uint32_t> BlockOrder(uint64_t seed, uint32_t block, uint32_t cells);

// Triggers that may be in flight at once, over all agents together.
uint32_t Slots(const v1::Load& load);

// How many triggers a run fires; of Poisson arrivals within a duration the mean. A closed loop with a duration fires at
// most so many, and with nothing but a duration nobody knows.
std::optional<uint64_t> PlannedTriggers(const v1::Load& load);

// The part of a run for each of n agents.
struct ShareRange {
  uint64_t first_index = 0;
  uint64_t count = 0;  // 0 if bounded by duration only, or if slots is 0
  uint64_t stride = 1;
  uint32_t slots = 0;  // may be 0 when there are more agents than slots
};

// Splits a cell's load over n agents: slots as evenly as possible, and contiguous index ranges whose work is
// proportional to the slots. For sleeps the work is the sum of their drawn lengths (known beforehand, so no agent ends
// early by bad luck); else the count. Bounded by duration only, or an open loop, whose instants belong to the indices:
// agent a fires a, a+S, a+2S, ... with S the number of agents that fire.
std::vector<ShareRange> SplitRun(const v1::CellSpec& spec, uint64_t run_key, uint32_t agents);

// How many of n agents get a part of it: each needs a slot and, where they are counted, a trigger.
uint32_t FiringAgents(const v1::CellSpec& spec, uint32_t agents);

// The shortest possible time of one run, ns: greedy list schedule of the known sleeps on all slots (0 for processes),
// in an open loop at least until the last arrival, plus cool-down. Estimated from the first `max_drawn` sleeps where
// there are more.
int64_t ShortestRunNs(const v1::CellSpec& spec, uint64_t run_key, uint64_t max_drawn = 200'000);

// Greedy list schedule: each duration goes, in order, to the slot that is free first. Returns the makespan. slots >= 1.
int64_t ListScheduleNs(const std::vector<int64_t>& durations_ns, uint32_t slots);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_PLAN_H_
