#include "coordinator/scenario/scenario_sets.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/nearest_name.h"
#include "coordinator/scenario/scenario_references.h"
#include "coordinator/scenario/scenario_rules.h"
#include "coordinator/scenario/yaml_tree.h"

namespace assay {
namespace {

using Path = std::vector<YamlNodePtr>;  // the keys, as scalars with their place in the argument

YamlNodePtr Key(const std::shared_ptr<const YamlSource>& source, std::string_view text, size_t column) {
  auto key = std::make_shared<YamlNode>();
  key->kind = YamlNode::Kind::kScalar;
  key->text = text;
  key->place = {source, 0, static_cast<uint32_t>(column)};
  return key;
}

// Where a grid has the axis, as keys below the grid; empty if it has not.
std::vector<std::string> AxisIn(const YamlNodePtr& grid, const std::string& name) {
  if (grid == nullptr || !grid->IsMap() || name == "zip") return {};
  if (Find(*grid, name) != nullptr) return {name};
  const YamlNodePtr zip = Find(*grid, "zip");
  if (zip != nullptr && zip->IsMap() && Find(*zip, name) != nullptr) return {"zip", name};
  return {};
}

YamlNodePtr MapIn(const YamlNode& scenario, std::string_view key) {
  const YamlNodePtr value = Find(scenario, key);
  return value != nullptr && value->IsMap() ? value : nullptr;
}

// The paths of every axis with the name.
std::vector<std::vector<std::string>> AxisPaths(const YamlNode& scenario, const std::string& name) {
  std::vector<std::vector<std::string>> paths;
  const auto add = [&](std::vector<std::string> prefix, const YamlNodePtr& grid) {
    const std::vector<std::string> below = AxisIn(grid, name);
    if (below.empty()) return;
    prefix.insert(prefix.end(), below.begin(), below.end());
    paths.push_back(std::move(prefix));
  };
  add({"grid"}, MapIn(scenario, "grid"));
  const YamlNodePtr targets = MapIn(scenario, "targets");
  if (!paths.empty() || targets == nullptr) return paths;
  for (const YamlEntry& target : targets->entries) {
    if (target.value->IsMap()) add({"targets", target.key->text, "grid"}, Find(*target.value, "grid"));
  }
  return paths;
}

// Splits "targets.a.load.triggers" at the dots. What is a name of the user's own (a target, a variable, a label) may
// hold dots itself.
Path SplitPath(const YamlNode& scenario, const std::shared_ptr<const YamlSource>& source, std::string_view name) {
  Path path;
  const Rule* rule = &ScenarioRule();
  size_t from = 0;
  while (from <= name.size()) {
    const std::string_view rest = name.substr(from);
    size_t length = std::min(rest.find('.'), rest.size());
    if (rule != nullptr && rule->kind == ValueKind::kEither) rule = rule->other;
    if (rule != nullptr && rule->kind == ValueKind::kOneOrMore) rule = rule->item;
    if (rule != nullptr && rule->kind == ValueKind::kTextMap) length = rest.size();
    if (rule != nullptr && rule->kind == ValueKind::kTargets) {
      const YamlNodePtr targets = MapIn(scenario, "targets");
      for (const YamlEntry& target : targets == nullptr ? std::vector<YamlEntry>{} : targets->entries) {
        const std::string& known = target.key->text;
        const bool fits =
            rest.substr(0, known.size()) == known && (rest.size() == known.size() || rest[known.size()] == '.');
        if (fits) length = std::max(length, known.size());
      }
      rule = rule->item;
    } else if (rule != nullptr) {
      const Field* field = rule->kind == ValueKind::kMap ? FindField(*rule->shape, rest.substr(0, length)) : nullptr;
      rule = field == nullptr ? nullptr : field->rule;
    }
    path.push_back(Key(source, rest.substr(0, length), from));
    from += length + 1;
  }
  return path;
}

// An axis, named by its path: ...grid.NAME or ...grid.zip.NAME.
bool IsAxisPath(const Path& path) {
  const size_t n = path.size();
  if (n < 2 || path.back()->text == "zip") return false;
  const size_t grid = path[n - 2]->text == "zip" && n >= 3 ? n - 3 : n - 2;
  return path[grid]->text == "grid" && (grid == 0 || (grid == 2 && path[0]->text == "targets"));
}

absl::StatusOr<YamlNodePtr> WithValue(const YamlNodePtr& node, const Path& path, size_t depth,
                                      const YamlNodePtr& value) {
  if (depth == path.size()) return value;
  const YamlNodePtr& key = path[depth];
  if (key->text.empty()) return NodeError(*key, "a name is missing here", "write name=value or key.path=value");
  auto copy = std::make_shared<YamlNode>();
  if (node == nullptr || node->IsNull()) {
    copy->kind = YamlNode::Kind::kMap;
    copy->place = key->place;
  } else if (!node->IsMap()) {
    return NodeError(*key,
                     fmt::format("there is no place for {}: {} is {}, not a map", Quoted(key->text),
                                 depth == 0 ? "the scenario" : path[depth - 1]->text, FlowText(*node)),
                     "set the whole value");
  } else {
    *copy = *node;
  }
  const auto same = std::find_if(copy->entries.begin(), copy->entries.end(),
                                 [&](const YamlEntry& e) { return e.key->text == key->text; });
  const bool found = same != copy->entries.end();
  absl::StatusOr<YamlNodePtr> below = WithValue(found ? same->value : nullptr, path, depth + 1, value);
  if (!below.ok()) return below.status();
  if (found) {
    *same = {key, *std::move(below)};
  } else {
    copy->entries.push_back({key, *std::move(below)});
  }
  return copy;
}

YamlNodePtr AsList(const YamlNodePtr& value) {
  if (value->IsSequence()) return value;
  auto list = std::make_shared<YamlNode>();
  list->kind = YamlNode::Kind::kSequence;
  list->items = {value};
  list->place = value->place;
  return list;
}

absl::Status UnknownName(const YamlNode& scenario, const YamlNode& key, const std::set<std::string>& referred) {
  std::vector<std::string> known(referred.begin(), referred.end());
  for (const YamlNodePtr& grid : {MapIn(scenario, "grid")}) {
    if (grid == nullptr) continue;
    for (const YamlEntry& entry : grid->entries) known.push_back(entry.key->text);
  }
  const std::vector<std::string> keys = SupportedKeys(*ScenarioRule().shape);
  known.insert(known.end(), keys.begin(), keys.end());
  const auto nearest = NearestName(key.text, known);
  return NodeError(key, fmt::format("the scenario has no axis, key or reference called {}", Quoted(key.text)),
                   nearest ? fmt::format("did you mean '{}'?", *nearest)
                           : "write an axis (tasks=[1000]) or a path of keys (sample.every=1s)");
}

absl::StatusOr<YamlNodePtr> ApplySet(const YamlNodePtr& scenario, const std::string& set) {
  constexpr size_t kMaxShown = 80;
  auto source = std::make_shared<YamlSource>();
  source->name = "--set " + (set.size() > kMaxShown ? set.substr(0, kMaxShown) + "..." : set);
  source->text = set;
  source->from_set = true;
  const YamlPlace begin{source};
  if (set.size() > kMaxYamlBytes) return ErrorAt(begin, "the value is longer than 1 MiB", "put it into the file");
  if (absl::Status status = CheckYamlText(source); !status.ok()) return status;
  const size_t equals = set.find('=');
  if (equals == std::string::npos || equals == 0 || set.find('\n') != std::string::npos) {
    return ErrorAt(begin, "this sets nothing", "write name=value on one line, such as tasks=[1000,4000] or blocks=3");
  }
  absl::StatusOr<YamlNodePtr> value = ParseYaml(source, equals + 1);
  if (!value.ok()) return value.status();

  const std::string name = set.substr(0, equals);
  if (const auto axes = AxisPaths(*scenario, name); !axes.empty()) {
    YamlNodePtr changed = scenario;
    for (const std::vector<std::string>& keys : axes) {
      Path path;
      for (const std::string& key : keys) path.push_back(Key(source, key, 0));
      absl::StatusOr<YamlNodePtr> next = WithValue(changed, path, 0, AsList(*value));
      if (!next.ok()) return next.status();
      changed = *std::move(next);
    }
    return changed;
  }
  const Path path = SplitPath(*scenario, source, name);
  if (FindField(*ScenarioRule().shape, path.front()->text) != nullptr) {
    return WithValue(scenario, path, 0, IsAxisPath(path) ? AsList(*value) : *value);
  }
  std::set<std::string> referred;
  CollectReferences(*scenario, referred);
  std::erase_if(referred,
                [](const std::string& reference) { return IsBuiltInName(reference) || IsNameOfSomePlaces(reference); });
  if (path.size() > 1 || !referred.contains(name)) return UnknownName(*scenario, *path.front(), referred);
  return WithValue(scenario, {Key(source, "grid", 0), path.front()}, 0, AsList(*value));
}

}  // namespace

absl::StatusOr<YamlNodePtr> ApplySets(YamlNodePtr scenario, const std::vector<std::string>& sets) {
  for (const std::string& set : sets) {
    absl::StatusOr<YamlNodePtr> next = ApplySet(scenario, set);
    if (!next.ok()) return next.status();
    scenario = *std::move(next);
  }
  return scenario;
}

}  // namespace assay
