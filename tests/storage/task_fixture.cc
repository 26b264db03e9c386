#include "tests/storage/task_fixture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "coordinator/task_flags.h"
#include "storage/run_facts.h"

namespace assay {

void TaskTest::Add(const RunRow& run, const TaskLine& line) {
  std::vector<std::string> columns{"sweep_id", "run_id", "origin", "task", "state", "error_ns", "attempt", "cached"};
  std::vector<std::string> values{std::to_string(run.sweep_id),     std::to_string(run.run_id),
                                  fmt::format("'{}'", line.origin), fmt::format("'{}'", line.task),
                                  fmt::format("'{}'", line.state),  fmt::format("{:.0f}", line.error_ms * 1e6),
                                  std::to_string(line.attempt),     line.cached ? "true" : "false"};
  const auto set = [&](const std::string& column, std::string value) {
    columns.push_back(column);
    values.push_back(std::move(value));
  };
  if (!line.outcome.empty()) set("outcome", fmt::format("'{}'", line.outcome));
  if (line.index >= 0) set("index", std::to_string(line.index));
  if (!line.remote_id.empty()) set("remote_id", fmt::format("'{}'", line.remote_id));
  for (const auto& [instant, ms] : line.ms) set(instant + "_ns", fmt::format("{:.0f}", ms * 1e6));
  const absl::Status added =
      Execute(fmt::format("INSERT INTO task ({}) VALUES ({})", fmt::join(columns, ", "), fmt::join(values, ", ")));
  ASSERT_TRUE(added.ok()) << added;
}

RunRow TaskTest::RunOf(const SweepRow& sweep, const std::vector<Fired>& fired, uint32_t block, size_t cell) {
  RunRow run = StartedRun(sweep, cell, block, {a_}, fired.size());
  const std::string stream = fmt::format("s{}", run.run_id);
  Open(stream, a_);
  v1::Batch batch = NextBatch(stream, run.run_id);
  const auto ns = [](double ms) { return static_cast<int64_t>(ms * 1e6); };
  for (const Fired& f : fired) {
    AddTrigger(batch, static_cast<uint64_t>(batch.triggers_size()), ns(f.intended), ns(f.started), ns(f.finished));
    if (f.planned > 0) batch.mutable_triggers(batch.triggers_size() - 1)->set_planned_ns(ns(f.planned));
  }
  batch.mutable_share_end()->set_fired(fired.size());
  WriteOk({batch});
  return run;
}

void TaskTest::SetDriver(const RunRow& run, int capacity) {
  ASSERT_TRUE(Execute(fmt::format("UPDATE share SET driver = 'dask', driver_version = '2026.8.0', capacity = {} "
                                  "WHERE run_id = {}",
                                  capacity, run.run_id))
                  .ok());
}

void TaskTest::End(const RunRow& run) {
  ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "accepted", .flags = {}, .list_schedule_s = 0.04, .error = ""}),
            absl::OkStatus());
}

SweepRow TaskTest::SweepWithSlots(const std::string& target, uint32_t slots) {
  SweepRow sweep;
  sweep.spec.set_name("s");
  sweep.spec.set_blocks(1);
  sweep.cells.resize(1);
  sweep.cells[0].spec.set_target(target);
  sweep.cells[0].spec.set_slots(slots);
  EXPECT_TRUE(store_.CreateSweep(sweep).ok());
  return sweep;
}

void TaskTest::Collected(const RunRow& run, int records, int expected, double read_ms) {
  ASSERT_TRUE(
      Execute(fmt::format("INSERT INTO collection (hook_id, sweep_id, run_id, place, origin, records, expected, "
                          "unfinished, negative, looks, quiet, at_first_look, elapsed_s, read_ns) VALUES (1, "
                          "{}, {}, 'coordinator', 'http', {}, {}, 0, 0, 5, true, false, 4, {:.0f})",
                          run.sweep_id, run.run_id, records, expected, read_ms * 1e6))
          .ok());
}

std::vector<std::string> TaskTest::Codes(const RunRow& run, std::string* details) {
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  EXPECT_TRUE(facts.ok()) << facts.status();
  std::vector<std::string> codes;
  if (!facts.ok()) return codes;
  for (const Flag& flag : TaskFlags(*facts)) {
    codes.push_back(flag.code + ":" + flag.severity);
    if (details != nullptr) *details += flag.detail + "\n";
  }
  return codes;
}

RunRow TaskTest::DaskRun(const SweepRow& sweep, uint32_t block) {
  RunRow run = RunOf(sweep, {{0, 0, 30, 10}, {0, 0, 50, 20}, {30, 31, 80, 30}}, block);
  SetDriver(run, 4);
  Add(run, {.task = "t0",
            .ms = {{"created", 2},
                   {"scheduled", 4},
                   {"started", 10},
                   {"body_started", 12},
                   {"body_finished", 22},
                   {"finished", 24}},
            .index = 0});
  Add(run, {.task = "t1", .ms = {{"created", 3}, {"started", 10}, {"finished", 45}}, .index = 1});
  Add(run, {.task = "t2",
            .ms = {{"created", 33},
                   {"queued", 40},
                   {"started", 41},
                   {"body_started", 42},
                   {"body_finished", 72},
                   {"finished", 75}},
            .index = 2});
  return run;
}

}  // namespace assay
