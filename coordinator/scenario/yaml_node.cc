#include "coordinator/scenario/yaml_node.h"

#include <fmt/format.h>

namespace assay {

YamlNodePtr Find(const YamlNode& map, std::string_view key) {
  for (const YamlEntry& entry : map.entries) {
    if (entry.key->text == key) return entry.value;
  }
  return nullptr;
}

absl::Status NodeError(const YamlNode& node, std::string_view what, std::string_view mend) {
  return ErrorAt(node.place, node.via.empty() ? std::string(what) : fmt::format("{}; here {}", what, node.via), mend);
}

std::string FlowText(const YamlNode& node) {
  constexpr size_t kEnough = 60;
  std::string out;
  if (node.IsNull()) return "null";
  if (node.IsScalar()) {
    const std::string shown = Quoted(node.text);
    return shown.substr(1, shown.size() - 2);
  }
  for (const YamlNodePtr& item : node.items) {
    if (out.size() > kEnough) break;
    out += (out.empty() ? "" : ", ") + FlowText(*item);
  }
  for (const YamlEntry& entry : node.entries) {
    if (out.size() > kEnough) break;
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", FlowText(*entry.key), FlowText(*entry.value));
  }
  if (out.size() > kEnough) out += ", ...";
  return fmt::format("{}{}{}", node.IsMap() ? "{" : "[", out, node.IsMap() ? "}" : "]");
}

}  // namespace assay
