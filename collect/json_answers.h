#ifndef ASSAY_COLLECT_JSON_ANSWERS_H_
#define ASSAY_COLLECT_JSON_ANSWERS_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

// What JSON answers hold, by JSON pointers (RFC 6901), as texts. The library that reads them stays behind this.

// The items of the array at `items`, of each the values at `pointers`; a value that is absent or null is unset, an
// array or an object is JSON again. Returns how many there were. `row` may end it with an error.
using JsonRow = std::function<absl::Status(const std::vector<std::optional<std::string>>& values)>;
absl::StatusOr<size_t> ReadJsonItems(std::string_view json, const std::string& items,
                                     const std::vector<std::string>& pointers, const JsonRow& row);

// The text at a pointer.
absl::StatusOr<std::string> ReadJsonText(std::string_view json, const std::string& pointer);

// A Prometheus query_range's matrix.
struct MetricSeries {
  std::map<std::string, std::string> labels;
  std::vector<std::pair<double, double>> samples;  // Unix seconds, value
};
absl::StatusOr<std::vector<MetricSeries>> ReadMatrix(std::string_view json);

}  // namespace assay

#endif  // ASSAY_COLLECT_JSON_ANSWERS_H_
