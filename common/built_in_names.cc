#include "common/built_in_names.h"

#include <string_view>

#include "common/template.h"

namespace assay {

std::string BuiltInNames::Expand(const std::string& text, std::optional<uint64_t> index, const Others& others) const {
  if (text.find("$(") == std::string::npos) return text;
  const auto value = [&](std::string_view name) -> std::optional<std::string> {
    if (name == "index" && index) return std::to_string(*index);
    if (name == "agent") return agent;
    if (name == "run") return std::to_string(run_id);
    if (name == "block") return std::to_string(block);
    if (name == "target") return target;
    for (const auto& [other, its_value] : others) {
      if (name == other) return its_value;
    }
    return std::nullopt;
  };
  return ExpandTemplate(text, value, /*keep_escapes=*/false);
}

}  // namespace assay
