-- Computes what run_result holds from the rows of one run. The list schedules come from the coordinator and are kept.
CREATE FUNCTION assay.refresh_run(refreshed_run_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  the_run assay.run;
  slowest_ns bigint;
  last_due_ns bigint;
  closed boolean;
  witness text;
  measured text;
BEGIN
  SELECT * INTO STRICT the_run FROM assay.run WHERE run_id = refreshed_run_id;
  SELECT loop = 'closed' INTO STRICT closed FROM assay.cell WHERE cell_id = the_run.cell_id;
  witness := assay.task_witness(the_run.sweep_id, refreshed_run_id);
  measured := assay.ideal_from(the_run.sweep_id, refreshed_run_id);
  SELECT max(finished_ns - intended_ns) FILTER (WHERE outcome <= 'timeout'), max(intended_ns) INTO slowest_ns, last_due_ns
  FROM assay.trigger WHERE sweep_id = the_run.sweep_id AND run_id = refreshed_run_id;
  INSERT INTO assay.run_result AS kept
  SELECT the_run.run_id, s.agents, s.slots, t.triggers, t.ok, t.failed, t.timeout, t.cancelled, t.skipped, t.lost,
         assay.instant(the_run.t0_ns), t.makespan_s, d.task_sum_s, d.task_sum_s / nullif(s.slots, 0), NULL, NULL,
         (t.ok + t.failed + t.timeout) / nullif(t.makespan_s, 0), t.ok / nullif(t.makespan_s, 0),
         t.last_finish_s,
         coalesce(t.planned_sum_s, n.sum_s), coalesce(t.planned_min_s, n.min_s), coalesce(t.planned_max_s, n.max_s),
         t.response[1], t.response[2], t.response[3], t.response[4],
         t.service[1], t.service[2], t.service[3], t.service[4],
         t.slip[1], t.slip[2], t.slip[3], t.slip[4],
         s.start_skew_ms, s.start_skew_bound_ms, s.committed_at, f.floor_per_s, f.floor_p50_ms, f.floor_p99_ms,
         CASE WHEN NOT closed THEN t.offered_per_s END,
         -- Records that are missing must not make the others look dearer; one trigger may start many tasks.
         greatest(k.tasks, t.ok + t.failed + t.timeout), witness,
         assay.makespan_error_ns(the_run.sweep_id, refreshed_run_id) / 1e9::double precision
  FROM (
    SELECT count(*) FILTER (WHERE slots > 0) AS agents,
           assay.run_slots(refreshed_run_id) AS slots,
           -- In an open loop the agents' first triggers are due at different instants.
           (max(first_dispatch_ns - first_intended_ns) - min(first_dispatch_ns - first_intended_ns)) / 1e6 AS start_skew_ms,
           -- Two clocks are compared: the two worst errors may add up.
           CASE WHEN count(first_dispatch_ns) = 1 THEN 0 ELSE
             (SELECT sum(clock_bound_ns) FROM (
                SELECT clock_bound_ns FROM assay.share WHERE run_id = refreshed_run_id AND first_dispatch_ns IS NOT NULL ORDER BY clock_bound_ns DESC LIMIT 2) worst) / 1e6
           END AS start_skew_bound_ms,
           CASE WHEN count(committed_at) = count(ended_at) THEN max(committed_at) END AS committed_at
    FROM assay.share WHERE run_id = refreshed_run_id
  ) s, (
    -- Only where each agent that fires has one: the rate of some would be too low a bound for all.
    SELECT CASE WHEN count(rate_per_s) = count(*) THEN sum(rate_per_s) END AS floor_per_s,
           CASE WHEN count(rate_per_s) = count(*) THEN max(service_p50_ms) END AS floor_p50_ms,
           CASE WHEN count(rate_per_s) = count(*) THEN max(service_p99_ms) END AS floor_p99_ms
    FROM assay.share LEFT JOIN assay.floor USING (floor_id) WHERE run_id = refreshed_run_id AND slots > 0
  ) f, (
    SELECT count(*) AS triggers,
           count(*) FILTER (WHERE outcome = 'ok') AS ok,
           count(*) FILTER (WHERE outcome = 'failed') AS failed,
           count(*) FILTER (WHERE outcome = 'timeout') AS timeout,
           count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
           count(*) FILTER (WHERE outcome = 'lost') AS lost,
           (max(finished_ns) FILTER (WHERE outcome <= 'cancelled') - min(intended_ns) FILTER (WHERE outcome <= 'cancelled')) / 1e9::double precision AS makespan_s,
           sum(finished_ns - started_ns) FILTER (WHERE outcome <= 'timeout') / 1e9::double precision AS task_sum_s,
           max(finished_ns) FILTER (WHERE outcome <= 'cancelled') / 1e9::double precision AS last_finish_s,
           sum(planned_ns) / 1e9::double precision AS planned_sum_s,
           -- What is due at the last instant begins an interval that is not there.
           count(*) FILTER (WHERE intended_ns < last_due_ns) * 1e9::double precision / nullif(last_due_ns - min(intended_ns), 0) AS offered_per_s,
           min(planned_ns) / 1e9::double precision AS planned_min_s,
           max(planned_ns) / 1e9::double precision AS planned_max_s,
           -- One that was skipped would have come later still than it waited, and must not make a target look faster than without it.
           percentile_cont(ARRAY[0.5, 0.9, 0.99, 1]) WITHIN GROUP (ORDER BY CASE outcome WHEN 'skipped' THEN greatest(dispatched_ns - intended_ns, slowest_ns)
                                                                   ELSE finished_ns - intended_ns END / 1e6::double precision)
             FILTER (WHERE outcome <= 'timeout' OR outcome = 'skipped') AS response,
           percentile_cont(ARRAY[0.5, 0.9, 0.99, 1]) WITHIN GROUP (ORDER BY (finished_ns - started_ns) / 1e6::double precision) FILTER (WHERE outcome <= 'timeout') AS service,
           percentile_cont(ARRAY[0.5, 0.9, 0.99, 1]) WITHIN GROUP (ORDER BY (started_ns - intended_ns - coalesce(waited_ns, 0)) / 1e6::double precision) FILTER (WHERE outcome <= 'timeout') AS slip
    FROM assay.trigger WHERE sweep_id = the_run.sweep_id AND run_id = refreshed_run_id
  ) t, (
    -- All tries of one are one task; a name may be that of another task in other work.
    SELECT count(*) AS tasks, sum(ns) / 1e9::double precision AS task_sum_s
    FROM (SELECT sum(finished_ns - started_ns) AS ns
          FROM assay.task
          WHERE sweep_id = the_run.sweep_id AND run_id = refreshed_run_id AND origin = witness AND outcome <= 'timeout' AND started_ns IS NOT NULL AND finished_ns IS NOT NULL
          GROUP BY remote_id, index, task) tried
  ) k LEFT JOIN (
    -- Of any witness that tells it of all its tasks that ran: the one that the figures are of may be another.
    SELECT sum(planned_ns) / 1e9::double precision AS sum_s, min(planned_ns) / 1e9::double precision AS min_s, max(planned_ns) / 1e9::double precision AS max_s
    FROM assay.task
    WHERE sweep_id = the_run.sweep_id AND run_id = refreshed_run_id AND outcome <= 'timeout' AND started_ns IS NOT NULL AND finished_ns IS NOT NULL
    GROUP BY origin HAVING count(planned_ns) = count(*) ORDER BY origin = witness DESC, origin LIMIT 1
  ) n ON true
  CROSS JOIN LATERAL (SELECT CASE measured WHEN 'trigger' THEN t.task_sum_s WHEN witness THEN k.task_sum_s END AS task_sum_s) d
  WHERE true
  ON CONFLICT (run_id) DO UPDATE SET
    agents = excluded.agents, slots = excluded.slots, triggers = excluded.triggers, ok = excluded.ok, failed = excluded.failed, timeout = excluded.timeout,
    cancelled = excluded.cancelled, skipped = excluded.skipped, lost = excluded.lost, t0 = excluded.t0, makespan_s = excluded.makespan_s,
    task_sum_s = excluded.task_sum_s, ideal_s = excluded.ideal_s, list_schedule_s = kept.list_schedule_s,
    planned_list_schedule_s = kept.planned_list_schedule_s, throughput_per_s = excluded.throughput_per_s,
    goodput_per_s = excluded.goodput_per_s, last_finish_s = excluded.last_finish_s, planned_sum_s = excluded.planned_sum_s, planned_min_s = excluded.planned_min_s, planned_max_s = excluded.planned_max_s,
    response_p50_ms = excluded.response_p50_ms, response_p90_ms = excluded.response_p90_ms, response_p99_ms = excluded.response_p99_ms,
    response_max_ms = excluded.response_max_ms, service_p50_ms = excluded.service_p50_ms, service_p90_ms = excluded.service_p90_ms,
    service_p99_ms = excluded.service_p99_ms, service_max_ms = excluded.service_max_ms, slip_p50_ms = excluded.slip_p50_ms, slip_p90_ms = excluded.slip_p90_ms,
    slip_p99_ms = excluded.slip_p99_ms, slip_max_ms = excluded.slip_max_ms, start_skew_ms = excluded.start_skew_ms,
    start_skew_bound_ms = excluded.start_skew_bound_ms, committed_at = excluded.committed_at,
    floor_per_s = excluded.floor_per_s, floor_p50_ms = excluded.floor_p50_ms, floor_p99_ms = excluded.floor_p99_ms,
    offered_per_s = excluded.offered_per_s, tasks = excluded.tasks, tasks_from = excluded.tasks_from,
    makespan_error_s = excluded.makespan_error_s;
  PERFORM assay.refresh_tasks(refreshed_run_id);
END
$$;
COMMENT ON FUNCTION assay.refresh_run IS
  'Computes run_result of one run anew from its rows. Percentiles are percentile_cont over triggers that ran (ok, failed, timeout); of response times skipped ones too, as no faster than the slowest of those; makespan is the last finish less the first intended start, of those and of cancelled ones';
