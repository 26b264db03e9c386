-- Every cgroup is read at every tick, and the host too: one that has no reading at the host's last tick had ended by then.
CREATE VIEW assay.container_life AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       a.name AS agent, s.container, s.container_id, s.pod, s.pod_namespace, s.unit, s.cgroup, s.inode,
       coalesce(s.started_ns, u.first_ns) AS begun_ns,
       CASE WHEN u.last_tick < h.last_tick THEN u.last_ns END AS ended_ns
FROM (
  SELECT sweep_id, run_id, agent_id, cgroup, inode, min(read_begin_ns) AS first_ns, max(read_end_ns) AS last_ns, max(tick) AS last_tick
  FROM assay.sample GROUP BY sweep_id, run_id, agent_id, cgroup, inode
) u
JOIN (
  SELECT sweep_id, run_id, agent_id, max(tick) AS last_tick FROM assay.host_sample GROUP BY sweep_id, run_id, agent_id
) h ON h.sweep_id = u.sweep_id AND h.run_id = u.run_id AND h.agent_id = u.agent_id
JOIN assay.series s ON s.run_id = u.run_id AND s.agent_id = u.agent_id AND s.cgroup = u.cgroup AND s.inode = u.inode
JOIN assay.run r ON r.sweep_id = u.sweep_id AND r.run_id = u.run_id
JOIN assay.cell c ON c.cell_id = r.cell_id
JOIN assay.agent a ON a.agent_id = u.agent_id;
COMMENT ON VIEW assay.container_life IS 'From when to when each sampled container or cgroup was there: a restarted container has two rows';
COMMENT ON COLUMN assay.container_life.inode IS 'Identity of the cgroup''s directory: a new one is a new series';
COMMENT ON COLUMN assay.container_life.begun_ns IS 'When the container''s first process was started, to the kernel''s 10 ms; where that is not known, its first reading; nanoseconds since T0';
COMMENT ON COLUMN assay.container_life.ended_ns IS 'The last reading of one that was gone before the sampling was over, nanoseconds since T0: of a container its death, or where the agent is not told of that up to one sampling interval before it; null: it was there to the end';
