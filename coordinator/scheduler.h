#ifndef ASSAY_COORDINATOR_SCHEDULER_H_
#define ASSAY_COORDINATOR_SCHEDULER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "assay/v1/agent.pb.h"
#include "assay/v1/control.pb.h"
#include "coordinator/run_trouble.h"
#include "coordinator/scheduling/agent_roster.h"
#include "coordinator/scheduling/hook_book.h"
#include "coordinator/scheduling/hook_stage.h"
#include "coordinator/scheduling/live_sweep.h"
#include "storage/rows.h"

namespace assay {

// The whole brain: which sweep, run and share is where, and what comes next. Pure: no thread, no I/O, no clock; time
// comes in as coordinator time in ns. One thread calls it.
//
// What must be durable before it is acted on comes out of NextWrite one at a time; the caller stores it and says
// Written, and only then the scheduler acts on it. A write that could not be stored simply comes again. What agents are
// to hold follows from the state alone.
class Scheduler {
 public:
  struct Options {
    int64_t lease_ttl_ns = 20'000'000'000;
    int64_t grace_ns = 5'000'000'000;
  };

  using Hook = PlacedHook;

  struct PinAgents {
    int64_t sweep_id;
    std::vector<std::string> agents;
  };
  struct StartSweep {
    int64_t sweep_id;
    std::vector<Hook> hooks;  // before_sweep; the store fills in the hook_ids
  };
  struct EndSweep {
    int64_t sweep_id;
    std::string state;
    std::string failure;
  };
  struct CreateRun {
    RunRow run;  // the store fills in run_id
  };
  struct StartRun {
    int64_t run_id;
    int64_t t0_ns;
  };
  struct DrainRun {
    int64_t run_id;
  };
  struct LoseShare {
    int64_t run_id;
    int64_t agent_id;
    std::string agent;
    std::string why;
    bool had_ended = false;  // the store's answer: its end came in at the last moment
  };
  struct CreateHooks {
    std::vector<Hook> hooks;  // of one stage, at least one; the store fills in the hook_ids
  };
  struct EndHook {
    HookRow hook;
  };
  // Judging takes a while and goes to another thread; RunEnded says when it is done. Written means it was handed over.
  struct EndRun {
    int64_t run_id;
    v1::SweepSpec sweep;
    v1::CellSpec cell;
    RunTrouble trouble;
  };
  using Write = std::variant<PinAgents, StartSweep, EndSweep, CreateRun, StartRun, DrainRun, LoseShare, CreateHooks,
                             EndHook, EndRun>;

  explicit Scheduler(Options options) : options_(options), roster_(options.lease_ttl_ns + options.grace_ns) {}

  // At start: a sweep that is not finished, with all that happened in it. Agents get a whole lease to come back.
  void Load(SweepRow sweep, const std::vector<RunRow>& runs, std::vector<HookRow> hooks, int64_t now_ns);

  // Users.
  void AddSweep(SweepRow sweep);
  void CancelSweep(int64_t sweep_id, bool now);

  // Agents. A session is one Control stream. Only an agent that is not refused may be connected.
  std::optional<std::string> RefusalOf(const v1::Hello& hello, int64_t now_ns) const {
    return roster_.RefusalOf(hello, now_ns);
  }
  void Connect(uint64_t session, int64_t agent_id, const v1::Hello& hello, int64_t now_ns) {
    roster_.Connect(session, agent_id, hello, now_ns);
  }
  void Reported(uint64_t session, const v1::Report& report, int64_t now_ns);
  void Disconnected(uint64_t session, int64_t now_ns) { roster_.Disconnected(session, now_ns); }

  // Knows the session: it is its agent's present one. Another process of that name, or a later session of the same one,
  // may have taken its place.
  bool Knows(uint64_t session) const { return roster_.Of(session) != nullptr; }
  // The caller was kept from calling for so long: what agents said meanwhile is still to come in, so that none was
  // silent then.
  void Paused(int64_t for_ns, int64_t now_ns);

  // The other threads' news.
  void ShareEnded(int64_t run_id, int64_t agent_id, const v1::ShareEnd& end);  // committed
  void RunEnded(int64_t run_id, const std::string& verdict, bool agent_lost, int64_t now_ns);
  void HookEnded(const HookRow& hook);                                  // one that ran on the coordinator
  void Collecting(int64_t hook_id, const v1::CollectorStatus& status);  // one that runs on the coordinator
  void Collected(int64_t hook_id);                                      // what a collector on an agent found is stored

  std::optional<Write> NextWrite(int64_t now_ns);
  void Written(const Write& write, int64_t now_ns);
  // Hooks to start on the coordinator itself, once each, and those to stop; each then ends by HookEnded.
  std::vector<Hook> TakeCoordinatorHooks() { return book_.TakeOwn(); }
  std::vector<int64_t> TakeStoppedHooks() { return book_.TakeStopped(); }

  // Sessions whose desired state has changed since the last call.
  std::set<uint64_t> TakeChanged() { return roster_.TakeChanged(); }
  // Shares, hooks and report interval; the caller adds stamps and welcome.
  v1::Desired DesiredOf(uint64_t session, int64_t now_ns) const;

  // Without results: those are in the store. Nothing for a sweep that is not (any more) the scheduler's.
  std::optional<v1::SweepProgress> Progress(int64_t sweep_id, int64_t now_ns) const;
  // With a selector only those that a sweep with it would take now.
  v1::ListAgentsReply Agents(const v1::ListAgentsRequest& request, int64_t now_ns) const {
    return roster_.List(request, now_ns);
  }

 private:
  const LiveSweep* Active() const;
  LiveRun* FindRun(int64_t run_id, LiveSweep** sweep = nullptr);
  HookStage* StageOf(const HookRow& hook);
  PlacedHook* FindHook(int64_t hook_id);
  void AdoptRun(LiveSweep& sweep, RunRow row, int64_t now_ns);
  void Changed(const LiveRun& run);

  std::optional<Write> NextOfSweep(LiveSweep& sweep, int64_t now_ns);
  std::optional<Write> NextOfStart(LiveSweep& sweep, int64_t now_ns);
  std::optional<Write> NextOfCell(LiveSweep& sweep, const GridProgress::Turn& turn, int64_t now_ns);
  std::optional<Write> NextOfPins(LiveSweep& sweep, int64_t now_ns) const;
  std::optional<Write> NextOfTeardowns(LiveSweep& sweep, bool all, int64_t now_ns);
  std::optional<Write> NextOfRun(LiveSweep& sweep, LiveRun& run, int64_t now_ns);
  std::optional<Write> NextBeforeT0(LiveSweep& sweep, LiveRun& run, int64_t now_ns);
  std::optional<Write> NextAfterT0(LiveRun& run, int64_t now_ns) const;
  std::optional<Write> NextOfCollect(const LiveSweep& sweep, LiveRun& run, int64_t now_ns);
  std::optional<Write> NextOfStage(const LiveSweep& sweep, HookStage& stage, const char* kind,
                                   const std::string& give_up, int64_t now_ns, const std::string& target = "");
  std::optional<Write> NextEnd(HookStage& stage, const std::string& give_up, int64_t now_ns);

  const Options options_;
  AgentRoster roster_;
  std::map<int64_t, LiveSweep> sweeps_;  // unfinished, oldest first: one at a time is active
  HookBook book_;
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULER_H_
