CREATE VIEW assay.target_metric AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       coalesce(a.name, 'coordinator') AS place, m.origin, m.name, m.labels,
       assay.instant(r.t0_ns + m.at_ns) AS at, m.at_ns / 1e9::double precision AS at_s, m.value
FROM assay.metric_sample m
JOIN assay.run r ON r.run_id = m.run_id
JOIN assay.cell c ON c.cell_id = r.cell_id
LEFT JOIN assay.agent a ON a.agent_id = m.agent_id;
COMMENT ON VIEW assay.target_metric IS 'The target''s own metrics over the runs, as collectors read them, beside what was sampled here: at_s is on the same clock as samples and triggers';
COMMENT ON COLUMN assay.target_metric.place IS 'Agent that read it, or coordinator';
COMMENT ON COLUMN assay.target_metric.origin IS 'Kind of collector: prometheus';
COMMENT ON COLUMN assay.target_metric.name IS 'What the scenario calls the query';
COMMENT ON COLUMN assay.target_metric.labels IS 'Labels of the series';
COMMENT ON COLUMN assay.target_metric.at IS 'Instant of the sample';
COMMENT ON COLUMN assay.target_metric.at_s IS 'The same, seconds since T0';
COMMENT ON COLUMN assay.target_metric.value IS 'Its value';
