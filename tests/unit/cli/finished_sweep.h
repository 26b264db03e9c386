#ifndef ASSAY_TESTS_UNIT_CLI_FINISHED_SWEEP_H_
#define ASSAY_TESTS_UNIT_CLI_FINISHED_SWEEP_H_

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "assay/v1/control.pb.h"
#include "cli/results/cell_results.h"
#include "cli/results/outcome.h"
#include "cli/results/view_rows.h"

namespace assay {

// A sweep of two cells in two blocks, of which one run was rejected, as the coordinator would tell of it.

inline v1::RunResult Accepted() {
  v1::RunResult run;
  run.set_run_id(17);
  run.set_block(1);
  run.set_attempt(1);
  run.set_cell("tasks=1000");
  run.set_verdict("accepted");
  run.set_triggers(1000);
  run.set_makespan_s(0.3521);
  run.set_overhead_percent(1.234);
  run.set_throughput_per_s(2840.1);
  return run;
}

inline v1::RunResult Rejected() {
  v1::RunResult run = Accepted();
  run.set_run_id(18);
  run.set_attempt(2);
  run.set_verdict("rejected");
  run.set_not_ok(30);
  run.clear_overhead_percent();
  v1::FlagInfo& flag = *run.add_flags();
  flag.set_code("failures");
  flag.set_severity("reject");
  flag.set_detail("3 % of the triggers failed, limit 1 %");
  return run;
}

// A view's rows, a column's name for each value.
inline v1::ViewRows Rows(const std::vector<const char*>& columns, const std::vector<std::vector<const char*>>& rows) {
  v1::ViewRows proto;
  for (const char* column : columns) proto.add_columns(column);
  for (const std::vector<const char*>& values : rows) {
    v1::ViewRows::Row& row = *proto.add_rows();
    for (const char* value : values) row.add_values(value);
  }
  return proto;
}

inline v1::ViewRows RunSummary() {
  v1::ViewRows rows;
  for (const char* column : {"cell_id",
                             "run_id",
                             "target",
                             "cell",
                             "params",
                             "verdict",
                             "triggers",
                             "ok",
                             "failed",
                             "timeout",
                             "makespan_s",
                             "list_schedule_s",
                             "planned_list_schedule_s",
                             "throughput_per_s",
                             "overhead_percent",
                             "slip_p99_ms",
                             "flags",
                             "service_p50_ms",
                             "service_p99_ms",
                             "floor_per_s",
                             "floor_p50_ms",
                             "floor_p99_ms"}) {
    rows.add_columns(column);
  }
  const auto add = [&](std::initializer_list<const char*> values) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
  };
  const char* small = "{\"tasks\": 1000, \"sleep\": \"1ms\"}";
  const char* large = "{\"tasks\": 16000, \"sleep\": \"1ms\"}";
  add({"1",      "10",       "",     "sleep=1ms tasks=1000",
       small,    "accepted", "1000", "990",
       "5",      "5",        "1.0",  "0.996",
       "0.995",  "1000",     "2.5",  "0.2",
       "{cold}", "5.5",      "9.9",  "2000",
       "1",      "2"});
  add({"1",    "11",       "",     "sleep=1ms tasks=1000",
       small,  "accepted", "1000", "1000",
       "0",    "0",        "1.2",  "1.195",
       "1.19", "900",      "3.5",  "0.3",
       "{}",   "5.7",      "9.9",  "2200",
       "1",    "2"});
  add({"2", "12", "", "sleep=1ms tasks=16000", large, "accepted", "16000", "16000", "0", "0", "16", "15.9328", "",
       "1000", "2.0", "0.4", "{}"});
  add({"2", "13", "", "sleep=1ms tasks=16000", large, "rejected", "16000", "1", "0", "0", "99", "9", "9", "1", "500",
       "70", "{slip,failures}"});
  return rows;
}

inline Outcome Finished() {
  Outcome outcome;
  outcome.sweep.set_sweep_id(3);
  outcome.sweep.set_name("quick");
  outcome.sweep.set_state("finished");
  outcome.sweep.set_runs_total(4);
  outcome.sweep.set_accepted(3);
  outcome.sweep.set_rejected(1);
  outcome.cells = CellResults(ViewRows(RunSummary()));
  for (int64_t id = 10; id <= 13; ++id) {
    v1::RunResult run = id == 13 ? Rejected() : Accepted();
    run.set_run_id(id);
    outcome.results.push_back(run);
  }
  return outcome;
}

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_CLI_FINISHED_SWEEP_H_
