CREATE VIEW assay.run_floors AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       a.name AS agent, a.host, s.slots, f.kind, f.container, f.concurrency, f.rate_per_s, f.service_p50_ms, f.service_p99_ms, f.triggers, f.measured_at, f.error
FROM assay.share s JOIN assay.run r USING (run_id) JOIN assay.cell c USING (cell_id) JOIN assay.agent a USING (agent_id)
     LEFT JOIN assay.floor f USING (floor_id)
WHERE s.slots > 0;
COMMENT ON VIEW assay.run_floors IS 'The floor that held for each agent''s part of each run: what triggers of its kind that do nothing cost there, so many at once';
COMMENT ON COLUMN assay.run_floors.slots IS 'Its part of the concurrency';
COMMENT ON COLUMN assay.run_floors.kind IS 'Kind of trigger; null, as all that follows, if the agent measured none';
COMMENT ON COLUMN assay.run_floors.concurrency IS 'Triggers in flight at once while it was measured: slots, at most 256; 1 for open loops';
COMMENT ON COLUMN assay.run_floors.container IS 'Container that its triggers ran in, as the scenario names it; null for other kinds';
COMMENT ON COLUMN assay.run_floors.rate_per_s IS 'Triggers per second; null if it could not be measured';
COMMENT ON COLUMN assay.run_floors.service_p50_ms IS 'Median of finished - started, milliseconds';
COMMENT ON COLUMN assay.run_floors.service_p99_ms IS '99th percentile of finished - started, milliseconds';
COMMENT ON COLUMN assay.run_floors.triggers IS 'Triggers that it was taken from';
COMMENT ON COLUMN assay.run_floors.measured_at IS 'When, by the agent''s clock';
COMMENT ON COLUMN assay.run_floors.error IS 'Why it could not be measured, else empty';
