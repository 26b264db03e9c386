// The runs and shares of SweepStore.
#include <fmt/format.h>

#include <map>
#include <pqxx/pqxx>
#include <utility>

#include "common/utf8.h"
#include "storage/run_facts.h"
#include "storage/sweep_store.h"

namespace assay {
namespace {

absl::Status NoRun(int64_t run_id) { return absl::NotFoundError(fmt::format("there is no run {}", run_id)); }

// Writers of the run's rows hold a key-share lock on it, so this waits for them, and later ones see what we made of it.
absl::StatusOr<pqxx::row> LockRun(pqxx::transaction_base& transaction, int64_t run_id) {
  const pqxx::result found =
      transaction.exec_params("SELECT state, sweep_id, t0_ns FROM run WHERE run_id = $1 FOR UPDATE", run_id);
  if (found.empty()) return NoRun(run_id);
  return found[0];
}

// Asked again, after a commit whose answer was lost, it succeeds, and `assignment` is what it says now: that is what
// will be acted on.
absl::Status ChangeState(pqxx::transaction_base& transaction, int64_t run_id, const std::string& from,
                         const std::string& to, const std::string& assignment) {
  const absl::StatusOr<pqxx::row> run = LockRun(transaction, run_id);
  if (!run.ok()) return run.status();
  const auto state = (*run)[0].as<std::string>();
  if (state == to && assignment.empty()) return absl::OkStatus();
  if (state != from && state != to)
    return absl::FailedPreconditionError(fmt::format("run {} is {} and cannot become {}", run_id, state, to));
  transaction.exec(fmt::format("UPDATE run SET state = '{}'{} WHERE run_id = {}", to, assignment, run_id));
  return absl::OkStatus();
}

// Shares whose end never came. Of a run that did not begin they did nothing; of another one they are lost.
void CloseShares(pqxx::transaction_base& transaction, int64_t run_id, bool fired, const std::string& error) {
  if (fired) {
    transaction.exec_params(
        "UPDATE share SET state = 'lost', lost_at = clock_timestamp(), lost_reason = 'the run ended without it' WHERE "
        "run_id = $1 AND state = 'leased'",
        run_id);
  } else {
    transaction.exec_params(
        "UPDATE share SET state = 'ended', ended_at = clock_timestamp(), fired = 0, error = $2 WHERE run_id = $1 AND "
        "state = 'leased'",
        run_id, ValidText(error));
  }
}

// One `lost` row for each planned trigger that has none. EXCEPT and not an anti-join: it stays one sort or hash
// whatever the planner knows.
void WriteLostRows(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id) {
  transaction.exec_params(
      fmt::format("INSERT INTO assay_partitions.trigger_{0} (run_id, agent_id, index, outcome) "
                  "SELECT $1, s.agent_id, missing.index, 'lost' FROM share s CROSS JOIN LATERAL ("
                  "  SELECT s.first_index + k * s.stride AS index FROM generate_series(0, s.count - 1) k"
                  "  EXCEPT SELECT t.index FROM assay_partitions.trigger_{0} t WHERE t.run_id = $1) missing "
                  "WHERE s.run_id = $1 AND s.count > 0 AND (s.state = 'lost' OR s.crashed)",
                  sweep_id),
      run_id);
}

// Pages that BRIN has not summarized are read by every query, and without statistics the planner does not believe in
// BRIN at all. Autovacuum would see to both, but the next run's end comes first.
void SummarizeIndexes(pqxx::transaction_base& transaction, int64_t sweep_id) {
  for (const char* table : {"trigger", "task", "sample", "host_sample"}) {
    transaction.exec(fmt::format(
        "SELECT brin_summarize_new_values('assay_partitions.{0}_{1}_run'); ANALYZE assay_partitions.{0}_{1} (run_id)",
        table, sweep_id));
  }
}

RunRow RunFrom(const pqxx::row& row) {
  RunRow run;
  run.run_id = row["run_id"].as<int64_t>();
  run.sweep_id = row["sweep_id"].as<int64_t>();
  run.cell_id = row["cell_id"].as<int64_t>();
  run.block = row["block"].as<uint32_t>();
  run.attempt = row["attempt"].as<uint32_t>();
  run.state = row["state"].as<std::string>();
  run.verdict = row["verdict"].as<std::string>();
  run.t0_ns = row["t0_ns"].as<int64_t>(0);
  run.agent_lost = row["agent_lost"].as<bool>();
  return run;
}

ShareRow ShareFrom(const pqxx::row& row) {
  ShareRow share;
  share.run_id = row["run_id"].as<int64_t>();
  share.agent_id = row["agent_id"].as<int64_t>();
  share.agent = row["name"].as<std::string>();
  share.incarnation = row["incarnation"].as<std::string>();
  share.first_index = row["first_index"].as<uint64_t>();
  share.count = row["count"].as<uint64_t>();
  share.stride = row["stride"].as<uint64_t>();
  share.slots = row["slots"].as<uint32_t>();
  share.samples = row["samples"].as<bool>();
  share.state = row["state"].as<std::string>();
  return share;
}

std::vector<RunRow> ReadRuns(pqxx::transaction_base& transaction, int64_t sweep_id) {
  std::vector<RunRow> runs;
  std::map<int64_t, size_t> position;
  for (const auto& row : transaction.exec_params(
           "SELECT r.*, EXISTS (SELECT FROM flag f WHERE f.run_id = r.run_id AND f.code IN ('agent_lost', "
           "'interrupted') AND f.severity = 'reject') AS agent_lost FROM run r WHERE r.sweep_id = $1 ORDER BY r.run_id",
           sweep_id)) {
    runs.push_back(RunFrom(row));
    position[runs.back().run_id] = runs.size() - 1;
  }
  for (const auto& row : transaction.exec_params("SELECT s.*, a.name FROM share s JOIN agent a USING (agent_id) WHERE "
                                                 "s.sweep_id = $1 ORDER BY s.run_id, s.agent_id",
                                                 sweep_id)) {
    ShareRow share = ShareFrom(row);
    if (const auto run = position.find(share.run_id); run != position.end())
      runs[run->second].shares.push_back(std::move(share));
  }
  return runs;
}

}  // namespace

absl::Status SweepStore::CreateRun(RunRow& run) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) {
    run.state = "preparing";
    run.verdict = "running";
    run.t0_ns = 0;
    // One that was made by a commit whose answer was lost: nobody was told of it.
    transaction.exec_params(
        "DELETE FROM run WHERE cell_id = $1 AND block = $2 AND attempt = $3 AND state = 'preparing'", run.cell_id,
        run.block, run.attempt);
    run.run_id = transaction
                     .exec_params1(
                         "INSERT INTO run (sweep_id, cell_id, block, attempt) VALUES ($1, $2, $3, $4) RETURNING run_id",
                         run.sweep_id, run.cell_id, run.block, run.attempt)[0]
                     .as<int64_t>();
    for (ShareRow& share : run.shares) {
      share.run_id = run.run_id;
      share.state = "leased";
      transaction.exec_params(
          "INSERT INTO share (sweep_id, run_id, agent_id, incarnation, first_index, count, stride, slots, samples) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
          run.sweep_id, run.run_id, share.agent_id, ValidText(share.incarnation), share.first_index, share.count,
          share.stride, share.slots, share.samples);
    }
    return absl::OkStatus();
  });
}

absl::Status SweepStore::StartRun(int64_t run_id, int64_t t0_ns) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) {
    return ChangeState(transaction, run_id, "preparing", "running", fmt::format(", t0_ns = {}", t0_ns));
  });
}

absl::Status SweepStore::DrainRun(int64_t run_id) {
  return connection_.Transact(
      [&](pqxx::transaction_base& transaction) { return ChangeState(transaction, run_id, "running", "draining", ""); });
}

absl::StatusOr<bool> SweepStore::LoseShare(int64_t run_id, int64_t agent_id, const std::string& why) {
  bool lost = false;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    transaction.exec_params(
        "UPDATE share SET state = 'lost', lost_at = clock_timestamp(), lost_reason = $3 WHERE run_id = $1 AND agent_id "
        "= $2 AND state = 'leased'",
        run_id, agent_id, ValidText(why));
    const pqxx::result state =
        transaction.exec_params("SELECT state FROM share WHERE run_id = $1 AND agent_id = $2", run_id, agent_id);
    if (state.empty()) return absl::NotFoundError(fmt::format("agent {} has no share of run {}", agent_id, run_id));
    lost = state[0][0].as<std::string>() == "lost";
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return lost;
}

absl::Status SweepStore::EndRun(int64_t run_id, const Ending& ending) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    const absl::StatusOr<pqxx::row> run = LockRun(transaction, run_id);
    if (!run.ok()) return run.status();
    const auto sweep_id = (*run)[1].as<int64_t>();
    const bool fired = !(*run)[2].is_null();
    if (ending.records >= 0 && ending.records != CountRecords(transaction, sweep_id, run_id))
      return absl::AbortedError(fmt::format("records of run {} came while it was judged", run_id));
    CloseShares(transaction, run_id, fired, ending.error);
    if (fired) WriteLostRows(transaction, sweep_id, run_id);
    SummarizeIndexes(transaction, sweep_id);
    transaction.exec("SET LOCAL work_mem = '64MB'");
    transaction.exec_params("SELECT assay.refresh_run($1)", run_id);
    transaction.exec_params(
        "UPDATE run_result SET list_schedule_s = nullif($2::double precision, 'NaN'), "
        "planned_list_schedule_s = nullif($3::double precision, 'NaN') WHERE run_id = $1",
        run_id, ending.list_schedule_s, ending.planned_list_schedule_s);
    transaction.exec_params("DELETE FROM flag WHERE run_id = $1", run_id);
    for (const Flag& flag : ending.flags) {
      transaction.exec_params("INSERT INTO flag (sweep_id, run_id, code, severity, detail) VALUES ($1, $2, $3, $4, $5)",
                              sweep_id, run_id, ValidText(flag.code), flag.severity, ValidText(flag.detail));
    }
    transaction.exec_params(
        "UPDATE run SET state = 'ended', verdict = $2, error = $3, has_late_rows = false, ended_at = "
        "coalesce(ended_at, "
        "clock_timestamp()) WHERE run_id = $1",
        run_id, ending.verdict, ValidText(ending.error));
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<int64_t>> SweepStore::RunsWithLateRows() {
  std::vector<int64_t> run_ids;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) {
    run_ids.clear();
    for (const auto& row : transaction.exec("SELECT run_id FROM run WHERE has_late_rows ORDER BY run_id"))
      run_ids.push_back(row[0].as<int64_t>());
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return run_ids;
}

absl::StatusOr<SweepStore::Judged> SweepStore::GetJudged(int64_t run_id) {
  Judged judged;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    judged = Judged();
    const pqxx::result found = transaction.exec_params(
        "SELECT s.spec, c.spec, r.t0_ns, r.error FROM run r JOIN sweep s USING (sweep_id) JOIN cell c USING (cell_id) "
        "WHERE "
        "r.run_id = $1",
        run_id);
    if (found.empty()) return NoRun(run_id);
    if (!judged.sweep.ParseFromString(pqxx::binarystring(found[0][0]).str()) ||
        !judged.cell.ParseFromString(pqxx::binarystring(found[0][1]).str()))
      return absl::DataLossError(fmt::format("run {}: its stored scenario is damaged", run_id));
    judged.fired = !found[0][2].is_null();
    judged.error = found[0][3].as<std::string>();
    for (const auto& row : transaction.exec_params("SELECT code, severity, detail FROM flag WHERE run_id = $1", run_id))
      judged.flags.push_back({row[0].as<std::string>(), row[1].as<std::string>(), row[2].as<std::string>()});
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return judged;
}

absl::StatusOr<std::vector<RunRow>> SweepStore::RunsOfSweep(int64_t sweep_id) {
  std::vector<RunRow> runs;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) {
    runs = ReadRuns(transaction, sweep_id);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return runs;
}

}  // namespace assay
