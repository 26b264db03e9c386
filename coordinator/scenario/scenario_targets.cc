#include "coordinator/scenario/scenario_targets.h"

#include <algorithm>
#include <utility>

#include "coordinator/scenario/scenario_rules.h"

namespace assay {
namespace {

YamlNodePtr Merged(const YamlNodePtr& base, const YamlNodePtr& over, const Rule* rule);

// Axes and environment variables: by name.
YamlNodePtr MergedByName(const YamlNode& base, const YamlNode& over) {
  auto merged = std::make_shared<YamlNode>(base);
  merged->place = over.place;
  for (const YamlEntry& entry : over.entries) {
    const auto same = std::find_if(merged->entries.begin(), merged->entries.end(),
                                   [&](const YamlEntry& e) { return e.key->text == entry.key->text; });
    if (same == merged->entries.end()) {
      merged->entries.push_back(entry);
    } else {
      *same = entry;
    }
  }
  return merged;
}

YamlNodePtr MergedByShape(const YamlNode& base, const YamlNode& over, const Shape& shape) {
  auto merged = std::make_shared<YamlNode>(base);
  merged->place = over.place;
  for (const YamlEntry& entry : over.entries) {
    const Field* field = FindField(shape, entry.key->text);
    const auto same = std::find_if(merged->entries.begin(), merged->entries.end(),
                                   [&](const YamlEntry& e) { return e.key->text == entry.key->text; });
    if (same != merged->entries.end()) {
      *same = {entry.key, Merged(same->value, entry.value, field == nullptr ? nullptr : field->rule)};
      continue;
    }
    if (field != nullptr && field->choice) {
      std::erase_if(merged->entries, [&](const YamlEntry& e) {
        const Field* other = FindField(shape, e.key->text);
        return other != nullptr && other->choice;
      });
    }
    merged->entries.push_back(entry);
  }
  return merged;
}

YamlNodePtr Merged(const YamlNodePtr& base, const YamlNodePtr& over, const Rule* rule) {
  if (base == nullptr) return over;
  if (over == nullptr) return base;
  if (rule == nullptr || !base->IsMap() || !over->IsMap()) return over;
  if (rule->kind == ValueKind::kMap && !rule->shape->atomic) return MergedByShape(*base, *over, *rule->shape);
  const bool environment = rule->kind == ValueKind::kTextMap && rule->item->kind == ValueKind::kTemplate;
  if (rule->kind == ValueKind::kAxes || environment) return MergedByName(*base, *over);
  return over;
}

// The map with only the keys that the shape knows.
YamlNodePtr Restricted(const YamlNodePtr& map, const Shape& shape) {
  if (map == nullptr || !map->IsMap()) return map;
  auto part = std::make_shared<YamlNode>(*map);
  std::erase_if(part->entries, [&](const YamlEntry& e) { return FindField(shape, e.key->text) == nullptr; });
  for (YamlEntry& entry : part->entries) {
    const Field* field = FindField(shape, entry.key->text);
    if (field->key == "hooks") entry.value = Restricted(entry.value, *field->rule->shape);
  }
  return part;
}

}  // namespace

std::vector<TargetParts> MergedTargets(const YamlNode& scenario) {
  const Shape& cell_shape = *CellRule().shape;
  const YamlNodePtr base = Restricted(std::make_shared<YamlNode>(scenario), cell_shape);
  const YamlNodePtr grid = Find(scenario, "grid");
  const YamlNodePtr targets = Find(scenario, "targets");
  std::vector<TargetParts> parts;
  if (targets == nullptr) {
    const YamlNodePtr name = Find(scenario, "name");
    parts.push_back({name == nullptr ? "" : name->text, base, grid});
    return parts;
  }
  const Rule axes{.kind = ValueKind::kAxes};
  for (const YamlEntry& entry : targets->entries) {
    if (entry.value->IsNull()) {
      parts.push_back({entry.key->text, base, grid});
      continue;
    }
    parts.push_back({entry.key->text, Merged(base, Restricted(entry.value, cell_shape), &CellRule()),
                     Merged(grid, Find(*entry.value, "grid"), &axes)});
  }
  return parts;
}

}  // namespace assay
