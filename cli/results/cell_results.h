#ifndef ASSAY_CLI_RESULTS_CELL_RESULTS_H_
#define ASSAY_CLI_RESULTS_CELL_RESULTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/results/view_rows.h"
#include "cli/table.h"

namespace assay {

// Median and range over a cell's accepted runs.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

// Nullopt without values.
std::optional<Spread> SpreadOf(std::vector<double> values);
// "1.02 [0.98..1.1]"; the range is left out when there is one value, "-" when none.
std::string FormatSpread(const std::optional<Spread>& spread);

// What is shown of one cell.
struct CellResult {
  int64_t cell_id = 0;
  std::string label;
  std::string target;
  std::map<std::string, std::string> params;
  std::string params_json;  // typed, as stored
  uint32_t accepted = 0;
  uint32_t left_out = 0;  // rejected or unfinished
  bool open_loop = false;
  std::optional<Spread> triggers;
  std::optional<Spread> skipped;
  // Of runs with task rows, which tell what the target did with the triggers.
  std::optional<Spread> tasks;
  std::optional<Spread> slots;
  std::optional<Spread> task_sum_s;
  std::optional<Spread> planned_sum_s;  // of the nominal lengths
  std::optional<Spread> over_sum_us_per_task;
  std::optional<Spread> over_planned_sum_us_per_task;
  std::optional<Spread> makespan_s;
  std::optional<Spread> makespan_error_s;  // by which it is too long at most, where looks of a completion saw its end
  std::optional<Spread> offered_per_s;     // open loops: at which triggers were due
  std::optional<Spread> throughput_per_s;
  std::optional<Spread> overhead_percent;  // over the ideal, task_sum / slots
  // Over the list schedule, the best that any scheduler could do with the tasks in this order: what is left is the
  // system's own cost, and not the idle slots at the end. Of the tasks as measured, and of the nominal sleeps: the
  // second counts how late each sleep ended too, and is what other systems' figures can be set beside.
  std::optional<Spread> over_list_us_per_task;
  std::optional<Spread> over_planned_us_per_task;
  std::optional<Spread> response_p50_ms;
  std::optional<Spread> response_p99_ms;
  std::optional<Spread> slip_p99_ms;
  std::optional<Spread> service_p50_ms;
  std::optional<Spread> service_p99_ms;
  // Of triggers that do nothing, on the same agents, at most 256 at once (open loops: one); none where that was not
  // measured.
  std::optional<Spread> floor_per_s;
  std::optional<Spread> floor_p50_ms;
  std::optional<Spread> floor_p99_ms;
  std::map<std::string, uint32_t> flags;  // code -> runs that carry it, rejected ones too
};

// From the rows of run_summary, in order of cell id.
std::vector<CellResult> CellResults(const ViewRows& run_summary);

// Columns that no cell has a value for are left out; response times too where all triggers are sleeps in a closed loop,
// whose length the scenario gives.
TextTable CellTable(const std::vector<CellResult>& cells);
// What stands under it: what its columns mean.
std::string CellTableNote(const std::vector<CellResult>& cells);

}  // namespace assay

#endif  // ASSAY_CLI_RESULTS_CELL_RESULTS_H_
