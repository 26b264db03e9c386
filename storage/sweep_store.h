#ifndef ASSAY_STORAGE_SWEEP_STORE_H_
#define ASSAY_STORAGE_SWEEP_STORE_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "storage/connection.h"
#include "storage/rows.h"

namespace assay {

// State of sweeps, runs and shares. Each call is one transaction; what it says is durable when it returns. For one
// thread.
class SweepStore {
 public:
  explicit SweepStore(Connection& connection) : connection_(connection) {}

  // Stores sweep and cells as 'pending' and makes the partitions of the big tables. Fills the ids in `sweep`.
  absl::Status CreateSweep(SweepRow& sweep);
  absl::StatusOr<std::vector<SweepRow>> UnfinishedSweeps();  // pending, running, cancelling; oldest first; with cells
  absl::Status SetSweepState(int64_t sweep_id, const std::string& state, const std::string& failure);
  // pending -> running, and its before_sweep hooks with it: a sweep that runs and has none needs none.
  absl::Status StartSweep(int64_t sweep_id, std::vector<HookRow>& hooks);
  absl::Status PinAgents(int64_t sweep_id, const std::vector<std::string>& names);
  // pending/running -> cancelling; `now` cuts the hooks that run. FailedPrecondition if it has ended, NotFound.
  absl::Status RequestCancel(int64_t sweep_id, bool now);
  // Drops the partitions and rows. FailedPrecondition while the sweep is not ended; NotFound.
  absl::Status RemoveSweep(int64_t sweep_id);

  absl::StatusOr<int64_t> UpsertAgent(const std::string& name, const std::string& host, const std::string& labels_json,
                                      const std::string& facts_json);  // agent_id

  // Makes the run ('preparing') and its shares ('leased'). Fills run_id.
  absl::Status CreateRun(RunRow& run);
  absl::Status StartRun(int64_t run_id, int64_t t0_ns);  // preparing -> running
  absl::Status DrainRun(int64_t run_id);                 // -> draining
  // A share whose agent is given up: leased -> lost. False if it had ended meanwhile (its ShareEnd was committed).
  absl::StatusOr<bool> LoseShare(int64_t run_id, int64_t agent_id, const std::string& why);
  // Writes the `lost` rows of lost shares, stores results and flags, sets verdict and state 'ended'. May be called
  // again when late rows came. Aborted: records came while the run was judged; judge it anew.
  struct Ending {
    std::string verdict;         // accepted or rejected
    std::vector<Flag> flags;     // replaces the ones stored
    double list_schedule_s = 0;  // NaN: unknown
    double planned_list_schedule_s = std::numeric_limits<double>::quiet_NaN();
    int64_t records = -1;  // RunFacts::records of the judged facts; -1: not from facts
    std::string error;     // why the run never fired, was cancelled or failed as a whole; empty otherwise
  };
  absl::Status EndRun(int64_t run_id, const Ending& ending);
  absl::StatusOr<std::vector<int64_t>> RunsWithLateRows();  // ended, and to be ended again
  // What an ended run was judged by.
  struct Judged {
    v1::SweepSpec sweep;
    v1::CellSpec cell;
    bool fired = false;
    std::string error;
    std::vector<Flag> flags;
  };
  absl::StatusOr<Judged> GetJudged(int64_t run_id);
  absl::StatusOr<std::vector<RunRow>> RunsOfSweep(int64_t sweep_id);  // with shares, in order of run_id

  // All hooks of one stage (kind and run), so that a stage is there whole or not at all. State running; fills hook_id.
  absl::Status CreateHooks(std::vector<HookRow>& hooks);
  absl::Status EndHook(const HookRow& hook);
  absl::StatusOr<std::vector<HookRow>> HooksOfSweep(
      int64_t sweep_id, const std::function<bool(const HookRow&)>& asks_for_remote_ids = nullptr);

 private:
  static void InsertHooks(pqxx::transaction_base& transaction, std::vector<HookRow>& hooks);

  Connection& connection_;
};

}  // namespace assay

#endif  // ASSAY_STORAGE_SWEEP_STORE_H_
