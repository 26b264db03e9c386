-- The kernel moves its CPU counters in steps of a timer tick per processor, up to 10 ms: between two reads that lie closer together than
-- that, a cgroup may seem to use more processors than there are. So the maximum is taken over stretches that are long beside a tick.
CREATE VIEW assay.container_usage AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       a.name AS agent, n.container, n.container_id, n.image, n.compose_project, n.compose_service, n.pod, n.pod_namespace, n.unit, n.labels, n.started_ns,
       u.cgroup, u.samples, u.series, u.gaps, u.backwards, u.sampled_s,
       u.cpu_s / nullif(u.cpu_sampled_s, 0) AS cores_avg, u.cores_max, u.cpu_s, u.throttled_s,
       u.working_set_avg_bytes, u.working_set_max_bytes, u.memory_max_bytes, u.memory_peak_bytes,
       u.io_read_bytes, u.io_write_bytes,
       u.io_read_bytes / nullif(u.io_sampled_s, 0) AS io_read_bytes_per_s,
       u.io_write_bytes / nullif(u.io_sampled_s, 0) AS io_write_bytes_per_s,
       u.net_rx_bytes, u.net_tx_bytes,
       u.net_rx_bytes / nullif(u.net_sampled_s, 0) AS net_rx_bytes_per_s,
       u.net_tx_bytes / nullif(u.net_sampled_s, 0) AS net_tx_bytes_per_s,
       u.pids_max, u.oom_kills
FROM (
  SELECT w.sweep_id, w.run_id, w.agent_id, w.cgroup,
         count(*) AS samples,
         count(DISTINCT w.inode) AS series,
         coalesce(sum(greatest(w.tick - w.before_tick - 1, 0)), 0)::bigint AS gaps,
         count(*) FILTER (WHERE least(w.cpu_ns, w.read_bytes, w.write_bytes, w.rx_bytes, w.tx_bytes) < 0) AS backwards,
         sum(w.interval_ns) / 1e9::double precision AS sampled_s,
         sum(w.interval_ns) FILTER (WHERE w.cpu_ns >= 0) / 1e9::double precision AS cpu_sampled_s,
         sum(w.cpu_ns) FILTER (WHERE w.cpu_ns >= 0) / 1e9::double precision AS cpu_s,
         max(w.stretch_cpu_ns / w.stretch_ns::double precision) FILTER (WHERE w.stretch_cpu_ns >= 0) AS cores_max,
         sum(w.throttled_delta_ns) FILTER (WHERE w.throttled_delta_ns >= 0) / 1e9::double precision AS throttled_s,
         avg(w.working_set)::double precision AS working_set_avg_bytes,
         max(w.working_set) AS working_set_max_bytes,
         max(w.memory_current_bytes) AS memory_max_bytes,
         max(w.memory_peak_bytes) AS memory_peak_bytes,
         sum(w.interval_ns) FILTER (WHERE w.read_bytes >= 0) / 1e9::double precision AS io_sampled_s,
         (sum(w.read_bytes) FILTER (WHERE w.read_bytes >= 0))::bigint AS io_read_bytes,
         (sum(w.write_bytes) FILTER (WHERE w.write_bytes >= 0))::bigint AS io_write_bytes,
         sum(w.interval_ns) FILTER (WHERE w.rx_bytes >= 0) / 1e9::double precision AS net_sampled_s,
         (sum(w.rx_bytes) FILTER (WHERE w.rx_bytes >= 0))::bigint AS net_rx_bytes,
         (sum(w.tx_bytes) FILTER (WHERE w.tx_bytes >= 0))::bigint AS net_tx_bytes,
         max(w.pids) AS pids_max,
         (sum(w.oom_delta) FILTER (WHERE w.oom_delta >= 0))::bigint AS oom_kills
  FROM (
    SELECT s.sweep_id, s.run_id, s.agent_id, s.cgroup, s.inode, s.tick, s.memory_current_bytes, s.memory_peak_bytes, s.pids,
           CASE WHEN s.memory_inactive_file_bytes IS NOT NULL THEN greatest(s.memory_current_bytes - s.memory_inactive_file_bytes, 0) END AS working_set,
           lag(s.tick) OVER series AS before_tick,
           s.at_ns - lag(s.at_ns) OVER series AS interval_ns,
           s.at_ns - last_value(s.at_ns) OVER before AS stretch_ns,
           s.cpu_usage_ns - last_value(s.cpu_usage_ns) OVER before AS stretch_cpu_ns,
           s.cpu_usage_ns - lag(s.cpu_usage_ns) OVER series AS cpu_ns,
           s.throttled_ns - lag(s.throttled_ns) OVER series AS throttled_delta_ns,
           s.io_read_bytes - lag(s.io_read_bytes) OVER series AS read_bytes,
           s.io_write_bytes - lag(s.io_write_bytes) OVER series AS write_bytes,
           s.net_rx_bytes - lag(s.net_rx_bytes) OVER series AS rx_bytes,
           s.net_tx_bytes - lag(s.net_tx_bytes) OVER series AS tx_bytes,
           s.oom_kills - lag(s.oom_kills) OVER series AS oom_delta
    FROM (SELECT *, (read_begin_ns + read_end_ns) / 2 AS at_ns FROM assay.sample) s
    WINDOW series AS (PARTITION BY s.sweep_id, s.run_id, s.agent_id, s.cgroup, s.inode ORDER BY s.read_begin_ns),
           before AS (PARTITION BY s.sweep_id, s.run_id, s.agent_id, s.cgroup, s.inode ORDER BY s.at_ns RANGE BETWEEN UNBOUNDED PRECEDING AND 200000000 PRECEDING)
  ) w
  GROUP BY w.sweep_id, w.run_id, w.agent_id, w.cgroup
) u
JOIN assay.run r ON r.sweep_id = u.sweep_id AND r.run_id = u.run_id
JOIN assay.cell c ON c.cell_id = r.cell_id
JOIN assay.agent a ON a.agent_id = u.agent_id
LEFT JOIN LATERAL (
  SELECT s.* FROM assay.series s WHERE s.run_id = u.run_id AND s.agent_id = u.agent_id AND s.cgroup = u.cgroup ORDER BY s.inode DESC LIMIT 1
) n ON true;
COMMENT ON VIEW assay.container_usage IS
  'What each sampled cgroup used over a whole run, from before T0 until the cool-down''s end. Cgroups hold what their children use: do not add a parent to its child';
COMMENT ON COLUMN assay.container_usage.series IS 'Cgroups of this path that were seen; 2 or more if it was made anew during the run, as when its container was restarted';
COMMENT ON COLUMN assay.container_usage.backwards IS 'Intervals in which a counter (CPU time, I/O, network) ran backwards: they are left out of its sum';
COMMENT ON COLUMN assay.container_usage.cores_avg IS 'CPU used on average, cores';
COMMENT ON COLUMN assay.container_usage.cores_max IS 'CPU used in the busiest stretch between samples that lie 200 ms or more apart (as many sampling intervals as that takes), cores: the kernel''s counters are too coarse for shorter ones; null if the sampling was shorter';
COMMENT ON COLUMN assay.container_usage.cpu_s IS 'CPU time used, user and system, seconds';
COMMENT ON COLUMN assay.container_usage.throttled_s IS 'Time throttled by a CPU limit, seconds';
COMMENT ON COLUMN assay.container_usage.working_set_avg_bytes IS 'Memory less inactive page cache, mean of the samples, bytes; null where the kernel does not tell both (a root cgroup)';
COMMENT ON COLUMN assay.container_usage.working_set_max_bytes IS 'Memory less inactive page cache, highest sample, bytes; null where the kernel does not tell both (a root cgroup)';
COMMENT ON COLUMN assay.container_usage.memory_max_bytes IS 'Memory charged, page cache included, highest sample, bytes';
COMMENT ON COLUMN assay.container_usage.memory_peak_bytes IS 'Highest memory charge that the kernel saw since the cgroup was made, bytes; may be from before the run';
COMMENT ON COLUMN assay.container_usage.io_read_bytes IS 'Read from block devices, bytes; null where the kernel does not count it';
COMMENT ON COLUMN assay.container_usage.io_write_bytes IS 'Written to block devices, bytes; null where the kernel does not count it';
COMMENT ON COLUMN assay.container_usage.io_read_bytes_per_s IS 'Read from block devices on average, bytes per second';
COMMENT ON COLUMN assay.container_usage.io_write_bytes_per_s IS 'Written to block devices on average, bytes per second';
COMMENT ON COLUMN assay.container_usage.net_rx_bytes IS 'Received in the container''s network namespace, lo left out, bytes; null if it is no container, uses the host''s network, or shares a namespace that another series counts';
COMMENT ON COLUMN assay.container_usage.net_tx_bytes IS 'Sent likewise, bytes';
COMMENT ON COLUMN assay.container_usage.net_rx_bytes_per_s IS 'Received likewise on average, bytes per second';
COMMENT ON COLUMN assay.container_usage.net_tx_bytes_per_s IS 'Sent likewise on average, bytes per second';
COMMENT ON COLUMN assay.container_usage.pids_max IS 'Most processes and threads in a sample';
COMMENT ON COLUMN assay.container_usage.oom_kills IS 'Processes killed for want of memory during the run';
