#include "coordinator/scenario/scenario_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>

#include "common/json_text.h"
#include "coordinator/scenario/scenario_references.h"
#include "coordinator/scenario/yaml_json.h"

namespace assay {
namespace {

bool IsAxisName(std::string_view text) {
  constexpr size_t kMaxLength = 64;
  if (text.empty() || text.size() > kMaxLength || std::isdigit(static_cast<unsigned char>(text.front())) != 0)
    return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; }) &&
         text.front() != '-';
}

absl::StatusOr<Axis> ReadAxis(const YamlEntry& entry, std::set<std::string>& names) {
  const YamlNode& key = *entry.key;
  if (!IsAxisName(key.text)) {
    return NodeError(key, fmt::format("{} cannot name an axis", Quoted(key.text)),
                     "write letters, digits, '_' and '-', a letter first, at most 64");
  }
  if (IsBuiltInName(key.text)) {
    return NodeError(key, fmt::format("an axis cannot be called {}: $({}) is built in", Quoted(key.text), key.text),
                     "choose another name");
  }
  if (!names.insert(key.text).second) {
    return NodeError(key, fmt::format("the axis {} stands in the grid twice, once in zip", Quoted(key.text)),
                     "remove one of them");
  }
  const YamlNode& list = *entry.value;
  if (!list.IsSequence() || list.items.empty()) {
    return NodeError(
        list, fmt::format("the axis {} needs a list of values", Quoted(key.text)),
        fmt::format("write {}: [{}]", key.text.substr(0, 64), list.IsScalar() ? FlowText(list) : "1000, 4000"));
  }
  for (const YamlNodePtr& value : list.items) {
    if (value->IsNull())
      return NodeError(*value, fmt::format("the axis {} has an empty value", Quoted(key.text)),
                       "remove it, or write a value");
  }
  return Axis{key.text, list.items, key.place};
}

// Equal cells would be one cell measured twice as often; that is what blocks are for.
absl::Status CheckDistinct(const Grid::Dimension& dimension) {
  std::set<std::string> seen;
  for (size_t i = 0; i < dimension.front().values.size(); ++i) {
    std::string all;
    for (const Axis& axis : dimension) all += JsonOf(*axis.values[i], true) + "\n";
    if (seen.insert(all).second) continue;
    const YamlNode& value = *dimension.front().values[i];
    return NodeError(value,
                     fmt::format("the value {} of {} stands twice", FlowText(value), Quoted(dimension.front().name)),
                     "remove one; to measure a cell more often, raise blocks");
  }
  return absl::OkStatus();
}

absl::StatusOr<Grid::Dimension> ReadZip(const YamlNode& zip, std::set<std::string>& names) {
  if (!zip.IsMap() || zip.entries.empty()) {
    return NodeError(zip, "zip must be a map of axes that move together",
                     "write zip: {workers: [1, 4], pool: [8, 32]}");
  }
  Grid::Dimension dimension;
  for (const YamlEntry& entry : zip.entries) {
    absl::StatusOr<Axis> axis = ReadAxis(entry, names);
    if (!axis.ok()) return axis.status();
    if (!dimension.empty() && axis->values.size() != dimension.front().values.size()) {
      return NodeError(*entry.key,
                       fmt::format("in zip, {} has {} values but {} has {}", Quoted(axis->name), axis->values.size(),
                                   Quoted(dimension.front().name), dimension.front().values.size()),
                       "axes that move together need as many values each");
    }
    dimension.push_back(*std::move(axis));
  }
  return dimension;
}

std::string CompactValue(const YamlNode& value) {
  if (value.IsScalar()) return FlowText(value);
  if (value.IsMap() && value.entries.size() == 1) {
    const std::string& kind = value.entries[0].key->text;
    const YamlNode& inner = *value.entries[0].value;
    if (kind == "uniform" && inner.items.size() == 2)
      return fmt::format("{}..{}", FlowText(*inner.items[0]), FlowText(*inner.items[1]));
    if (kind == "exponential" && inner.IsScalar()) return fmt::format("exponential({})", FlowText(inner));
    if (kind == "list" && inner.IsSequence()) return fmt::format("list({})", inner.items.size());
  }
  std::string text = FlowText(value);
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

}  // namespace

uint64_t Grid::Cells() const {
  uint64_t cells = 1;
  for (const Dimension& dimension : dimensions) {
    if (__builtin_mul_overflow(cells, dimension.front().values.size(), &cells))
      return std::numeric_limits<uint64_t>::max();
  }
  return cells;
}

std::vector<std::string> Grid::AxisNames() const {
  std::vector<std::string> names;
  for (const Dimension& dimension : dimensions) {
    for (const Axis& axis : dimension) names.push_back(axis.name);
  }
  return names;
}

std::vector<std::pair<std::string, YamlNodePtr>> Grid::At(uint64_t position) const {
  std::vector<size_t> indices(dimensions.size());
  for (size_t d = dimensions.size(); d-- > 0;) {
    const size_t length = dimensions[d].front().values.size();
    indices[d] = position % length;
    position /= length;
  }
  std::vector<std::pair<std::string, YamlNodePtr>> values;
  for (size_t d = 0; d < dimensions.size(); ++d) {
    for (const Axis& axis : dimensions[d]) values.emplace_back(axis.name, axis.values[indices[d]]);
  }
  return values;
}

absl::StatusOr<Grid> ReadGrid(const YamlNodePtr& grid) {
  Grid result;
  if (grid == nullptr) return result;
  std::set<std::string> names;
  for (const YamlEntry& entry : grid->entries) {
    Grid::Dimension dimension;
    if (entry.key->text == "zip") {
      absl::StatusOr<Grid::Dimension> zip = ReadZip(*entry.value, names);
      if (!zip.ok()) return zip.status();
      dimension = *std::move(zip);
    } else {
      absl::StatusOr<Axis> axis = ReadAxis(entry, names);
      if (!axis.ok()) return axis.status();
      dimension.push_back(*std::move(axis));
    }
    if (absl::Status status = CheckDistinct(dimension); !status.ok()) return status;
    result.dimensions.push_back(std::move(dimension));
  }
  return result;
}

std::string CellLabel(const std::vector<std::pair<std::string, YamlNodePtr>>& values) {
  std::string label;
  for (const auto& [name, value] : values)
    label += fmt::format("{}{}={}", label.empty() ? "" : " ", name, CompactValue(*value));
  return label;
}

std::string CellParams(std::vector<std::pair<std::string, YamlNodePtr>> values, bool canonical) {
  if (canonical)
    std::sort(values.begin(), values.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out;
  for (const auto& [name, value] : values) {
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", JsonString(name), JsonOf(*value, canonical));
  }
  return "{" + out + "}";
}

}  // namespace assay
