#include "coordinator/scheduling/agent_roster.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/nanoseconds.h"
#include "common/protocol.h"
#include "common/units.h"
#include "coordinator/scenario/plan.h"

namespace assay {
namespace {
// A name is taken over from a session that was silent this long: its host may have vanished without a word.
constexpr int64_t kSilentNs = 10 * kSecond;
constexpr int64_t kSettleNs = 10 * kSecond;

}  // namespace

bool HasLabels(const v1::Hello& hello, const v1::Selector& selector) {
  return std::all_of(selector.labels().begin(), selector.labels().end(), [&](const auto& wanted) {
    return std::any_of(hello.labels().begin(), hello.labels().end(),
                       [&](const v1::Label& l) { return l.key() == wanted.first && l.value() == wanted.second; });
  });
}

std::string DescribeLabels(const v1::Selector& selector) {
  const std::string text = SelectorText(selector);
  return text.empty() ? "any label" : text.substr(1);
}

const KnownAgent* AgentRoster::Of(uint64_t session) const {
  const auto name = name_of_session_.find(session);
  return name == name_of_session_.end() ? nullptr : &agents_.at(name->second);
}

std::optional<std::string> AgentRoster::RefusalOf(const v1::Hello& hello, int64_t now_ns) const {
  if (hello.name().empty()) return "the agent did not say its name";
  if (hello.name() == kCoordinatorPlace)
    return "no agent may be named 'coordinator', which is a place where hooks run: give it another name with --name";
  if (hello.protocol_version() != kProtocolVersion) {
    return fmt::format(
        "agent {} speaks protocol version {}, this coordinator {}: install the same version of Assay on both",
        hello.name(), hello.protocol_version(), kProtocolVersion);
  }
  const auto found = agents_.find(hello.name());
  if (found == agents_.end()) return std::nullopt;
  const KnownAgent& agent = found->second;
  if (agent.session != 0 && agent.hello.incarnation() != hello.incarnation() && now_ns - agent.heard_ns < kSilentNs) {
    return fmt::format(
        "an agent named '{}' is connected already (host {}, pid {}): give this one a name of its own with --name",
        hello.name(), agent.hello.host(), agent.hello.pid());
  }
  return std::nullopt;
}

void AgentRoster::Connect(uint64_t session, int64_t agent_id, const v1::Hello& hello, int64_t now_ns) {
  KnownAgent& agent = agents_[hello.name()];
  const bool same = agent.hello.incarnation() == hello.incarnation();
  // Sessions are numbered as they came: the words of one that is over may come behind those of the next.
  if (same && agent.session > session) return;
  if (agent.session != 0) name_of_session_.erase(agent.session);
  if (!same) {
    std::erase_if(agent.hooks, [](const auto& hook) { return !hook.second.done(); });
    agent.shares.clear();
  }
  agent.agent_id = agent_id;
  agent.hello = hello;
  agent.session = session;
  agent.heard_ns = now_ns;
  agent.leaving = false;
  name_of_session_[session] = hello.name();
  changed_.insert(session);
}

KnownAgent* AgentRoster::Reported(uint64_t session, const v1::Report& report, int64_t now_ns) {
  const auto name = name_of_session_.find(session);
  if (name == name_of_session_.end()) return nullptr;
  KnownAgent& agent = agents_.at(name->second);
  agent.heard_ns = now_ns;
  agent.leaving = report.leaving();
  if (report.has_clock()) {
    agent.clock = report.clock();
    if (report.wall_ns() != 0) agent.wall_ahead_ns = report.wall_ns() - (report.sent_ns() + report.clock().offset_ns());
  }
  agent.spool = report.spool();
  agent.shares.clear();
  for (const v1::ShareStatus& status : report.shares()) agent.shares[status.run_id()] = status;
  return &agent;
}

void AgentRoster::Disconnected(uint64_t session, int64_t now_ns) {
  const auto name = name_of_session_.find(session);
  if (name == name_of_session_.end()) return;
  KnownAgent& agent = agents_.at(name->second);
  if (agent.session == session) {
    agent.session = 0;
    agent.heard_ns = now_ns;
  }
  name_of_session_.erase(name);
}

void AgentRoster::Paused(int64_t for_ns, int64_t now_ns) {
  for (auto& [name, agent] : agents_) agent.heard_ns = std::min(now_ns, agent.heard_ns + for_ns);
  settled_ns_ += for_ns;
}

KnownAgent& AgentRoster::Expect(const std::string& name, const std::string& incarnation, int64_t now_ns) {
  KnownAgent& agent = agents_[name];
  agent.hello.set_name(name);
  if (!incarnation.empty()) agent.hello.set_incarnation(incarnation);
  agent.heard_ns = now_ns;
  return agent;
}

void AgentRoster::AwaitReconnects(int64_t now_ns) { settled_ns_ = now_ns + kSettleNs; }

bool AgentRoster::IsGone(const KnownAgent& agent, int64_t now_ns) const {
  return (agent.session == 0 && agent.leaving) || now_ns - agent.heard_ns > patience_ns_;
}

// A link may stand long after its agent has fallen silent.
bool AgentRoster::IsThere(const KnownAgent& agent, int64_t now_ns) const {
  return agent.session != 0 && !agent.leaving && !IsGone(agent, now_ns);
}

std::vector<const KnownAgent*> AgentRoster::Matching(const v1::Selector& selector, int64_t now_ns) const {
  std::vector<const KnownAgent*> found;
  for (const auto& [name, agent] : agents_) {
    if (IsThere(agent, now_ns) && HasLabels(agent.hello, selector)) found.push_back(&agent);
  }
  return found;
}

void AgentRoster::ForgetHook(const std::string& name, int64_t hook_id) {
  if (const auto agent = agents_.find(name); agent != agents_.end()) agent->second.hooks.erase(hook_id);
}

void AgentRoster::Changed(const std::string& name) {
  const auto found = agents_.find(name);
  if (found != agents_.end() && found->second.session != 0) changed_.insert(found->second.session);
}

v1::ListAgentsReply AgentRoster::List(const v1::ListAgentsRequest& request, int64_t now_ns) const {
  v1::ListAgentsReply reply;
  for (const auto& [name, agent] : agents_) {
    if (request.has_select() && !(IsThere(agent, now_ns) && HasLabels(agent.hello, request.select()))) continue;
    v1::AgentInfo& info = *reply.add_agents();
    info.set_name(name);
    info.set_host(agent.hello.host());
    info.set_state(agent.session != 0 ? "connected" : IsGone(agent, now_ns) ? "gone" : "away");
    *info.mutable_labels() = agent.hello.labels();
    info.set_version(agent.hello.version());
    info.set_cpus(agent.hello.capacity().cpus());
    info.set_cgroup_layout(agent.hello.cgroup_layout());
    info.set_clock_offset_ms(static_cast<double>(agent.wall_ahead_ns) / 1e6);
    info.set_clock_bound_ms(static_cast<double>(agent.clock.bound_ns()) / 1e6);
    info.set_spool_bytes(agent.spool.bytes());
    info.set_spool_limit_bytes(agent.spool.limit_bytes());
    info.set_problem(agent.spool.error());
    info.set_doing("idle");
    for (const auto& [run_id, status] : agent.shares)
      info.set_doing(fmt::format("run {}: {} triggers done, {} in flight", run_id, status.fired(), status.in_flight()));
    if (agent.session == 0)
      info.set_doing(fmt::format("last heard of {} ago", FormatDuration(now_ns - agent.heard_ns)));
  }
  return reply;
}

}  // namespace assay
