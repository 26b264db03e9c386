-- A later try speaks for a task, so the end of an earlier one is no gap; and a workflow that is ok may have passed over tasks (skipped) or hold others
-- that are not.
CREATE VIEW assay.truth_gap AS
SELECT t.sweep_id, t.cell_id, t.run_id, t.block, t.attempt, t.target, t.params, t.verdict,
       t.task, t.task_attempt, t.index, t.remote_id, g.gap, t.origin AS witness, g.other,
       g.says_ns / 1e9::double precision AS says_s, g.other_ns / 1e9::double precision AS other_s, NULL::text AS says_outcome, NULL::text AS other_outcome,
       g.gap_ns / 1e6::double precision AS gap_ms, g.error_ns / 1e6::double precision AS error_ms
FROM assay.task_instant t
CROSS JOIN LATERAL (SELECT least(t.created_ns, t.scheduled_ns, t.queued_ns, t.ready_ns, t.started_ns) AS first_ns) f
CROSS JOIN LATERAL (VALUES
  ('before_sent', 'client', f.first_ns, t.sent_ns, t.sent_ns - f.first_ns, t.error_ns),
  ('after_known', 'client', t.finished_ns, t.known_ns, t.finished_ns - t.known_ns, t.error_ns + t.known_error_ns),
  ('body_before_start', 'body', t.started_ns, t.body_started_ns, t.started_ns - t.body_started_ns, 2 * t.error_ns),
  ('body_after_finish', 'body', t.finished_ns, t.body_finished_ns, t.body_finished_ns - t.finished_ns, 2 * t.error_ns)
) g (gap, other, says_ns, other_ns, gap_ns, error_ns)
WHERE g.gap_ns > g.error_ns
  -- The same once more, which spares the tasks without any of them from being made four rows.
  AND greatest(t.sent_ns - f.first_ns, t.finished_ns - t.known_ns - t.known_error_ns, t.started_ns - t.body_started_ns - t.error_ns,
               t.body_finished_ns - t.finished_ns - t.error_ns) > t.error_ns
UNION ALL
SELECT t.sweep_id, t.cell_id, t.run_id, t.block, t.attempt, t.target, t.params, t.verdict,
       t.task, t.task_attempt, t.index, t.remote_id, 'outcome', t.origin, 'client',
       NULL, NULL, coalesce(t.outcome::text, 'not ended'), t.client_outcome::text, NULL, NULL
FROM assay.task_instant t
WHERE t.client_outcome = 'ok' AND coalesce(t.outcome, 'lost') NOT IN ('ok', 'skipped') AND assay.is_told(t.origin, t.state)
  AND NOT EXISTS (SELECT FROM assay.task u WHERE u.sweep_id = t.sweep_id AND u.run_id = t.run_id AND u.origin = t.origin AND u.task = t.task AND u.attempt = t.task_attempt + 1
                  AND coalesce(u.remote_id = t.remote_id, true) AND coalesce(u.index = t.index, true))
UNION ALL
SELECT t.sweep_id, t.cell_id, t.run_id, t.block, t.attempt, t.target, t.params, t.verdict,
       t.task, t.task_attempt, t.index, t.remote_id, 'outcome', t.origin, 'client', NULL, NULL, t.outcome::text, t.client_outcome::text, NULL, NULL
FROM assay.task_instant t
WHERE t.client_outcome IN ('failed', 'timeout') AND t.outcome = 'ok'
  AND NOT EXISTS (SELECT FROM assay.task u WHERE u.sweep_id = t.sweep_id AND u.run_id = t.run_id AND u.origin = t.origin AND u.index = t.index AND u.task <> t.task)
  AND NOT EXISTS (SELECT FROM assay.task u WHERE u.sweep_id = t.sweep_id AND u.run_id = t.run_id AND u.origin = t.origin AND u.remote_id IS NOT NULL
                  AND u.remote_id = t.remote_id AND u.task <> t.task)
UNION ALL
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       p.task, p.attempt, p.index, p.remote_id, g.gap, p.origin, p.other,
       g.says_ns / 1e9::double precision, g.other_ns / 1e9::double precision,
       CASE WHEN g.gap = 'outcome' THEN coalesce(p.outcome::text, 'not ended') END, CASE WHEN g.gap = 'outcome' THEN coalesce(p.d_outcome::text, 'not ended') END,
       CASE WHEN g.gap <> 'outcome' THEN abs(g.says_ns - g.other_ns) / 1e6::double precision END,
       CASE WHEN g.gap <> 'outcome' THEN p.error_ns / 1e6::double precision END
FROM (
  SELECT k.sweep_id, k.run_id, k.task, k.attempt, coalesce(k.index, d.index) AS index, k.remote_id, k.origin, d.origin AS other, k.outcome, d.outcome AS d_outcome,
         k.started_ns, k.finished_ns, k.body_started_ns, k.body_finished_ns, k.error_ns + d.error_ns AS error_ns,
         d.started_ns AS d_started_ns, d.finished_ns AS d_finished_ns, d.body_started_ns AS d_body_started_ns, d.body_finished_ns AS d_body_finished_ns
  FROM assay.task d
  JOIN assay.task k ON k.sweep_id = d.sweep_id AND k.run_id = d.run_id AND k.origin <> 'driver' AND k.task = d.task AND k.attempt = d.attempt
    AND coalesce(k.index = d.index, true)
  WHERE d.origin = 'driver' AND assay.is_told(d.origin, d.state)
  UNION ALL
  SELECT k.sweep_id, k.run_id, k.task, k.attempt, k.index, k.remote_id, k.origin, d.origin, k.outcome, d.outcome,
         k.started_ns, k.finished_ns, k.body_started_ns, k.body_finished_ns, k.error_ns + d.error_ns,
         d.started_ns, d.finished_ns, d.body_started_ns, d.body_finished_ns
  FROM assay.task d
  JOIN assay.task k ON k.sweep_id = d.sweep_id AND k.run_id = d.run_id AND k.origin <> 'driver' AND k.index = d.index AND k.attempt = d.attempt
  WHERE d.origin = 'driver' AND assay.is_told(d.origin, d.state) AND k.index IS NOT NULL AND k.task <> d.task
    AND NOT EXISTS (SELECT FROM assay.task u WHERE u.sweep_id = k.sweep_id AND u.run_id = k.run_id AND u.origin = k.origin AND u.index = k.index AND u.task <> k.task)
  UNION ALL
  -- Of two collectors neither is the other's measure: the first by name is what the second is set beside. With a driver's word both are set beside that.
  SELECT k.sweep_id, k.run_id, k.task, k.attempt, coalesce(k.index, d.index), coalesce(k.remote_id, d.remote_id), k.origin, d.origin, k.outcome, d.outcome,
         k.started_ns, k.finished_ns, k.body_started_ns, k.body_finished_ns, k.error_ns + d.error_ns,
         d.started_ns, d.finished_ns, d.body_started_ns, d.body_finished_ns
  FROM assay.task d
  JOIN assay.task k ON k.sweep_id = d.sweep_id AND k.run_id = d.run_id AND k.origin > d.origin AND k.task = d.task AND k.attempt = d.attempt
    AND coalesce(k.remote_id = d.remote_id, true) AND coalesce(k.index = d.index, true)
  WHERE d.origin <> 'driver' AND k.origin <> 'driver'
    AND NOT EXISTS (SELECT FROM assay.task u WHERE u.sweep_id = d.sweep_id AND u.run_id = d.run_id AND u.origin = 'driver' AND u.task = d.task
                    AND assay.is_told(u.origin, u.state))
    AND NOT EXISTS (SELECT FROM assay.task u WHERE u.sweep_id = d.sweep_id AND u.run_id = d.run_id AND u.origin = 'driver' AND u.index = d.index
                    AND assay.is_told(u.origin, u.state))
) p
JOIN assay.run r ON r.sweep_id = p.sweep_id AND r.run_id = p.run_id
JOIN assay.cell c ON c.cell_id = r.cell_id
CROSS JOIN LATERAL (VALUES
  ('started', p.started_ns, p.d_started_ns),
  ('finished', p.finished_ns, p.d_finished_ns),
  ('body_started', p.body_started_ns, p.d_body_started_ns),
  ('body_finished', p.body_finished_ns, p.d_body_finished_ns),
  ('outcome', NULL, NULL)
) g (gap, says_ns, other_ns)
WHERE (abs(g.says_ns - g.other_ns) > p.error_ns OR g.gap = 'outcome' AND p.outcome IS DISTINCT FROM p.d_outcome)
  AND (p.outcome IS DISTINCT FROM p.d_outcome
       OR greatest(abs(p.started_ns - p.d_started_ns), abs(p.finished_ns - p.d_finished_ns), abs(p.body_started_ns - p.d_body_started_ns),
                   abs(p.body_finished_ns - p.d_body_finished_ns)) > p.error_ns);
COMMENT ON VIEW assay.truth_gap IS
  'Where two witnesses of a task contradict each other by more than both may err: the client (its trigger), the driver, the target''s records, the task''s own code (body). A row for each contradiction; truth_gap_summary counts them';
COMMENT ON COLUMN assay.truth_gap.index IS 'Trigger that it came of; null where that is not known';
COMMENT ON COLUMN assay.truth_gap.gap IS
  'before_sent: the witness knew of it before the client sent it; after_known: it ended after the client knew that all was over; body_before_start, body_after_finish: its code ran outside of what the witness says; started, finished, body_started, body_finished: the records tell another instant than the driver, or, without one, than another collector''s; outcome';
COMMENT ON COLUMN assay.truth_gap.witness IS 'Whose row it is: driver, postgres, csv or http';
COMMENT ON COLUMN assay.truth_gap.other IS 'Whom it contradicts: client, body or driver; where no driver tells of the task, another collector: csv, http or postgres';
COMMENT ON COLUMN assay.truth_gap.says_s IS 'The witness''s instant, seconds since T0; null for outcomes, as the next';
COMMENT ON COLUMN assay.truth_gap.other_s IS 'The other''s instant, seconds since T0';
COMMENT ON COLUMN assay.truth_gap.says_outcome IS 'The witness''s outcome, or not ended; null for instants, as the next';
COMMENT ON COLUMN assay.truth_gap.other_outcome IS 'The other''s outcome, or not ended';
COMMENT ON COLUMN assay.truth_gap.gap_ms IS 'How far the two instants contradict each other, milliseconds';
COMMENT ON COLUMN assay.truth_gap.error_ms IS 'By how much both together may err, milliseconds: less than gap_ms';
