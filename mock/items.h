#ifndef ASSAY_MOCK_ITEMS_H_
#define ASSAY_MOCK_ITEMS_H_

#include <absl/status/statusor.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace assay {

// The body of GET /extract: cars by a formula of their number, as compact JSON.
std::string ItemsJson(uint32_t count);

// How many items the body of POST /load has; none is 0. InvalidArgument: it is no JSON object.
absl::StatusOr<size_t> CountItems(const std::string& body);

}  // namespace assay

#endif  // ASSAY_MOCK_ITEMS_H_
