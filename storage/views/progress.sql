CREATE VIEW assay.progress AS
SELECT s.sweep_id, s.name, s.state, g.cells, s.blocks, g.cells * s.blocks AS runs_total,
       d.settled, d.accepted, d.rejected, d.running,
       s.created_at, s.started_at, s.ended_at,
       extract(epoch FROM coalesce(s.ended_at, clock_timestamp()) - s.started_at)::double precision AS elapsed_s,
       CASE WHEN s.state = 'running' THEN e.left_s END AS eta_s,
       s.failure
FROM assay.sweep s
CROSS JOIN LATERAL (SELECT count(*) AS cells FROM assay.cell c WHERE c.sweep_id = s.sweep_id) g
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE r.verdict = 'accepted') AS accepted,
         count(*) FILTER (WHERE r.verdict = 'rejected') AS rejected,
         count(*) FILTER (WHERE r.verdict = 'running') AS running,
         count(DISTINCT (r.cell_id, r.block)) FILTER (WHERE r.state = 'ended') AS settled,
         avg(extract(epoch FROM r.ended_at - r.created_at)) FILTER (WHERE r.state = 'ended') AS run_s
  FROM assay.run r WHERE r.sweep_id = s.sweep_id
) d
CROSS JOIN LATERAL (
  SELECT sum((s.blocks - h.settled) * coalesce(h.run_s, d.run_s))::double precision AS left_s
  FROM assay.cell c
  CROSS JOIN LATERAL (
    SELECT count(DISTINCT r.block) AS settled, avg(extract(epoch FROM r.ended_at - r.created_at)) AS run_s
    FROM assay.run r WHERE r.cell_id = c.cell_id AND r.state = 'ended'
  ) h
  WHERE c.sweep_id = s.sweep_id
) e;
COMMENT ON VIEW assay.progress IS 'How far every sweep is';
COMMENT ON COLUMN assay.progress.name IS 'The scenario''s name';
COMMENT ON COLUMN assay.progress.state IS 'pending, running, cancelling, finished, cancelled or failed';
COMMENT ON COLUMN assay.progress.cells IS 'Points of the grid';
COMMENT ON COLUMN assay.progress.blocks IS 'Passes over all cells';
COMMENT ON COLUMN assay.progress.runs_total IS 'Cells times blocks';
COMMENT ON COLUMN assay.progress.settled IS 'Cells and blocks of which a run has ended';
COMMENT ON COLUMN assay.progress.accepted IS 'Accepted runs';
COMMENT ON COLUMN assay.progress.rejected IS 'Rejected runs, repeated ones included';
COMMENT ON COLUMN assay.progress.running IS 'Runs under way';
COMMENT ON COLUMN assay.progress.created_at IS 'When it was asked for';
COMMENT ON COLUMN assay.progress.started_at IS 'When it first ran';
COMMENT ON COLUMN assay.progress.ended_at IS 'When it ended';
COMMENT ON COLUMN assay.progress.elapsed_s IS 'Time since it first ran, seconds';
COMMENT ON COLUMN assay.progress.eta_s IS 'Estimated time to its end, seconds, from how long ended runs of the same cell (else of the sweep) took; null before the first';
COMMENT ON COLUMN assay.progress.failure IS 'Why it failed, or which of its hooks a cancel --now ended; else empty';
