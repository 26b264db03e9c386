-- Records that know no trigger may know the workflow run that one started.
CREATE VIEW assay.task_instant AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       t.origin, t.task, t.attempt AS task_attempt, coalesce(t.index, w.index) AS index, t.remote_id, t.name, t.state, t.outcome,
       assay.is_cached(t.cached, t.state) AS cached,
       b.begin_ns, g.intended_ns, g.started_ns AS sent_ns, g.accepted_ns,
       t.created_ns, t.scheduled_ns, t.queued_ns, t.ready_ns, t.started_ns, t.body_started_ns, t.body_finished_ns, t.finished_ns, t.recorded_ns,
       -- A driver's finished is its trigger's completed too, and is not to be measured by itself.
       CASE WHEN t.origin = 'driver' THEN g.finished_ns ELSE greatest(g.finished_ns, g.completed_ns) END AS known_ns,
       CASE WHEN t.origin = 'driver' THEN 0 ELSE coalesce(g.completed_error_ns, 0) END AS known_error_ns,
       g.outcome AS client_outcome, coalesce(t.planned_ns, g.planned_ns) AS planned_ns, t.error_ns, t.instants_from, t.agent_id, t.worker, t.error, r.t0_ns
FROM assay.task t
JOIN assay.run r ON r.sweep_id = t.sweep_id AND r.run_id = t.run_id
JOIN assay.cell c ON c.cell_id = r.cell_id
LEFT JOIN (
  SELECT sweep_id, run_id, min(intended_ns) AS begin_ns FROM assay.trigger WHERE outcome <= 'cancelled' GROUP BY sweep_id, run_id
) b ON b.sweep_id = r.sweep_id AND b.run_id = r.run_id
LEFT JOIN (
  SELECT sweep_id, run_id, remote_id, min(index) AS index FROM assay.trigger WHERE remote_id IS NOT NULL GROUP BY sweep_id, run_id, remote_id
) w ON t.index IS NULL AND w.sweep_id = r.sweep_id AND w.run_id = r.run_id AND w.remote_id = t.remote_id
LEFT JOIN assay.trigger g ON g.sweep_id = r.sweep_id AND g.run_id = r.run_id AND g.index = coalesce(t.index, w.index);
COMMENT ON VIEW assay.task_instant IS
  'Every task row beside the trigger that it came of, its instants as nanoseconds since T0: what the views about tasks are made of. A task has a row for each witness (origin)';
COMMENT ON COLUMN assay.task_instant.index IS 'Trigger that it came of, by its index or by the workflow run that is its remote_id; null where neither is known';
COMMENT ON COLUMN assay.task_instant.begin_ns IS 'When the run''s first trigger was due';
COMMENT ON COLUMN assay.task_instant.intended_ns IS 'When its trigger was due';
COMMENT ON COLUMN assay.task_instant.sent_ns IS 'When the client began to send its trigger';
COMMENT ON COLUMN assay.task_instant.accepted_ns IS 'When the target had taken its trigger';
COMMENT ON COLUMN assay.task_instant.known_ns IS 'When the client knew that its trigger was over, or, where that is later, when the work had ended as a completion tells';
COMMENT ON COLUMN assay.task_instant.known_error_ns IS 'known_ns is right to within this';
COMMENT ON COLUMN assay.task_instant.client_outcome IS 'Outcome of its trigger';
COMMENT ON COLUMN assay.task_instant.planned_ns IS 'Nominal length as the witness tells it, else of its trigger, nanoseconds; null where neither is known';
COMMENT ON COLUMN assay.task_instant.t0_ns IS 'T0, Unix nanoseconds by the coordinator''s clock';
COMMENT ON COLUMN assay.task_instant.state IS 'Last state, in the target''s words; not told: a driver was given this task and told nothing of it';
COMMENT ON COLUMN assay.task_instant.created_ns IS 'When the target knew of it; null where the witness does not tell, as of all that follow';
COMMENT ON COLUMN assay.task_instant.scheduled_ns IS 'When the scheduler had decided to run it';
COMMENT ON COLUMN assay.task_instant.queued_ns IS 'When it was put into a queue of whoever was to run it';
COMMENT ON COLUMN assay.task_instant.ready_ns IS 'When all it needs was there: from then on only the target held it back';
COMMENT ON COLUMN assay.task_instant.started_ns IS 'When it began, as the target counts it';
COMMENT ON COLUMN assay.task_instant.body_started_ns IS 'When its code began, as that code says itself';
COMMENT ON COLUMN assay.task_instant.body_finished_ns IS 'When its code ended, as that code says itself';
COMMENT ON COLUMN assay.task_instant.finished_ns IS 'When it ended, as the target counts it';
COMMENT ON COLUMN assay.task_instant.recorded_ns IS 'When the record was there: written as the target says, or first seen';
COMMENT ON COLUMN assay.task_instant.error_ns IS 'Every instant of the witness is right to within this';
COMMENT ON COLUMN assay.task_instant.instants_from IS 'Where the instants come from, if not all from the origin: started=worker,created=client';
COMMENT ON COLUMN assay.task_instant.agent_id IS 'Agent that the record came by; null: the coordinator';
COMMENT ON COLUMN assay.task_instant.worker IS 'Who ran it';
COMMENT ON COLUMN assay.task_instant.error IS 'Why it is not ok, in the target''s words';
