#include "coordinator/scenario/plan_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "common/counter_random.h"
#include "common/json_text.h"
#include "common/units.h"
#include "coordinator/scenario/load_size.h"
#include "coordinator/scenario/plan_asks.h"

namespace assay {
namespace {

struct CellBound {
  int64_t shortest_ns = 0;  // of the run in the first block; other blocks draw other sleeps from the same distribution
  uint64_t triggers = 0;    // 0: only time bounds them
  uint64_t agent_min = 0;   // triggers per agent that fires
  uint64_t agent_max = 0;
  uint32_t firing = 0;
};

struct PlanBound {
  std::vector<CellBound> cells;
  uint64_t triggers = 0;  // in all blocks; of cells that only time bounds: not counted
  size_t uncounted = 0;   // such cells
  bool about = false;     // other blocks draw other numbers of arrivals
  double shortest_s = 0;  // of all blocks
};

// A number of arrivals that is only known on average.
bool IsDrawn(const v1::Load& load) {
  return load.open().rates().poisson() && load.duration_ns() > 0 && load.triggers() != PlannedTriggers(load);
}

PlanBound BoundOf(const Plan& plan, uint32_t agents) {
  PlanBound bound;
  for (const PlannedCell& cell : plan.cells) {
    const uint64_t key = RunKey(plan.spec.seed(), cell.spec.key(), 1);
    const v1::Load& load = cell.spec.load();
    const uint64_t triggers = PlannedTriggers(load).value_or(0);
    CellBound of_cell{ShortestRunNs(cell.spec, key), triggers, std::numeric_limits<uint64_t>::max(), 0, 0};
    for (const ShareRange& share : SplitRun(cell.spec, key, agents)) {
      if (share.slots == 0) continue;
      ++of_cell.firing;
      // Bounded by time every agent goes on by its stride from its first index.
      uint64_t count = share.count;
      if (load.triggers() == 0 && triggers > share.first_index)
        count = (triggers - share.first_index - 1) / share.stride + 1;
      of_cell.agent_min = std::min(of_cell.agent_min, count);
      of_cell.agent_max = std::max(of_cell.agent_max, count);
    }
    bound.triggers += triggers * plan.spec.blocks();
    bound.uncounted += triggers == 0 ? 1 : 0;
    bound.about = bound.about || IsDrawn(load);
    bound.shortest_s += static_cast<double>(of_cell.shortest_ns) / 1e9 * plan.spec.blocks();
    bound.cells.push_back(of_cell);
  }
  return bound;
}

std::string Seconds(double s) {
  return s < 9e9 ? FormatDuration(static_cast<int64_t>(s * 1e9)) : fmt::format("{:.0f} years", s / (365.25 * 86400));
}

std::string TriggersText(const v1::Load& load, const CellBound& cell) {
  if (load.has_open() && load.duration_ns() > 0)
    return fmt::format("{}{} in {}", IsDrawn(load) ? "about " : "", CountText(cell.triggers),
                       FormatDuration(load.duration_ns()));
  if (load.triggers() == 0) return FormatDuration(load.duration_ns());
  if (load.duration_ns() == 0) return CountText(load.triggers());
  return fmt::format("{} or {}", CountText(load.triggers()), FormatDuration(load.duration_ns()));
}

std::string AllTriggersText(const PlanBound& bound) {
  if (bound.triggers == 0) return "bounded by time";
  const std::string known = (bound.about ? "about " : "") + Counted(bound.triggers, "trigger");
  return bound.uncounted == 0 ? known
                              : fmt::format("{} and {} bounded by time", known, Counted(bound.uncounted, "cell"));
}

// How long a counted number of requests takes shows only when they are fired.
bool DependsOnTarget(const v1::CellSpec& cell) { return !cell.trigger().has_sleep() && cell.load().triggers() > 0; }

std::string_view Noun(const v1::Trigger& trigger) {
  switch (trigger.kind_case()) {
    case v1::Trigger::kExec:
    case v1::Trigger::kContainer:
      return "processes";
    case v1::Trigger::kHttp:
      return "requests";
    case v1::Trigger::kGrpc:
      return "calls";
    case v1::Trigger::kDriver:
      return "tasks";
    case v1::Trigger::kSleep:
    case v1::Trigger::KIND_NOT_SET:
      break;
  }
  return "triggers";
}

std::string ShortestText(const Plan& plan, double shortest_s) {
  std::set<std::string_view> nouns;
  for (const PlannedCell& cell : plan.cells)
    if (DependsOnTarget(cell.spec)) nouns.insert(Noun(cell.spec.trigger()));
  if (nouns.empty()) return Seconds(shortest_s) + ": sleeps, bounds on time and cool-downs; starts come on top";
  const std::string what = fmt::format("{}", fmt::join(nouns, " and "));
  if (shortest_s == 0) return fmt::format("cannot be known beforehand: it depends on how long the {} take", what);
  return fmt::format(
      "{}: sleeps, bounds on time and cool-downs; starts and the {}, whose length cannot be known beforehand, come on "
      "top",
      Seconds(shortest_s), what);
}

std::string PerAgentText(const CellBound& cell) {
  if (cell.triggers == 0) return "-";
  return cell.agent_min == cell.agent_max ? CountText(cell.agent_min)
                                          : fmt::format("{}..{}", CountText(cell.agent_min), CountText(cell.agent_max));
}

// Whether a hook on containers runs on every agent that fires.
bool ActsEverywhere(const Plan& plan) {
  const auto everywhere = [](const v1::Hook& hook) { return hook.has_containers() && hook.where().labels().empty(); };
  return everywhere(plan.spec.before_sweep()) || everywhere(plan.spec.after_sweep()) ||
         std::any_of(plan.spec.targets().begin(), plan.spec.targets().end(),
                     [&](const v1::TargetHooks& t) { return everywhere(t.setup()) || everywhere(t.teardown()); }) ||
         std::any_of(plan.cells.begin(), plan.cells.end(), [&](const PlannedCell& cell) {
           return everywhere(cell.spec.before_run()) || everywhere(cell.spec.after_run());
         });
}

// Of the target, where the scenario tells; else what is in flight.
uint32_t SlotsOf(const v1::CellSpec& spec) { return spec.slots() > 0 ? spec.slots() : Slots(spec.load()); }

std::string SlotsText(const v1::CellSpec& spec) {
  return spec.trigger().has_driver() ? "driver" : CountText(SlotsOf(spec));
}

}  // namespace

std::vector<std::string> WarningsFor(const Plan& plan, uint32_t agents, bool assumed) {
  constexpr size_t kCellsNamed = 5;
  std::vector<std::string> warnings = plan.warnings;
  for (std::string& warning : LoadWarnings(plan, agents)) warnings.push_back(std::move(warning));
  for (std::string& warning : AskWarnings(plan, agents)) warnings.push_back(std::move(warning));
  const bool drives = std::any_of(plan.cells.begin(), plan.cells.end(), [&](const PlannedCell& cell) {
    return cell.spec.trigger().has_driver() && FiringAgents(cell.spec, agents) > 1;
  });
  if (drives && plan.spec.agents().labels().empty() && plan.spec.agents_min() < 2) {
    warnings.push_back(fmt::format(
        "each of {} agents starts a driver of its own, and a run's tasks are split among them: where a driver starts a "
        "system, that is there as often; for one say agents: {{select: {{role: target}}, count: 1}}",
        CountText(agents)));
  }
  if (assumed) agents = plan.spec.agents_min();
  if (agents > 1 && ActsEverywhere(plan)) {
    warnings.push_back(fmt::format(
        "a hook on containers without 'where' runs on each of {} agents, and where these share a container engine, at "
        "the same time; name the one that has the engine, such as where: {{role: target}}",
        CountText(agents)));
  }
  std::string named;
  size_t cells = 0;
  for (const PlannedCell& cell : plan.cells) {
    const uint32_t firing = FiringAgents(cell.spec, agents);
    if (firing >= agents || ++cells > kCellsNamed) continue;
    named += fmt::format("{}{}{} of them", named.empty() ? "" : ", ", cell.label.empty() ? "" : cell.label + ": ",
                         CountText(agents - firing));
  }
  if (cells == 0) return warnings;
  if (cells > kCellsNamed) named += fmt::format(", and {} more", CountText(cells - kCellsNamed));
  warnings.push_back(
      fmt::format("with {} agents some fire nothing, for want of slots or triggers ({}); raise load.closed.concurrency "
                  "and load.triggers, or use fewer agents",
                  CountText(agents), named));
  return warnings;
}

std::string DescribePlan(const Plan& plan, uint32_t agents, const std::string& assumed) {
  constexpr size_t kMaxLines = 100;
  const uint32_t firing = agents == 0 ? plan.spec.agents_min() : agents;
  const PlanBound bound = BoundOf(plan, firing);
  const uint64_t runs = uint64_t{plan.spec.blocks()} * plan.cells.size();
  std::string out = plan.spec.name() + (plan.spec.about().empty() ? "" : ": " + plan.spec.about()) + "\n";
  const std::string labels = SelectorText(plan.spec.agents());
  out +=
      fmt::format("  plan      {} x {} = {}, {}, seed {}\n", Counted(plan.cells.size(), "cell"),
                  Counted(plan.spec.blocks(), "block"), Counted(runs, "run"), AllTriggersText(bound), plan.spec.seed());
  out += fmt::format("  agents    at least {}{}; shown for {}{}\n", CountText(plan.spec.agents_min()),
                     labels.empty() ? "" : " with" + labels, CountText(firing), assumed.empty() ? "" : " " + assumed);
  out += fmt::format("  shortest  {}\n", ShortestText(plan, bound.shortest_s));
  if (const std::string asks = DescribeAsks(plan, firing); !asks.empty()) out += "\n" + asks;

  size_t width = 4;
  const size_t shown = std::min(plan.cells.size(), kMaxLines);
  for (size_t i = 0; i < shown; ++i) width = std::max(width, plan.cells[i].label.size());
  width = std::min<size_t>(width, 70);
  out += fmt::format("\n  {:<{}}  {:>18}  {:>15}  {:>7}  {:>12}\n", "cell", width, "triggers", "per agent", "slots",
                     "shortest run");
  for (size_t i = 0; i < shown; ++i) {
    const v1::Load& load = plan.cells[i].spec.load();
    out += fmt::format("  {:<{}}  {:>18}  {:>15}  {:>7}  {:>12}\n", plan.cells[i].label, width,
                       TriggersText(load, bound.cells[i]), PerAgentText(bound.cells[i]), SlotsText(plan.cells[i].spec),
                       DependsOnTarget(plan.cells[i].spec) && bound.cells[i].shortest_ns == 0
                           ? "-"
                           : FormatDuration(bound.cells[i].shortest_ns));
  }
  if (shown < plan.cells.size()) out += fmt::format("  ... and {} more\n", CountText(plan.cells.size() - shown));
  const std::vector<std::string> warnings = WarningsFor(plan, firing, !assumed.empty());
  for (const std::string& warning : warnings) out += fmt::format("\nwarning: {}", warning);
  if (!warnings.empty()) out += "\n";
  return out;
}

std::string DescribePlanJson(const Plan& plan, uint32_t agents, const std::string& assumed) {
  const uint32_t firing = agents == 0 ? plan.spec.agents_min() : agents;
  const PlanBound bound = BoundOf(plan, firing);
  std::string cells;
  for (size_t i = 0; i < plan.cells.size(); ++i) {
    const PlannedCell& cell = plan.cells[i];
    const CellBound& of_cell = bound.cells[i];
    cells += fmt::format(
        R"({}{{"cell": {}, "target": {}, "params": {}, "triggers": {}, "duration_s": {}, "slots": {}, "agents": {}, )",
        i == 0 ? "" : ", ", JsonString(cell.label), JsonString(cell.spec.target()), cell.params_json, of_cell.triggers,
        static_cast<double>(cell.spec.load().duration_ns()) / 1e9, SlotsOf(cell.spec), of_cell.firing);
    cells += fmt::format(R"("triggers_per_agent_min": {}, "triggers_per_agent_max": {}, "shortest_s": {}, {}}})",
                         of_cell.agent_min, of_cell.agent_max, static_cast<double>(of_cell.shortest_ns) / 1e9,
                         AsksJson(cell.spec, firing));
  }
  std::string warnings;
  for (const std::string& warning : WarningsFor(plan, firing, !assumed.empty()))
    warnings += (warnings.empty() ? "" : ", ") + JsonString(warning);
  std::string labels;
  for (const auto& [key, value] : plan.spec.agents().labels()) {
    labels += fmt::format("{}{}: {}", labels.empty() ? "" : ", ", JsonString(key), JsonString(value));
  }
  return fmt::format(
      R"({{"name": {}, "seed": {}, "cells": {}, "blocks": {}, "runs": {}, "triggers": {}, "agents_min": {}, "agents_select": {{{}}}, )"
      R"("agents": {}, "agents_assumed": {}, "shortest_s": {}, "warnings": [{}], "plan": [{}]}})",
      JsonString(plan.spec.name()), plan.spec.seed(), plan.cells.size(), plan.spec.blocks(),
      uint64_t{plan.spec.blocks()} * plan.cells.size(), bound.triggers, plan.spec.agents_min(), labels, firing,
      !assumed.empty(), bound.shortest_s, warnings, cells);
}

}  // namespace assay
