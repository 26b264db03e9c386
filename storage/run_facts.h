#ifndef ASSAY_STORAGE_RUN_FACTS_H_
#define ASSAY_STORAGE_RUN_FACTS_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/connection.h"
#include "storage/task_facts.h"

namespace assay {

// What triggers that do nothing cost on an agent.
struct RunFloor {
  std::string kind;
  uint32_t concurrency = 0;
  uint64_t triggers = 0;  // that it was taken from
  double rate_per_s = 0;
  double service_p50_ms = 0;
  double service_p99_ms = 0;
  std::string error;  // not empty: it could not be measured
};

// What the verdict and the statistics need to know of a run, read from the rows. Times in ns since T0 unless named
// otherwise.
struct RunFacts {
  // One incarnation of a sampled container or cgroup.
  struct Life {
    std::string name;
    bool is_container = false;
    int64_t begun_ns = 0;
    std::optional<int64_t> ended_ns;  // unset: it was there to the end of the sampling
  };
  // What an agent noticed while it fired.
  struct Finding {
    std::string code;
    uint64_t count = 0;
    std::string detail;  // the first of them
  };
  struct Share {
    std::string agent;
    uint64_t planned = 0;  // triggers it was to fire, 0 if bounded by duration
    uint64_t rows = 0;     // trigger rows stored (not counting lost)
    uint64_t fired = 0;    // as its ShareEnd says
    uint32_t slots = 0;
    uint32_t capacity = 0;  // tasks that its driver says the target can run at once; 0: it does not say
    bool samples = false;
    bool lost = false;
    bool crashed = false;
    bool interrupted = false;
    bool backpressured = false;
    int64_t backpressured_ns = 0;
    int64_t clock_bound_ns = 0;
    int64_t first_dispatch_ns = -1;  // since T0; -1 none
    int64_t first_intended_ns = 0;   // of that trigger
    int64_t sampled_until_ns = -1;
    uint64_t sampler_ticks = 0;
    uint64_t missed_ticks = 0;
    std::string error;
    std::vector<std::string> unmatched_cgroups;
    std::vector<Life> lives;  // of containers and units
    std::vector<Finding> findings;
    std::optional<RunFloor> floor;  // of its kind and concurrency
  };
  // What a collector found in the target's own records.
  struct Collection {
    std::string place;   // agent, or coordinator
    std::string origin;  // empty: it never got so far; `error` says why
    uint64_t records = 0;
    uint64_t expected = 0;
    uint64_t unfinished = 0;
    uint64_t negative = 0;
    bool quiet = false;
    bool at_first_look = false;
    std::optional<double> record_lag_s;
    double elapsed_s = 0;
    std::string error;
    bool stopped = false;    // before its deadline, and before they were complete
    uint64_t unmatched = 0;  // triggers that were ok without a record of what they started, where each should have one
  };
  std::vector<Share> shares;
  TaskFacts tasks;
  std::vector<Collection> collections;
  uint64_t ok = 0, failed = 0, timeout = 0, cancelled = 0, skipped = 0;
  int64_t records = 0;            // what was there to be judged: see SweepStore::Ending
  int64_t makespan_ns = 0;        // last finish - first intended
  int64_t makespan_error_ns = 0;  // by which it is too long at most, where looks of a completion saw its end
  int64_t last_finished_ns = 0;
  int64_t failed_tail_ns = 0;  // until then, since the last one that was ok had ended; 0 where none was
  int64_t slip_p99_ns = 0;     // how late the agents were; the wait for in_flight is not theirs
  uint64_t waited = 0;         // triggers that waited for in_flight, skipped ones too
  int64_t waited_max_ns = 0;
  double offered_per_s = 0;    // rate at which triggers were due; 0 where all were due at one instant
  int64_t planned_sum_ns = 0;  // of rows with a nominal length and outcome ok
  int64_t planned_max_ns = 0;
  uint64_t planned_rows = 0;
  int64_t service_sum_ns = 0;  // of rows that ran: ok, failed, timeout
  int64_t service_max_ns = 0;
  int64_t service_p50_ns = 0;
  double planned_stddev_ns = 0;
  double service_mean_ns = 0;  // of ok rows
  double service_stddev_ns = 0;
  uint64_t distinct_services = 0;  // distinct values of service time, to the ns
  std::string first_error;         // an example, with the last line of its output
  bool first_of_target = false;    // no earlier run of this sweep had this target
};

// In order of dispatch, for the greedy replay.
struct RunDurations {
  std::vector<int64_t> service_ns;  // finished - started of every task that ran (ok, failed, timeout); else of triggers
  std::vector<int64_t>
      planned_ns;      // nominal lengths of the triggers, else of the tasks; empty unless each was ok and had one
  uint32_t slots = 0;  // as run_result has them; 0: there are none
};

// Trigger rows (not counting lost), task rows, ended shares and what collectors told.
int64_t CountRecords(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id);

absl::StatusOr<RunFacts> ReadRunFacts(Connection& connection, int64_t run_id);
absl::StatusOr<RunDurations> ReadRunDurations(Connection& connection, int64_t run_id);

}  // namespace assay

#endif  // ASSAY_STORAGE_RUN_FACTS_H_
