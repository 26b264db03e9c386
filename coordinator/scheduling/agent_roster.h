#ifndef ASSAY_COORDINATOR_SCHEDULING_AGENT_ROSTER_H_
#define ASSAY_COORDINATOR_SCHEDULING_AGENT_ROSTER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "assay/v1/agent.pb.h"
#include "assay/v1/control.pb.h"

namespace assay {

// The place of a hook that runs on no agent: no agent may be named so.
inline constexpr char kCoordinatorPlace[] = "coordinator";

bool HasLabels(const v1::Hello& hello, const v1::Selector& selector);
std::string DescribeLabels(const v1::Selector& selector);

// An agent as it last told of itself or, after a restart of the coordinator, as the store knows it.
struct KnownAgent {
  int64_t agent_id = 0;
  v1::Hello hello;
  uint64_t session = 0;  // 0: away
  int64_t heard_ns = 0;
  bool leaving = false;
  v1::ClockEstimate clock;
  v1::SpoolStatus spool;
  int64_t wall_ahead_ns = 0;
  std::map<int64_t, v1::ShareStatus> shares;  // by run
  std::map<int64_t, v1::HookStatus> hooks;
};

// Which agents there are, over which session each is heard, and what it reported last. A name belongs to one process at
// a time: another one takes it over only when the first is silent, and the words of a session that is over change
// nothing. Pure; time is coordinator time.
class AgentRoster {
 public:
  // An agent that was not heard of for `patience_ns`, its lease and a grace, is gone: it cannot be firing any more.
  explicit AgentRoster(int64_t patience_ns) : patience_ns_(patience_ns) {}

  int64_t patience_ns() const { return patience_ns_; }
  const std::map<std::string, KnownAgent>& all() const { return agents_; }  // by name
  const KnownAgent& At(const std::string& name) const { return agents_.at(name); }
  const KnownAgent* Of(uint64_t session) const;  // nullptr: it is nobody's, or not any more

  std::optional<std::string> RefusalOf(const v1::Hello& hello, int64_t now_ns) const;
  void Connect(uint64_t session, int64_t agent_id, const v1::Hello& hello, int64_t now_ns);
  // All but its hooks is taken over. nullptr as with Of.
  KnownAgent* Reported(uint64_t session, const v1::Report& report, int64_t now_ns);
  void Disconnected(uint64_t session, int64_t now_ns);
  void Paused(int64_t for_ns, int64_t now_ns);  // nobody was silent then

  // An agent that is known from the store alone. Its lease counts from now.
  KnownAgent& Expect(const std::string& name, const std::string& incarnation, int64_t now_ns);
  // The coordinator was restarted: who is chosen by labels is chosen only when agents had the time to connect again.
  void AwaitReconnects(int64_t now_ns);
  bool Settled(int64_t now_ns) const { return now_ns >= settled_ns_; }

  bool IsGone(const KnownAgent& agent, int64_t now_ns) const;
  bool IsThere(const KnownAgent& agent, int64_t now_ns) const;
  std::vector<const KnownAgent*> Matching(const v1::Selector& selector, int64_t now_ns) const;

  void ForgetHook(const std::string& name, int64_t hook_id);
  // What this agent is to hold is not what it was; nothing to one that is away.
  void Changed(const std::string& name);
  std::set<uint64_t> TakeChanged() { return std::exchange(changed_, {}); }

  v1::ListAgentsReply List(const v1::ListAgentsRequest& request, int64_t now_ns) const;

 private:
  const int64_t patience_ns_;
  std::map<std::string, KnownAgent> agents_;
  std::map<uint64_t, std::string> name_of_session_;
  std::set<uint64_t> changed_;
  int64_t settled_ns_ = 0;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULING_AGENT_ROSTER_H_
