CREATE VIEW assay.spans AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       a.name AS agent, s.name, assay.instant(r.t0_ns + s.begun_ns) AS begun_at, s.begun_ns / 1e9::double precision AS begun_s,
       s.ended_ns / 1e9::double precision AS ended_s, (s.ended_ns - s.begun_ns) / 1e9::double precision AS length_s
FROM assay.span s JOIN assay.run r USING (run_id) JOIN assay.cell c USING (cell_id) JOIN assay.agent a USING (agent_id);
COMMENT ON VIEW assay.spans IS 'Phases of the target''s client that are no tasks, such as gathering results; what lies before the makespan''s end is part of a finish in task_overhead, what comes after is its beyond_s';
COMMENT ON COLUMN assay.spans.agent IS 'Agent whose driver told it';
COMMENT ON COLUMN assay.spans.name IS 'What the driver calls it';
COMMENT ON COLUMN assay.spans.begun_at IS 'When it began';
COMMENT ON COLUMN assay.spans.begun_s IS 'When it began, seconds since T0';
COMMENT ON COLUMN assay.spans.ended_s IS 'When it ended, seconds since T0';
COMMENT ON COLUMN assay.spans.length_s IS 'ended_s - begun_s';
