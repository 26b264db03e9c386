#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_GRID_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_GRID_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/scenario/yaml_node.h"

namespace assay {

struct Axis {
  std::string name;
  std::vector<YamlNodePtr> values;
  YamlPlace place;
};

// The axes of a scenario or target. Those of one dimension move together (zip) and have the same number of values.
struct Grid {
  using Dimension = std::vector<Axis>;
  std::vector<Dimension> dimensions;

  // The product of the dimensions' lengths; UINT64_MAX if it is larger than that. 1 without axes.
  uint64_t Cells() const;
  std::vector<std::string> AxisNames() const;
  // The values of cell `position`, in the order of the axes; the last axis moves fastest.
  std::vector<std::pair<std::string, YamlNodePtr>> At(uint64_t position) const;
};

// From a `grid` map (null: no axes): names, zip of equal lengths, no empty axis, no value twice.
absl::StatusOr<Grid> ReadGrid(const YamlNodePtr& grid);

// "tasks=1000 sleep=1ms..10ms"
std::string CellLabel(const std::vector<std::pair<std::string, YamlNodePtr>>& values);

// {"tasks": 1000, "sleep": {"uniform": ["1ms", "10ms"]}}; `canonical`: keys sorted, at every level.
std::string CellParams(std::vector<std::pair<std::string, YamlNodePtr>> values, bool canonical);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_GRID_H_
