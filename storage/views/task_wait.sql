-- The seeds' two definitions: the early notebook counts from the queue, the paper from when nothing but the target held the task back.
CREATE VIEW assay.task_wait AS
SELECT t.sweep_id, t.cell_id, t.run_id, t.block, t.attempt, t.target, t.params, t.verdict,
       t.origin, t.task, t.task_attempt, t.index, t.remote_id, t.name, t.outcome, t.cached,
       (t.started_ns - t.queued_ns) / 1e6::double precision AS since_queued_ms,
       (t.started_ns - t.ready_ns) / 1e6::double precision AS since_ready_ms,
       (t.started_ns - coalesce(e.able_ns, t.created_ns, t.accepted_ns)) / 1e6::double precision AS since_able_ms,
       CASE WHEN t.started_ns IS NULL THEN NULL
            WHEN t.ready_ns = e.able_ns THEN 'ready' WHEN t.scheduled_ns = e.able_ns THEN 'scheduled' WHEN t.queued_ns = e.able_ns THEN 'queued'
            WHEN t.created_ns IS NOT NULL THEN 'created' WHEN t.accepted_ns IS NOT NULL THEN 'accepted' END AS able_from,
       (t.started_ns - coalesce(t.created_ns, t.accepted_ns)) / 1e6::double precision AS since_created_ms,
       (coalesce(t.body_started_ns, t.started_ns) - t.sent_ns) / 1e6::double precision AS since_sent_ms,
       t.error_ns / 1e6::double precision AS error_ms
FROM assay.task_instant t
CROSS JOIN LATERAL (SELECT least(t.ready_ns, t.scheduled_ns, t.queued_ns) AS able_ns) e;
COMMENT ON VIEW assay.task_wait IS
  'How long each task waited until it started, by each witness and by two definitions: since it was queued, and since all it needs was there, which counts the scheduler''s own time before the queue too';
COMMENT ON COLUMN assay.task_wait.index IS 'Trigger that it came of; null where that is not known';
COMMENT ON COLUMN assay.task_wait.since_queued_ms IS 'started - queued, milliseconds; null where the witness does not tell both';
COMMENT ON COLUMN assay.task_wait.since_ready_ms IS
  'started - ready, milliseconds; null where the witness does not tell both. Of Airflow''s tasks, ready is the end of the last task that one directly needs, or the begin of the workflow run if that is later: the paper''s definition. Of Dask''s it is the worker''s, behind scheduled';
COMMENT ON COLUMN assay.task_wait.since_able_ms IS 'started - the first of ready, scheduled and queued; where none of these is told, of created, else of its trigger''s acceptance, milliseconds: of every target, but not of the same instant';
COMMENT ON COLUMN assay.task_wait.able_from IS 'Which of these it is';
COMMENT ON COLUMN assay.task_wait.since_created_ms IS 'started - created, else - its trigger''s acceptance, milliseconds';
COMMENT ON COLUMN assay.task_wait.since_sent_ms IS 'From when the client began to send its trigger until the task''s code began (without the code''s word: until it started), milliseconds';
COMMENT ON COLUMN assay.task_wait.error_ms IS 'The witness''s instants are right to within this, milliseconds';
