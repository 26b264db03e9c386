#include "coordinator/scenario/scalar_value.h"

#include <charconv>

#include "common/template.h"
#include "common/units.h"

namespace assay {

int64_t DurationValueNs(const YamlNodePtr& node, int64_t absent) {
  return node == nullptr ? absent : ParseDurationNs(node->text).value_or(absent);
}

uint64_t IntegerValue(const YamlNodePtr& node, uint64_t absent) {
  uint64_t value = absent;
  if (node != nullptr) std::from_chars(node->text.data(), node->text.data() + node->text.size(), value);
  return value;
}

std::optional<std::pair<uint32_t, uint32_t>> ParseStatuses(std::string_view text) {
  if (text.size() != 3 || text[0] < '1' || text[0] > '5') return std::nullopt;
  const auto hundreds = static_cast<uint32_t>(text[0] - '0') * 100;
  if (text.substr(1) == "xx") return std::pair{hundreds, hundreds + 99};
  uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), code);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return std::pair{code, code};
}

double RateValuePerS(const YamlNodePtr& node) { return node == nullptr ? 0 : ParseRate(node->text).value_or(0); }

std::string TextValue(const YamlNode& node) {
  return ExpandTemplate(
      node.text, [](std::string_view) { return std::nullopt; }, false);
}

}  // namespace assay
