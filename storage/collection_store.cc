#include "storage/collection_store.h"

#include <fmt/format.h>

#include <limits>
#include <pqxx/pqxx>

#include "common/utf8.h"
#include "storage/result_copy.h"

namespace assay {
namespace {

constexpr int64_t kUnset = std::numeric_limits<int64_t>::min();

absl::StatusOr<int64_t> LockRunOf(pqxx::transaction_base& transaction, int64_t run_id) {
  const pqxx::result found =
      transaction.exec_params("SELECT sweep_id FROM run WHERE run_id = $1 FOR KEY SHARE", run_id);
  if (found.empty()) return absl::NotFoundError(fmt::format("there is no run {}", run_id));
  return found[0][0].as<int64_t>();
}

}  // namespace

absl::StatusOr<v1::RunWork> ReadRunWork(pqxx::transaction_base& transaction, int64_t run_id, bool remote_ids) {
  const pqxx::result run = transaction.exec_params("SELECT sweep_id, t0_ns FROM run WHERE run_id = $1", run_id);
  if (run.empty()) return absl::NotFoundError(fmt::format("there is no run {}", run_id));
  const auto sweep_id = run[0][0].as<int64_t>();
  v1::RunWork work;
  work.set_t0_ns(run[0][1].as<int64_t>(0));
  const pqxx::row found = transaction.exec_params1(
      "SELECT coalesce(max(finished_ns) FILTER (WHERE outcome <= 'cancelled'), 0), "
      "count(*) FILTER (WHERE outcome = 'ok') FROM assay.trigger WHERE sweep_id = $1 AND run_id = $2",
      sweep_id, run_id);
  work.set_ended_ns(found[0].as<int64_t>());
  work.set_ok(found[1].as<uint64_t>());
  if (!remote_ids) return work;
  for (const auto& row :
       transaction.exec_params("SELECT remote_id FROM assay.trigger WHERE sweep_id = $1 AND run_id = $2 AND remote_id "
                               "IS NOT NULL ORDER BY index",
                               sweep_id, run_id)) {
    work.add_remote_ids(row[0].as<std::string>());
  }
  return work;
}

absl::StatusOr<v1::RunWork> ReadRunWork(Connection& connection, int64_t run_id, bool remote_ids) {
  absl::StatusOr<v1::RunWork> work;
  const absl::Status status = connection.Transact([&](pqxx::transaction_base& transaction) {
    work = ReadRunWork(transaction, run_id, remote_ids);
    return work.status();
  });
  if (!status.ok()) return status;
  return work;
}

bool KeepCollection(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, int64_t agent_id,
                    const v1::Collection& collection) {
  const pqxx::result inserted = transaction.exec_params(
      "INSERT INTO collection (hook_id, sweep_id, run_id, place, origin, records, expected, unfinished, negative, "
      "looks, quiet, at_first_look, record_lag_s, elapsed_s, error, stopped, read_ns) SELECT $1, $2, $3, "
      "coalesce((SELECT name FROM agent WHERE agent_id = $4), 'coordinator'), $5, $6, $7, $8, $9, $10, $11, $12, "
      "(nullif($13::bigint, $14::bigint) - (SELECT max(finished_ns) FROM assay.trigger WHERE "
      "sweep_id = $2 AND run_id = $3 AND outcome <= 'cancelled')) / 1e9::double precision, $15::bigint / 1e9::double "
      "precision, $16, $17, $18 ON CONFLICT (hook_id) DO NOTHING",
      collection.hook_id(), sweep_id, run_id, agent_id, ValidText(collection.origin()),
      static_cast<int64_t>(collection.records()), static_cast<int64_t>(collection.expected()),
      static_cast<int64_t>(collection.unfinished()), static_cast<int64_t>(collection.negative()),
      static_cast<int64_t>(collection.looks()), collection.quiet(), collection.at_first_look(),
      collection.has_recorded_until_ns() ? collection.recorded_until_ns() : kUnset, kUnset, collection.elapsed_ns(),
      ValidText(collection.error()), collection.stopped(), collection.read_ns());
  return inserted.affected_rows() == 1;
}

absl::Status StoreCollected(Connection& connection, const v1::Batch& collected) {
  return connection.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    const absl::StatusOr<int64_t> sweep_id = LockRunOf(transaction, collected.run_id());
    if (!sweep_id.ok()) return sweep_id.status();
    for (const v1::Collection& collection : collected.collections()) {
      if (!KeepCollection(transaction, *sweep_id, collected.run_id(), 0, collection)) return absl::OkStatus();
    }
    CopySweep(transaction, *sweep_id, {{&collected, 0}});
    return absl::OkStatus();
  });
}

}  // namespace assay
