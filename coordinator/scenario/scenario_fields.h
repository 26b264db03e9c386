#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_FIELDS_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_FIELDS_H_

#include <absl/status/statusor.h>

#include "assay/v1/scenario.pb.h"
#include "coordinator/scenario/query_file.h"
#include "coordinator/scenario/yaml_node.h"

namespace assay {

// From checked trees to messages. What one value alone cannot tell (the shortest above the longest sleep, a load
// without a bound) is refused here.

// `cell`: trigger, load, completion, sample, hooks and collect, resolved and checked against CellRule. Sets neither
// target nor key.
absl::StatusOr<v1::CellSpec> ReadCell(const YamlNode& cell, ScenarioFiles& files);

// `node`: setup and teardown of a target, resolved and checked.
absl::StatusOr<v1::TargetHooks> ReadTargetHooks(const std::string& target, const YamlNode& node);

// `scenario`: its sweep-wide keys must be checked as resolved. Those of cells are not looked at.
absl::StatusOr<v1::SweepSpec> ReadSweep(const YamlNode& scenario);

// cells.limit
uint64_t ReadCellLimit(const YamlNode& scenario);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_FIELDS_H_
