#include "storage/run_facts.h"

#include <fmt/format.h>

#include <pqxx/pqxx>
#include <utility>

#include "common/bounded_output.h"

namespace assay {
namespace {

absl::StatusOr<int64_t> SweepOf(pqxx::transaction_base& transaction, int64_t run_id) {
  const pqxx::result found = transaction.exec_params("SELECT sweep_id FROM run WHERE run_id = $1", run_id);
  if (found.empty()) return absl::NotFoundError(fmt::format("there is no run {}", run_id));
  return found[0][0].as<int64_t>();
}

void ReadShares(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, RunFacts& facts) {
  const pqxx::result rows = transaction.exec_params(
      "SELECT a.name, s.*, coalesce(t.rows, 0) AS rows, f.kind, f.concurrency, f.triggers AS floor_triggers, "
      "f.rate_per_s, f.service_p50_ms, "
      "f.service_p99_ms, f.error AS floor_error "
      "FROM share s JOIN agent a USING (agent_id) LEFT JOIN floor f USING (floor_id) LEFT JOIN ("
      "  SELECT agent_id, count(*) AS rows FROM assay.trigger WHERE sweep_id = $1 AND run_id = $2 AND outcome <> "
      "'lost' GROUP BY agent_id) t ON t.agent_id = s.agent_id "
      "WHERE s.run_id = $2 ORDER BY a.name",
      sweep_id, run_id);
  for (const auto& row : rows) {
    RunFacts::Share share;
    share.agent = row["name"].as<std::string>();
    share.planned = row["count"].as<uint64_t>();
    share.rows = row["rows"].as<uint64_t>();
    share.fired = row["fired"].as<uint64_t>(0);
    share.slots = row["slots"].as<uint32_t>();
    share.capacity = row["capacity"].as<uint32_t>(0);
    share.samples = row["samples"].as<bool>();
    share.lost = row["state"].as<std::string>() == "lost";
    share.crashed = row["crashed"].as<bool>(false);
    share.interrupted = row["interrupted"].as<bool>(false);
    share.backpressured = row["backpressured"].as<bool>(false);
    share.backpressured_ns = row["backpressured_ns"].as<int64_t>(0);
    share.clock_bound_ns = row["clock_bound_ns"].as<int64_t>(0);
    share.first_dispatch_ns = row["first_dispatch_ns"].as<int64_t>(-1);
    share.first_intended_ns = row["first_intended_ns"].as<int64_t>(0);
    share.sampled_until_ns = row["sampled_until_ns"].as<int64_t>(-1);
    share.sampler_ticks = row["sampler_ticks"].as<uint64_t>(0);
    share.missed_ticks = row["missed_ticks"].as<uint64_t>(0);
    share.error = row["error"].as<std::string>("");
    if (share.error.empty()) share.error = row["lost_reason"].as<std::string>("");
    if (!row["kind"].is_null()) {
      share.floor = RunFloor{.kind = row["kind"].as<std::string>(),
                             .concurrency = row["concurrency"].as<uint32_t>(),
                             .triggers = row["floor_triggers"].as<uint64_t>(),
                             .rate_per_s = row["rate_per_s"].as<double>(0),
                             .service_p50_ms = row["service_p50_ms"].as<double>(0),
                             .service_p99_ms = row["service_p99_ms"].as<double>(0),
                             .error = row["floor_error"].as<std::string>()};
    }
    for (const auto& pattern :
         transaction.exec_params("SELECT unnest(unmatched_cgroups) FROM share WHERE run_id = $1 AND agent_id = $2",
                                 run_id, row["agent_id"].as<int64_t>())) {
      share.unmatched_cgroups.push_back(pattern[0].as<std::string>());
    }
    for (const auto& finding : transaction.exec_params(
             "SELECT code, count, detail FROM finding WHERE run_id = $1 AND agent_id = $2 ORDER BY code", run_id,
             row["agent_id"].as<int64_t>())) {
      share.findings.push_back({.code = finding[0].as<std::string>(),
                                .count = finding[1].as<uint64_t>(),
                                .detail = finding[2].as<std::string>()});
    }
    facts.shares.push_back(std::move(share));
  }
}

void ReadLives(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, RunFacts& facts) {
  const pqxx::result rows = transaction.exec_params(
      "SELECT agent, coalesce(nullif(concat_ws('/', pod_namespace, pod, container), ''), unit) AS name, "
      "container IS NOT NULL AS is_container, begun_ns, ended_ns FROM container_life "
      "WHERE sweep_id = $1 AND run_id = $2 AND (container IS NOT NULL OR unit IS NOT NULL)",
      sweep_id, run_id);
  for (const auto& row : rows) {
    for (RunFacts::Share& share : facts.shares) {
      if (share.agent != row["agent"].as<std::string>()) continue;
      share.lives.push_back({.name = row["name"].as<std::string>(),
                             .is_container = row["is_container"].as<bool>(),
                             .begun_ns = row["begun_ns"].as<int64_t>(),
                             .ended_ns = std::nullopt});
      if (!row["ended_ns"].is_null()) share.lives.back().ended_ns = row["ended_ns"].as<int64_t>();
    }
  }
}

// A collector that ended without a word of what it found counts as one that found nothing.
void ReadCollections(pqxx::transaction_base& transaction, int64_t run_id, RunFacts& facts) {
  for (const auto& row : transaction.exec_params(
           "SELECT hook_id, place, origin, records, expected, unfinished, negative, quiet, at_first_look, "
           "record_lag_s, elapsed_s, error, stopped, "
           "assay.unmatched_triggers(sweep_id, run_id, origin, expected) AS unmatched "
           "FROM collection WHERE run_id = $1 UNION ALL "
           "SELECT h.hook_id, h.place, '', 0, 0, 0, 0, false, false, NULL, 0, h.error, "
           "(SELECT s.state IN ('cancelling', 'cancelled') FROM sweep s WHERE s.sweep_id = h.sweep_id), 0 FROM hook h "
           "LEFT JOIN collection c USING (hook_id) WHERE h.run_id = $1 AND h.kind = 'collect' AND h.state = 'failed' "
           "AND c.hook_id IS NULL ORDER BY 1",
           run_id)) {
    RunFacts::Collection& found = facts.collections.emplace_back();
    found.place = row["place"].as<std::string>();
    found.origin = row["origin"].as<std::string>();
    found.records = row["records"].as<uint64_t>();
    found.expected = row["expected"].as<uint64_t>();
    found.unfinished = row["unfinished"].as<uint64_t>();
    found.negative = row["negative"].as<uint64_t>();
    found.quiet = row["quiet"].as<bool>();
    found.at_first_look = row["at_first_look"].as<bool>();
    if (!row["record_lag_s"].is_null()) found.record_lag_s = row["record_lag_s"].as<double>();
    found.elapsed_s = row["elapsed_s"].as<double>();
    found.error = row["error"].as<std::string>();
    found.stopped = row["stopped"].as<bool>();
    found.unmatched = row["unmatched"].as<uint64_t>();
  }
}

void ReadTriggers(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, RunFacts& facts) {
  // stddev_pop and not the sample's: a single row has no spread. Over double precision, where it is one pass and exact
  // enough.
  const pqxx::row row = transaction.exec_params1(
      "SELECT count(*) FILTER (WHERE outcome = 'ok') AS ok, count(*) FILTER (WHERE outcome = 'failed') AS failed, "
      "count(*) FILTER (WHERE outcome = 'timeout') AS timeout, count(*) FILTER (WHERE outcome = 'cancelled') AS "
      "cancelled, "
      "count(*) FILTER (WHERE outcome = 'skipped') AS skipped, "
      "max(finished_ns) FILTER (WHERE outcome <= 'cancelled') - min(intended_ns) FILTER (WHERE outcome <= 'cancelled') "
      "AS makespan_ns, assay.makespan_error_ns($1, $2) AS makespan_error_ns, "
      "max(finished_ns) FILTER (WHERE outcome <= 'cancelled') AS last_finished_ns, "
      "max(finished_ns) FILTER (WHERE outcome = 'ok') AS last_ok_ns, "
      "round(percentile_cont(0.99) WITHIN GROUP (ORDER BY (started_ns - intended_ns - coalesce(waited_ns, 0))::double "
      "precision) FILTER (WHERE outcome <= 'timeout'))::bigint AS slip_p99_ns, "
      "coalesce(count(*) FILTER (WHERE intended_ns < (SELECT max(intended_ns) FROM assay.trigger WHERE sweep_id = $1 "
      "AND run_id = $2)) * 1e9::double precision / nullif(max(intended_ns) - min(intended_ns), 0), 0) AS "
      "offered_per_s, "
      "count(waited_ns) AS waited, coalesce(max(waited_ns), 0) AS waited_max_ns, "
      "coalesce(sum(planned_ns) FILTER (WHERE outcome = 'ok'), 0)::bigint AS planned_sum_ns, coalesce(max(planned_ns) "
      "FILTER (WHERE outcome = 'ok'), 0) AS planned_max_ns, "
      "coalesce(sum(finished_ns - started_ns) FILTER (WHERE outcome <= 'timeout'), 0)::bigint AS service_sum_ns, "
      "coalesce(max(finished_ns - started_ns) FILTER (WHERE outcome <= 'timeout'), 0) AS service_max_ns, "
      "coalesce(round(percentile_cont(0.5) WITHIN GROUP (ORDER BY (finished_ns - started_ns)::double precision) FILTER "
      "(WHERE outcome <= 'timeout')), 0)::bigint AS service_p50_ns, "
      "count(planned_ns) FILTER (WHERE outcome = 'ok') AS planned_rows, "
      "coalesce(stddev_pop(planned_ns::double precision) FILTER (WHERE outcome = 'ok'), 0) AS planned_stddev_ns, "
      "coalesce(avg((finished_ns - started_ns)::double precision) FILTER (WHERE outcome = 'ok'), 0) AS "
      "service_mean_ns, "
      "coalesce(stddev_pop((finished_ns - started_ns)::double precision) FILTER (WHERE outcome = 'ok'), 0) AS "
      "service_stddev_ns, "
      "count(DISTINCT finished_ns - started_ns) FILTER (WHERE outcome = 'ok') AS distinct_services "
      "FROM assay.trigger WHERE sweep_id = $1 AND run_id = $2",
      sweep_id, run_id);
  facts.ok = row["ok"].as<uint64_t>();
  facts.failed = row["failed"].as<uint64_t>();
  facts.timeout = row["timeout"].as<uint64_t>();
  facts.cancelled = row["cancelled"].as<uint64_t>();
  facts.skipped = row["skipped"].as<uint64_t>();
  facts.makespan_ns = row["makespan_ns"].as<int64_t>(0);
  facts.makespan_error_ns = row["makespan_error_ns"].as<int64_t>(0);
  facts.last_finished_ns = row["last_finished_ns"].as<int64_t>(0);
  facts.failed_tail_ns = facts.last_finished_ns - row["last_ok_ns"].as<int64_t>(facts.last_finished_ns);
  facts.slip_p99_ns = row["slip_p99_ns"].as<int64_t>(0);
  facts.offered_per_s = row["offered_per_s"].as<double>();
  facts.waited = row["waited"].as<uint64_t>();
  facts.waited_max_ns = row["waited_max_ns"].as<int64_t>();
  facts.planned_sum_ns = row["planned_sum_ns"].as<int64_t>();
  facts.planned_max_ns = row["planned_max_ns"].as<int64_t>();
  facts.planned_rows = row["planned_rows"].as<uint64_t>();
  facts.service_sum_ns = row["service_sum_ns"].as<int64_t>();
  facts.service_p50_ns = row["service_p50_ns"].as<int64_t>();
  facts.service_max_ns = row["service_max_ns"].as<int64_t>();
  facts.planned_stddev_ns = row["planned_stddev_ns"].as<double>();
  facts.service_mean_ns = row["service_mean_ns"].as<double>();
  facts.service_stddev_ns = row["service_stddev_ns"].as<double>();
  facts.distinct_services = row["distinct_services"].as<uint64_t>();
  const pqxx::result error = transaction.exec_params(
      "SELECT error, output FROM assay.trigger WHERE sweep_id = $1 AND run_id = $2 AND outcome IN ('failed', "
      "'timeout', 'skipped') AND error <> '' ORDER BY count(*) OVER (PARTITION BY outcome) DESC, index LIMIT 1",
      sweep_id, run_id);
  if (error.empty()) return;
  const std::string output = error[0][1].is_null() ? "" : pqxx::binarystring(error[0][1]).str();
  facts.first_error = WithLastLine(error[0][0].as<std::string>(), output);
}

// A run that never fired has warmed nothing up.
bool FirstOfTarget(pqxx::transaction_base& transaction, int64_t run_id) {
  return transaction
      .exec_params(
          "SELECT FROM run r JOIN cell c USING (cell_id) WHERE r.run_id = $1 AND EXISTS ("
          "  SELECT FROM run e JOIN cell d USING (cell_id) WHERE e.sweep_id = r.sweep_id AND d.target = c.target AND "
          "e.run_id < r.run_id AND e.t0_ns IS NOT NULL)",
          run_id)
      .empty();
}

// Of tasks many views join each row to few others. Autovacuum looks a minute later, and until then the planner takes
// the tables for small: what it then does with 100,000 tasks takes minutes instead of a second.
void AnalyzeTasks(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id) {
  if (transaction.exec_params("SELECT FROM assay.task WHERE sweep_id = $1 AND run_id = $2 LIMIT 1", sweep_id, run_id)
          .empty())
    return;
  transaction.exec(fmt::format("ANALYZE assay_partitions.trigger_{0}; ANALYZE assay_partitions.task_{0}", sweep_id));
}

}  // namespace

int64_t CountRecords(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id) {
  return transaction
      .exec_params1(
          "SELECT (SELECT count(*) FROM assay.trigger WHERE sweep_id = $1 AND run_id = $2 AND outcome <> 'lost') + "
          "(SELECT count(*) FROM assay.task WHERE sweep_id = $1 AND run_id = $2) + "
          "(SELECT count(*) FROM collection WHERE run_id = $2) + "
          "(SELECT count(*) FROM share WHERE run_id = $2 AND ended_at IS NOT NULL)",
          sweep_id, run_id)[0]
      .as<int64_t>();
}

absl::StatusOr<RunFacts> ReadRunFacts(Connection& connection, int64_t run_id) {
  RunFacts facts;
  const absl::Status status = connection.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    const absl::StatusOr<int64_t> sweep_id = SweepOf(transaction, run_id);
    if (!sweep_id.ok()) return sweep_id.status();
    facts = RunFacts();
    transaction.exec("SET LOCAL work_mem = '64MB'");  // sorts of 100,000 durations stay in memory
    AnalyzeTasks(transaction, *sweep_id, run_id);
    // First: what is committed while we read then makes a difference to the count.
    facts.records = CountRecords(transaction, *sweep_id, run_id);
    ReadShares(transaction, *sweep_id, run_id, facts);
    ReadLives(transaction, *sweep_id, run_id, facts);
    ReadCollections(transaction, run_id, facts);
    ReadTriggers(transaction, *sweep_id, run_id, facts);
    facts.tasks = ReadTaskFacts(transaction, *sweep_id, run_id);
    facts.first_of_target = FirstOfTarget(transaction, run_id);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return facts;
}

absl::StatusOr<RunDurations> ReadRunDurations(Connection& connection, int64_t run_id) {
  RunDurations durations;
  const absl::Status status = connection.Transact([&](pqxx::transaction_base& transaction) -> absl::Status {
    const absl::StatusOr<int64_t> sweep_id = SweepOf(transaction, run_id);
    if (!sweep_id.ok()) return sweep_id.status();
    durations = RunDurations();
    durations.slots = transaction.exec_params1("SELECT coalesce(assay.run_slots($1), 0)", run_id)[0].as<uint32_t>();
    const pqxx::result rows = transaction.exec_params(
        "SELECT finished_ns - started_ns, CASE WHEN outcome = 'ok' THEN planned_ns END FROM assay.trigger "
        "WHERE sweep_id = $1 AND run_id = $2 AND outcome <= 'timeout' ORDER BY dispatched_ns, index",
        *sweep_id, run_id);
    durations.service_ns.reserve(rows.size());
    durations.planned_ns.reserve(rows.size());
    for (const auto& row : rows) {
      durations.service_ns.push_back(row[0].as<int64_t>());
      if (!row[1].is_null()) durations.planned_ns.push_back(row[1].as<int64_t>());
    }
    if (durations.planned_ns.size() < durations.service_ns.size()) durations.planned_ns.clear();
    TaskDurations of_tasks = ReadTaskDurations(transaction, *sweep_id, run_id);
    if (durations.planned_ns.empty()) durations.planned_ns = std::move(of_tasks.planned_ns);
    const std::string measured =
        transaction.exec_params1("SELECT coalesce(assay.ideal_from($1, $2), '')", *sweep_id, run_id)[0]
            .as<std::string>();
    if (measured != "trigger") durations.service_ns = std::move(of_tasks.service_ns);
    if (measured.empty()) durations.service_ns.clear();
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return durations;
}

}  // namespace assay
