-- Once per run and not in a view: percentiles over 100,000 tasks of every run of a sweep would take minutes.
CREATE FUNCTION assay.refresh_tasks(refreshed_run_id bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  the_run assay.run;
  witness text;
BEGIN
  SELECT * INTO STRICT the_run FROM assay.run WHERE run_id = refreshed_run_id;
  witness := assay.task_witness(the_run.sweep_id, refreshed_run_id);
  DELETE FROM assay.task_result WHERE run_id = refreshed_run_id;
  IF witness IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO assay.task_result
  WITH part AS MATERIALIZED (
    SELECT t.task, t.finished_s, t.cached, t.before_ms, t.submit_ms, t.schedule_ms, t.queue_ms, t.startup_ms, t.run_ms, t.finish_ms, t.record_lag_ms
    FROM assay.task_time t
    WHERE t.sweep_id = the_run.sweep_id AND t.run_id = refreshed_run_id AND t.origin = witness AND t.outcome <= 'timeout' AND t.started_at IS NOT NULL
      AND t.finished_at IS NOT NULL
  ), path AS (
    SELECT * FROM part ORDER BY finished_s DESC, task LIMIT 1
  ), whole AS (
    SELECT count(*) AS rows, count(*) FILTER (WHERE cached) AS cached,
           array_prepend(avg(before_ms), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY before_ms)) AS before_ms,
           array_prepend(avg(submit_ms), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY submit_ms)) AS submit_ms,
           array_prepend(avg(schedule_ms), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY schedule_ms)) AS schedule_ms,
           array_prepend(avg(queue_ms), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY queue_ms)) AS queue_ms,
           array_prepend(avg(startup_ms), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY startup_ms)) AS startup_ms,
           array_prepend(avg(run_ms), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY run_ms)) AS run_ms,
           array_prepend(avg(finish_ms), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY finish_ms)) AS finish_ms
    FROM part
  ), lag AS (
    -- Of whoever has records; what a driver told was recorded when the agent heard it.
    SELECT array_prepend(avg(ms), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY ms)) AS record_lag_ms
    FROM (SELECT (recorded_ns - finished_ns) / 1e6::double precision AS ms FROM assay.task
          WHERE sweep_id = the_run.sweep_id AND run_id = refreshed_run_id AND origin <> 'driver' AND recorded_ns IS NOT NULL AND finished_ns IS NOT NULL) lagging
  )
  SELECT refreshed_run_id, witness, w.rows, w.cached, p.task,
         p.before_ms / 1000, p.submit_ms / 1000, p.schedule_ms / 1000, p.queue_ms / 1000, p.startup_ms / 1000, p.run_ms / 1000,
         -- To the makespan's end, so that the parts sum to it.
         x.makespan_s - coalesce(p.before_ms, 0) / 1000 - coalesce(p.submit_ms, 0) / 1000 - coalesce(p.schedule_ms, 0) / 1000 - coalesce(p.queue_ms, 0) / 1000
           - coalesce(p.startup_ms, 0) / 1000 - p.run_ms / 1000,
         w.before_ms, w.submit_ms, w.schedule_ms, w.queue_ms, w.startup_ms, w.run_ms, w.finish_ms, l.record_lag_ms
  FROM path p, whole w, lag l, assay.run_result x
  WHERE x.run_id = refreshed_run_id;
END
$$;
COMMENT ON FUNCTION assay.refresh_tasks IS
  'Computes task_result of one run anew from its task rows, after refresh_run has computed run_result: where the makespan went along the task that finished last, and each part over all tasks that ran';
