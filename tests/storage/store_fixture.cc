#include "tests/storage/store_fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <pqxx/pqxx>

#include "storage/table.h"
#include "tests/storage/postgres_fixture.h"

namespace assay {

StoreTest::StoreTest()
    : url_(MigratedDatabaseUrl()), connection_(url_, "test"), store_(connection_), writer_(connection_) {
  a_ = store_.UpsertAgent("a", "host-a", R"([{"role": "load"}])", R"({"memory_bytes": 1073741824})").value();
  b_ = store_.UpsertAgent("b", "host-b", "{}", "{}").value();
}

std::string StoreTest::Value(const std::string& sql) {
  const absl::StatusOr<Table> table = Query(connection_, sql);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() && !table->rows.empty() ? table->rows[0][0].value_or("null") : "nothing";
}

double StoreTest::Number(const std::string& column, const std::string& from) {
  const std::string text = Value(fmt::format("SELECT {} FROM {}", column, from));
  EXPECT_NE(text, "null") << column;
  return text == "null" ? std::nan("") : std::stod(text);
}

absl::Status StoreTest::Execute(const std::string& sql) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) {
    transaction.exec(sql);
    return absl::OkStatus();
  });
}

SweepRow StoreTest::MakeSweep(uint32_t blocks,
                              const std::vector<std::pair<std::string, std::string>>& target_and_params) {
  SweepRow sweep;
  sweep.scenario_yaml = "name: small\n";
  sweep.spec.set_name("small");
  sweep.spec.set_seed(~uint64_t{0});
  sweep.spec.set_blocks(blocks);
  for (const auto& [target, params] : target_and_params) {
    CellRow cell;
    cell.position = static_cast<uint32_t>(sweep.cells.size());
    cell.label = params;
    cell.params = params;
    cell.spec.set_target(target);
    sweep.cells.push_back(cell);
  }
  EXPECT_EQ(store_.CreateSweep(sweep), absl::OkStatus());
  return sweep;
}

RunRow StoreTest::MakeRun(const SweepRow& sweep, size_t cell, uint32_t block, const std::vector<int64_t>& agents,
                          uint64_t count) {
  RunRow run;
  run.sweep_id = sweep.sweep_id;
  run.cell_id = sweep.cells[cell].cell_id;
  run.block = block;
  for (const int64_t agent : agents) {
    ShareRow share;
    share.agent_id = agent;
    share.incarnation = "i";
    share.first_index = run.shares.size() * count;
    share.count = count;
    share.slots = 2;
    run.shares.push_back(share);
  }
  EXPECT_EQ(store_.CreateRun(run), absl::OkStatus());
  return run;
}

RunRow StoreTest::StartedRun(const SweepRow& sweep, size_t cell, uint32_t block, const std::vector<int64_t>& agents,
                             uint64_t count) {
  RunRow run = MakeRun(sweep, cell, block, agents, count);
  EXPECT_EQ(store_.StartRun(run.run_id, kT0Ns), absl::OkStatus());
  return run;
}

void StoreTest::Open(const std::string& stream, int64_t agent_id) {
  EXPECT_EQ(writer_.OpenStream(stream, agent_id).value(), 0u);
}

v1::Batch StoreTest::NextBatch(const std::string& stream, int64_t run_id) {
  auto found =
      std::find_if(last_seq_.begin(), last_seq_.end(), [&](const auto& entry) { return entry.first == stream; });
  if (found == last_seq_.end()) found = last_seq_.insert(last_seq_.end(), {stream, 0});
  v1::Batch batch;
  batch.set_stream(stream);
  batch.set_seq(++found->second);
  batch.set_run_id(run_id);
  return batch;
}

void StoreTest::AddTrigger(v1::Batch& batch, uint64_t index, int64_t intended_ns, int64_t started_ns,
                           int64_t finished_ns, v1::Outcome outcome) {
  v1::TriggerRecord* trigger = batch.add_triggers();
  trigger->set_index(index);
  trigger->set_intended_ns(intended_ns);
  trigger->set_dispatched_ns(intended_ns);
  trigger->set_started_ns(started_ns);
  trigger->set_finished_ns(finished_ns);
  trigger->set_outcome(outcome);
  trigger->set_planned_ns(-1);
  trigger->set_cpu_ns(-1);
}

ResultWriter::Written StoreTest::WriteOk(const std::vector<v1::Batch>& batches) {
  absl::StatusOr<ResultWriter::Written> written = writer_.Write(batches);
  EXPECT_TRUE(written.ok()) << written.status();
  return written.ok() ? *std::move(written) : ResultWriter::Written();
}

}  // namespace assay
