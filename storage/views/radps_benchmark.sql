-- Column names, order and meaning are those of the RADPS scripts' benchmark_*.csv. One row per accepted run.
CREATE VIEW assay.radps_benchmark AS
SELECT r.sweep_id,
       format('%s_%s_%s', s.name, to_char(x.t0 AT TIME ZONE 'UTC', 'YYYY-MM-DD_HH24-MI-SS'), r.run_id) AS run_id,
       c.target AS workflow_orchestration_framework,
       to_char(x.t0 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') AS date_and_time,
       ''::text AS developer,
       h.hosts AS system_name,
       coalesce(x.tasks, x.ok + x.failed + x.timeout) AS n_tasks,
       coalesce(c.sleep_min_ns / 1e9::double precision, x.planned_min_s) AS t_min_sleep,
       coalesce(c.sleep_max_ns / 1e9::double precision, x.planned_max_s) AS t_max_sleep,
       x.makespan_s + g.gather_s AS t_workflow,
       x.task_sum_s AS t_sum_task_times,
       x.ideal_s AS t_sum_task_times_per_unit_of_parallelism,
       assay.overhead_percent(x.makespan_s + g.gather_s, x.task_sum_s, x.slots) AS overhead_percentage,
       assay.overhead_per_wave_s(x.makespan_s + g.gather_s, x.task_sum_s, coalesce(x.tasks, x.ok + x.failed + x.timeout), x.slots) AS overhead_per_task_seconds,
       -- Their product must be n_parallelism, which agents with unequal slots cannot give.
       CASE WHEN x.slots % nullif(x.agents, 0) = 0 THEN x.slots / x.agents ELSE x.slots END AS n_threads_per_process,
       CASE WHEN x.slots % nullif(x.agents, 0) = 0 THEN x.agents ELSE 1 END AS n_processes,
       x.slots AS n_parallelism,
       coalesce(h.drivers, 'assay-agent') AS runner,
       'postgresql'::text AS backend_database,
       'task'::text AS workflow_type,
       m.total_gib AS total_memory
FROM assay.run r
JOIN assay.sweep s USING (sweep_id)
JOIN assay.cell c USING (cell_id)
JOIN assay.run_result x USING (run_id)
CROSS JOIN LATERAL (
  SELECT string_agg(DISTINCT a.host, '+' ORDER BY a.host) AS hosts,
         string_agg(DISTINCT concat_ws(' ', sh.driver, sh.driver_version), '+') FILTER (WHERE sh.driver IS NOT NULL) AS drivers
  FROM assay.share sh JOIN assay.agent a USING (agent_id) WHERE sh.run_id = r.run_id AND sh.slots > 0
) h
CROSS JOIN LATERAL (
  SELECT sum(bytes) / 1024.0 ^ 3 AS total_gib FROM (
    SELECT a.host, max(CASE WHEN coalesce(a.facts->>'memory_bytes', '') ~ '^[0-9]+$' THEN (a.facts->>'memory_bytes')::numeric END) AS bytes
    FROM assay.share sh JOIN assay.agent a USING (agent_id) WHERE sh.run_id = r.run_id AND sh.slots > 0 GROUP BY a.host
  ) per_host
) m
-- Theirs ends with the last result in hand, and a makespan with the client's word that the last task is over.
CROSS JOIN LATERAL (
  SELECT coalesce(greatest(max(ended_ns) / 1e9::double precision - x.last_finish_s, 0), 0) AS gather_s
  FROM assay.span WHERE run_id = r.run_id AND name = 'gather'
) g
WHERE r.verdict = 'accepted';
COMMENT ON VIEW assay.radps_benchmark IS 'Accepted runs in the columns of the RADPS scheduler benchmark''s CSV files';
COMMENT ON COLUMN assay.radps_benchmark.run_id IS 'Sweep''s name, T0 in UTC and the run''s id';
COMMENT ON COLUMN assay.radps_benchmark.workflow_orchestration_framework IS 'Target';
COMMENT ON COLUMN assay.radps_benchmark.date_and_time IS 'T0 in UTC';
COMMENT ON COLUMN assay.radps_benchmark.developer IS 'Empty: Assay does not record who measured';
COMMENT ON COLUMN assay.radps_benchmark.system_name IS 'Hosts of the agents that fired';
COMMENT ON COLUMN assay.radps_benchmark.n_tasks IS 'Tasks that ran: ok, failed or timed out';
COMMENT ON COLUMN assay.radps_benchmark.t_min_sleep IS 'Lower bound of the sleeps as the scenario sets it, seconds; the shortest one where it sets none; null where no length was known beforehand';
COMMENT ON COLUMN assay.radps_benchmark.t_max_sleep IS 'Upper bound of the sleeps as the scenario sets it, seconds; the longest one where it sets none; null where no length was known beforehand';
COMMENT ON COLUMN assay.radps_benchmark.t_workflow IS 'Until the last result was in hand, seconds: the makespan, and what a driver''s span gather took beyond it';
COMMENT ON COLUMN assay.radps_benchmark.t_sum_task_times IS 'Sum of the measured task times, seconds; that of the nominal ones is planned_sum_s of run_summary';
COMMENT ON COLUMN assay.radps_benchmark.t_sum_task_times_per_unit_of_parallelism IS 'That sum over n_parallelism, seconds';
COMMENT ON COLUMN assay.radps_benchmark.overhead_percentage IS 'Overhead over that ideal, percent';
COMMENT ON COLUMN assay.radps_benchmark.overhead_per_task_seconds IS 'Overhead per wave of n_parallelism tasks, seconds (theirs is the misleading name)';
COMMENT ON COLUMN assay.radps_benchmark.n_threads_per_process IS 'Slots per agent; all slots if they differ between agents';
COMMENT ON COLUMN assay.radps_benchmark.n_processes IS 'Agents that fired; 1 if their slots differ';
COMMENT ON COLUMN assay.radps_benchmark.n_parallelism IS 'Slots';
COMMENT ON COLUMN assay.radps_benchmark.runner IS 'What fired the tasks: the driver with the version it tells, else the agent';
COMMENT ON COLUMN assay.radps_benchmark.backend_database IS 'Where the results are';
COMMENT ON COLUMN assay.radps_benchmark.workflow_type IS 'Shape of the workflow: independent tasks';
COMMENT ON COLUMN assay.radps_benchmark.total_memory IS 'Memory of those hosts together, GiB';
