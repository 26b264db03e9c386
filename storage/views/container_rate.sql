-- The window is over (sweep, run, agent, cgroup, inode): conditions on those reach the samples themselves.
CREATE VIEW assay.container_rate AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       a.name AS agent, n.container, n.container_id, n.image, n.compose_project, n.compose_service, n.pod, n.pod_namespace, n.unit, n.labels, n.started_ns,
       w.cgroup, w.inode, w.tick,
       assay.instant(r.t0_ns + w.at_ns) AS at,
       w.interval_ns / 1e9::double precision AS interval_s,
       w.tick - w.before_tick > 1 AS gap,
       coalesce(least(w.cpu_usage_ns - w.before_usage_ns, w.io_read_bytes - w.before_read_bytes, w.io_write_bytes - w.before_write_bytes,
                      w.net_rx_bytes - w.before_rx_bytes, w.net_tx_bytes - w.before_tx_bytes) < 0, false) AS backwards,
       assay.rate_per_s(w.before_usage_ns, w.cpu_usage_ns, w.interval_ns) / 1e9 AS cores,
       assay.rate_per_s(w.before_user_ns, w.cpu_user_ns, w.interval_ns) / 1e9 AS user_cores,
       assay.rate_per_s(w.before_system_ns, w.cpu_system_ns, w.interval_ns) / 1e9 AS system_cores,
       assay.rate_per_s(w.before_throttled_ns, w.throttled_ns, w.interval_ns) / 1e9 AS throttled_fraction,
       CASE WHEN w.memory_inactive_file_bytes IS NOT NULL THEN greatest(w.memory_current_bytes - w.memory_inactive_file_bytes, 0) END AS working_set_bytes,
       w.memory_current_bytes, w.memory_peak_bytes,
       assay.rate_per_s(w.before_read_bytes, w.io_read_bytes, w.interval_ns) AS io_read_bytes_per_s,
       assay.rate_per_s(w.before_write_bytes, w.io_write_bytes, w.interval_ns) AS io_write_bytes_per_s,
       assay.rate_per_s(w.before_read_ops, w.io_read_ops, w.interval_ns) AS io_read_ops_per_s,
       assay.rate_per_s(w.before_write_ops, w.io_write_ops, w.interval_ns) AS io_write_ops_per_s,
       assay.rate_per_s(w.before_rx_bytes, w.net_rx_bytes, w.interval_ns) AS net_rx_bytes_per_s,
       assay.rate_per_s(w.before_tx_bytes, w.net_tx_bytes, w.interval_ns) AS net_tx_bytes_per_s,
       assay.rate_per_s(w.before_rx_packets, w.net_rx_packets, w.interval_ns) AS net_rx_packets_per_s,
       assay.rate_per_s(w.before_tx_packets, w.net_tx_packets, w.interval_ns) AS net_tx_packets_per_s,
       w.pids,
       assay.rate_per_s(w.before_cpu_some_us, w.cpu_some_us, w.interval_ns) / 1e6 AS cpu_some_fraction,
       assay.rate_per_s(w.before_memory_some_us, w.memory_some_us, w.interval_ns) / 1e6 AS memory_some_fraction,
       assay.rate_per_s(w.before_io_some_us, w.io_some_us, w.interval_ns) / 1e6 AS io_some_fraction
FROM (
  SELECT s.*,
         (s.read_begin_ns + s.read_end_ns) / 2 AS at_ns,
         (s.read_begin_ns + s.read_end_ns) / 2 - lag((s.read_begin_ns + s.read_end_ns) / 2) OVER series AS interval_ns,
         lag(s.tick) OVER series AS before_tick,
         lag(s.cpu_usage_ns) OVER series AS before_usage_ns,
         lag(s.cpu_user_ns) OVER series AS before_user_ns,
         lag(s.cpu_system_ns) OVER series AS before_system_ns,
         lag(s.throttled_ns) OVER series AS before_throttled_ns,
         lag(s.io_read_bytes) OVER series AS before_read_bytes,
         lag(s.io_write_bytes) OVER series AS before_write_bytes,
         lag(s.io_read_ops) OVER series AS before_read_ops,
         lag(s.io_write_ops) OVER series AS before_write_ops,
         lag(s.net_rx_bytes) OVER series AS before_rx_bytes,
         lag(s.net_tx_bytes) OVER series AS before_tx_bytes,
         lag(s.net_rx_packets) OVER series AS before_rx_packets,
         lag(s.net_tx_packets) OVER series AS before_tx_packets,
         lag(s.cpu_some_us) OVER series AS before_cpu_some_us,
         lag(s.memory_some_us) OVER series AS before_memory_some_us,
         lag(s.io_some_us) OVER series AS before_io_some_us
  FROM assay.sample s
  WINDOW series AS (PARTITION BY s.sweep_id, s.run_id, s.agent_id, s.cgroup, s.inode ORDER BY s.read_begin_ns)
) w
JOIN assay.run r ON r.sweep_id = w.sweep_id AND r.run_id = w.run_id
JOIN assay.cell c ON c.cell_id = r.cell_id
JOIN assay.agent a ON a.agent_id = w.agent_id
LEFT JOIN assay.series n ON n.run_id = w.run_id AND n.agent_id = w.agent_id AND n.cgroup = w.cgroup AND n.inode = w.inode
WHERE w.before_tick IS NOT NULL;
COMMENT ON VIEW assay.container_rate IS
  'What each sampled cgroup used, one row per pair of consecutive samples: rates are counter differences over the time that really passed between the reads';
COMMENT ON COLUMN assay.container_rate.backwards IS 'A counter (CPU time, I/O, network) ran backwards in the interval, as when a network interface was removed; its rate is null then, never negative';
COMMENT ON COLUMN assay.container_rate.cores IS 'CPU used in the interval, cores';
COMMENT ON COLUMN assay.container_rate.user_cores IS 'Of that, in user mode, cores';
COMMENT ON COLUMN assay.container_rate.system_cores IS 'Of that, in the kernel, cores';
COMMENT ON COLUMN assay.container_rate.throttled_fraction IS 'Throttled time per second of the interval';
COMMENT ON COLUMN assay.container_rate.working_set_bytes IS 'Memory at the interval''s end less inactive page cache, bytes; null where the kernel does not tell both (a root cgroup)';
COMMENT ON COLUMN assay.container_rate.memory_current_bytes IS 'Memory charged at the interval''s end, page cache included, bytes';
COMMENT ON COLUMN assay.container_rate.memory_peak_bytes IS 'Highest memory charge since the cgroup was made, bytes';
COMMENT ON COLUMN assay.container_rate.io_read_bytes_per_s IS 'Read from block devices, bytes per second; null where the kernel does not count it';
COMMENT ON COLUMN assay.container_rate.io_write_bytes_per_s IS 'Written to block devices, bytes per second; null where the kernel does not count it';
COMMENT ON COLUMN assay.container_rate.io_read_ops_per_s IS 'Reads from block devices per second';
COMMENT ON COLUMN assay.container_rate.io_write_ops_per_s IS 'Writes to block devices per second';
COMMENT ON COLUMN assay.container_rate.net_rx_bytes_per_s IS 'Received in the container''s network namespace, lo left out, bytes per second; null if it is no container, uses the host''s network, or shares a namespace that another series counts';
COMMENT ON COLUMN assay.container_rate.net_tx_bytes_per_s IS 'Sent likewise, bytes per second';
COMMENT ON COLUMN assay.container_rate.net_rx_packets_per_s IS 'Received likewise, packets per second';
COMMENT ON COLUMN assay.container_rate.net_tx_packets_per_s IS 'Sent likewise, packets per second';
COMMENT ON COLUMN assay.container_rate.pids IS 'Processes and threads at the interval''s end';
COMMENT ON COLUMN assay.container_rate.cpu_some_fraction IS 'Part of the interval in which some task waited for CPU, 0 to 1';
COMMENT ON COLUMN assay.container_rate.memory_some_fraction IS 'Part of the interval in which some task waited for memory, 0 to 1';
COMMENT ON COLUMN assay.container_rate.io_some_fraction IS 'Part of the interval in which some task waited for I/O, 0 to 1';
