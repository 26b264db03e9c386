-- Task runs and sub-flow runs of Prefect 3 as task records; $1: the ids that the driver gave as the tasks' names.
-- task_run.created and task_run_state.created are when the row was written, tens of seconds late under load: `recorded`, and no
-- instant of the task. Pending is stamped when a thread of the runner takes the task up, so waiting for a free one is not in here.
SELECT run.id::text AS task, run.id::text AS remote_id, run.name, run.state_name AS state, greatest(run.run_count, 1) AS attempt,
       run.state_name = 'Cached' AS cached, state.pending AS scheduled, coalesce(state.running, run.start_time) AS started,
       run.end_time AS finished, coalesce(state.recorded, run.created) AS recorded
FROM task_run AS run
LEFT JOIN LATERAL (
  SELECT max(timestamp) FILTER (WHERE type = 'PENDING') AS pending, max(timestamp) FILTER (WHERE type = 'RUNNING') AS running,
         max(created) AS recorded
  FROM task_run_state WHERE task_run_id = run.id) AS state ON true
WHERE run.id = ANY ($1::text[]::uuid[])
UNION ALL
SELECT run.id::text, run.id::text, run.name, run.state_name, greatest(run.run_count, 1), run.state_name = 'Cached', state.pending,
       coalesce(state.running, run.start_time), run.end_time, coalesce(state.recorded, run.created)
FROM flow_run AS run
LEFT JOIN LATERAL (
  SELECT max(timestamp) FILTER (WHERE type = 'PENDING') AS pending, max(timestamp) FILTER (WHERE type = 'RUNNING') AS running,
         max(created) AS recorded
  FROM flow_run_state WHERE flow_run_id = run.id) AS state ON true
WHERE run.id = ANY ($1::text[]::uuid[])
