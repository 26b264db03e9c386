CREATE VIEW assay.host_rate AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       a.name AS agent, a.host, w.tick,
       assay.instant(r.t0_ns + w.at_ns) AS at,
       w.interval_ns / 1e9::double precision AS interval_s,
       greatest(least(w.at_ns::double precision, x.last_finish_s * 1e9) - greatest(w.at_ns - w.interval_ns, 0), 0) / 1e9 AS in_run_s,
       w.tick - w.before_tick > 1 AS gap,
       w.cpus,
       assay.rate_per_s(w.before_busy_ns, w.cpu_user_ns + w.cpu_system_ns, w.interval_ns) / 1e9 AS cores,
       assay.rate_per_s(w.before_iowait_ns, w.cpu_iowait_ns, w.interval_ns) / 1e9 AS iowait_cores,
       (w.cpu_steal_ns - w.before_steal_ns)::double precision / nullif(w.total_ns - w.before_total_ns, 0) AS steal_fraction,
       w.memory_available_bytes, w.swap_used_bytes,
       w.load_milli / 1000.0::double precision AS load,
       assay.rate_per_s(w.before_agent_ns, w.agent_cpu_ns, w.interval_ns) / 1e9 AS agent_cores,
       assay.rate_per_s(w.before_sampler_ns, w.sampler_cpu_ns, w.interval_ns) / 1e9 AS sampler_cores,
       w.agent_memory_bytes,
       assay.rate_per_s(w.before_cpu_some_us, w.cpu_some_us, w.interval_ns) / 1e6 AS cpu_some_fraction,
       assay.rate_per_s(w.before_memory_some_us, w.memory_some_us, w.interval_ns) / 1e6 AS memory_some_fraction,
       assay.rate_per_s(w.before_io_some_us, w.io_some_us, w.interval_ns) / 1e6 AS io_some_fraction
FROM (
  SELECT s.*,
         (s.read_begin_ns + s.read_end_ns) / 2 AS at_ns,
         s.cpu_user_ns + s.cpu_system_ns + s.cpu_idle_ns + coalesce(s.cpu_iowait_ns, 0) + coalesce(s.cpu_steal_ns, 0) AS total_ns,
         (s.read_begin_ns + s.read_end_ns) / 2 - lag((s.read_begin_ns + s.read_end_ns) / 2) OVER series AS interval_ns,
         lag(s.tick) OVER series AS before_tick,
         lag(s.cpu_user_ns + s.cpu_system_ns) OVER series AS before_busy_ns,
         lag(s.cpu_iowait_ns) OVER series AS before_iowait_ns,
         lag(s.cpu_steal_ns) OVER series AS before_steal_ns,
         lag(s.cpu_user_ns + s.cpu_system_ns + s.cpu_idle_ns + coalesce(s.cpu_iowait_ns, 0) + coalesce(s.cpu_steal_ns, 0)) OVER series AS before_total_ns,
         lag(s.agent_cpu_ns) OVER series AS before_agent_ns,
         lag(s.sampler_cpu_ns) OVER series AS before_sampler_ns,
         lag(s.cpu_some_us) OVER series AS before_cpu_some_us,
         lag(s.memory_some_us) OVER series AS before_memory_some_us,
         lag(s.io_some_us) OVER series AS before_io_some_us
  FROM assay.host_sample s
  WINDOW series AS (PARTITION BY s.sweep_id, s.run_id, s.agent_id ORDER BY s.tick)
) w
JOIN assay.run r ON r.sweep_id = w.sweep_id AND r.run_id = w.run_id
JOIN assay.cell c ON c.cell_id = r.cell_id
JOIN assay.agent a ON a.agent_id = w.agent_id
LEFT JOIN assay.run_result x ON x.run_id = w.run_id
WHERE w.before_tick IS NOT NULL;
COMMENT ON VIEW assay.host_rate IS 'What each host and the agent on it used, one row per pair of consecutive samples';
COMMENT ON COLUMN assay.host_rate.in_run_s IS 'Of the interval, from T0 to the run''s last finish (or to its own end, until that is known), seconds';
COMMENT ON COLUMN assay.host_rate.cpus IS 'Processors of the host';
COMMENT ON COLUMN assay.host_rate.cores IS 'CPU used by the whole host in the interval, cores';
COMMENT ON COLUMN assay.host_rate.iowait_cores IS 'CPU idle while I/O was under way, cores';
COMMENT ON COLUMN assay.host_rate.steal_fraction IS 'Part of all CPU time that the hypervisor gave to others, 0 to 1';
COMMENT ON COLUMN assay.host_rate.memory_available_bytes IS 'Memory available at the interval''s end, bytes';
COMMENT ON COLUMN assay.host_rate.swap_used_bytes IS 'Swap in use at the interval''s end, bytes';
COMMENT ON COLUMN assay.host_rate.load IS 'Load average over a minute';
COMMENT ON COLUMN assay.host_rate.agent_cores IS 'CPU used by the agent itself, cores';
COMMENT ON COLUMN assay.host_rate.sampler_cores IS 'Of that, by its sampler, cores';
COMMENT ON COLUMN assay.host_rate.agent_memory_bytes IS 'Resident memory of the agent, bytes';
COMMENT ON COLUMN assay.host_rate.cpu_some_fraction IS 'Part of the interval in which some task waited for CPU, 0 to 1';
COMMENT ON COLUMN assay.host_rate.memory_some_fraction IS 'Part of the interval in which some task waited for memory, 0 to 1';
COMMENT ON COLUMN assay.host_rate.io_some_fraction IS 'Part of the interval in which some task waited for I/O, 0 to 1';
