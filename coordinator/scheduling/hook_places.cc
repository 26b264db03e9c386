#include "coordinator/scheduling/hook_places.h"

#include <fmt/format.h>

#include <map>

namespace assay {
namespace {

// Remote ids travel to an agent's collector in one message, which may have 8 MiB.
constexpr size_t kMaxWorkBytes = 4 << 20;

}  // namespace

std::string TooMuchWork(const HookRow& hook) {
  if (hook.work.ByteSizeLong() <= kMaxWorkBytes) return "";
  return fmt::format("the run has {} remote ids, more than can be sent to an agent; let collect.where be coordinator",
                     hook.work.remote_ids_size());
}

std::optional<HookPlaces> PlacesOf(const PlacedHook& hook, const std::set<std::string>& firing,
                                   const AgentRoster& roster, int64_t now_ns) {
  const v1::Hook& spec = hook.spec;
  HookPlaces places;
  if (spec.argv().empty() && !spec.has_containers()) return places;
  std::map<std::string, std::string> incarnations;  // by place
  if (spec.on_coordinator()) {
    incarnations[kCoordinatorPlace];
  } else {
    if (spec.has_where() && !roster.Settled(now_ns)) return std::nullopt;
    for (const auto& [name, agent] : roster.all()) {
      const bool meant = spec.has_where() ? !roster.IsGone(agent, now_ns) && HasLabels(agent.hello, spec.where())
                                          : firing.contains(name);
      if (!meant) continue;
      if (agent.session == 0 && !roster.IsGone(agent, now_ns)) return std::nullopt;
      incarnations[name] = agent.hello.incarnation();
    }
  }
  if (incarnations.empty()) {
    const std::string of = hook.row.target.empty() ? "" : " of " + hook.row.target;
    places.failure = fmt::format("{}{}: no connected agent has {}", hook.row.kind, of, DescribeLabels(spec.where()));
  }
  for (const auto& [place, incarnation] : incarnations) {
    PlacedHook& placed = places.hooks.emplace_back(hook);
    placed.row.where = place;
    placed.row.incarnation = incarnation;
  }
  return places;
}

std::optional<PlacedHook> PlaceOfCollector(PlacedHook collector, const AgentRoster& roster, int64_t now_ns) {
  collector.row.where = kCoordinatorPlace;
  if (collector.spec.on_coordinator()) return collector;
  if (!roster.Settled(now_ns)) return std::nullopt;
  bool away = false;
  for (const auto& [name, agent] : roster.all()) {
    if (roster.IsGone(agent, now_ns) || !HasLabels(agent.hello, collector.spec.where())) continue;
    if (!roster.IsThere(agent, now_ns)) {
      away = true;
      continue;
    }
    collector.row.where = name;
    collector.row.incarnation = agent.hello.incarnation();
    return collector;
  }
  if (away) return std::nullopt;
  collector.given_up = fmt::format("no connected agent has {}; start one with these labels, or correct collect.where",
                                   DescribeLabels(collector.spec.where()));
  return collector;
}

}  // namespace assay
