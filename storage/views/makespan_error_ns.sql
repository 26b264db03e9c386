-- The makespan ends when a look saw the last end. The true one is no earlier than the latest of what each trigger's target tells, less what that may
-- err. What drivers tell is no look's: between their task's end and the client's word lies a part of the makespan.
CREATE FUNCTION assay.makespan_error_ns(of_sweep_id bigint, of_run_id bigint)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN count(completed_ns) > 0 AND NOT EXISTS (SELECT FROM assay.share s WHERE s.run_id = of_run_id AND s.driver IS NOT NULL)
                    THEN greatest(max(finished_ns) - max(coalesce(completed_ns - completed_error_ns, finished_ns)), 0) END
        FROM assay.trigger WHERE sweep_id = of_sweep_id AND run_id = of_run_id AND outcome <= 'cancelled');
COMMENT ON FUNCTION assay.makespan_error_ns IS
  'By how much the makespan of a run may be too long at most, as a look of a completion saw its last end, nanoseconds; looks that held other triggers of a closed loop back are not in it. Null where no completion did';
