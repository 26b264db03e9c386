CREATE VIEW assay.floors AS
SELECT a.name AS agent, a.host, f.kind, f.container, f.concurrency, f.rate_per_s, f.service_p50_ms, f.service_p99_ms, f.triggers, f.measured_at,
       row_number() OVER (PARTITION BY f.agent_id, f.kind, f.container, f.concurrency ORDER BY f.error = '' DESC, f.measured_at DESC, f.floor_id DESC) = 1 AS latest,
       f.error, f.floor_id
FROM assay.floor f JOIN assay.agent a USING (agent_id);
COMMENT ON VIEW assay.floors IS 'What each kind of trigger costs on each agent by itself: triggers that do nothing, so many at once. A run whose figures are near these tells of the harness, not of its target';
COMMENT ON COLUMN assay.floors.kind IS 'Kind of trigger: sleep (of 0), exec and container (true), http and grpc (an echo on the agent''s own host)';
COMMENT ON COLUMN assay.floors.concurrency IS 'Triggers in flight at once: the share''s part of a closed loop''s concurrency, at most 256; 1 for open loops';
COMMENT ON COLUMN assay.floors.container IS 'Container that its triggers ran in, as the scenario names it; null for other kinds';
COMMENT ON COLUMN assay.floors.rate_per_s IS 'Triggers per second; null if it could not be measured';
COMMENT ON COLUMN assay.floors.service_p50_ms IS 'Median of finished - started, milliseconds';
COMMENT ON COLUMN assay.floors.service_p99_ms IS '99th percentile of finished - started, milliseconds';
COMMENT ON COLUMN assay.floors.triggers IS 'Triggers that it was taken from; runs are not set beside one of fewer than 20';
COMMENT ON COLUMN assay.floors.measured_at IS 'When, by the agent''s clock';
COMMENT ON COLUMN assay.floors.latest IS 'The last one of its agent, kind, container and concurrency that could be measured; where none could, the last';
COMMENT ON COLUMN assay.floors.error IS 'Why it could not be measured, else empty';
COMMENT ON COLUMN assay.floors.floor_id IS 'Identity; share.floor_id names the one that held for a share';
