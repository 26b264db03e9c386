CREATE VIEW assay.flags AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict, f.code, f.severity, f.detail
FROM assay.flag f JOIN assay.run r USING (run_id) JOIN assay.cell c USING (cell_id);
COMMENT ON VIEW assay.flags IS 'Findings about the validity of runs';
COMMENT ON COLUMN assay.flags.code IS 'What was found: agent_lost, slip, sampler_gap, ...';
COMMENT ON COLUMN assay.flags.severity IS 'info, warning or reject (the run is not accepted)';
COMMENT ON COLUMN assay.flags.detail IS 'The finding in words, with its numbers';
