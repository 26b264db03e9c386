#ifndef ASSAY_COMMON_BUILT_IN_NAMES_H_
#define ASSAY_COMMON_BUILT_IN_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace assay {

// What is known only when a trigger or a hook starts, for the templates of both: $(agent), $(run), $(block), $(target),
// and $(index) where there is one. A hook of the coordinator has its name in $(agent).
struct BuiltInNames {
  // Further names with their values, known at one place only: $(remote_id), $(token), $(offset), $(limit).
  using Others = std::vector<std::pair<std::string_view, std::string>>;

  std::string agent;
  int64_t run_id = 0;
  uint32_t block = 0;
  std::string target;

  std::string Expand(const std::string& text, std::optional<uint64_t> index = std::nullopt,
                     const Others& others = {}) const;
};

}  // namespace assay

#endif  // ASSAY_COMMON_BUILT_IN_NAMES_H_
