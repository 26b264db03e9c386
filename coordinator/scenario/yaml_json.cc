#include "coordinator/scenario/yaml_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <vector>

#include "common/json_text.h"

namespace assay {
namespace {

// JSON's grammar for numbers (RFC 8259 section 6), and finite as a double, so that every reader can hold it.
bool IsJsonNumber(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t from = at;
    while (at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0) ++at;
    return at - from;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const size_t whole = at;
  const size_t count = digits();
  if (count == 0 || (count > 1 && text[whole] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  double value = 0;
  return at == text.size() && std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc() &&
         std::isfinite(value);
}

}  // namespace

std::string JsonOf(const YamlNode& node, bool sorted) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      if (!node.quoted && (node.text == "true" || node.text == "false" || IsJsonNumber(node.text))) return node.text;
      return JsonString(node.text);
    case YamlNode::Kind::kSequence: {
      std::string out;
      for (const YamlNodePtr& item : node.items) out += (out.empty() ? "" : ", ") + JsonOf(*item, sorted);
      return "[" + out + "]";
    }
    case YamlNode::Kind::kMap: {
      std::vector<const YamlEntry*> entries;
      for (const YamlEntry& entry : node.entries) entries.push_back(&entry);
      if (sorted)
        std::sort(entries.begin(), entries.end(), [](auto* a, auto* b) { return a->key->text < b->key->text; });
      std::string out;
      for (const YamlEntry* entry : entries) {
        out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", JsonString(entry->key->text),
                           JsonOf(*entry->value, sorted));
      }
      return "{" + out + "}";
    }
  }
  return "null";
}

}  // namespace assay
