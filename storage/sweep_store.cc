#include "storage/sweep_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <pqxx/pqxx>
#include <utility>

#include "common/utf8.h"
#include "storage/text_values.h"

namespace assay {
namespace {

constexpr const char* kPartitioned[] = {"trigger", "task", "sample", "host_sample"};
constexpr int kBrinPages = 32;
constexpr int kRunStatistics = 10;  // 3,000 rows of a table tell that runs lie one after the other

// In a schema of their own: `\d` and completion in psql then show the tables that are documented. The table is made
// alone and then attached, which does not lock out readers of the parent. The default spares the
// column in every COPY; BRIN costs the COPY next to nothing and finds a run's pages, as runs are stored one after the
// other.
void MakePartitions(pqxx::transaction_base& transaction, int64_t sweep_id) {
  for (const char* table : kPartitioned) {
    transaction.exec(fmt::format(
        "CREATE TABLE assay_partitions.{0}_{1} (LIKE assay.{0} INCLUDING ALL, CHECK (sweep_id = {1}));"
        "ALTER TABLE assay_partitions.{0}_{1} ALTER sweep_id SET DEFAULT {1};"
        "CREATE INDEX {0}_{1}_run ON assay_partitions.{0}_{1} USING brin (run_id) WITH (pages_per_range = {2});"
        "ALTER TABLE assay_partitions.{0}_{1} ALTER run_id SET STATISTICS {3};"
        "ALTER TABLE assay.{0} ATTACH PARTITION assay_partitions.{0}_{1} FOR VALUES IN ({1})",
        table, sweep_id, kBrinPages, kRunStatistics));
  }
}

std::string Seed(uint64_t seed) { return fmt::format("{}", seed); }

pqxx::binarystring Bytes(const std::string& bytes) { return pqxx::binarystring(bytes.data(), bytes.size()); }

struct Bounds {
  int64_t min_ns = -1;  // -1: not bounded
  int64_t max_ns = -1;
};

Bounds SleepBounds(const v1::CellSpec& cell) {
  const v1::Trigger& trigger = cell.trigger();
  const v1::SleepLength& length = trigger.has_driver() ? trigger.driver().sleep() : trigger.sleep().length();
  switch (length.kind_case()) {
    case v1::SleepLength::kFixedNs:
      return {length.fixed_ns(), length.fixed_ns()};
    case v1::SleepLength::kUniform:
      return {length.uniform().min_ns(), length.uniform().max_ns()};
    case v1::SleepLength::kList: {
      const auto [min, max] = std::minmax_element(length.list().ns().begin(), length.list().ns().end());
      return length.list().ns().empty() ? Bounds() : Bounds{*min, *max};
    }
    default:
      return {};
  }
}

absl::Status Damaged(const char* what, int64_t id) {
  return absl::DataLossError(
      fmt::format("the stored spec of {} {} cannot be read; was it written by a newer program?", what, id));
}

absl::Status ReadCells(pqxx::transaction_base& transaction, SweepRow& sweep) {
  for (const auto& row : transaction.exec_params(
           "SELECT cell_id, position, label, params, spec FROM cell WHERE sweep_id = $1 ORDER BY position",
           sweep.sweep_id)) {
    CellRow cell;
    cell.cell_id = row[0].as<int64_t>();
    cell.position = row[1].as<uint32_t>();
    cell.label = row[2].as<std::string>();
    cell.params = row[3].as<std::string>();
    if (!cell.spec.ParseFromString(pqxx::binarystring(row[4]).str())) return Damaged("cell", cell.cell_id);
    sweep.cells.push_back(std::move(cell));
  }
  return absl::OkStatus();
}

std::string StateOf(pqxx::transaction_base& transaction, int64_t sweep_id) {
  const pqxx::result found =
      transaction.exec_params("SELECT state FROM sweep WHERE sweep_id = $1 FOR UPDATE", sweep_id);
  return found.empty() ? "" : found[0][0].as<std::string>();
}

absl::Status NoSweep(int64_t sweep_id) {
  return absl::NotFoundError(fmt::format("there is no sweep {}; `assay sweep list` shows those there are", sweep_id));
}

bool Ended(const std::string& state) { return state == "finished" || state == "cancelled" || state == "failed"; }

std::vector<std::string> Texts(const pqxx::result& column) {
  std::vector<std::string> texts;
  for (const auto& row : column) texts.push_back(row[0].as<std::string>());
  return texts;
}

bool MayBecome(const std::string& from, const std::string& to) {
  if (from == to) return true;
  if (Ended(from)) return false;
  if (to == "running") return from == "pending";
  if (to == "finished") return from != "pending";
  return to == "cancelling" || to == "cancelled" || to == "failed";
}

absl::Status ChangeState(pqxx::transaction_base& transaction, int64_t sweep_id, const std::string& state,
                         const std::string& failure) {
  const std::string from = StateOf(transaction, sweep_id);
  if (from.empty()) return NoSweep(sweep_id);
  if (!MayBecome(from, state))
    return absl::FailedPreconditionError(fmt::format("sweep {} is {} and cannot become {}", sweep_id, from, state));
  transaction.exec_params(
      "UPDATE sweep SET state = $2, failure = $3, "
      "started_at = CASE WHEN $2 = 'running' THEN coalesce(started_at, clock_timestamp()) ELSE started_at END, "
      "ended_at = CASE WHEN $2 IN ('finished', 'cancelled', 'failed') THEN coalesce(ended_at, clock_timestamp()) END "
      "WHERE sweep_id = $1",
      sweep_id, state, ValidText(failure));
  return absl::OkStatus();
}

}  // namespace

absl::Status SweepStore::CreateSweep(SweepRow& sweep) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) {
    sweep.state = "pending";
    sweep.sweep_id = transaction
                         .exec_params1(
                             "INSERT INTO sweep (name, about, seed, blocks, scenario_yaml, sets, spec) VALUES ($1, $2, "
                             "$3, $4, $5, $6, $7) RETURNING sweep_id",
                             ValidText(sweep.spec.name()), ValidText(sweep.spec.about()), Seed(sweep.spec.seed()),
                             sweep.spec.blocks(), ValidText(sweep.scenario_yaml), TextArray(sweep.sets),
                             Bytes(sweep.spec.SerializeAsString()))[0]
                         .as<int64_t>();
    for (CellRow& cell : sweep.cells) {
      const Bounds sleep = SleepBounds(cell.spec);
      cell.cell_id = transaction
                         .exec_params1(
                             "INSERT INTO cell (sweep_id, position, label, target, params, spec, sleep_min_ns, "
                             "sleep_max_ns, loop, slots) "
                             "VALUES ($1, $2, $3, $4, $5, $6, nullif($7::bigint, -1), nullif($8::bigint, -1), $9, "
                             "nullif($10::bigint, 0)) "
                             "RETURNING cell_id",
                             sweep.sweep_id, cell.position, ValidText(cell.label), ValidText(cell.spec.target()),
                             cell.params.empty() ? "{}" : ValidText(cell.params), Bytes(cell.spec.SerializeAsString()),
                             sleep.min_ns, sleep.max_ns, cell.spec.load().has_open() ? "open" : "closed",
                             static_cast<int64_t>(cell.spec.slots()))[0]
                         .as<int64_t>();
    }
    MakePartitions(transaction, sweep.sweep_id);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<SweepRow>> SweepStore::UnfinishedSweeps() {
  std::vector<SweepRow> sweeps;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    sweeps.clear();
    for (const auto& row : transaction.exec("SELECT sweep_id, state, spec, cancel_now FROM sweep "
                                            "WHERE state IN ('pending', 'running', 'cancelling') ORDER BY sweep_id")) {
      SweepRow sweep;
      sweep.sweep_id = row[0].as<int64_t>();
      sweep.state = row[1].as<std::string>();
      if (!sweep.spec.ParseFromString(pqxx::binarystring(row[2]).str())) return Damaged("sweep", sweep.sweep_id);
      sweep.cancel_now = row[3].as<bool>();
      sweep.pinned_agents =
          Texts(transaction.exec_params("SELECT unnest(pinned_agents) FROM sweep WHERE sweep_id = $1", sweep.sweep_id));
      if (absl::Status read = ReadCells(transaction, sweep); !read.ok()) return read;
      sweeps.push_back(std::move(sweep));
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return sweeps;
}

absl::Status SweepStore::SetSweepState(int64_t sweep_id, const std::string& state, const std::string& failure) {
  return connection_.Transact(
      [&](pqxx::transaction_base& transaction) { return ChangeState(transaction, sweep_id, state, failure); });
}

absl::Status SweepStore::StartSweep(int64_t sweep_id, std::vector<HookRow>& hooks) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) {
    absl::Status changed = ChangeState(transaction, sweep_id, "running", "");
    if (changed.ok()) InsertHooks(transaction, hooks);
    return changed;
  });
}

absl::Status SweepStore::PinAgents(int64_t sweep_id, const std::vector<std::string>& names) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) {
    const pqxx::result updated =
        transaction.exec_params("UPDATE sweep SET pinned_agents = $2 WHERE sweep_id = $1", sweep_id, TextArray(names));
    return updated.affected_rows() == 1 ? absl::OkStatus() : NoSweep(sweep_id);
  });
}

absl::Status SweepStore::RequestCancel(int64_t sweep_id, bool now) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    const std::string from = StateOf(transaction, sweep_id);
    if (from.empty()) return NoSweep(sweep_id);
    if (Ended(from)) return absl::FailedPreconditionError(fmt::format("sweep {} is {} already", sweep_id, from));
    // A drain may be turned into a stop, never the other way round.
    transaction.exec_params("UPDATE sweep SET state = 'cancelling', cancel_now = cancel_now OR $2 WHERE sweep_id = $1",
                            sweep_id, now);
    // A coordinator that is restarted before it has ended them knows it from here.
    if (now) transaction.exec_params("UPDATE hook SET cut = true WHERE sweep_id = $1 AND state = 'running'", sweep_id);
    return absl::OkStatus();
  });
}

absl::Status SweepStore::RemoveSweep(int64_t sweep_id) {
  absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    const std::string from = StateOf(transaction, sweep_id);
    if (from.empty()) return NoSweep(sweep_id);
    if (!Ended(from))
      return absl::FailedPreconditionError(
          fmt::format("sweep {} is {}; cancel it first: assay sweep cancel {}", sweep_id, from, sweep_id));
    // Rows first: a flush that holds locks on its runs ends before the partitions are touched, a later one finds no run
    // and stores nothing.
    transaction.exec_params("DELETE FROM sweep WHERE sweep_id = $1", sweep_id);
    // Detaching needs the parent for itself for a moment. Behind a long query we would wait, and every flush behind us:
    // rather give up.
    transaction.exec("SET LOCAL lock_timeout = '3s'");
    for (const char* table : kPartitioned) {
      transaction.exec(
          fmt::format("ALTER TABLE assay.{0} DETACH PARTITION assay_partitions.{0}_{1}; "
                      "DROP TABLE assay_partitions.{0}_{1}",
                      table, sweep_id));
    }
    return absl::OkStatus();
  });
  if (absl::IsUnavailable(status) && status.message().find("55P03") != std::string::npos) {
    return absl::UnavailableError(fmt::format(
        "sweep {} cannot be removed while a query reads the tables; try again when it has ended", sweep_id));
  }
  return status;
}

absl::StatusOr<int64_t> SweepStore::UpsertAgent(const std::string& name, const std::string& host,
                                                const std::string& labels_json, const std::string& facts_json) {
  int64_t agent_id = 0;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) {
    agent_id =
        transaction
            .exec_params1(
                "INSERT INTO agent (name, host, labels, facts) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE "
                "SET host = excluded.host, labels = excluded.labels, facts = excluded.facts, last_seen = "
                "clock_timestamp() RETURNING agent_id",
                ValidText(name), ValidText(host), ValidText(labels_json), ValidText(facts_json))[0]
            .as<int64_t>();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return agent_id;
}

}  // namespace assay
