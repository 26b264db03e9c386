#include "coordinator/scenario/scenario_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/scenario/rule_parts.h"

namespace assay::rules {
namespace {

// Cells and targets.
const Field kTriggerField{"trigger", &kTrigger, "what is fired", true};
const Field kLoadField{"load", &kLoad, "how much, and how fast", true};
const Field kCompletionField{"completion", &kCompletion, "how the work that a trigger starts is followed to its end"};
const Field kSampleField{"sample", &kSample, "what is sampled; absent: nothing"};
const Field kCollectField{"collect", &kCollect, "the target's own records, read after a run"};
const Rule kSlots = Integer(1, 1'000'000);
const Field kSlotsField{"slots", &kSlots,
                        "tasks that the target runs at once, where no driver tells it; default: not known"};
const Shape kCellShape{.fields = {kTriggerField,
                                  kLoadField,
                                  kSlotsField,
                                  kCompletionField,
                                  kSampleField,
                                  {"hooks", &kRunHooks, "commands around a run"},
                                  kCollectField}};
const Rule kCell = MapOf(kCellShape);
const Rule kAxes{.kind = ValueKind::kAxes};
const Field kGridField{"grid", &kAxes, "axes; cells are their product. Those in zip move together"};
const Shape kTargetShape{.fields = {{"trigger", &kTrigger, "what is fired at this target"},
                                    {"load", &kLoad, "what differs for this target"},
                                    kSlotsField,
                                    kCompletionField,
                                    kSampleField,
                                    {"hooks", &kRunHooks, "commands around this target's runs"},
                                    kGridField,
                                    {"setup", &kTargetHook, "once, before this target's first run"},
                                    {"teardown", &kTargetHook, "once, after this target's last run"},
                                    kCollectField}};
const Rule kTarget = MapOf(kTargetShape);
const Rule kTargets{.kind = ValueKind::kTargets, .item = &kTarget};

// The sweep.
const Rule kSeed = Integer(0, INT64_MAX);
const Rule kBlocks = Integer(1, 10'000);
const Rule kCellLimit = Integer(1, 100'000);
const Shape kCellsShape{.fields = {{"limit", &kCellLimit, "a larger grid is refused; default: 500"}}};
const Rule kCells = MapOf(kCellsShape);
const Rule kAgentCount = Integer(1, 10'000);
const Shape kAgentsShape{.fields = {{"select", &kLabels, "labels that an agent must have; default: every agent"},
                                    {"count", &kAgentCount, "the sweep waits for at least this many; default: 1"}}};
const Rule kAgents = MapOf(kAgentsShape);
const Rule kLossWord{.kind = ValueKind::kWord, .words = {"fail", "accept"}};
const Rule kRepeat = Integer(0, 100);
const Shape kLossShape{.fields = {{"repeat", &kRepeat, "try the run again, at most this often", true}}, .atomic = true};
const Rule kLossMap = MapOf(kLossShape);
const Rule kOnAgentLoss = Either(kLossWord, kLossMap);
const Rule kLimitDuration = Duration(0, kDay);
const Shape kLimitsShape{.fields = {{"failures", &kFraction, "triggers that are not ok, of all"},
                                    {"slip_p99", &kLimitDuration, "99th percentile of how late triggers started"},
                                    {"start_skew", &kLimitDuration, "between the first dispatches of the agents"}}};
const Rule kLimits = MapOf(kLimitsShape);

const Shape kScenarioShape{
    .fields = {{"name", &kName, "of the scenario; the target's name where there are no targets", true},
               {"about", &kText, "what it is for, in words"},
               {"seed", &kSeed, "order of cells and lengths of sleeps follow from it; default: 1"},
               {"blocks", &kBlocks, "each runs every cell once, in its own shuffled order; default: 1"},
               kGridField,
               {"cells", &kCells, "bound on the number of cells"},
               {"agents", &kAgents, "who fires"},
               {"load", &kLoad, "how much, and how fast"},
               kSlotsField,
               {"trigger", &kTrigger, "what is fired"},
               kCompletionField,
               {"targets", &kTargets, "several systems under the same load; each gives what differs"},
               {"hooks", &kHooks, "commands around the sweep and its runs"},
               kSampleField,
               kCollectField,
               {"on_agent_loss", &kOnAgentLoss, "what becomes of a run whose agent died; default: {repeat: 2}"},
               {"limits", &kLimits, "a run beyond one of them is rejected"},
               {"compare", nullptr, ""}}};
const Rule kScenario = MapOf(kScenarioShape);

// Depth first; the first place where the key is known and supported.
bool FindPath(const Rule& rule, std::string_view key, std::string& path) {
  if (rule.kind == ValueKind::kEither) return FindPath(*rule.other, key, path);
  if (rule.kind == ValueKind::kOneOrMore) return FindPath(*rule.item, key, path);
  if (rule.kind != ValueKind::kMap) return false;
  if (const Field* field = FindField(*rule.shape, key); field != nullptr && field->rule != nullptr) return true;
  for (const Field& field : rule.shape->fields) {
    if (field.rule == nullptr) continue;
    std::string below = path.empty() ? std::string(field.key) : fmt::format("{}.{}", path, field.key);
    if (FindPath(*field.rule, key, below)) {
      path = below;
      return true;
    }
  }
  return false;
}

}  // namespace
}  // namespace assay::rules

namespace assay {

const Rule& ScenarioRule() { return rules::kScenario; }
const Rule& CellRule() { return rules::kCell; }
const Rule& TargetRule() { return rules::kTarget; }

const Field* FindField(const Shape& shape, std::string_view key) {
  const auto found =
      std::find_if(shape.fields.begin(), shape.fields.end(), [&](const Field& field) { return field.key == key; });
  return found == shape.fields.end() ? nullptr : &*found;
}

std::vector<std::string> SupportedKeys(const Shape& shape) {
  std::vector<std::string> keys;
  for (const Field& field : shape.fields) {
    if (field.rule != nullptr) keys.emplace_back(field.key);
  }
  return keys;
}

std::string PathOfKey(std::string_view key) {
  std::string path;
  return rules::FindPath(rules::kScenario, key, path) ? path : "";
}

}  // namespace assay
