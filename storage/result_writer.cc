#include "storage/result_writer.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <optional>
#include <pqxx/pqxx>
#include <set>
#include <utility>

#include "common/delivery.h"
#include "common/utf8.h"
#include "storage/collection_store.h"
#include "storage/result_copy.h"
#include "storage/series_store.h"
#include "storage/text_values.h"

namespace assay {
namespace {

struct StreamState {
  ReceiveWindow window;
  int64_t agent_id = 0;
  uint64_t committed = 0;
  bool gap = false;
};

struct RunState {
  int64_t sweep_id = 0;
  bool ended = false;
};

std::string IdArray(const std::set<int64_t>& ids) { return fmt::format("{{{}}}", fmt::join(ids, ",")); }

uint64_t RowsOf(const v1::Batch& batch) {
  return static_cast<uint64_t>(batch.triggers_size()) + batch.tasks_size() + batch.cgroup_samples_size() +
         batch.host_samples_size() + batch.metric_samples_size() + batch.collections_size();
}

// In the order of their names, so that two writers could never wait for each other.
absl::StatusOr<std::map<std::string, StreamState>> LockStreams(pqxx::transaction_base& transaction,
                                                               const std::vector<v1::Batch>& batches) {
  std::map<std::string, StreamState> streams;
  for (const v1::Batch& batch : batches) streams[batch.stream()];
  std::vector<std::string> names;
  names.reserve(streams.size());
  for (const auto& [name, state] : streams) names.push_back(name);
  for (const auto& row : transaction.exec_params(
           "SELECT stream, last_seq, agent_id FROM delivery WHERE stream = ANY($1::text[]) ORDER BY stream FOR UPDATE",
           TextArray(names))) {
    StreamState& state = streams[row[0].as<std::string>()];
    state.committed = row[1].as<uint64_t>();
    state.window = ReceiveWindow(state.committed);
    state.agent_id = row[2].as<int64_t>();
  }
  for (const auto& [name, state] : streams) {
    if (state.agent_id == 0)
      return absl::NotFoundError(fmt::format("results came on stream '{}', which was never opened", name));
  }
  return streams;
}

// The key-share lock keeps the runs: removal of their sweep waits for us, and so does EndRun, which must see our rows
// or be told of them.
std::map<int64_t, RunState> LockRuns(pqxx::transaction_base& transaction, const std::vector<BatchOfAgent>& accepted) {
  std::set<int64_t> ids;
  for (const BatchOfAgent& one : accepted) ids.insert(one.batch->run_id());
  std::map<int64_t, RunState> runs;
  if (ids.empty()) return runs;
  for (const auto& row : transaction.exec_params(
           "SELECT run_id, sweep_id, state FROM run WHERE run_id = ANY($1::bigint[]) ORDER BY run_id FOR KEY SHARE",
           IdArray(ids))) {
    runs[row[0].as<int64_t>()] = {row[1].as<int64_t>(), row[2].as<std::string>() == "ended"};
  }
  return runs;
}

// Late rows take the place of the `lost` rows that EndRun wrote for them.
void DeleteLostRows(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id,
                    const std::vector<BatchOfAgent>& accepted) {
  std::set<int64_t> indices;
  for (const BatchOfAgent& one : accepted) {
    if (one.batch->run_id() != run_id) continue;
    for (const v1::TriggerRecord& trigger : one.batch->triggers())
      indices.insert(static_cast<int64_t>(trigger.index()));
  }
  if (indices.empty()) return;
  transaction.exec_params(fmt::format("DELETE FROM assay_partitions.trigger_{} WHERE run_id = $1 AND outcome = 'lost' "
                                      "AND index = ANY($2::bigint[])",
                                      sweep_id),
                          run_id, IdArray(indices));
}

// With the rows, so that whoever is the coordinator then has them judged.
void MarkLate(pqxx::transaction_base& transaction, const std::set<int64_t>& run_ids) {
  if (run_ids.empty()) return;
  transaction.exec_params("UPDATE run SET has_late_rows = true WHERE run_id = ANY($1::bigint[]) AND NOT has_late_rows",
                          IdArray(run_ids));
}

// A floor holds for many shares, and each brings it along.
std::optional<int64_t> KeepFloor(pqxx::transaction_base& transaction, int64_t agent_id, const v1::ShareStart& start) {
  if (!start.has_floor()) return std::nullopt;
  const v1::Floor& floor = start.floor();
  return transaction
      .exec_params1(
          "INSERT INTO floor (agent_id, kind, concurrency, measured_at, triggers, rate_per_s, service_p50_ms, "
          "service_p99_ms, error, container) VALUES ($1, $2, $3, assay.instant($4), $5, "
          "CASE WHEN $9 = '' THEN $6::double precision END, CASE WHEN $9 = '' THEN $7::bigint / 1e6 END, "
          "CASE WHEN $9 = '' THEN $8::bigint / 1e6 END, $9, nullif($10, '')) "
          "ON CONFLICT (agent_id, kind, concurrency, measured_at) DO UPDATE SET kind = excluded.kind "
          "RETURNING floor_id",
          agent_id, ValidText(floor.kind()), static_cast<int64_t>(floor.concurrency()), floor.measured_wall_ns(),
          static_cast<int64_t>(floor.triggers()), floor.rate_per_s(), floor.service_p50_ns(), floor.service_p99_ns(),
          ValidText(floor.error()), ValidText(floor.container()))[0]
      .as<int64_t>();
}

void BeginShare(pqxx::transaction_base& transaction, int64_t run_id, int64_t agent_id, const v1::ShareStart& start) {
  transaction.exec_params(
      "UPDATE share SET begun_at = coalesce(begun_at, clock_timestamp()), floor_id = $3, driver = nullif($4, ''), "
      "driver_version = nullif($5, ''), capacity = nullif($6::bigint, 0) WHERE run_id = $1 AND agent_id = $2",
      run_id, agent_id, KeepFloor(transaction, agent_id, start), ValidText(start.driver().name()),
      ValidText(start.driver().version()), static_cast<int64_t>(start.driver().capacity()));
}

void KeepSpansAndFindings(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, int64_t agent_id,
                          const v1::ShareEnd& end) {
  for (const v1::Span& span : end.spans()) {
    transaction.exec_params("INSERT INTO span VALUES ($1, $2, $3, $4, $5, $6)", sweep_id, run_id, agent_id,
                            ValidText(span.name()), span.begun_ns(), span.ended_ns());
  }
  for (const v1::Finding& finding : end.findings()) {
    transaction.exec_params("INSERT INTO finding VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING", sweep_id,
                            run_id, agent_id, ValidText(finding.code()), static_cast<int64_t>(finding.count()),
                            ValidText(finding.detail()));
  }
}

// A share that was given up stays lost, but what its end tells is kept. The first end counts: after a power loss an
// agent may have forgotten that it ended a share properly, and close it once more as crashed.
void EndShare(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, int64_t agent_id,
              const v1::ShareEnd& end) {
  // The process that closes a crashed share knows neither its clock nor its first dispatch.
  const bool has_clock = !end.crashed() && (end.fired() > 0 || end.t0_wall_ns() != 0);
  const auto updated = transaction.exec_params(
      "UPDATE share SET state = CASE state WHEN 'leased' THEN 'ended' ELSE state END, ended_at = clock_timestamp(), "
      "fired = $3, crashed = $4, sampler_ticks = $5, "
      "missed_ticks = $6, backpressured = $7, backpressured_ns = $8, "
      "clock_offset_ns = CASE WHEN $17 THEN $9::bigint END, clock_bound_ns = CASE WHEN $17 THEN $10::bigint END, "
      "first_dispatch_ns = CASE WHEN $17 AND $3::bigint > 0 THEN $11::bigint END, "
      "first_intended_ns = CASE WHEN $17 AND $3::bigint > 0 THEN $18::bigint END, "
      "sampled_until_ns = CASE WHEN $5::bigint > 0 THEN $12::bigint END, "
      "t0_wall_ns = nullif($13::bigint, 0), error = $14, unmatched_cgroups = $15, interrupted = $16 WHERE run_id = $1 "
      "AND agent_id = $2 "
      "AND ended_at IS NULL",
      run_id, agent_id, static_cast<int64_t>(end.fired()), end.crashed(), static_cast<int64_t>(end.sampler_ticks()),
      static_cast<int64_t>(end.missed_ticks()), end.backpressured(), end.backpressured_ns(), end.clock_offset_ns(),
      end.clock_bound_ns(), end.first_dispatch_ns(), end.sampled_until_ns(), end.t0_wall_ns(), ValidText(end.error()),
      TextArray({end.unmatched_cgroups().begin(), end.unmatched_cgroups().end()}), end.interrupted(), has_clock,
      end.first_intended_ns());
  if (updated.affected_rows() == 1) return KeepSpansAndFindings(transaction, sweep_id, run_id, agent_id, end);
  spdlog::warn("agent {} ended a share of run {} that it never had, or once more", agent_id, run_id);
}

absl::Status AdvanceStreams(pqxx::transaction_base& transaction, const std::map<std::string, StreamState>& streams) {
  for (const auto& [name, state] : streams) {
    const uint64_t through = state.window.watermark();
    if (through == state.committed) continue;
    const auto updated =
        transaction.exec_params("UPDATE delivery SET last_seq = $3 WHERE stream = $1 AND last_seq = $2", name,
                                static_cast<int64_t>(state.committed), static_cast<int64_t>(through));
    if (updated.affected_rows() != 1)
      return absl::UnavailableError(fmt::format("the watermark of stream '{}' moved meanwhile; write again", name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ResultWriter::AgentId(const std::string& name) {
  int64_t agent_id = 0;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    const pqxx::result found = transaction.exec_params("SELECT agent_id FROM agent WHERE name = $1", ValidText(name));
    if (found.empty()) return absl::NotFoundError(fmt::format("no agent is named '{}'", name));
    agent_id = found[0][0].as<int64_t>();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return agent_id;
}

absl::StatusOr<uint64_t> ResultWriter::OpenStream(const std::string& stream, int64_t agent_id) {
  uint64_t watermark = 0;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    if (stream.empty() || ValidText(stream) != stream)
      return absl::InvalidArgumentError("a stream's name must be text");
    transaction.exec_params("INSERT INTO delivery (stream, agent_id) VALUES ($1, $2) ON CONFLICT (stream) DO NOTHING",
                            stream, agent_id);
    const pqxx::row row = transaction.exec_params1(
        "SELECT last_seq, agent_id, name FROM delivery JOIN agent USING (agent_id) WHERE stream = $1", stream);
    if (row[1].as<int64_t>() != agent_id) {
      const auto owner = row[2].as<std::string>();
      return absl::AlreadyExistsError(fmt::format(
          "they were measured by agent '{0}'; to deliver them, start an agent with this spool and --name {0}", owner));
    }
    watermark = row[0].as<uint64_t>();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return watermark;
}

// In a transaction of its own: no instant taken inside of one tells how long its commit takes. Nothing hangs on it, so
// it does not wait for the disk, and a failure leaves null.
void ResultWriter::MarkCommitted(const Written& written) {
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) {
    transaction.exec("SET LOCAL synchronous_commit = off");
    for (const Written::EndedShare& share : written.ended_shares) {
      transaction.exec_params(
          "UPDATE share SET committed_at = coalesce(committed_at, clock_timestamp()) WHERE run_id = $1 AND agent_id = "
          "$2 AND ended_at IS NOT NULL",
          share.run_id, share.agent_id);
    }
    return absl::OkStatus();
  });
  if (!status.ok()) spdlog::warn("the instant of a commit was not stored: {}", std::string(status.message()));
}

absl::StatusOr<ResultWriter::Written> ResultWriter::Write(const std::vector<v1::Batch>& batches) {
  Written written;
  const absl::Status status = connection_.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    written = Written();
    absl::StatusOr<std::map<std::string, StreamState>> streams = LockStreams(transaction, batches);
    if (!streams.ok()) return streams.status();
    std::vector<BatchOfAgent> accepted;
    for (const v1::Batch& batch : batches) {
      StreamState& stream = (*streams)[batch.stream()];
      switch (stream.window.Offer(batch.seq())) {
        case ReceiveWindow::Verdict::kApply:
          accepted.push_back({&batch, stream.agent_id});
          break;
        case ReceiveWindow::Verdict::kGap:
          stream.gap = true;
          break;
        case ReceiveWindow::Verdict::kDuplicate:
          break;
      }
    }

    const std::map<int64_t, RunState> runs = LockRuns(transaction, accepted);
    std::map<int64_t, std::vector<BatchOfAgent>> of_sweep;
    std::set<int64_t> late;
    for (const BatchOfAgent& one : accepted) {
      const auto run = runs.find(one.batch->run_id());
      if (run == runs.end()) {
        written.discarded_rows += RowsOf(*one.batch);
        continue;
      }
      of_sweep[run->second.sweep_id].push_back(one);
      written.rows += RowsOf(*one.batch);
      if (run->second.ended && (RowsOf(*one.batch) > 0 || one.batch->has_share_end())) late.insert(run->first);
    }
    MarkLate(transaction, late);
    for (const int64_t run_id : late) {
      const int64_t sweep_id = runs.at(run_id).sweep_id;
      DeleteLostRows(transaction, sweep_id, run_id, of_sweep[sweep_id]);
    }
    for (const auto& [sweep_id, of_this_sweep] : of_sweep) {
      CopySweep(transaction, sweep_id, of_this_sweep);
      WriteSeries(transaction, sweep_id, of_this_sweep);
    }
    for (const auto& [sweep_id, of_this_sweep] : of_sweep) {
      for (const BatchOfAgent& one : of_this_sweep) {
        if (one.batch->has_share_start())
          BeginShare(transaction, one.batch->run_id(), one.agent_id, one.batch->share_start());
        for (const v1::Collection& collection : one.batch->collections()) {
          KeepCollection(transaction, sweep_id, one.batch->run_id(), one.agent_id, collection);
          written.collected_hooks.push_back(collection.hook_id());
        }
        if (!one.batch->has_share_end()) continue;
        EndShare(transaction, sweep_id, one.batch->run_id(), one.agent_id, one.batch->share_end());
        written.ended_shares.push_back({one.batch->run_id(), one.agent_id, one.batch->share_end()});
      }
    }
    written.late_runs.assign(late.begin(), late.end());
    for (const auto& [name, state] : *streams) written.streams.push_back({name, state.window.watermark(), state.gap});
    return AdvanceStreams(transaction, *streams);
  });
  if (!status.ok()) return status;
  if (!written.ended_shares.empty()) MarkCommitted(written);
  return written;
}

}  // namespace assay
