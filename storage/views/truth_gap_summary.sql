CREATE VIEW assay.truth_gap_summary AS
SELECT g.sweep_id, g.cell_id, g.run_id, g.block, g.attempt, g.target, g.params, g.verdict,
       g.gap, g.witness, g.other, count(*) AS gaps, count(DISTINCT (g.remote_id, g.index, g.task)) AS tasks,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY g.gap_ms) AS gap_p50_ms, max(g.gap_ms) AS gap_max_ms, max(g.error_ms) AS error_max_ms,
       (array_agg(g.task ORDER BY g.gap_ms DESC, g.index, g.task))[1] AS example,
       (array_agg(coalesce(g.says_outcome, format('%s s', round(g.says_s::numeric, 6))) ORDER BY g.gap_ms DESC, g.index, g.task))[1] AS example_says,
       (array_agg(coalesce(g.other_outcome, format('%s s', round(g.other_s::numeric, 6))) ORDER BY g.gap_ms DESC, g.index, g.task))[1] AS example_other
FROM assay.truth_gap g
GROUP BY g.sweep_id, g.cell_id, g.run_id, g.block, g.attempt, g.target, g.params, g.verdict, g.gap, g.witness, g.other;
COMMENT ON VIEW assay.truth_gap_summary IS 'How many contradictions of each kind truth_gap has of a run, and how large they are';
COMMENT ON COLUMN assay.truth_gap_summary.gap IS 'Kind, as in truth_gap';
COMMENT ON COLUMN assay.truth_gap_summary.witness IS 'Whose rows they are: driver, postgres, csv or http';
COMMENT ON COLUMN assay.truth_gap_summary.other IS 'Whom they contradict: client, body or driver; where no driver tells of the tasks, another collector';
COMMENT ON COLUMN assay.truth_gap_summary.gaps IS 'Contradictions';
COMMENT ON COLUMN assay.truth_gap_summary.tasks IS 'Tasks that have any';
COMMENT ON COLUMN assay.truth_gap_summary.gap_p50_ms IS 'Median of gap_ms, milliseconds; null for outcomes';
COMMENT ON COLUMN assay.truth_gap_summary.gap_max_ms IS 'Largest gap_ms, milliseconds; null for outcomes';
COMMENT ON COLUMN assay.truth_gap_summary.error_max_ms IS 'Most by which both together may err, milliseconds';
COMMENT ON COLUMN assay.truth_gap_summary.example IS 'Task with the largest of them';
COMMENT ON COLUMN assay.truth_gap_summary.example_says IS 'What the witness says of it: its outcome, or its instant since T0';
COMMENT ON COLUMN assay.truth_gap_summary.example_other IS 'What the other says of it';
