#include "coordinator/scheduling/share_leases.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "common/counter_random.h"
#include "coordinator/scenario/plan.h"

namespace assay {

ChosenAgents ChooseFiring(const LiveSweep& sweep, const AgentRoster& roster, int64_t now_ns) {
  const v1::SweepSpec& spec = sweep.row.spec;
  std::string away;
  bool gone = sweep.pinned.empty();
  for (const std::string& name : sweep.pinned) {
    const KnownAgent& agent = roster.At(name);
    if (roster.IsThere(agent, now_ns)) continue;
    if (agent.leaving || roster.IsGone(agent, now_ns)) gone = true;
    away += fmt::format("{}{}", away.empty() ? "" : ", ", name);
  }
  ChosenAgents choice;
  if (away.empty() && !gone) return choice;
  const std::vector<const KnownAgent*> matching = roster.Matching(spec.agents(), now_ns);
  const size_t wanted = std::max<size_t>(1, spec.agents_min());
  if (gone && matching.size() >= wanted) {
    for (const KnownAgent* agent : matching) choice.pins.push_back(agent->hello.name());
    return choice;
  }
  choice.waiting = gone ? fmt::format("waiting for {} more agent{} with {}; start assay-agent{}",
                                      wanted - matching.size(), wanted - matching.size() == 1 ? "" : "s",
                                      DescribeLabels(spec.agents()), SelectorText(spec.agents(), " --label "))
                        : fmt::format("waiting for agent {} to come back", away);
  return choice;
}

RunRow LeaseRun(const LiveSweep& sweep, const GridProgress::Turn& turn, const AgentRoster& roster, int64_t now_ns) {
  const CellRow& cell = sweep.CellAt(turn.position);
  RunRow run;
  run.sweep_id = sweep.row.sweep_id;
  run.cell_id = cell.cell_id;
  run.block = turn.block;
  run.attempt = sweep.grid.NextAttempt(turn);
  run.state = "preparing";
  run.verdict = "running";

  std::set<std::string> samplers;
  if (cell.spec.has_sampling() && cell.spec.sampling().has_where()) {
    for (const KnownAgent* agent : roster.Matching(cell.spec.sampling().where(), now_ns))
      samplers.insert(agent->hello.name());
  } else if (cell.spec.has_sampling()) {
    samplers = sweep.pinned;
  }
  const std::vector<ShareRange> ranges = SplitRun(cell.spec, RunKey(sweep.row.spec.seed(), cell.spec.key(), turn.block),
                                                  static_cast<uint32_t>(sweep.pinned.size()));
  size_t next = 0;
  const auto add = [&](const std::string& name, const ShareRange& range) {
    const KnownAgent& agent = roster.At(name);
    ShareRow share;
    share.agent_id = agent.agent_id;
    share.agent = name;
    share.incarnation = agent.hello.incarnation();
    share.first_index = range.first_index;
    share.count = range.count;
    share.stride = range.stride;
    share.slots = range.slots;
    share.samples = samplers.contains(name);
    share.state = "leased";
    if (share.slots > 0 || share.samples) run.shares.push_back(std::move(share));
  };
  for (const std::string& name : sweep.pinned) add(name, ranges[next++]);
  for (const std::string& name : samplers) {
    if (!sweep.pinned.contains(name)) add(name, {});
  }
  return run;
}

}  // namespace assay
