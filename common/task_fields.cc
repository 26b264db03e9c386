#include "common/task_fields.h"

#include <algorithm>

namespace assay {

std::optional<TaskField> TaskFieldOf(std::string_view name) {
  const auto* const found = std::find(kTaskFieldNames.begin(), kTaskFieldNames.end(), name);
  if (found == kTaskFieldNames.end()) return std::nullopt;
  return static_cast<TaskField>(found - kTaskFieldNames.begin());
}

std::vector<std::string> TaskFieldNames() { return {kTaskFieldNames.begin(), kTaskFieldNames.end()}; }

}  // namespace assay
