-- Task instances of Airflow 3 as task records; $1: the ids of the DAG runs.
-- start_date is when Airflow's supervisor began, not the task's code: that comes some 0.85 s later, and tells its own instants in what it
-- returns (body_started, body_finished). Tries before the last are in task_instance_history and not here.
SELECT ti.id::text AS task, ti.run_id AS remote_id,
       ti.task_id AS name, coalesce(ti.state, 'none') AS state, greatest(ti.try_number, 1) AS attempt, run.queued_at AS created,
       ti.scheduled_dttm AS scheduled, ti.queued_dttm AS queued, ti.start_date AS started, ti.end_date AS finished,
       to_timestamp((told.value->>'begun_ns')::numeric / 1e9) AS body_started, to_timestamp((told.value->>'ended_ns')::numeric / 1e9) AS body_finished,
       ti.updated_at AS recorded, ti.hostname AS worker
FROM task_instance AS ti
JOIN dag_run AS run ON run.dag_id = ti.dag_id AND run.run_id = ti.run_id
LEFT JOIN xcom AS told ON told.dag_id = ti.dag_id AND told.run_id = ti.run_id AND told.task_id = ti.task_id AND told.map_index = ti.map_index
  AND told.key = 'return_value' AND jsonb_typeof(told.value) = 'object'
WHERE ti.run_id = ANY ($1::text[])
