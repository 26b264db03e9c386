#include "coordinator/scenario/scenario_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "common/counter_random.h"
#include "common/units.h"
#include "coordinator/scenario/scenario_check.h"
#include "coordinator/scenario/scenario_fields.h"
#include "coordinator/scenario/scenario_grid.h"
#include "coordinator/scenario/scenario_references.h"
#include "coordinator/scenario/scenario_rules.h"
#include "coordinator/scenario/scenario_sets.h"
#include "coordinator/scenario/scenario_targets.h"
#include "coordinator/scenario/yaml_tree.h"

namespace assay {
namespace {

// A cell travels in one message, and all of them are held in memory.
constexpr size_t kMaxCellBytes = 8 << 20;
constexpr size_t kMaxPlanBytes = 256 << 20;

struct TargetGrid {
  TargetParts parts;
  Grid grid;
};

// The keys whose values are the same for all cells, checked to the end.
absl::Status CheckSweepWide(const YamlNode& scenario) {
  auto part = std::make_shared<YamlNode>(scenario);
  std::erase_if(part->entries, [](const YamlEntry& e) {
    return e.key->text == "targets" ||
           (e.key->text != "hooks" && FindField(*TargetRule().shape, e.key->text) != nullptr);
  });
  for (YamlEntry& entry : part->entries) {
    if (entry.key->text != "hooks") continue;
    auto hooks = std::make_shared<YamlNode>(*entry.value);
    std::erase_if(hooks->entries,
                  [](const YamlEntry& e) { return e.key->text == "before_run" || e.key->text == "after_run"; });
    entry.value = hooks;
  }
  return CheckValue(*part, ScenarioRule(), "", CheckPhase::kResolved);
}

absl::StatusOr<std::vector<TargetGrid>> ReadTargets(const YamlNode& scenario, std::vector<std::string>& warnings) {
  std::vector<TargetGrid> targets;
  std::set<std::string> used;
  std::vector<std::pair<std::string, YamlPlace>> axes;
  for (TargetParts& parts : MergedTargets(scenario)) {
    absl::StatusOr<Grid> grid = ReadGrid(parts.grid);
    if (!grid.ok()) return grid.status();
    if (absl::Status status = CheckReferences(*parts.cell, grid->AxisNames(), used); !status.ok()) return status;
    for (const Grid::Dimension& dimension : grid->dimensions) {
      for (const Axis& axis : dimension) axes.emplace_back(axis.name, axis.place);
    }
    targets.push_back({std::move(parts), *std::move(grid)});
  }
  std::set<std::string> warned;
  for (const auto& [name, place] : axes) {
    if (used.contains(name) || !warned.insert(name).second) continue;
    warnings.push_back(
        place.source->from_set
            ? fmt::format("{}: nothing refers to the axis: its cells differ in name only", place.source->name)
            : fmt::format("{}:{}:{}: nothing refers to the axis '{}': its cells differ in name only; use $({})",
                          place.source->name, place.line + 1, place.column + 1, name, name));
  }
  return targets;
}

// By multiplication only: nothing is expanded before the number of cells is known to be bearable.
absl::Status CheckCellLimit(const YamlNode& scenario, const std::vector<TargetGrid>& targets) {
  uint64_t cells = 0;
  for (const TargetGrid& target : targets) {
    if (__builtin_add_overflow(cells, target.grid.Cells(), &cells)) cells = std::numeric_limits<uint64_t>::max();
  }
  const uint64_t limit = ReadCellLimit(scenario);
  if (cells <= limit) return absl::OkStatus();
  const bool countable = cells < std::numeric_limits<uint64_t>::max();
  const YamlNodePtr grid = Find(scenario, "grid");
  return NodeError(grid == nullptr ? *Find(scenario, "targets") : *grid,
                   fmt::format("the grid has {} cells, the limit is {}",
                               countable ? fmt::format("{}", cells) : "more than 2^64", limit),
                   countable ? fmt::format("shorten an axis, or set cells: {{limit: {}}}", cells) : "shorten the axes");
}

absl::StatusOr<PlannedCell> PlanCell(const TargetGrid& target, uint64_t position, bool named, ScenarioFiles& files) {
  const auto values = target.grid.At(position);
  Bindings bindings;
  for (const auto& [name, value] : values) bindings[name] = EscapedValue(value);
  auto target_name = std::make_shared<YamlNode>();
  target_name->kind = YamlNode::Kind::kScalar;
  target_name->text = target.parts.name;
  target_name->place = target.parts.cell->place;
  bindings["target"] = target_name;

  absl::StatusOr<YamlNodePtr> resolved = Substitute(target.parts.cell, bindings);
  if (!resolved.ok()) return resolved.status();
  if (absl::Status status = CheckValue(**resolved, CellRule(), "", CheckPhase::kResolved); !status.ok()) return status;
  absl::StatusOr<v1::CellSpec> spec = ReadCell(**resolved, files);
  if (!spec.ok()) return spec.status();

  PlannedCell cell;
  const std::string axes = CellLabel(values);
  const std::string prefix = named ? "target=" + target.parts.name : axes.empty() ? target.parts.name : "";
  cell.label = prefix.empty() || axes.empty() ? prefix + axes : prefix + " " + axes;
  cell.params_json = CellParams(values, false);
  cell.spec = *std::move(spec);
  cell.spec.set_target(target.parts.name);
  // Of its values, not of where it stands: a cell keeps its sleeps when the grid around it grows. Not of its target
  // either: systems that are compared get the same work.
  cell.spec.set_key(StableHash(CellParams(values, true)));
  return cell;
}

// They belong to no cell, so that they know no axis.
absl::Status ReadHooksOfTargets(const YamlNode& scenario, v1::SweepSpec& spec) {
  const YamlNodePtr targets = Find(scenario, "targets");
  if (targets == nullptr) return absl::OkStatus();
  std::set<std::string> used;
  for (const YamlEntry& entry : targets->entries) {
    if (!entry.value->IsMap()) continue;
    auto part = std::make_shared<YamlNode>(*entry.value);
    std::erase_if(part->entries,
                  [](const YamlEntry& e) { return e.key->text != "setup" && e.key->text != "teardown"; });
    if (part->entries.empty()) continue;
    if (absl::Status status = CheckReferences(*part, {}, used); !status.ok()) return status;
    const absl::StatusOr<YamlNodePtr> resolved = Substitute(part, {{"target", entry.key}});
    if (!resolved.ok()) return resolved.status();
    const std::string path = "targets." + entry.key->text;
    if (absl::Status status = CheckValue(**resolved, TargetRule(), path, CheckPhase::kResolved); !status.ok())
      return status;
    absl::StatusOr<v1::TargetHooks> hooks = ReadTargetHooks(entry.key->text, **resolved);
    if (!hooks.ok()) return hooks.status();
    *spec.add_targets() = *std::move(hooks);
  }
  return absl::OkStatus();
}

void Warn(const Plan& plan, const std::vector<TargetGrid>& targets, std::vector<std::string>& warnings) {
  const bool no_timeout = std::any_of(plan.cells.begin(), plan.cells.end(), [](const PlannedCell& cell) {
    return !cell.spec.trigger().has_sleep() && cell.spec.trigger().timeout_ns() == 0;
  });
  if (no_timeout) warnings.emplace_back("trigger.timeout is not set: one that hangs holds its run for ever");
  const bool asked = std::any_of(plan.cells.begin(), plan.cells.end(),
                                 [](const PlannedCell& cell) { return cell.spec.sampling().run(); });
  const bool had = std::any_of(plan.cells.begin(), plan.cells.end(), [](const PlannedCell& cell) {
    return cell.spec.sampling().run() && (cell.spec.trigger().has_exec() || cell.spec.trigger().has_driver());
  });
  if (asked && !had) {
    warnings.emplace_back(
        "sample.run is set, but no trigger is an exec or a driver: only processes that the agent starts can be in a "
        "run's cgroup");
  }
  const bool claimed = std::any_of(targets.begin(), targets.end(), [](const TargetGrid& target) {
    return Find(*target.parts.cell, "slots") != nullptr;
  });
  const bool counts =
      std::any_of(plan.cells.begin(), plan.cells.end(), [](const PlannedCell& cell) { return cell.spec.slots() > 0; });
  if (claimed && !counts) {
    warnings.emplace_back(
        "slots is set, but every trigger is a sleep: those run in the agents' slots, as load.closed.concurrency says");
  }
  const auto untold = std::find_if(plan.cells.begin(), plan.cells.end(), [](const PlannedCell& cell) {
    return cell.spec.slots() > 0 && cell.spec.collect().empty() && !cell.spec.trigger().has_driver();
  });
  if (untold != plan.cells.end()) {
    warnings.push_back(fmt::format(
        "slots is set, but nothing tells of the tasks of {}: without collect or a driver there is no overhead",
        untold->label));
  }
}

absl::StatusOr<Plan> PlanScenario(const YamlNodePtr& root, ScenarioFiles& files) {
  if (!root->IsMap()) return NodeError(*root, "a scenario is a map of keys", "begin with 'name: ...'");
  if (absl::Status status = CheckValue(*root, ScenarioRule(), "", CheckPhase::kAsWritten); !status.ok()) return status;
  if (absl::Status status = CheckSweepWide(*root); !status.ok()) return status;
  Plan plan;
  absl::StatusOr<v1::SweepSpec> spec = ReadSweep(*root);
  if (!spec.ok()) return spec.status();
  plan.spec = *std::move(spec);
  if (absl::Status status = ReadHooksOfTargets(*root, plan.spec); !status.ok()) return status;
  const absl::StatusOr<std::vector<TargetGrid>> targets = ReadTargets(*root, plan.warnings);
  if (!targets.ok()) return targets.status();
  if (absl::Status status = CheckCellLimit(*root, *targets); !status.ok()) return status;

  const bool named = Find(*root, "targets") != nullptr;
  size_t bytes = 0;
  for (const TargetGrid& target : *targets) {
    for (uint64_t position = 0; position < target.grid.Cells(); ++position) {
      absl::StatusOr<PlannedCell> cell = PlanCell(target, position, named, files);
      if (!cell.ok()) return cell.status();
      cell->position = static_cast<uint32_t>(plan.cells.size());
      const size_t cell_bytes = cell->spec.ByteSizeLong() + cell->params_json.size();
      bytes += cell_bytes;
      if (cell_bytes > kMaxCellBytes || bytes > kMaxPlanBytes) {
        return NodeError(*target.parts.cell,
                         fmt::format("with the cell {} the plan becomes too large ({} bytes in this cell, {} in all)",
                                     Quoted(cell->label), cell_bytes, bytes),
                         "shorten the texts and lists, or the grid");
      }
      plan.cells.push_back(*std::move(cell));
    }
  }
  Warn(plan, *targets, plan.warnings);
  return plan;
}

}  // namespace

absl::StatusOr<Plan> LoadScenario(std::string_view yaml, const std::string& file_name,
                                  const std::vector<std::string>& sets, const FileReader& read) {
  if (yaml.size() > kMaxYamlBytes) {
    return absl::InvalidArgumentError(
        fmt::format("{}:1:1: the file is longer than {}, which no scenario is\nis this the right file?", file_name,
                    FormatBytes(kMaxYamlBytes)));
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (yaml.substr(0, kByteOrderMark.size()) == kByteOrderMark) yaml.remove_prefix(kByteOrderMark.size());
  auto source = std::make_shared<YamlSource>();
  source->name = file_name;
  source->text = yaml;
  absl::StatusOr<YamlNodePtr> root = ParseYaml(source);
  if (!root.ok()) return root.status();
  if ((*root)->IsMap()) root = ApplySets(*std::move(root), sets);
  if (!root.ok()) return root.status();
  ScenarioFiles files(file_name, read);
  return PlanScenario(*root, files);
}

}  // namespace assay
