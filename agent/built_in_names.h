#ifndef ASSAY_AGENT_BUILT_IN_NAMES_H_
#define ASSAY_AGENT_BUILT_IN_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>

namespace assay {

// The names that only the agent knows, for the templates of triggers and hooks: $(agent), $(run), $(block), $(target),
// and
// $(index) where there is one.
struct BuiltInNames {
  std::string agent;
  int64_t run_id = 0;
  uint32_t block = 0;
  std::string target;

  std::string Expand(const std::string& text, std::optional<uint64_t> index = std::nullopt) const;
};

}  // namespace assay

#endif  // ASSAY_AGENT_BUILT_IN_NAMES_H_
