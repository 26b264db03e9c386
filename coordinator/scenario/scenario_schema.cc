#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/json_text.h"
#include "coordinator/scenario/scenario_loader.h"
#include "coordinator/scenario/scenario_rules.h"

namespace assay {
namespace {

constexpr std::string_view kDurationPattern = R"(^[0-9]*\\.?[0-9]+ *(ns|us|ms|s|m|min|h)$|^0$)";
constexpr std::string_view kRatePattern = R"(^[0-9]*\\.?[0-9]+ */(ns|us|ms|s|m|min|h)$)";
constexpr std::string_view kNamePattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
constexpr std::string_view kReference = R"({"type": "string", "pattern": "\\$\\("})";

// `in_cell` is what a cell has at this place; null where it has nothing. Where it is the rule itself, the value may
// come from the grid, and a target and the scenario complete each other.
std::string SchemaOf(const Rule& rule, const Rule* in_cell);

std::string Joined(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ", ")); }

std::string MapSchema(const Rule& rule, const Rule* in_cell) {
  const Shape& shape = *rule.shape;
  const bool merged = in_cell == &rule && !shape.atomic;
  std::vector<std::string> properties;
  std::vector<std::string> required;
  std::vector<std::string> choices;
  for (const Field& field : shape.fields) {
    if (field.rule == nullptr) continue;
    const Field* below = in_cell == nullptr ? nullptr : FindField(*in_cell->shape, field.key);
    const std::string schema = SchemaOf(*field.rule, below == nullptr ? nullptr : below->rule);
    properties.push_back(
        fmt::format("{}: {{\"description\": {}, {}", JsonString(field.key), JsonString(field.about), schema.substr(1)));
    if (field.required && !merged) required.push_back(JsonString(field.key));
    if (field.choice) choices.push_back(JsonString(field.key));
  }
  std::string schema =
      fmt::format(R"("type": "object", "additionalProperties": false, "properties": {{{}}})", Joined(properties));
  if (!required.empty()) schema += fmt::format(R"(, "required": [{}])", Joined(required));
  // Of two choices one replaces the other when maps are merged, but one map never holds both.
  if (choices.size() > 1) {
    std::vector<std::string> alone;
    alone.reserve(choices.size() + 1);
    for (const std::string& choice : choices) alone.push_back(fmt::format(R"({{"required": [{}]}})", choice));
    if (merged || !shape.choice_required)
      alone.push_back(fmt::format(R"({{"not": {{"anyOf": [{}]}}}})", Joined(alone)));
    schema += fmt::format(R"(, "oneOf": [{}])", Joined(alone));
  }
  return "{" + schema + "}";
}

std::string ScalarSchema(const Rule& rule) {
  switch (rule.kind) {
    case ValueKind::kName:
      return fmt::format(R"({{"type": "string", "pattern": "{}"}})", kNamePattern);
    case ValueKind::kCgroup:
      return R"({"type": "string", "pattern": "^[/@]."})";
    case ValueKind::kEngineName:
      return R"json({"type": ["string", "number"], "pattern": "^([A-Za-z0-9]|\\$\\()"})json";
    case ValueKind::kPath:
      return R"({"type": ["string", "number"], "minLength": 1})";
    case ValueKind::kSocket:
      return R"({"type": "string", "pattern": "^/."})";
    case ValueKind::kGlob:
      return rule.max == 1 ? R"({"type": ["string", "number"], "pattern": "^[^/]+$"})"
                           : R"({"type": ["string", "number"], "pattern": "^[^/]+(/[^/]+)?$"})";
    case ValueKind::kWord: {
      std::vector<std::string> words;
      words.reserve(rule.words.size());
      for (const std::string_view word : rule.words) words.push_back(JsonString(word));
      return fmt::format(R"({{"enum": [{}]}})", Joined(words));
    }
    case ValueKind::kInteger:
      return fmt::format(R"({{"type": "integer", "minimum": {}, "maximum": {}}})", rule.min, rule.max);
    case ValueKind::kDuration:
      return fmt::format(R"({{"anyOf": [{{"type": "string", "pattern": "{}"}}, {{"const": 0}}]}})", kDurationPattern);
    case ValueKind::kRate:
      return fmt::format(R"({{"type": "string", "pattern": "{}"}})", kRatePattern);
    case ValueKind::kFraction:
      return R"({"anyOf": [{"type": "string", "pattern": "^[0-9.]+ *%?$"}, {"type": "number", "minimum": 0, "maximum": 1}]})";
    case ValueKind::kStatus:
      return fmt::format(
          R"({{"anyOf": [{0}, {{"type": "array", "items": {0}, "minItems": 1}}]}})",
          R"({"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"enum": ["1xx", "2xx", "3xx", "4xx", "5xx"]}]})");
    case ValueKind::kJson:
      return "{\"description\": \"\"}";
    case ValueKind::kPointer:
      return R"({"type": "string", "pattern": "^(/.*)?$"})";
    case ValueKind::kBoolean:
      return R"({"type": "boolean"})";
    default:
      return R"({"type": ["string", "number", "boolean"]})";
  }
}

std::string SchemaOf(const Rule& rule, const Rule* in_cell) {
  const bool in_grid = in_cell == &rule;
  const auto below = [in_grid](const Rule& part) { return SchemaOf(part, in_grid ? &part : nullptr); };
  constexpr std::string_view kAxis = R"({"type": "array", "minItems": 1})";
  std::string schema;
  switch (rule.kind) {
    case ValueKind::kMap:
      schema = MapSchema(rule, in_cell);
      break;
    case ValueKind::kTextMap:
      schema = fmt::format(R"({{"type": "object", "additionalProperties": {}}})", below(*rule.item));
      break;
    case ValueKind::kList:
      schema = fmt::format(R"({{"type": "array", "items": {}, "minItems": {}, "maxItems": {}}})", below(*rule.item),
                           rule.min, rule.max);
      break;
    case ValueKind::kOneOrMore:
      schema = fmt::format(R"({{"anyOf": [{0}, {{"type": "array", "items": {0}, "minItems": {1}, "maxItems": {2}}}]}})",
                           below(*rule.item), rule.min, rule.max);
      break;
    case ValueKind::kEither:
      schema = fmt::format(R"({{"anyOf": [{}, {}]}})", SchemaOf(*rule.item, nullptr), below(*rule.other));
      break;
    case ValueKind::kAxes:
      return fmt::format(
          R"({{"type": "object", "properties": {{"zip": {{"type": "object", "additionalProperties": {}}}}}, "additionalProperties": {}}})",
          kAxis, kAxis);
    case ValueKind::kTargets:
      return fmt::format(
          R"({{"type": "object", "minProperties": 1, "propertyNames": {{"pattern": "{}"}}, "additionalProperties": {{"anyOf": [{{"type": "null"}}, {}]}}}})",
          kNamePattern, SchemaOf(*rule.item, rule.item));
    case ValueKind::kText:
    case ValueKind::kTemplate:
      return ScalarSchema(rule);  // a reference is a text too
    default:
      schema = ScalarSchema(rule);
  }
  return in_grid ? fmt::format(R"({{"anyOf": [{}, {}]}})", schema, kReference) : schema;
}

}  // namespace

std::string ScenarioSchema() {
  // Without targets nothing completes the scenario's own load and trigger.
  return fmt::format(
             R"({{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Assay scenario", "anyOf": [{{"required": ["targets"]}}, {{"required": ["load", "trigger"]}}], {})",
             MapSchema(ScenarioRule(), &CellRule()).substr(1)) +
         "\n";
}

}  // namespace assay
