-- Task instances of Airflow 3 as task records; $1: the ids of the DAG runs.
-- start_date is when Airflow's supervisor began, not the task's code: that comes some 0.85 s later, and tells its own instants in what it
-- returns (body_started, body_finished). Tries before the last are in task_instance_history and not here.
-- `ready` is when nothing but Airflow held the task back: the end of the last task that it directly needs, of all its instances where that
-- one is mapped, and not before its run was queued. Later tries wait for their delay too, so theirs is not told; nor is any where the
-- database keeps the DAG compressed (AIRFLOW__CORE__COMPRESS_SERIALIZED_DAGS).
WITH instance AS (
  SELECT * FROM task_instance WHERE run_id = ANY ($1::text[])
), dag AS (
  SELECT dag_version_id, data::jsonb #> '{dag,tasks}' AS tasks FROM serialized_dag
  WHERE dag_version_id IN (SELECT dag_version_id FROM instance) AND data IS NOT NULL
), edge AS (
  SELECT dag.dag_version_id, task.value #>> '{__var,task_id}' AS needed, needing.task_id
  FROM dag CROSS JOIN jsonb_array_elements(dag.tasks) AS task
  CROSS JOIN jsonb_array_elements_text(task.value #> '{__var,downstream_task_ids}') AS needing (task_id)
), need AS (
  SELECT ended.dag_id, ended.run_id, edge.task_id, max(ended.end_date) AS met
  FROM instance AS ended JOIN edge ON edge.dag_version_id = ended.dag_version_id AND edge.needed = ended.task_id
  GROUP BY ended.dag_id, ended.run_id, edge.task_id
)
SELECT ti.id::text AS task, ti.run_id AS remote_id,
       ti.task_id AS name, coalesce(ti.state, 'none') AS state, greatest(ti.try_number, 1) AS attempt, run.queued_at AS created,
       ti.scheduled_dttm AS scheduled, ti.queued_dttm AS queued,
       CASE WHEN ti.try_number <= 1 AND dag.tasks IS NOT NULL THEN greatest(run.queued_at, need.met) END AS ready,
       ti.start_date AS started, ti.end_date AS finished,
       to_timestamp((told.value->>'begun_ns')::numeric / 1e9) AS body_started, to_timestamp((told.value->>'ended_ns')::numeric / 1e9) AS body_finished,
       (told.value->>'planned_ns')::bigint AS planned_ns, ti.updated_at AS recorded, ti.hostname AS worker
FROM instance AS ti
JOIN dag_run AS run ON run.dag_id = ti.dag_id AND run.run_id = ti.run_id
LEFT JOIN dag ON dag.dag_version_id = ti.dag_version_id
LEFT JOIN need ON need.dag_id = ti.dag_id AND need.run_id = ti.run_id AND need.task_id = ti.task_id
LEFT JOIN xcom AS told ON told.dag_id = ti.dag_id AND told.run_id = ti.run_id AND told.task_id = ti.task_id AND told.map_index = ti.map_index
  AND told.key = 'return_value' AND jsonb_typeof(told.value) = 'object'
