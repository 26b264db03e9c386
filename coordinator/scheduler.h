#ifndef ASSAY_COORDINATOR_SCHEDULER_H_
#define ASSAY_COORDINATOR_SCHEDULER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "assay/v1/agent.pb.h"
#include "assay/v1/control.pb.h"
#include "coordinator/run_trouble.h"
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

  // One execution of a hook in one place.
  struct Hook {
    HookRow row;
    v1::Hook spec;
    uint32_t block = 0;  // of its run, for templates
    std::string target;
    std::string given_up;           // why it is not run at all or, on the coordinator, was told to stop
    v1::CollectorStatus collector;  // of one that runs on the coordinator, as it last said
  };

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

  explicit Scheduler(Options options) : options_(options) {}

  // At start: a sweep that is not finished, with all that happened in it. Agents get a whole lease to come back.
  void Load(SweepRow sweep, const std::vector<RunRow>& runs, std::vector<HookRow> hooks, int64_t now_ns);

  // Users.
  void AddSweep(SweepRow sweep);
  void CancelSweep(int64_t sweep_id, bool now);

  // Agents. A session is one Control stream. Only an agent that is not refused may be connected.
  std::optional<std::string> RefusalOf(const v1::Hello& hello, int64_t now_ns) const;
  void Connect(uint64_t session, int64_t agent_id, const v1::Hello& hello, int64_t now_ns);
  void Reported(uint64_t session, const v1::Report& report, int64_t now_ns);
  void Disconnected(uint64_t session, int64_t now_ns);

  // Knows the session: it is its agent's present one. Another process of that name, or a later session of the same one,
  // may have taken its place.
  bool Knows(uint64_t session) const { return name_of_session_.contains(session); }
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
  std::vector<Hook> TakeCoordinatorHooks() { return std::exchange(coordinator_hooks_, {}); }
  std::vector<int64_t> TakeStoppedHooks() { return std::exchange(stopped_hooks_, {}); }

  // Sessions whose desired state has changed since the last call.
  std::set<uint64_t> TakeChanged();
  // Shares, hooks and report interval; the caller adds stamps and welcome.
  v1::Desired DesiredOf(uint64_t session, int64_t now_ns) const;

  // Without results: those are in the store. Nothing for a sweep that is not (any more) the scheduler's.
  std::optional<v1::SweepProgress> Progress(int64_t sweep_id, int64_t now_ns) const;
  // With a selector only those that a sweep with it would take now.
  v1::ListAgentsReply Agents(const v1::ListAgentsRequest& request, int64_t now_ns) const;

 private:
  struct Agent {
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
  struct Share {
    ShareRow row;
    v1::ShareStatus status;
    bool ended = false;  // its last record is committed
    bool lost = false;
    int64_t orphaned_ns = 0;  // when its agent was seen to be another process
    bool Over() const { return ended || lost; }
  };
  struct HookStage {
    bool begun = false;
    std::map<int64_t, Hook> open;  // stored and not ended, by hook_id
    std::string failure;
    bool interrupted = false;  // that failure is not a hook's own
    bool Over() const { return begun && open.empty(); }
    void Note(const HookRow& ended);
  };
  struct Run {
    RunRow row;
    std::map<std::string, Share> shares;  // by agent name
    HookStage before, collect, after;
    RunTrouble trouble;
    int64_t created_ns = 0;
    int64_t cooldown_until_ns = 0;
    bool fired_by_itself = false;  // it came to its cool-down without a cancel; after a restart not known any more
    bool judging = false;
  };
  // One that has hooks of its own.
  struct Target {
    v1::TargetHooks hooks;
    HookStage setup, teardown;
    uint64_t left = 0;  // runs to come
  };
  struct Sweep {
    SweepRow row;
    std::map<int64_t, uint32_t> position_of_cell;
    std::vector<std::vector<uint32_t>> order;                    // per block
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> attempts;  // (block, position)
    std::set<std::pair<uint32_t, uint32_t>> done;
    uint32_t accepted = 0;
    uint32_t rejected = 0;
    std::set<std::string> pinned;           // agents that fire
    HookStage before, after;                // before.begun: the sweep has begun
    std::map<std::string, Target> targets;  // by name
    std::unique_ptr<Run> run;
    std::map<uint32_t, std::pair<int64_t, uint32_t>> spent_ns;  // by position: total wall time of runs, and how many
    std::vector<int64_t> shortest_ns;                           // by position: of one run, as planned
    std::string waiting;                                        // for whom, shown to users
    std::string failure;
    bool cancel_now = false;
    bool Cancelling() const { return row.state == "cancelling"; }
    const CellRow& CellAt(uint32_t position) const { return row.cells[position]; }
    const CellRow& CellOf(int64_t cell_id) const { return row.cells[position_of_cell.at(cell_id)]; }
  };

  const Sweep* Active() const;
  Run* FindRun(int64_t run_id, Sweep** sweep = nullptr);
  bool IsGone(const Agent& agent, int64_t now_ns) const;
  bool IsThere(const Agent& agent, int64_t now_ns) const;
  std::vector<const Agent*> Matching(const v1::Selector& selector, int64_t now_ns) const;
  Agent& Expect(const std::string& name, const std::string& incarnation, int64_t now_ns);
  void LoadHook(Sweep& sweep, HookRow row, int64_t now_ns);
  void AdoptRun(Sweep& sweep, RunRow row, int64_t now_ns);
  void NoteEnded(Sweep& sweep, const RunRow& row, const std::string& verdict, bool agent_lost);
  std::optional<std::pair<uint32_t, uint32_t>> NextCell(const Sweep& sweep) const;
  std::optional<Write> NextPins(Sweep& sweep, int64_t now_ns) const;

  std::optional<std::vector<Hook>> HooksOf(HookStage& stage, const Sweep& sweep, const char* kind, const v1::Hook& hook,
                                           const Run* run, const std::string& target, int64_t now_ns) const;
  std::optional<Hook> CollectorOf(const Sweep& sweep, const Run& run, uint32_t position, int64_t now_ns) const;
  std::optional<Write> NextOfCollect(const Sweep& sweep, Run& run, int64_t now_ns);
  void SettleHooks(HookStage& stage, const std::string& give_up, int64_t now_ns);
  std::optional<Write> NextEnded(const HookStage& stage) const;
  void OpenHooks(const std::vector<Hook>& hooks, HookStage& stage);
  std::optional<Write> NextOfStage(HookStage& stage, const Sweep& sweep, const char* kind, const v1::Hook& hook,
                                   const Run* run, const std::string& give_up, int64_t now_ns,
                                   const std::string& target = "");
  std::optional<Write> NextOfSweep(Sweep& sweep, int64_t now_ns);
  std::optional<Write> NextOfSetup(Sweep& sweep, Target& target, int64_t now_ns);
  std::optional<Write> NextOfTeardowns(Sweep& sweep, bool all, int64_t now_ns);
  static Target* TargetOf(Sweep& sweep, const CellRow& cell);
  std::optional<Write> NextOfRun(Sweep& sweep, Run& run, int64_t now_ns);
  static bool IsMeasured(const Run& run);
  std::optional<Write> NextLoss(Run& run, int64_t now_ns);
  std::optional<Write> MakeRun(Sweep& sweep, uint32_t block, uint32_t position, int64_t now_ns);
  HookStage* StageOf(const HookRow& hook);
  HookStage* StageWith(int64_t hook_id);
  v1::CollectorStatus StatusOf(const Hook& collector) const;
  void Changed(const std::string& agent);
  void Changed(const Run& run);
  void SetEta(const Sweep& sweep, int64_t now_ns, v1::SweepProgress& progress) const;

  const Options options_;
  std::map<std::string, Agent> agents_;  // by name
  std::map<uint64_t, std::string> name_of_session_;
  std::map<int64_t, Sweep> sweeps_;  // unfinished, oldest first: one at a time is active
  std::set<uint64_t> changed_;
  std::vector<Hook> coordinator_hooks_;
  std::vector<int64_t> stopped_hooks_;
  std::map<int64_t, HookRow> ended_hooks_;  // ended, and not yet stored as such
  int64_t settled_ns_ = 0;                  // by then agents are back that a restart of the coordinator cut off
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULER_H_
