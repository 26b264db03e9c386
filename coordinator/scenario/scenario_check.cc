#include "coordinator/scenario/scenario_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "common/nearest_name.h"
#include "common/units.h"
#include "coordinator/scenario/scalar_check.h"
#include "coordinator/scenario/scenario_words.h"

namespace assay {
namespace {

std::string Join(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

absl::Status UnknownKey(const YamlNode& key, const Shape& shape, std::string_view path) {
  const std::string what = fmt::format("unknown key {} in {}", Quoted(key.text), Called(path));
  const std::vector<std::string> known = SupportedKeys(shape);
  if (const auto nearest = NearestName(key.text, known))
    return NodeError(key, what, fmt::format("did you mean '{}'?", *nearest));
  if (const std::string elsewhere = PathOfKey(key.text); !elsewhere.empty()) {
    return NodeError(key, what, fmt::format("it belongs in {}; known here: {}", elsewhere, fmt::join(known, ", ")));
  }
  return NodeError(key, what, fmt::format("known here: {}", fmt::join(known, ", ")));
}

absl::Status CheckChoices(const YamlNode& node, const Shape& shape, std::string_view path, CheckPhase phase) {
  const YamlNode* chosen = nullptr;
  std::vector<std::string_view> choices;
  for (const Field& field : shape.fields) {
    if (field.choice && field.rule != nullptr) choices.push_back(field.key);
  }
  for (const YamlEntry& entry : node.entries) {
    const Field* field = FindField(shape, entry.key->text);
    if (!field->choice) continue;
    if (chosen != nullptr) {
      return NodeError(*entry.key,
                       fmt::format("{} has both '{}' and '{}'", Called(path), chosen->text, entry.key->text),
                       "keep one of them");
    }
    chosen = entry.key.get();
  }
  if (chosen == nullptr && shape.choice_required && phase == CheckPhase::kResolved) {
    return NodeError(node, fmt::format("{} does not say which kind it is", Called(path)),
                     fmt::format("add {}", fmt::join(choices, " or ")));
  }
  return absl::OkStatus();
}

absl::Status CheckMap(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase) {
  if (!node.IsMap()) return WrongType(node, rule, path);
  const Shape& shape = *rule.shape;
  for (const YamlEntry& entry : node.entries) {
    const Field* field = FindField(shape, entry.key->text);
    if (field == nullptr) return UnknownKey(*entry.key, shape, path);
    if (field->rule == nullptr) {
      return NodeError(*entry.key, fmt::format("'{}' in {} is not supported by this version", field->key, Called(path)),
                       fmt::format("supported here: {}", fmt::join(SupportedKeys(shape), ", ")));
    }
    if (absl::Status status = CheckValue(*entry.value, *field->rule, Join(path, field->key), phase); !status.ok())
      return status;
  }
  for (const Field& field : shape.fields) {
    if (phase == CheckPhase::kResolved && field.required && Find(node, field.key) == nullptr) {
      return NodeError(node, fmt::format("{} lacks '{}'", Called(path), field.key),
                       fmt::format("add {}: {}", field.key, Wanted(*field.rule)));
    }
  }
  return CheckChoices(node, shape, path, phase);
}

absl::Status CheckNamed(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase) {
  if (!node.IsMap()) return WrongType(node, rule, path);
  for (const YamlEntry& entry : node.entries) {
    const std::string& key = entry.key->text;
    const std::string below = Join(path, key.substr(0, 64));
    if (key.empty() || key.find('=') != std::string::npos || HasReference(key)) {
      return NodeError(*entry.key, fmt::format("{} cannot be a name in {}", Quoted(key), Called(path)),
                       "write a name that is not empty and holds no '=' and no $(reference)");
    }
    if (rule.kind == ValueKind::kTargets) {
      if (!IsName(key))
        return NodeError(*entry.key, fmt::format("{} cannot name a target", Quoted(key)),
                         "write " + Wanted({.kind = ValueKind::kName}));
      if (entry.value->IsNull()) continue;  // nothing differs
    }
    if (absl::Status status = CheckValue(*entry.value, *rule.item, below, phase); !status.ok()) return status;
  }
  if (rule.kind == ValueKind::kTargets && node.entries.empty()) return WrongValue(node, rule, path, "cannot be empty");
  return absl::OkStatus();
}

absl::Status CheckList(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase) {
  if (!node.IsSequence()) return WrongType(node, rule, path);
  const auto count = static_cast<int64_t>(node.items.size());
  if (count < rule.min || count > rule.max) return WrongValue(node, rule, path, fmt::format("has {} values", count));
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (absl::Status status = CheckValue(*node.items[i], *rule.item, fmt::format("{}[{}]", path, i), phase);
        !status.ok())
      return status;
  }
  return absl::OkStatus();
}

absl::Status CheckStatuses(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase) {
  if (!node.IsSequence()) return CheckScalar(node, rule, path, phase);
  if (node.items.empty()) return WrongValue(node, rule, path, "cannot be empty");
  for (const YamlNodePtr& item : node.items) {
    if (absl::Status status = CheckScalar(*item, rule, path, phase); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckJson(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase) {
  const Rule text{.kind = ValueKind::kTemplate, .runtime_names = rule.runtime_names};
  if (node.IsScalar()) return CheckScalar(node, text, path, phase);
  for (size_t i = 0; i < node.items.size(); ++i) {
    if (absl::Status status = CheckJson(*node.items[i], rule, fmt::format("{}[{}]", path, i), phase); !status.ok())
      return status;
  }
  for (const YamlEntry& entry : node.entries) {
    if (HasReference(entry.key->text))
      return NodeError(*entry.key, fmt::format("a key in {} cannot refer to a value", Called(path)), "write it out");
    if (absl::Status status = CheckJson(*entry.value, rule, Join(path, entry.key->text), phase); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckValue(const YamlNode& node, const Rule& rule, std::string_view path, CheckPhase phase) {
  const bool stands_in = phase == CheckPhase::kAsWritten && node.IsScalar() && HasReference(node.text);
  if (stands_in && rule.kind != ValueKind::kAxes && rule.kind != ValueKind::kTargets) return absl::OkStatus();
  switch (rule.kind) {
    case ValueKind::kMap:
      return CheckMap(node, rule, path, phase);
    case ValueKind::kTextMap:
    case ValueKind::kTargets:
      return CheckNamed(node, rule, path, phase);
    case ValueKind::kList:
      return CheckList(node, rule, path, phase);
    case ValueKind::kOneOrMore:
      return node.IsSequence() ? CheckList(node, rule, path, phase) : CheckValue(node, *rule.item, path, phase);
    case ValueKind::kEither:
      if (node.IsMap()) return CheckValue(node, *rule.other, path, phase);
      if (!node.IsScalar()) return WrongType(node, rule, path);
      if (rule.item->kind == ValueKind::kWord && node.IsScalar()) {
        const auto& words = rule.item->words;
        const bool hit = std::find(words.begin(), words.end(), node.text) != words.end();
        if (!hit && !HasReference(node.text) && !NearestName(node.text, {words.begin(), words.end()}))
          return WrongType(node, rule, path);
      }
      // The mend of a value that is neither names both ways to write it.
      if (rule.item->kind == ValueKind::kDuration && !HasReference(node.text) && !ParseDurationNs(node.text).ok()) {
        return WrongType(node, rule, path);
      }
      return CheckScalar(node, *rule.item, path, phase);
    case ValueKind::kStatus:
      return CheckStatuses(node, rule, path, phase);
    case ValueKind::kJson:
      return CheckJson(node, rule, path, phase);
    case ValueKind::kAxes:
      return node.IsMap() ? absl::OkStatus() : WrongType(node, rule, path);
    default:
      return CheckScalar(node, rule, path, phase);
  }
}

}  // namespace assay
