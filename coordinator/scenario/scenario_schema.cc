#include <fmt/format.h>

#include "coordinator/scenario/json_text.h"
#include "coordinator/scenario/scenario_loader.h"
#include "coordinator/scenario/scenario_rules.h"

namespace assay {
namespace {

constexpr std::string_view kDurationPattern = R"(^[0-9]+(\\.[0-9]+)? ?(ns|us|ms|s|m|min|h)$|^0$)";
// A value may come from the grid wherever it differs from cell to cell.
constexpr std::string_view kReference = R"({"type": "string", "pattern": "\\$\\("})";

std::string SchemaOf(const Rule& rule);

std::string Properties(const Shape& shape) {
  std::string properties;
  std::string required;
  std::string choices;
  for (const Field& field : shape.fields) {
    if (field.rule == nullptr) continue;
    const std::string below = SchemaOf(*field.rule);
    properties += fmt::format("{}{}: {{\"description\": {}, {}", properties.empty() ? "" : ", ", JsonQuoted(field.key),
                              JsonQuoted(field.about), below.substr(1));
    if (field.required) required += fmt::format("{}{}", required.empty() ? "" : ", ", JsonQuoted(field.key));
    if (field.choice)
      choices += fmt::format("{}{{\"required\": [{}]}}", choices.empty() ? "" : ", ", JsonQuoted(field.key));
  }
  std::string schema =
      fmt::format(R"("type": "object", "additionalProperties": false, "properties": {{{}}})", properties);
  if (!required.empty()) schema += fmt::format(R"(, "required": [{}])", required);
  // A target may leave the choice to the scenario, and the scenario to its targets: only "not two of them" holds
  // everywhere.
  if (!choices.empty() && shape.atomic) schema += fmt::format(R"(, "oneOf": [{}])", choices);
  return schema;
}

std::string SchemaOf(const Rule& rule) {
  switch (rule.kind) {
    case ValueKind::kText:
    case ValueKind::kTemplate:
      return R"({"type": ["string", "number", "boolean"]})";
    case ValueKind::kName:
      return R"({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"})";
    case ValueKind::kCgroup:
      return R"({"type": "string", "pattern": "^[/@].|\\$\\("})";
    case ValueKind::kWord: {
      std::string words;
      for (const std::string_view word : rule.words) words += (words.empty() ? "" : ", ") + JsonQuoted(word);
      return fmt::format(R"({{"enum": [{}]}})", words);
    }
    case ValueKind::kInteger:
      return fmt::format(R"({{"anyOf": [{{"type": "integer", "minimum": {}, "maximum": {}}}, {}]}})", rule.min,
                         rule.max, kReference);
    case ValueKind::kDuration:
      return fmt::format(R"({{"anyOf": [{{"type": "string", "pattern": "{}"}}, {{"const": 0}}, {}]}})",
                         kDurationPattern, kReference);
    case ValueKind::kFraction:
      return fmt::format(
          R"({{"anyOf": [{{"type": "string", "pattern": "^[0-9.]+ ?%$"}}, {{"type": "number", "minimum": 0, "maximum": 1}}, {}]}})",
          kReference);
    case ValueKind::kBoolean:
      return fmt::format(R"({{"anyOf": [{{"type": "boolean"}}, {}]}})", kReference);
    case ValueKind::kMap:
      return fmt::format("{{{}}}", Properties(*rule.shape));
    case ValueKind::kTextMap:
      return fmt::format(R"({{"type": "object", "additionalProperties": {}}})", SchemaOf(*rule.item));
    case ValueKind::kList:
      return fmt::format(R"({{"anyOf": [{{"type": "array", "items": {}, "minItems": {}, "maxItems": {}}}, {}]}})",
                         SchemaOf(*rule.item), rule.min, rule.max, kReference);
    case ValueKind::kEither:
      return fmt::format(R"({{"anyOf": [{}, {}, {}]}})", SchemaOf(*rule.item), SchemaOf(*rule.other), kReference);
    case ValueKind::kAxes: {
      constexpr std::string_view kAxis = R"({"type": "array", "minItems": 1})";
      return fmt::format(
          R"({{"type": "object", "properties": {{"zip": {{"type": "object", "additionalProperties": {}}}}}, "additionalProperties": {}}})",
          kAxis, kAxis);
    }
    case ValueKind::kTargets: {
      std::string target = SchemaOf(*rule.item);
      return fmt::format(
          R"({{"type": "object", "minProperties": 1, "additionalProperties": {{"anyOf": [{{"type": "null"}}, {}]}}}})",
          target);
    }
  }
  return "{}";
}

}  // namespace

std::string ScenarioSchema() {
  return fmt::format(R"({{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Assay scenario", {}}})",
                     Properties(*ScenarioRule().shape)) +
         "\n";
}

}  // namespace assay
