#ifndef ASSAY_COORDINATOR_SCHEDULING_HOOK_PLACES_H_
#define ASSAY_COORDINATOR_SCHEDULING_HOOK_PLACES_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/scheduling/agent_roster.h"
#include "coordinator/scheduling/hook_stage.h"

namespace assay {

// Where a hook is run. Pure. It waits for an agent that is away and may come back, so that none is left out because of
// a link that was cut at the wrong moment, or of a coordinator that has just been restarted.

struct HookPlaces {
  std::vector<PlacedHook> hooks;  // one per place; none if there is nothing to run
  std::string failure;            // no agent is one of its places
};
// On each of the agents that it asks for: by labels, else all that fire, or on the coordinator. Nothing: not yet.
std::optional<HookPlaces> PlacesOf(const PlacedHook& hook, const std::set<std::string>& firing,
                                   const AgentRoster& roster, int64_t now_ns);

// A collector runs in one place: with labels on the first agent that has them. Nothing: not yet. Without any it is
// given up before it begins.
std::optional<PlacedHook> PlaceOfCollector(PlacedHook collector, const AgentRoster& roster, int64_t now_ns);

// Why a collector cannot be given to its agent; empty if it can.
std::string TooMuchWork(const HookRow& hook);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_HOOK_PLACES_H_
