-- The kernel moves its CPU counters in steps of a timer tick per processor, up to 10 ms: between two reads that lie closer together than
-- that, a cgroup may seem to use more processors than there are. So the maximum is taken over stretches that are long beside a tick.
-- What hooks and the cool-down cost is not the run's: an interval that only partly lies between T0 and the last finish counts for that part
-- of it, as if its counters had moved evenly. Until the last finish is known (the run goes on) all that was read since T0 counts.
CREATE VIEW assay.container_usage AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       a.name AS agent, n.container, n.container_id, n.image, n.compose_project, n.compose_service, n.pod, n.pod_namespace, n.unit, n.labels, n.started_ns,
       u.cgroup, u.samples, u.series, u.gaps, u.backwards, u.sampled_s, u.in_run_s,
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
         sum(w.in_run_ns) / 1e9::double precision AS in_run_s,
         sum(w.in_run_ns) FILTER (WHERE w.cpu_ns >= 0) / 1e9::double precision AS cpu_sampled_s,
         sum(w.cpu_ns * w.part) FILTER (WHERE w.cpu_ns >= 0) / 1e9::double precision AS cpu_s,
         max(w.stretch_cpu_ns / w.stretch_ns::double precision) FILTER (WHERE w.stretch_cpu_ns >= 0 AND w.at_ns > 0 AND w.at_ns - w.stretch_ns < w.end_ns) AS cores_max,
         sum(w.throttled_delta_ns * w.part) FILTER (WHERE w.throttled_delta_ns >= 0) / 1e9::double precision AS throttled_s,
         avg(w.working_set) FILTER (WHERE w.in_run)::double precision AS working_set_avg_bytes,
         max(w.working_set) FILTER (WHERE w.in_run) AS working_set_max_bytes,
         max(w.memory_current_bytes) FILTER (WHERE w.in_run) AS memory_max_bytes,
         max(w.memory_peak_bytes) FILTER (WHERE w.in_run) AS memory_peak_bytes,
         sum(w.in_run_ns) FILTER (WHERE w.read_bytes >= 0) / 1e9::double precision AS io_sampled_s,
         round(sum(w.read_bytes * w.part) FILTER (WHERE w.read_bytes >= 0))::bigint AS io_read_bytes,
         round(sum(w.write_bytes * w.part) FILTER (WHERE w.write_bytes >= 0))::bigint AS io_write_bytes,
         sum(w.in_run_ns) FILTER (WHERE w.rx_bytes >= 0) / 1e9::double precision AS net_sampled_s,
         round(sum(w.rx_bytes * w.part) FILTER (WHERE w.rx_bytes >= 0))::bigint AS net_rx_bytes,
         round(sum(w.tx_bytes * w.part) FILTER (WHERE w.tx_bytes >= 0))::bigint AS net_tx_bytes,
         max(w.pids) FILTER (WHERE w.in_run) AS pids_max,
         (sum(w.oom_delta) FILTER (WHERE w.oom_delta >= 0 AND w.in_run_ns > 0))::bigint AS oom_kills
  FROM (
    SELECT d.*, d.in_run_ns / nullif(d.interval_ns, 0)::double precision AS part FROM (
      SELECT s.sweep_id, s.run_id, s.agent_id, s.cgroup, s.inode, s.tick, s.memory_current_bytes, s.memory_peak_bytes, s.pids, s.at_ns, s.end_ns,
             -- With the nearest readings on either side: a short run may have none within it.
             (s.at_ns >= 0 OR lead(s.at_ns) OVER series > 0) AND (s.at_ns <= s.end_ns OR lag(s.at_ns) OVER series < s.end_ns) AS in_run,
             greatest(least(s.at_ns, s.end_ns) - greatest(lag(s.at_ns) OVER series, 0), 0) AS in_run_ns,
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
      FROM (
        SELECT p.*, (p.read_begin_ns + p.read_end_ns) / 2 AS at_ns, coalesce((x.last_finish_s * 1e9)::bigint, 9223372036854775807) AS end_ns
        FROM assay.sample p LEFT JOIN assay.run_result x ON x.run_id = p.run_id
      ) s
      WINDOW series AS (PARTITION BY s.sweep_id, s.run_id, s.agent_id, s.cgroup, s.inode ORDER BY s.read_begin_ns),
             before AS (PARTITION BY s.sweep_id, s.run_id, s.agent_id, s.cgroup, s.inode ORDER BY s.at_ns RANGE BETWEEN UNBOUNDED PRECEDING AND 200000000 PRECEDING)
    ) d
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
  'What each sampled cgroup used from T0 to the run''s last finish, without hooks before and the cool-down behind it; until that is known, since T0. A sampling interval that is cut by either end counts for its part within. Cgroups hold what their children use: do not add a parent to its child';
COMMENT ON COLUMN assay.container_usage.series IS 'Cgroups of this path that were seen; 2 or more if it was made anew while it was sampled, as when its container was restarted, be it by a hook';
COMMENT ON COLUMN assay.container_usage.in_run_s IS 'Of that, from T0 to the last finish, seconds: what the averages are over';
COMMENT ON COLUMN assay.container_usage.backwards IS 'Intervals in which a counter (CPU time, I/O, network) ran backwards: they are left out of its sum';
COMMENT ON COLUMN assay.container_usage.cores_avg IS 'CPU used on average from T0 to the last finish (in_run_s of it), cores';
COMMENT ON COLUMN assay.container_usage.cores_max IS 'CPU used in the busiest stretch, wholly or partly between T0 and the last finish, between samples that lie 200 ms or more apart (as many sampling intervals as that takes), cores: the kernel''s counters are too coarse for shorter ones; null if the sampling was shorter';
COMMENT ON COLUMN assay.container_usage.cpu_s IS 'CPU time used from T0 to the last finish, user and system, seconds';
COMMENT ON COLUMN assay.container_usage.throttled_s IS 'Time throttled by a CPU limit from T0 to the last finish, seconds';
COMMENT ON COLUMN assay.container_usage.working_set_avg_bytes IS 'Memory less inactive page cache, mean of the samples from T0 to the last finish and of the nearest on either side, bytes; null where the kernel does not tell both (a root cgroup)';
COMMENT ON COLUMN assay.container_usage.working_set_max_bytes IS 'Memory less inactive page cache, highest of the same samples, bytes; null where the kernel does not tell both (a root cgroup)';
COMMENT ON COLUMN assay.container_usage.memory_max_bytes IS 'Memory charged, page cache included, highest of the same samples, bytes';
COMMENT ON COLUMN assay.container_usage.memory_peak_bytes IS 'Highest memory charge that the kernel saw since the cgroup was made, bytes; may be from before the run';
COMMENT ON COLUMN assay.container_usage.io_read_bytes IS 'Read from block devices from T0 to the last finish, bytes; null where the kernel does not count it';
COMMENT ON COLUMN assay.container_usage.io_write_bytes IS 'Written to block devices from T0 to the last finish, bytes; null where the kernel does not count it';
COMMENT ON COLUMN assay.container_usage.io_read_bytes_per_s IS 'Read from block devices on average, bytes per second';
COMMENT ON COLUMN assay.container_usage.io_write_bytes_per_s IS 'Written to block devices on average, bytes per second';
COMMENT ON COLUMN assay.container_usage.net_rx_bytes IS 'Received from T0 to the last finish in the container''s network namespace, lo left out, bytes; null if it is no container, uses the host''s network, or shares a namespace that another series counts';
COMMENT ON COLUMN assay.container_usage.net_tx_bytes IS 'Sent likewise, bytes';
COMMENT ON COLUMN assay.container_usage.net_rx_bytes_per_s IS 'Received likewise on average, bytes per second';
COMMENT ON COLUMN assay.container_usage.net_tx_bytes_per_s IS 'Sent likewise on average, bytes per second';
COMMENT ON COLUMN assay.container_usage.pids_max IS 'Most processes and threads in a sample from T0 to the last finish or the nearest on either side';
COMMENT ON COLUMN assay.container_usage.oom_kills IS 'Processes killed for want of memory in the sampling intervals that are wholly or partly between T0 and the last finish';
