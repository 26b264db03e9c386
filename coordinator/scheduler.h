#ifndef ASSAY_COORDINATOR_SCHEDULER_H_
#define ASSAY_COORDINATOR_SCHEDULER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "assay/v1/agent.pb.h"
#include "assay/v1/control.pb.h"
#include "coordinator/verdict.h"
#include "storage/sweep_store.h"

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

  struct SetSweepState {
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
  struct CreateHook {
    SweepStore::HookRow hook;  // the store fills in hook_id
    v1::Hook spec;
    uint32_t block = 0;  // of its run, for templates
    std::string target;
  };
  struct EndHook {
    SweepStore::HookRow hook;
  };
  // Judging takes a while and goes to another thread; RunEnded says when it is done. Written means it was handed over.
  struct EndRun {
    int64_t run_id;
    v1::SweepSpec sweep;
    v1::CellSpec cell;
    RunTrouble trouble;
  };
  using Write = std::variant<SetSweepState, CreateRun, StartRun, DrainRun, LoseShare, CreateHook, EndHook, EndRun>;

  explicit Scheduler(Options options) : options_(options) {}

  // At start: a sweep that is not finished, with all that happened in it. Agents get a whole lease to come back.
  void Load(SweepRow sweep, std::vector<RunRow> runs, std::vector<SweepStore::HookRow> hooks, int64_t now_ns);

  // Users.
  void AddSweep(SweepRow sweep);
  void CancelSweep(int64_t sweep_id, bool now);

  // Agents. A session is one Control stream. Returns why the agent is refused, or nothing.
  std::optional<std::string> Connect(uint64_t session, int64_t agent_id, const v1::Hello& hello, int64_t now_ns);
  void Reported(uint64_t session, const v1::Report& report, int64_t now_ns);
  void Disconnected(uint64_t session, int64_t now_ns);

  // The other threads' news.
  void ShareEnded(int64_t run_id, int64_t agent_id, const v1::ShareEnd& end);  // committed
  void RunEnded(int64_t run_id, const std::string& verdict, bool agent_lost, int64_t now_ns);
  void HookEnded(const SweepStore::HookRow& hook);  // one that ran on the coordinator

  std::optional<Write> NextWrite(int64_t now_ns);
  void Written(const Write& write, int64_t now_ns);
  // Hooks to start on the coordinator itself, once each.
  std::vector<CreateHook> TakeCoordinatorHooks();

  // Sessions whose desired state has changed since the last call.
  std::set<uint64_t> TakeChanged();
  // Shares, hooks and report interval; the caller adds stamps and welcome.
  v1::Desired DesiredOf(uint64_t session, int64_t now_ns) const;

  // Without results: those are in the store. Nothing for a sweep that is not (any more) the scheduler's.
  std::optional<v1::SweepProgress> Progress(int64_t sweep_id, int64_t now_ns) const;
  v1::ListAgentsReply Agents(int64_t now_ns) const;
  bool Holds(int64_t sweep_id) const { return sweeps_.contains(sweep_id); }

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
    v1::ShareSpec spec;
    v1::ShareStatus status;
    bool ended = false;  // its last record is committed
    bool lost = false;
    int64_t orphaned_ns = 0;  // when its agent was seen to be another process
    bool Over() const { return ended || lost; }
  };
  struct HookStage {
    bool begun = false;
    std::vector<CreateHook> wanted;      // not yet stored
    std::map<int64_t, CreateHook> open;  // stored and not ended, by hook_id
    std::string failure;
    bool Over() const { return begun && wanted.empty() && open.empty(); }
  };
  struct Run {
    RunRow row;
    std::map<std::string, Share> shares;  // by agent name
    HookStage before, after;
    RunTrouble trouble;
    int64_t created_ns = 0;
    int64_t cooldown_until_ns = 0;
    bool judging = false;
  };
  struct Sweep {
    SweepRow row;
    std::map<int64_t, uint32_t> position_of_cell;
    std::vector<std::vector<uint32_t>> order;                    // per block
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> attempts;  // (block, position)
    std::set<std::pair<uint32_t, uint32_t>> done;
    uint32_t accepted = 0;
    uint32_t rejected = 0;
    std::set<std::string> pinned;  // agents that fire
    HookStage before, after;
    std::unique_ptr<Run> run;
    std::map<uint32_t, std::pair<int64_t, uint32_t>> spent_ns;  // by position: total wall time of runs, and how many
    std::string waiting;                                        // for whom, shown to users
    std::string failure;
    bool cancel_now = false;
    bool Cancelling() const { return row.state == "cancelling"; }
    const CellRow& CellAt(uint32_t position) const { return row.cells[position]; }
    const CellRow& CellOf(int64_t cell_id) const { return row.cells[position_of_cell.at(cell_id)]; }
  };

  Sweep* Active();
  Run* FindRun(int64_t run_id, Sweep** sweep = nullptr);
  std::vector<const Agent*> Matching(const v1::Selector& selector) const;
  void AdoptRun(Sweep& sweep, RunRow row, int64_t now_ns);
  void NoteEnded(Sweep& sweep, const RunRow& row, const std::string& verdict, bool agent_lost);
  std::optional<std::pair<uint32_t, uint32_t>> NextCell(const Sweep& sweep) const;
  bool PinAgents(Sweep& sweep, int64_t now_ns);

  void BeginStage(HookStage& stage, const Sweep& sweep, const char* kind, const v1::Hook& hook, const Run* run) const;
  void SettleHooks(HookStage& stage, const std::string& give_up, int64_t now_ns);
  std::optional<Write> NextOfStage(HookStage& stage, const Sweep& sweep, const char* kind, const v1::Hook& hook,
                                   const Run* run, const std::string& give_up, int64_t now_ns);
  std::optional<Write> NextOfSweep(Sweep& sweep, int64_t now_ns);
  std::optional<Write> NextOfRun(Sweep& sweep, Run& run, int64_t now_ns);
  std::optional<Write> NextLoss(Run& run, int64_t now_ns);
  std::optional<Write> MakeRun(Sweep& sweep, uint32_t block, uint32_t position);
  HookStage* StageWith(int64_t hook_id);
  void Changed(const std::string& agent);
  void Changed(const Run& run);
  int64_t EtaNs(const Sweep& sweep, int64_t now_ns) const;

  const Options options_;
  std::map<std::string, Agent> agents_;  // by name
  std::map<uint64_t, std::string> name_of_session_;
  std::map<int64_t, Sweep> sweeps_;  // unfinished, oldest first: one at a time is active
  std::set<uint64_t> changed_;
  std::vector<CreateHook> coordinator_hooks_;
  std::map<int64_t, SweepStore::HookRow> ended_hooks_;  // ended, and not yet stored as such
};

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCHEDULER_H_
