CREATE VIEW assay.agent_clock AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       a.name AS agent, a.host, s.state AS share_state, s.slots, s.fired,
       s.clock_offset_ns,
       s.clock_bound_ns / 1e6::double precision AS clock_bound_ms,
       s.first_dispatch_ns / 1e6::double precision AS first_dispatch_ms,
       s.first_intended_ns / 1e6::double precision AS first_intended_ms,
       assay.instant(r.t0_ns) AS t0,
       assay.instant(s.t0_wall_ns) AS t0_by_agent_clock,
       (s.t0_wall_ns - r.t0_ns) / 1e6::double precision AS wall_offset_ms
FROM assay.share s JOIN assay.run r USING (run_id) JOIN assay.cell c USING (cell_id) JOIN assay.agent a USING (agent_id);
COMMENT ON VIEW assay.agent_clock IS 'How well each agent''s clock was known in each run, and when it really began to fire';
COMMENT ON COLUMN assay.agent_clock.share_state IS 'leased, ended or lost';
COMMENT ON COLUMN assay.agent_clock.slots IS 'Its part of the concurrency; 0 if it only samples';
COMMENT ON COLUMN assay.agent_clock.fired IS 'Trigger records it wrote; null until its share ended';
COMMENT ON COLUMN assay.agent_clock.clock_offset_ns IS 'Coordinator time less the agent''s monotonic clock as used for T0, nanoseconds';
COMMENT ON COLUMN assay.agent_clock.clock_bound_ms IS 'The error of that offset is at most this, milliseconds';
COMMENT ON COLUMN assay.agent_clock.first_dispatch_ms IS 'First dispatch after T0, milliseconds';
COMMENT ON COLUMN assay.agent_clock.first_intended_ms IS 'When that trigger was due after T0, milliseconds: 0 in a closed loop';
COMMENT ON COLUMN assay.agent_clock.t0_by_agent_clock IS 'What the agent''s wall clock showed at T0';
COMMENT ON COLUMN assay.agent_clock.wall_offset_ms IS 'How far the agent''s wall clock was ahead of the coordinator''s at T0, milliseconds';
