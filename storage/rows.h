#ifndef ASSAY_STORAGE_ROWS_H_
#define ASSAY_STORAGE_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "assay/v1/agent.pb.h"
#include "assay/v1/scenario.pb.h"

namespace assay {

// What the tables of sweeps hold, for those who think about it without a database; SweepStore reads and writes it.

struct Flag {
  std::string code;      // docs/flags.md lists them
  std::string severity;  // info, warning, reject
  std::string detail;
};

struct CellRow {
  int64_t cell_id = 0;    // assigned by CreateSweep
  uint32_t position = 0;  // in the grid, from 0
  std::string label;      // "tasks=1000 sleep=1ms..10ms"
  std::string params;     // JSON object
  v1::CellSpec spec;
};

struct SweepRow {
  int64_t sweep_id = 0;
  std::string state;          // pending running cancelling finished cancelled failed
  std::string scenario_yaml;  // this and the sets: stored for people, not read back
  std::vector<std::string> sets;
  v1::SweepSpec spec;
  std::vector<CellRow> cells;
  std::string failure;  // why it failed, empty otherwise
  std::vector<std::string> pinned_agents;
  bool cancel_now = false;
};

struct ShareRow {
  int64_t run_id = 0;
  int64_t agent_id = 0;
  std::string agent;        // name
  std::string incarnation;  // that holds it
  uint64_t first_index = 0;
  uint64_t count = 0;
  uint64_t stride = 1;
  uint32_t slots = 0;
  bool samples = false;
  std::string state;  // leased ended lost
};

struct RunRow {
  int64_t run_id = 0;
  int64_t sweep_id = 0;
  int64_t cell_id = 0;
  uint32_t block = 0;
  uint32_t attempt = 1;
  std::string state;        // preparing running draining ended
  std::string verdict;      // running accepted rejected
  int64_t t0_ns = 0;        // coordinator time (Unix ns); 0 before it is set
  bool agent_lost = false;  // read only: has a flag agent_lost or interrupted of severity reject
  std::vector<ShareRow> shares;
};

// One action on one container, of a hook that has them. Coordinator time.
struct HookStepRow {
  std::string container;
  std::string action;  // stop start wait
  int64_t begun_ns = 0;
  int64_t ended_ns = 0;
  std::string error;
};

struct HookRow {
  int64_t hook_id = 0;
  int64_t sweep_id = 0;
  int64_t run_id = 0;        // 0: the sweep's, or its target's
  std::string kind;          // before_sweep after_sweep setup teardown before_run after_run collect
  std::string target;        // of setup and teardown
  uint32_t position = 0;     // of a collector, in its cell's list
  std::string where;         // agent name or "coordinator"
  std::string incarnation;   // of that agent
  std::string state;         // running ok failed
  bool interrupted = false;  // failed, and not by its own fault: its agent or the coordinator ended or was given up
  bool cut = false;          // a user's cancel --now came while it ran; once it has ended: and ended it
  int exit_code = 0;
  std::string error;
  std::string output;
  int64_t elapsed_ns = 0;
  std::vector<HookStepRow> steps;  // stored with its end, not read back
  // Of a collector; not stored:
  bool remote_ids = false;  // it asks for those of its run
  bool collected = false;   // read only: what it found is stored
  v1::RunWork work;         // read only, for one on an agent
};

}  // namespace assay

#endif  // ASSAY_STORAGE_ROWS_H_
