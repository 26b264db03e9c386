-- With too few records the sum of the tasks is too small, and what is beyond it looks like the target's own time. Where triggers are not the tasks, because the
-- scenario tells how many run at once in the target, their lengths say nothing of these.
CREATE FUNCTION assay.ideal_from(of_sweep_id bigint, of_run_id bigint)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN w.witness = 'driver' THEN w.witness
                    WHEN w.witness IS NOT NULL THEN
                      CASE WHEN NOT EXISTS (SELECT FROM assay.collection k
                                            WHERE k.run_id = of_run_id AND k.origin = w.witness AND k.records < 0.99 * k.expected) THEN w.witness END
                    WHEN EXISTS (SELECT FROM assay.share s WHERE s.run_id = of_run_id AND s.driver IS NOT NULL) THEN NULL
                    WHEN (SELECT c.slots FROM assay.run r JOIN assay.cell c USING (cell_id) WHERE r.run_id = of_run_id) IS NOT NULL THEN NULL
                    ELSE 'trigger' END
        FROM (SELECT assay.task_witness(of_sweep_id, of_run_id) AS witness) w);
COMMENT ON FUNCTION assay.ideal_from IS
  'Whose lengths the sum of a run''s tasks and its ideal are made of: the task rows of a witness, or trigger where triggers are the tasks; null: nobody tells of nearly all (99 %), and there is no overhead';
