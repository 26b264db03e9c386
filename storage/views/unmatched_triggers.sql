-- A record of what a trigger that was not ok had started must not stand for one that is missing.
CREATE FUNCTION assay.unmatched_triggers(of_sweep_id bigint, of_run_id bigint, of_origin text, expected bigint)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN count(*) FILTER (WHERE g.outcome = 'ok') <= expected
                     AND EXISTS (SELECT FROM assay.task t WHERE t.sweep_id = of_sweep_id AND t.run_id = of_run_id AND t.origin = of_origin AND t.remote_id IS NOT NULL)
               THEN count(*) FILTER (WHERE g.outcome = 'ok' AND g.remote_id IS NOT NULL AND k.remote_id IS NULL) ELSE 0 END
        FROM assay.trigger g
        LEFT JOIN (SELECT DISTINCT t.remote_id FROM assay.task t WHERE t.sweep_id = of_sweep_id AND t.run_id = of_run_id AND t.origin = of_origin) k USING (remote_id)
        WHERE g.sweep_id = of_sweep_id AND g.run_id = of_run_id);
COMMENT ON FUNCTION assay.unmatched_triggers IS
  'Triggers of a run that were ok and started work of which an origin has no record; 0 where its records do not name the work, or fewer are expected than triggers were ok';
