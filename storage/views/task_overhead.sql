CREATE VIEW assay.task_overhead AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       x.tasks_from, x.rows, x.cached, y.slots, y.makespan_s, x.last_task,
       x.before_s, x.submit_s, x.schedule_s, x.queue_s, x.startup_s, x.run_s, x.finish_s, b.beyond, b.beyond_s,
       x.before_ms[1] AS before_mean_ms, x.before_ms[2] AS before_p50_ms, x.before_ms[3] AS before_p99_ms,
       x.submit_ms[1] AS submit_mean_ms, x.submit_ms[2] AS submit_p50_ms, x.submit_ms[3] AS submit_p99_ms,
       x.schedule_ms[1] AS schedule_mean_ms, x.schedule_ms[2] AS schedule_p50_ms, x.schedule_ms[3] AS schedule_p99_ms,
       x.queue_ms[1] AS queue_mean_ms, x.queue_ms[2] AS queue_p50_ms, x.queue_ms[3] AS queue_p99_ms,
       x.startup_ms[1] AS startup_mean_ms, x.startup_ms[2] AS startup_p50_ms, x.startup_ms[3] AS startup_p99_ms,
       x.run_ms[1] AS run_mean_ms, x.run_ms[2] AS run_p50_ms, x.run_ms[3] AS run_p99_ms,
       x.finish_ms[1] AS finish_mean_ms, x.finish_ms[2] AS finish_p50_ms, x.finish_ms[3] AS finish_p99_ms,
       x.record_lag_ms[1] AS record_lag_mean_ms, x.record_lag_ms[2] AS record_lag_p50_ms, x.record_lag_ms[3] AS record_lag_p99_ms,
       (SELECT max(k.record_lag_s) FROM assay.collection k WHERE k.run_id = r.run_id) AS record_lag_s
FROM assay.run r JOIN assay.cell c USING (cell_id) JOIN assay.task_result x USING (run_id) JOIN assay.run_result y USING (run_id)
CROSS JOIN LATERAL (
  SELECT string_agg(DISTINCT s.name, ', ' ORDER BY s.name) AS beyond, max(s.ended_ns) / 1e9::double precision - y.last_finish_s AS beyond_s
  FROM assay.span s WHERE s.run_id = r.run_id AND s.ended_ns > y.last_finish_s * 1e9
) b;
COMMENT ON VIEW assay.task_overhead IS
  'Where the time of each ended run with tasks went. The makespan along the task that finished last: before_s + submit_s + schedule_s + queue_s + startup_s + run_s + finish_s, those that are known (an unknown one''s time is in the next). Then each part over all tasks that ran, by the same witness. Each task by itself: task_time';
COMMENT ON COLUMN assay.task_overhead.rows IS 'Task rows that ran, as that witness tells';
COMMENT ON COLUMN assay.task_overhead.cached IS 'Of those, the ones that took an earlier result';
COMMENT ON COLUMN assay.task_overhead.beyond IS 'Phases of the client (spans) that ended after the makespan''s end, as gathering the results; null: none';
COMMENT ON COLUMN assay.task_overhead.beyond_s IS 'From the makespan''s end until the last of them had ended, seconds: no part of the makespan';
COMMENT ON COLUMN assay.task_overhead.before_mean_ms IS 'Mean of before over those tasks, milliseconds';
COMMENT ON COLUMN assay.task_overhead.before_p50_ms IS 'Median of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.before_p99_ms IS '99th percentile of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.submit_mean_ms IS 'Mean of submit over those tasks, milliseconds';
COMMENT ON COLUMN assay.task_overhead.submit_p50_ms IS 'Median of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.submit_p99_ms IS '99th percentile of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.schedule_mean_ms IS 'Mean of schedule over those tasks, milliseconds';
COMMENT ON COLUMN assay.task_overhead.schedule_p50_ms IS 'Median of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.schedule_p99_ms IS '99th percentile of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.queue_mean_ms IS 'Mean of queue over those tasks, milliseconds';
COMMENT ON COLUMN assay.task_overhead.queue_p50_ms IS 'Median of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.queue_p99_ms IS '99th percentile of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.startup_mean_ms IS 'Mean of startup over those tasks, milliseconds';
COMMENT ON COLUMN assay.task_overhead.startup_p50_ms IS 'Median of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.startup_p99_ms IS '99th percentile of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.run_mean_ms IS 'Mean of run over those tasks, milliseconds';
COMMENT ON COLUMN assay.task_overhead.run_p50_ms IS 'Median of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.run_p99_ms IS '99th percentile of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.finish_mean_ms IS 'Mean of finish over those tasks, milliseconds: of a driver''s tasks until the client knew, of others until the record''s end; null where none is known';
COMMENT ON COLUMN assay.task_overhead.finish_p50_ms IS 'Median of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.finish_p99_ms IS '99th percentile of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.record_lag_mean_ms IS 'Mean time from a task''s end until its record was there, over all rows with both, milliseconds';
COMMENT ON COLUMN assay.task_overhead.record_lag_p50_ms IS 'Median of the same, milliseconds';
COMMENT ON COLUMN assay.task_overhead.record_lag_p99_ms IS '99th percentile of the same, milliseconds';
