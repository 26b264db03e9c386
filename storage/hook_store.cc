// The hooks of SweepStore.
#include <pqxx/pqxx>
#include <utility>

#include "common/utf8.h"
#include "storage/collection_store.h"
#include "storage/sweep_store.h"

namespace assay {
namespace {

// On the coordinator a collector asks for itself, on a thread of its own.
bool CollectsOnAgent(const HookRow& hook) {
  return hook.kind == "collect" && hook.state == "running" && hook.where != "coordinator";
}

}  // namespace

void SweepStore::InsertHooks(pqxx::transaction_base& transaction, std::vector<HookRow>& hooks) {
  if (hooks.empty()) return;
  // Those made by a commit whose answer was lost: they were never started.
  transaction.exec_params(
      "DELETE FROM hook WHERE sweep_id = $1 AND run_id IS NOT DISTINCT FROM nullif($2::bigint, 0) AND kind = $3 AND "
      "target IS NOT DISTINCT FROM nullif($4, '') AND state = 'running'",
      hooks[0].sweep_id, hooks[0].run_id, hooks[0].kind, ValidText(hooks[0].target));
  for (HookRow& hook : hooks) {
    hook.state = "running";
    hook.hook_id = transaction
                       .exec_params1(
                           "INSERT INTO hook (sweep_id, run_id, kind, place, incarnation, position, target) "
                           "VALUES ($1, nullif($2::bigint, 0), $3, $4, $5, $6, nullif($7, '')) RETURNING hook_id",
                           hook.sweep_id, hook.run_id, hook.kind, ValidText(hook.where), ValidText(hook.incarnation),
                           static_cast<int64_t>(hook.position), ValidText(hook.target))[0]
                       .as<int64_t>();
    if (!CollectsOnAgent(hook)) continue;
    absl::StatusOr<v1::RunWork> work = ReadRunWork(transaction, hook.run_id, hook.remote_ids);
    if (work.ok()) hook.work = *std::move(work);
  }
}

absl::Status SweepStore::CreateHooks(std::vector<HookRow>& hooks) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) {
    InsertHooks(transaction, hooks);
    return absl::OkStatus();
  });
}

absl::Status SweepStore::EndHook(const HookRow& hook) {
  return connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    const pqxx::result updated = transaction.exec_params(
        "UPDATE hook SET state = $2, exit_code = $3, error = $4, output = $5, elapsed_ns = $6, interrupted = $7, "
        "cut = $8 WHERE hook_id = $1",
        hook.hook_id, hook.state, hook.exit_code, ValidText(hook.error),
        pqxx::binarystring(hook.output.data(), hook.output.size()), hook.elapsed_ns, hook.interrupted, hook.cut);
    if (updated.affected_rows() != 1) return absl::NotFoundError("there is no hook " + std::to_string(hook.hook_id));
    // Of a commit whose answer was lost.
    transaction.exec_params("DELETE FROM hook_step WHERE hook_id = $1", hook.hook_id);
    for (size_t i = 0; i < hook.steps.size(); ++i) {
      const HookStepRow& step = hook.steps[i];
      transaction.exec_params(
          "INSERT INTO hook_step (hook_id, step, container, action, begun_at, ended_at, error) VALUES ($1, $2, $3, $4, "
          "assay.instant($5), assay.instant($6), $7)",
          hook.hook_id, i + 1, ValidText(step.container), step.action, step.begun_ns, step.ended_ns,
          ValidText(step.error));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<HookRow>> SweepStore::HooksOfSweep(
    int64_t sweep_id, const std::function<bool(const HookRow&)>& asks_for_remote_ids) {
  std::vector<HookRow> hooks;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) {
    hooks.clear();
    for (const auto& row :
         transaction.exec_params("SELECT h.*, EXISTS (SELECT FROM collection c WHERE c.hook_id = h.hook_id) AS "
                                 "collected FROM hook h WHERE h.sweep_id = $1 ORDER BY h.hook_id",
                                 sweep_id)) {
      HookRow hook;
      hook.hook_id = row["hook_id"].as<int64_t>();
      hook.sweep_id = row["sweep_id"].as<int64_t>();
      hook.run_id = row["run_id"].as<int64_t>(0);
      hook.kind = row["kind"].as<std::string>();
      hook.target = row["target"].as<std::string>("");
      hook.where = row["place"].as<std::string>();
      hook.incarnation = row["incarnation"].as<std::string>();
      hook.state = row["state"].as<std::string>();
      hook.interrupted = row["interrupted"].as<bool>();
      hook.cut = row["cut"].as<bool>();
      hook.exit_code = row["exit_code"].as<int>(0);
      hook.error = row["error"].as<std::string>();
      if (!row["output"].is_null()) hook.output = pqxx::binarystring(row["output"]).str();
      hook.elapsed_ns = row["elapsed_ns"].as<int64_t>(0);
      hook.position = row["position"].as<uint32_t>();
      hook.collected = row["collected"].as<bool>();
      if (CollectsOnAgent(hook)) {
        hook.remote_ids = !asks_for_remote_ids || asks_for_remote_ids(hook);
        absl::StatusOr<v1::RunWork> work = ReadRunWork(transaction, hook.run_id, hook.remote_ids);
        if (work.ok()) hook.work = *std::move(work);
      }
      hooks.push_back(std::move(hook));
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return hooks;
}

}  // namespace assay
