#ifndef ASSAY_STORAGE_TASK_FACTS_H_
#define ASSAY_STORAGE_TASK_FACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "storage/connection.h"

namespace assay {

// What the verdict needs to know of a run's task rows. Instants are never bent: a length may be negative.
struct TaskFacts {
  // Lengths of one kind by one witness, over its rows that ran.
  struct Lengths {
    uint64_t rows = 0;
    double stddev_ns = 0;
    int64_t commonest_ns = 0;  // the length that most of them have, to the ns
    uint64_t commonest_rows = 0;
  };
  // Contradictions of one kind, as truth_gap_summary has them.
  struct Gap {
    std::string gap;
    std::string witness;
    std::string other;
    uint64_t tasks = 0;
    double max_ms = 0;        // 0 for outcomes
    double error_max_ms = 0;  // 0 for outcomes
    std::string example;
    std::string says;  // of the example: an outcome, or an instant
    std::string other_says;
  };
  std::string witness;       // whose rows the run's figures are taken from; empty: there are none
  uint64_t tasks = 0;        // that it tells of
  Lengths durations;         // finished - started, by the witness
  Lengths bodies;            // as the tasks' own code says, by whoever has the most of them
  int64_t least_sum_ns = 0;  // of its durations, each as short as its errors allow
  int64_t least_max_ns = 0;
  int64_t error_max_ns = 0;
  uint64_t cached = 0;  // tasks, by whoever tells of the most of them
  std::string cached_witness;
  uint64_t cached_of = 0;
  std::string cached_state;             // an example; may be empty
  uint64_t negative = 0;                // tasks with an instant before another that it cannot precede
  uint64_t negative_beyond_errors = 0;  // of those, by more than both instants may err
  std::string negative_example;
  uint64_t foreign = 0;       // of the witness's rows that ran, those that ended before T0, by more than they may err
  uint64_t unborn = 0;        // and those that ended after they were read
  uint64_t foreign_of = 0;    // such rows in all
  int64_t foreign_by_ns = 0;  // by how much at most
  std::vector<Gap> gaps;
};

TaskFacts ReadTaskFacts(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id);

// Of the witness's tasks that ran, in the order in which the target knew of them; empty without a witness.
struct TaskDurations {
  // finished - started. None is below 0: no schedule can be made of a length that coarse instants made negative.
  std::vector<int64_t> service_ns;
  std::vector<int64_t> planned_ns;  // as the witness tells them; empty unless each was ok and has one
};

TaskDurations ReadTaskDurations(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id);

}  // namespace assay

#endif  // ASSAY_STORAGE_TASK_FACTS_H_
