CREATE VIEW assay.run_summary AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict, c.label AS cell, c.loop, r.state,
       x.agents, x.slots, x.triggers, x.ok, x.failed, x.timeout, x.cancelled, x.skipped, x.lost,
       coalesce(x.t0, assay.instant(r.t0_ns)) AS t0, x.makespan_s, x.makespan_error_s, coalesce(x.tasks, x.ok + x.failed + x.timeout) AS tasks, x.tasks_from,
       x.task_sum_s, x.planned_sum_s, x.ideal_s, x.list_schedule_s, x.planned_list_schedule_s,
       assay.overhead_percent(x.makespan_s, x.task_sum_s, x.slots) AS overhead_percent,
       1e6 * (x.makespan_s - x.ideal_s) / nullif(coalesce(x.tasks, x.ok + x.failed + x.timeout), 0) AS overhead_us_per_task,
       x.offered_per_s, x.throughput_per_s, x.goodput_per_s,
       x.response_p50_ms, x.response_p90_ms, x.response_p99_ms, x.response_max_ms,
       x.service_p50_ms, x.service_p90_ms, x.service_p99_ms, x.service_max_ms,
       x.slip_p50_ms, x.slip_p90_ms, x.slip_p99_ms, x.slip_max_ms,
       x.start_skew_ms, x.start_skew_bound_ms, x.committed_at, x.floor_per_s, x.floor_p50_ms, x.floor_p99_ms,
       ARRAY(SELECT DISTINCT f.code FROM assay.flag f WHERE f.run_id = r.run_id ORDER BY f.code) AS flags,
       r.error
FROM assay.run r JOIN assay.cell c USING (cell_id) LEFT JOIN assay.run_result x USING (run_id);
COMMENT ON VIEW assay.run_summary IS 'Every run with its results, rejected runs too; results are null while it goes on. Start here';
COMMENT ON COLUMN assay.run_summary.loop IS 'closed: a trigger starts when another has ended; open: when it is due';
COMMENT ON COLUMN assay.run_summary.flags IS 'Codes of the findings about its validity; details are in flags';
COMMENT ON COLUMN assay.run_summary.error IS 'Why it never fired, was cancelled or failed as a whole, else empty';
