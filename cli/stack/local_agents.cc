#include "cli/stack/local_agents.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/scenario/plan.h"

namespace assay {
namespace {

bool Matches(const v1::Selector& selector, uint32_t n) {
  const auto labels = LocalLabels(n);
  return std::all_of(selector.labels().begin(), selector.labels().end(), [&](const auto& wanted) {
    return std::find(labels.begin(), labels.end(), std::pair(wanted.first, wanted.second)) != labels.end();
  });
}

// Only the first two kinds of agents differ.
uint32_t Matching(const v1::Selector& selector, uint32_t agents) {
  return (agents > 0 && Matches(selector, 1) ? 1 : 0) + (agents > 1 && Matches(selector, 2) ? agents - 1 : 0);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> LocalLabels(uint32_t n) {
  std::vector<std::pair<std::string, std::string>> labels = {{"role", "load"}};
  if (n == 1) labels.emplace_back("role", "target");
  return labels;
}

uint32_t DefaultLocalAgents(const v1::SweepSpec& spec) { return std::max<uint32_t>(2, spec.agents_min()); }

uint32_t FiringLocalAgents(const v1::SweepSpec& spec) {
  return std::max(Matching(spec.agents(), DefaultLocalAgents(spec)), spec.agents_min());
}

absl::Status CheckLocalAgents(const v1::SweepSpec& spec, uint32_t agents, const std::string& file) {
  const v1::Selector& selector = spec.agents();
  if (Matching(selector, agents) >= spec.agents_min() && agents <= kLocalAgentsMax) return absl::OkStatus();
  const std::string wanted =
      fmt::format("{}: the scenario needs {} agent{}{}", file, spec.agents_min(), spec.agents_min() == 1 ? "" : "s",
                  selector.labels().empty() ? std::string() : " with" + SelectorText(selector));
  if (Matches(selector, 2) && spec.agents_min() <= kLocalAgentsMax) {
    return absl::InvalidArgumentError(
        fmt::format("{}, and only {} would be started; start with --agents {}, or lower agents.count", wanted, agents,
                    spec.agents_min()));
  }
  if (Matches(selector, 2)) {
    return absl::InvalidArgumentError(
        fmt::format("{}, more than the {} that one machine starts; lower agents.count, or use agents on several hosts "
                    "with `assay sweep start`",
                    wanted, kLocalAgentsMax));
  }
  return absl::InvalidArgumentError(
      fmt::format("{}, but local agents have role=load, and one of them role=target too; change agents.select or "
                  "agents.count, or use agents on several hosts with `assay sweep start`",
                  wanted));
}

}  // namespace assay
