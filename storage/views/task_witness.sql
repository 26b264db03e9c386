-- A driver tells what it saw happen; records are what is left of it.
CREATE FUNCTION assay.task_witness(of_sweep_id bigint, of_run_id bigint)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT origin FROM assay.task
        WHERE sweep_id = of_sweep_id AND run_id = of_run_id AND outcome <= 'timeout' AND started_ns IS NOT NULL AND finished_ns IS NOT NULL
        GROUP BY origin ORDER BY origin = 'driver' DESC, count(*) DESC, origin LIMIT 1);
COMMENT ON FUNCTION assay.task_witness IS
  'Whose task rows of a run its figures are taken from: the driver''s where it tells when tasks started and finished, else the records of which most do; null where no witness does';
