#ifndef ASSAY_COMMON_NEAREST_NAME_H_
#define ASSAY_COMMON_NEAREST_NAME_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

// Edits (insert, delete, replace, swap neighbours) between two words.
size_t EditDistance(std::string_view a, std::string_view b);

// The known name that was probably meant: at most a third of its letters (at least one) differ, or one is the other's
// beginning.
std::optional<std::string> NearestName(std::string_view word, const std::vector<std::string>& known);

}  // namespace assay

#endif  // ASSAY_COMMON_NEAREST_NAME_H_
