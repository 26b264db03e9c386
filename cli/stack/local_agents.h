#ifndef ASSAY_CLI_STACK_LOCAL_AGENTS_H_
#define ASSAY_CLI_STACK_LOCAL_AGENTS_H_

#include <absl/status/status.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "assay/v1/scenario.pb.h"

namespace assay {

inline constexpr uint32_t kLocalAgentsMax = 1000;

// The labels of the n-th agent of a local stack, from 1. Every one has role=load; the first also has role=target, so
// that a scenario that samples or prepares its target does so once on this host.
std::vector<std::pair<std::string, std::string>> LocalLabels(uint32_t n);

// What a local stack starts unless it is told a number: as many as the scenario asks for, at least two.
uint32_t DefaultLocalAgents(const v1::SweepSpec& spec);

// How many of those may fire, going by their labels; where that is too few, as many as the scenario asks for.
uint32_t FiringLocalAgents(const v1::SweepSpec& spec);

// InvalidArgument if so many local agents are not enough for the sweep ever to begin; says what is missing and the
// mend.
absl::Status CheckLocalAgents(const v1::SweepSpec& spec, uint32_t agents, const std::string& file);

}  // namespace assay

#endif  // ASSAY_CLI_STACK_LOCAL_AGENTS_H_
