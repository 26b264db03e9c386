-- What hooks and the cool-down cost is not the run's, as in container_usage: an interval counts for its part from T0 to the last finish.
-- The maxima are taken over stretches that are long beside a step of the kernel's counters, as in container_usage.
CREATE VIEW assay.host_usage AS
SELECT h.sweep_id, h.cell_id, h.run_id, h.block, h.attempt, h.target, h.params, h.verdict, h.agent, h.host,
       count(*) + 1 AS samples,
       count(*) FILTER (WHERE h.gap) AS gaps,
       sum(h.interval_s) AS sampled_s,
       sum(h.in_run_s) AS in_run_s,
       max(h.cpus) AS cpus,
       sum(h.cores * h.in_run_s) / nullif(sum(h.in_run_s), 0) AS cores_avg,
       max(m.cores_max) AS cores_max,
       sum(h.steal_fraction * h.in_run_s) / nullif(sum(h.in_run_s), 0) AS steal_fraction,
       max(h.steal_fraction) FILTER (WHERE h.in_run_s > 0) AS steal_max_fraction,
       min(h.memory_available_bytes) FILTER (WHERE h.in_run_s > 0) AS memory_available_min_bytes,
       max(h.swap_used_bytes) FILTER (WHERE h.in_run_s > 0) AS swap_max_bytes,
       max(h.load) FILTER (WHERE h.in_run_s > 0) AS load_max,
       sum(h.agent_cores * h.in_run_s) / nullif(sum(h.in_run_s), 0) AS agent_cores_avg,
       max(m.agent_cores_max) AS agent_cores_max,
       sum(h.sampler_cores * h.in_run_s) / nullif(sum(h.in_run_s), 0) AS sampler_cores_avg,
       max(h.agent_memory_bytes) AS agent_memory_max_bytes
FROM assay.host_rate h
JOIN assay.agent a ON a.name = h.agent
LEFT JOIN (
  SELECT w.sweep_id, w.run_id, w.agent_id,
         max(w.busy_ns / w.stretch_ns::double precision) FILTER (WHERE w.busy_ns >= 0 AND w.in_run) AS cores_max,
         max(w.agent_ns / w.stretch_ns::double precision) FILTER (WHERE w.agent_ns >= 0 AND w.in_run) AS agent_cores_max
  FROM (
    SELECT s.sweep_id, s.run_id, s.agent_id,
           s.at_ns - last_value(s.at_ns) OVER before AS stretch_ns,
           s.at_ns > 0 AND last_value(s.at_ns) OVER before < coalesce(s.last_finish_s * 1e9, 'Infinity') AS in_run,
           s.cpu_user_ns + s.cpu_system_ns - last_value(s.cpu_user_ns + s.cpu_system_ns) OVER before AS busy_ns,
           s.agent_cpu_ns - last_value(s.agent_cpu_ns) OVER before AS agent_ns
    FROM (
      SELECT p.*, (p.read_begin_ns + p.read_end_ns) / 2 AS at_ns, x.last_finish_s
      FROM assay.host_sample p LEFT JOIN assay.run_result x ON x.run_id = p.run_id
    ) s
    WINDOW before AS (PARTITION BY s.sweep_id, s.run_id, s.agent_id ORDER BY s.at_ns RANGE BETWEEN UNBOUNDED PRECEDING AND 200000000 PRECEDING)
  ) w
  GROUP BY w.sweep_id, w.run_id, w.agent_id
) m ON m.sweep_id = h.sweep_id AND m.run_id = h.run_id AND m.agent_id = a.agent_id
GROUP BY h.sweep_id, h.cell_id, h.run_id, h.block, h.attempt, h.target, h.params, h.verdict, h.agent, h.host;
COMMENT ON VIEW assay.host_usage IS 'What each sampled host and the agent on it used from T0 to the run''s last finish, without hooks before and the cool-down behind it; until that is known, since T0. A sampling interval that is cut by either end counts for its part within';
COMMENT ON COLUMN assay.host_usage.in_run_s IS 'Of what was sampled, from T0 to the last finish, seconds: what the averages are over';
COMMENT ON COLUMN assay.host_usage.cpus IS 'Processors of the host';
COMMENT ON COLUMN assay.host_usage.gaps IS 'Intervals with sampling ticks missing in them';
COMMENT ON COLUMN assay.host_usage.cores_avg IS 'CPU used by the whole host on average, cores';
COMMENT ON COLUMN assay.host_usage.cores_max IS 'CPU used in the busiest stretch between samples that lie 200 ms or more apart, cores: the kernel''s counters are too coarse for shorter ones; null if the sampling was shorter';
COMMENT ON COLUMN assay.host_usage.steal_fraction IS 'Part of all CPU time that the hypervisor gave to others, 0 to 1';
COMMENT ON COLUMN assay.host_usage.steal_max_fraction IS 'The same in the worst sampling interval, 0 to 1';
COMMENT ON COLUMN assay.host_usage.memory_available_min_bytes IS 'Least memory available, bytes';
COMMENT ON COLUMN assay.host_usage.swap_max_bytes IS 'Most swap in use, bytes';
COMMENT ON COLUMN assay.host_usage.load_max IS 'Highest load average over a minute';
COMMENT ON COLUMN assay.host_usage.agent_cores_avg IS 'CPU used by the agent itself on average, cores';
COMMENT ON COLUMN assay.host_usage.agent_cores_max IS 'CPU used by the agent itself in its busiest stretch between samples that lie 200 ms or more apart, cores';
COMMENT ON COLUMN assay.host_usage.sampler_cores_avg IS 'Of the agent''s CPU, by its sampler on average, cores';
COMMENT ON COLUMN assay.host_usage.agent_memory_max_bytes IS 'Most resident memory of the agent in all that was sampled, bytes';
