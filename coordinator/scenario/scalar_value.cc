#include "coordinator/scenario/scalar_value.h"

#include <charconv>
#include <optional>
#include <string_view>

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

double RateValuePerS(const YamlNodePtr& node) { return node == nullptr ? 0 : ParseRate(node->text).value_or(0); }

std::string TextValue(const YamlNode& node) {
  return ExpandTemplate(
      node.text, [](std::string_view) { return std::nullopt; }, false);
}

}  // namespace assay
