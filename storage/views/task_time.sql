-- An instant that a witness does not tell makes its part null, and the next part that is known holds both: the parts of a task always sum up.
CREATE VIEW assay.task_time AS
SELECT t.sweep_id, t.cell_id, t.run_id, t.block, t.attempt, t.target, t.params, t.verdict,
       t.origin, t.task, t.task_attempt, t.index, t.remote_id, t.name, t.state, t.outcome, t.cached,
       assay.instant(t.t0_ns + t.sent_ns) AS sent_at,
       assay.instant(t.t0_ns + t.accepted_ns) AS accepted_at,
       assay.instant(t.t0_ns + t.created_ns) AS created_at,
       assay.instant(t.t0_ns + t.scheduled_ns) AS scheduled_at,
       assay.instant(t.t0_ns + t.queued_ns) AS queued_at,
       assay.instant(t.t0_ns + t.ready_ns) AS ready_at,
       assay.instant(t.t0_ns + t.started_ns) AS started_at,
       assay.instant(t.t0_ns + t.body_started_ns) AS body_started_at,
       assay.instant(t.t0_ns + t.body_finished_ns) AS body_finished_at,
       assay.instant(t.t0_ns + t.finished_ns) AS finished_at,
       assay.instant(t.t0_ns + t.known_ns) AS known_at,
       assay.instant(t.t0_ns + t.recorded_ns) AS recorded_at,
       t.error_ns / 1e6::double precision AS error_ms, t.instants_from,
       (t.finished_ns - t.started_ns) / 1e6::double precision AS duration_ms,
       (t.body_finished_ns - t.body_started_ns) / 1e6::double precision AS body_ms,
       t.planned_ns / 1e6::double precision AS planned_ms,
       (t.intended_ns - t.begin_ns) / 1e6::double precision AS before_ms,
       (k.known_ns - coalesce(t.intended_ns, t.begin_ns)) / 1e6::double precision AS submit_ms,
       (coalesce(least(t.scheduled_ns, t.queued_ns), t.ready_ns) - coalesce(k.known_ns, t.intended_ns, t.begin_ns)) / 1e6::double precision AS schedule_ms,
       (t.started_ns - coalesce(least(t.scheduled_ns, t.queued_ns), t.ready_ns, k.known_ns, t.intended_ns, t.begin_ns)) / 1e6::double precision AS queue_ms,
       (o.from_ns - t.started_ns) / 1e6::double precision AS startup_ms,
       (coalesce(o.until_ns, t.finished_ns) - coalesce(o.from_ns, t.started_ns)) / 1e6::double precision AS run_ms,
       (CASE WHEN t.origin = 'driver' THEN t.known_ns WHEN o.until_ns IS NOT NULL THEN t.finished_ns END - coalesce(o.until_ns, t.finished_ns)) / 1e6::double precision AS finish_ms,
       CASE WHEN t.origin <> 'driver' THEN (t.recorded_ns - t.finished_ns) / 1e6::double precision END AS record_lag_ms,
       t.finished_ns / 1e9::double precision AS finished_s,
       a.name AS agent, t.worker, t.error
FROM assay.task_instant t
-- A client that hears late that its trigger was taken does not make the target know of the task later than it put it into its queue.
CROSS JOIN LATERAL (SELECT coalesce(t.created_ns, CASE WHEN t.accepted_ns IS NOT NULL THEN least(t.accepted_ns, t.scheduled_ns, t.queued_ns, t.ready_ns, t.started_ns) END) AS known_ns) k
CROSS JOIN LATERAL (
  SELECT CASE WHEN t.body_finished_ns IS NOT NULL THEN t.body_started_ns END AS from_ns,
         CASE WHEN t.body_started_ns IS NOT NULL THEN t.body_finished_ns END AS until_ns
) o
LEFT JOIN assay.agent a ON a.agent_id = t.agent_id;
COMMENT ON VIEW assay.task_time IS
  'Every task row, a row for each witness, with calendar times and with where its time went: before, submit, schedule, queue, startup, run and finish, which follow one another. A part is null where its end is not known; the next part that is known then holds its time too. What is negative is shown as it is';
COMMENT ON COLUMN assay.task_time.index IS 'Trigger that it came of, by its index or by the workflow run that is its remote_id; null where neither is known';
COMMENT ON COLUMN assay.task_time.sent_at IS 'When the client began to send its trigger';
COMMENT ON COLUMN assay.task_time.accepted_at IS 'When the target had taken its trigger';
COMMENT ON COLUMN assay.task_time.created_at IS 'When the target knew of it';
COMMENT ON COLUMN assay.task_time.scheduled_at IS 'When the scheduler had decided to run it';
COMMENT ON COLUMN assay.task_time.queued_at IS 'When it was put into a queue of whoever was to run it';
COMMENT ON COLUMN assay.task_time.ready_at IS 'When all it needs was there: from then on only the target held it back';
COMMENT ON COLUMN assay.task_time.started_at IS 'When it began, as the target counts it';
COMMENT ON COLUMN assay.task_time.body_started_at IS 'When its code began, as that code says itself';
COMMENT ON COLUMN assay.task_time.body_finished_at IS 'When its code ended, as that code says itself';
COMMENT ON COLUMN assay.task_time.finished_at IS 'When it ended, as the target counts it';
COMMENT ON COLUMN assay.task_time.known_at IS 'When the client knew that its trigger was over, or, where that is later, when the work had ended as a completion tells';
COMMENT ON COLUMN assay.task_time.recorded_at IS 'When the record was there';
COMMENT ON COLUMN assay.task_time.error_ms IS 'Every instant of the witness is right to within this, milliseconds';
COMMENT ON COLUMN assay.task_time.duration_ms IS 'finished - started, milliseconds; null where either is not known, as of all that follow';
COMMENT ON COLUMN assay.task_time.body_ms IS 'body_finished - body_started, milliseconds';
COMMENT ON COLUMN assay.task_time.planned_ms IS 'Nominal length as the witness tells it, else of its trigger, milliseconds';
COMMENT ON COLUMN assay.task_time.before_ms IS 'From the run''s begin until its trigger was due: a closed loop holds a trigger back until another has ended, milliseconds';
COMMENT ON COLUMN assay.task_time.submit_ms IS 'Until the target knew of it (created, else accepted, or what it tells of the task before that), milliseconds';
COMMENT ON COLUMN assay.task_time.schedule_ms IS 'Until the first of scheduled and queued, else ready, milliseconds; of a task that needs others, this is in it too';
COMMENT ON COLUMN assay.task_time.queue_ms IS 'Until it started, milliseconds';
COMMENT ON COLUMN assay.task_time.startup_ms IS 'Until its code began, milliseconds; null without the code''s own word';
COMMENT ON COLUMN assay.task_time.run_ms IS 'Until its code ended, or, without the code''s own word, until it finished, milliseconds';
COMMENT ON COLUMN assay.task_time.finish_ms IS 'Until the client knew, where a driver tells, else until it finished, milliseconds';
COMMENT ON COLUMN assay.task_time.record_lag_ms IS 'From its end until its record was there, milliseconds; null for what a driver told, which is no record of the target';
COMMENT ON COLUMN assay.task_time.finished_s IS 'When it ended, seconds since T0';
COMMENT ON COLUMN assay.task_time.state IS 'Last state, in the target''s words; not told: a driver was given this task and told nothing of it';
COMMENT ON COLUMN assay.task_time.instants_from IS 'Where the instants come from, if not all from the origin: started=worker,created=client';
COMMENT ON COLUMN assay.task_time.agent IS 'Agent that the record came by; null: the coordinator';
COMMENT ON COLUMN assay.task_time.worker IS 'Who ran it';
COMMENT ON COLUMN assay.task_time.error IS 'Why it is not ok, in the target''s words';
