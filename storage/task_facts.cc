#include "storage/task_facts.h"

#include <fmt/format.h>

#include <pqxx/pqxx>

#include "common/units.h"

namespace assay {
namespace {

std::string Witness(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id) {
  return transaction.exec_params1("SELECT coalesce(assay.task_witness($1, $2), '')", sweep_id, run_id)[0]
      .as<std::string>();
}

TaskFacts::Lengths LengthsOf(const pqxx::row& row) {
  return {.rows = row["rows"].as<uint64_t>(),
          .stddev_ns = row["stddev_ns"].as<double>(0),
          .commonest_ns = row["commonest_ns"].as<int64_t>(0),
          .commonest_rows = row["commonest_rows"].as<uint64_t>(0)};
}

// Of the difference of two columns, by origin.
pqxx::result ReadLengths(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, const char* length) {
  return transaction.exec_params(
      fmt::format(
          "SELECT origin, sum(n)::bigint AS rows, max(n) AS commonest_rows, (array_agg(ns ORDER BY n DESC, ns))[1] AS "
          "commonest_ns, coalesce(max(spread_ns), 0) AS stddev_ns FROM ("
          "  SELECT origin, {0} AS ns, count(*) AS n, NULL::double precision AS spread_ns FROM assay.task "
          "  WHERE sweep_id = $1 AND run_id = $2 AND outcome <= 'timeout' AND {0} IS NOT NULL GROUP BY origin, {0} "
          "  UNION ALL SELECT origin, NULL, 0, stddev_pop(({0})::double precision) FROM assay.task "
          "  WHERE sweep_id = $1 AND run_id = $2 AND outcome <= 'timeout' AND {0} IS NOT NULL GROUP BY origin"
          ") lengths GROUP BY origin ORDER BY 2 DESC, origin",
          length),
      sweep_id, run_id);
}

void ReadCached(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, TaskFacts& facts) {
  const pqxx::result rows = transaction.exec_params(
      "SELECT origin, count(*) FILTER (WHERE cached) AS cached, count(*) AS tasks, coalesce(min(state), '') AS state "
      "FROM ("
      "  SELECT origin, bool_or(assay.is_cached(cached, state)) AS cached, "
      "    min(state) FILTER (WHERE assay.is_cached(cached, state)) AS state "
      "  FROM assay.task WHERE sweep_id = $1 AND run_id = $2 AND assay.is_told(origin, state) "
      "  GROUP BY origin, remote_id, index, task"
      ") tried GROUP BY origin ORDER BY 2 DESC, origin",
      sweep_id, run_id);
  for (const auto& row : rows) {
    if (row["origin"].as<std::string>() == facts.witness) facts.tasks = row["tasks"].as<uint64_t>();
  }
  if (rows.empty()) return;
  facts.cached = rows[0]["cached"].as<uint64_t>();
  facts.cached_witness = rows[0]["origin"].as<std::string>();
  facts.cached_of = rows[0]["tasks"].as<uint64_t>();
  facts.cached_state = rows[0]["state"].as<std::string>();
}

// The order of scheduled, queued and ready is each system's own, so they are set only beside what all agree on.
void ReadNegative(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, TaskFacts& facts) {
  const pqxx::row row = transaction.exec_params1(
      "SELECT count(DISTINCT (witness, remote_id, index, task)) AS negative, "
      "count(DISTINCT (witness, remote_id, index, task)) FILTER (WHERE -ns > 2 * error_ns) AS beyond, "
      "(array_agg(witness ORDER BY ns, task))[1] AS witness, (array_agg(task ORDER BY ns, "
      "task))[1] AS task, (array_agg(late ORDER BY ns, task))[1] AS late, (array_agg(early ORDER BY ns, task))[1] AS "
      "early, -min(ns) AS ns FROM ("
      "  SELECT t.origin AS witness, t.remote_id, t.index, t.task, t.error_ns, v.late, v.early, v.ns FROM assay.task t "
      "CROSS JOIN LATERAL ("
      "    VALUES ('finished', 'started', t.finished_ns - t.started_ns), "
      "      ('body finished', 'body started', t.body_finished_ns - t.body_started_ns), "
      "      ('started', 'created', t.started_ns - t.created_ns), "
      "      ('started', 'scheduled', t.started_ns - t.scheduled_ns), "
      "      ('started', 'queued', t.started_ns - t.queued_ns), ('started', 'ready', t.started_ns - t.ready_ns), "
      "      ('recorded', 'finished', t.recorded_ns - t.finished_ns)) v (late, early, ns) "
      "  WHERE t.sweep_id = $1 AND t.run_id = $2 AND v.ns < 0 AND least(t.finished_ns - t.started_ns, "
      "    t.body_finished_ns - t.body_started_ns, t.started_ns - greatest(t.created_ns, t.scheduled_ns, t.queued_ns, "
      "    t.ready_ns), t.recorded_ns - t.finished_ns) < 0 "
      "  UNION ALL SELECT 'its completion', remote_id, index, coalesce(remote_id, index::text), "
      "coalesce(completed_error_ns, 0), "
      "    'completed', 'sent', completed_ns - started_ns FROM assay.trigger "
      "  WHERE sweep_id = $1 AND run_id = $2 AND completed_ns < started_ns"
      ") negative",
      sweep_id, run_id);
  facts.negative = row["negative"].as<uint64_t>();
  facts.negative_beyond_errors = row["beyond"].as<uint64_t>();
  if (facts.negative == 0) return;
  facts.negative_example = fmt::format("{} by {}: {} {} before {}", row["task"].as<std::string>(),
                                       row["witness"].as<std::string>(), row["late"].as<std::string>(),
                                       FormatDuration(row["ns"].as<int64_t>()), row["early"].as<std::string>());
}

// What had ended before the run began is none of its work, nor is what ends after it was read. A second for clocks that
// differ.
void ReadForeign(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, TaskFacts& facts) {
  const pqxx::row row = transaction.exec_params1(
      "SELECT count(*) AS tasks, count(*) FILTER (WHERE finished_ns + 2 * error_ns < -1000000000) AS before, "
      "count(*) FILTER (WHERE finished_ns - 2 * error_ns > read_ns + 1000000000) AS after, "
      "coalesce(greatest(-min(finished_ns), max(finished_ns - read_ns)), 0) AS by_ns FROM assay.task, "
      "(SELECT max(read_ns) AS read_ns FROM collection WHERE run_id = $2 AND origin = $3) c "
      "WHERE sweep_id = $1 AND run_id = $2 AND origin = $3 AND outcome <= 'timeout' AND finished_ns IS NOT NULL",
      sweep_id, run_id, facts.witness);
  facts.foreign_of = row["tasks"].as<uint64_t>();
  facts.foreign = row["before"].as<uint64_t>();
  facts.unborn = row["after"].as<uint64_t>();
  facts.foreign_by_ns = row["by_ns"].as<int64_t>();
}

void ReadGaps(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id, TaskFacts& facts) {
  for (const auto& row : transaction.exec_params(
           "SELECT * FROM assay.truth_gap_summary WHERE sweep_id = $1 AND run_id = $2 ORDER BY tasks DESC, gap",
           sweep_id, run_id)) {
    facts.gaps.push_back({.gap = row["gap"].as<std::string>(),
                          .witness = row["witness"].as<std::string>(),
                          .other = row["other"].as<std::string>(),
                          .tasks = row["tasks"].as<uint64_t>(),
                          .max_ms = row["gap_max_ms"].as<double>(0),
                          .error_max_ms = row["error_max_ms"].as<double>(0),
                          .example = row["example"].as<std::string>(),
                          .says = row["example_says"].as<std::string>(),
                          .other_says = row["example_other"].as<std::string>()});
  }
}

}  // namespace

TaskFacts ReadTaskFacts(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id) {
  TaskFacts facts;
  facts.witness = Witness(transaction, sweep_id, run_id);
  ReadNegative(transaction, sweep_id, run_id, facts);
  ReadForeign(transaction, sweep_id, run_id, facts);
  ReadCached(transaction, sweep_id, run_id, facts);
  if (facts.cached_of == 0) return facts;  // nobody tells of any task
  for (const auto& row : ReadLengths(transaction, sweep_id, run_id, "finished_ns - started_ns")) {
    if (row["origin"].as<std::string>() == facts.witness) facts.durations = LengthsOf(row);
  }
  const pqxx::result bodies = ReadLengths(transaction, sweep_id, run_id, "body_finished_ns - body_started_ns");
  if (!bodies.empty()) facts.bodies = LengthsOf(bodies[0]);
  const pqxx::row least = transaction.exec_params1(
      "SELECT least(coalesce(sum(greatest(0, finished_ns - started_ns - 2 * error_ns)), 0), "
      "9223372036854775807)::bigint, "
      "coalesce(max(greatest(0, finished_ns - started_ns - 2 * error_ns)), 0), coalesce(max(error_ns), 0) "
      "FROM assay.task WHERE sweep_id = $1 AND run_id = $2 AND origin = $3 AND outcome <= 'timeout'",
      sweep_id, run_id, facts.witness);
  facts.least_sum_ns = least[0].as<int64_t>();
  facts.least_max_ns = least[1].as<int64_t>();
  facts.error_max_ns = least[2].as<int64_t>();
  ReadGaps(transaction, sweep_id, run_id, facts);
  return facts;
}

TaskDurations ReadTaskDurations(pqxx::transaction_base& transaction, int64_t sweep_id, int64_t run_id) {
  TaskDurations durations;
  const std::string witness = Witness(transaction, sweep_id, run_id);
  if (witness.empty()) return durations;
  const pqxx::result rows = transaction.exec_params(
      "SELECT greatest(0, finished_ns - started_ns), CASE WHEN outcome = 'ok' THEN planned_ns END FROM assay.task "
      "WHERE sweep_id = $1 AND run_id = $2 AND origin = $3 AND outcome <= 'timeout' AND started_ns IS NOT NULL AND "
      "finished_ns IS NOT NULL "
      "ORDER BY least(created_ns, scheduled_ns, queued_ns, ready_ns, started_ns), started_ns, index, task",
      sweep_id, run_id, witness);
  durations.service_ns.reserve(rows.size());
  for (const auto& row : rows) {
    durations.service_ns.push_back(row[0].as<int64_t>());
    if (!row[1].is_null()) durations.planned_ns.push_back(row[1].as<int64_t>());
  }
  if (durations.planned_ns.size() < durations.service_ns.size()) durations.planned_ns.clear();
  return durations;
}

}  // namespace assay
