#include "coordinator/scheduling/live_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/nanoseconds.h"
#include "common/units.h"

namespace assay {
namespace {
// T0 lies this far ahead, plus a generous multiple of the slowest agent's round trip.
constexpr int64_t kStartLeadNs = 150 * kMs;
constexpr int64_t kMaxStartLeadNs = 3 * kSecond;
constexpr int64_t kRoundTripsToStart = 20;

bool Fired(const LiveShare& share) { return share.status.phase() == v1::FIRED || share.status.phase() == v1::ENDED; }

}  // namespace

LiveRun::LiveRun(RunRow run, int64_t cooldown_ns, int64_t now_ns) : row(std::move(run)) {
  for (const ShareRow& share : row.shares) {
    LiveShare& mine = shares[share.agent];
    mine.row = share;
    mine.row.run_id = row.run_id;
    mine.ended = share.state == "ended";
    mine.lost = share.state == "lost";
  }
  created_ns = row.t0_ns > 0 ? row.t0_ns : now_ns;
  cooldown_until_ns = now_ns + cooldown_ns;
}

void LiveRun::Reported(const std::string& agent, const std::string& incarnation, const v1::ShareStatus& status) {
  const auto share = shares.find(agent);
  if (share != shares.end() && share->second.row.incarnation == incarnation) share->second.status = status;
}

void LiveRun::Paused(int64_t for_ns, int64_t now_ns) {
  for (auto& [name, share] : shares) {
    if (share.orphaned_ns != 0) share.orphaned_ns = std::min(now_ns, share.orphaned_ns + for_ns);
  }
}

bool LiveRun::HasFired() const {
  return std::all_of(shares.begin(), shares.end(), [](const auto& entry) {
    const LiveShare& share = entry.second;
    return share.row.slots == 0 || share.Over() || Fired(share);
  });
}

bool LiveRun::IsOver() const {
  return std::all_of(shares.begin(), shares.end(), [](const auto& share) { return share.second.Over(); });
}

void LiveRun::FindTrouble(const AgentRoster& roster, int64_t now_ns) {
  for (const auto& [name, share] : shares) {
    if (!trouble.code.empty()) return;
    const KnownAgent& agent = roster.At(name);
    if (share.status.phase() == v1::REFUSED) {
      // Many refusals name their agent themselves, as they also stand where nobody else does.
      const std::string& error = share.status.error();
      const bool named = error.starts_with(fmt::format("agent '{}'", name));
      trouble = {"refused", named ? error : fmt::format("agent {}: {}", name, error)};
    } else if (share.Over() || Fired(share)) {
      // By itself, as when its lease ran out: it does not come to READY again.
      trouble = {"interrupted", fmt::format("agent {} ended its share before the run began", name)};
    }
    if (agent.hello.incarnation() != share.row.incarnation || agent.leaving)
      trouble = {"interrupted", fmt::format("agent {} was restarted or left before the run began", name)};
    if (now_ns - agent.heard_ns > roster.patience_ns())
      trouble = {"interrupted", fmt::format("agent {} was not heard of any more before the run began", name)};
  }
}

std::optional<int64_t> LiveRun::StartInstant(const AgentRoster& roster, int64_t now_ns) const {
  int64_t bound_ns = 0;
  for (const auto& [name, share] : shares) {
    // One that is away would hear of T0 when it is past.
    const KnownAgent& agent = roster.At(name);
    if (share.status.phase() != v1::READY || agent.session == 0) return std::nullopt;
    bound_ns = std::max(bound_ns, agent.clock.bound_ns());
  }
  return now_ns + std::min(kMaxStartLeadNs, kStartLeadNs + kRoundTripsToStart * 2 * bound_ns);
}

std::optional<LiveRun::Loss> LiveRun::NextLoss(const AgentRoster& roster, int64_t now_ns) {
  for (auto& [name, share] : shares) {
    if (share.Over()) continue;
    const KnownAgent& agent = roster.At(name);
    const bool restarted = agent.hello.incarnation() != share.row.incarnation;
    // The new process delivers what its predecessor's spool holds, its end included. Only if nothing comes the share is
    // lost.
    if (restarted && share.orphaned_ns == 0) share.orphaned_ns = now_ns;
    if (restarted && now_ns - share.orphaned_ns > roster.patience_ns())
      return Loss{name, "the agent was restarted and its spool did not have the end of the share"};
    if (now_ns - agent.heard_ns > roster.patience_ns())
      return Loss{name, fmt::format("not heard of for {}", FormatDuration(now_ns - agent.heard_ns))};
  }
  return std::nullopt;
}

}  // namespace assay
