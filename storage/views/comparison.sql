-- Cells that differ only in the target are compared with the first of them; a cell without such a rival with the first of its own target.
CREATE VIEW assay.comparison AS
WITH s AS (
  SELECT cs.*, cs.params - 'target' AS others, count(*) OVER (PARTITION BY cs.sweep_id, cs.params - 'target') > 1 AS has_rival
  FROM assay.cell_summary cs
), paired AS (
  SELECT s.*, first_value(s.cell_id) OVER (
    PARTITION BY s.sweep_id, CASE WHEN s.has_rival THEN s.others ELSE to_jsonb(s.target) END, s.has_rival ORDER BY s.position) AS baseline_cell_id
  FROM s
)
SELECT p.sweep_id, p.cell_id, p.cell, p.target, p.params,
       b.cell_id AS baseline_cell_id, b.cell AS baseline_cell, b.target AS baseline_target,
       CASE WHEN p.has_rival THEN 'target' ELSE 'parameters' END AS differs_in, p.loop, b.loop AS baseline_loop,
       CASE WHEN m.all_at_once AND m.same_work AND (m.other_sizes OR (p.loop, b.loop) = ('open', 'open')) THEN 'makespan'
            WHEN m.other_sizes THEN NULL
            WHEN 'open' IN (p.loop, b.loop) THEN 'response_p99'
            ELSE 'throughput' END AS judged_by,
       p.accepted, b.accepted AS baseline_accepted, p.left_out, b.left_out AS baseline_left_out,
       p.makespan_s, b.makespan_s AS baseline_makespan_s,
       p.makespan_s / nullif(b.makespan_s, 0) AS makespan_ratio,
       p.makespan_min_s / nullif(b.makespan_max_s, 0) AS makespan_ratio_low,
       p.makespan_max_s / nullif(b.makespan_min_s, 0) AS makespan_ratio_high,
       p.throughput_per_s / nullif(b.throughput_per_s, 0) AS throughput_ratio,
       p.throughput_min_per_s / nullif(b.throughput_max_per_s, 0) AS throughput_ratio_low,
       p.throughput_max_per_s / nullif(b.throughput_min_per_s, 0) AS throughput_ratio_high,
       p.response_p99_ms / nullif(b.response_p99_ms, 0) AS response_p99_ratio,
       p.response_p99_min_ms / nullif(b.response_p99_max_ms, 0) AS response_p99_ratio_low,
       p.response_p99_max_ms / nullif(b.response_p99_min_ms, 0) AS response_p99_ratio_high
FROM paired p JOIN assay.cell_summary b ON b.cell_id = p.baseline_cell_id
CROSS JOIN LATERAL (
  -- Where triggers are due over time, the scenario says how long it takes. Triggers that start other numbers of tasks cannot be set beside each other.
  SELECT (p.loop = 'closed' OR (p.accepted > 0 AND p.offered_per_s IS NULL)) AND (b.loop = 'closed' OR (b.accepted > 0 AND b.offered_per_s IS NULL)) AS all_at_once,
         coalesce(p.tasks = b.tasks, false) AS same_work,
         coalesce(p.tasks * p.accepted * b.triggers_total <> b.tasks * b.accepted * p.triggers_total, false) AS other_sizes
) m
WHERE p.cell_id <> p.baseline_cell_id;
COMMENT ON VIEW assay.comparison IS
  'Cells beside their baseline, by medians over accepted runs: cells that differ only in the target beside the first such target, otherwise every cell beside the first of its target. A ratio below 1 is shorter than the baseline; where low and high enclose 1, the runs do not tell them apart';
COMMENT ON COLUMN assay.comparison.baseline_cell_id IS 'Cell it is compared with';
COMMENT ON COLUMN assay.comparison.baseline_cell IS 'Parameters of that cell';
COMMENT ON COLUMN assay.comparison.baseline_target IS 'Target of that cell';
COMMENT ON COLUMN assay.comparison.differs_in IS 'target: nothing else differs; parameters: they are different work, read the ratio as scaling';
COMMENT ON COLUMN assay.comparison.loop IS 'closed: a trigger starts when another has ended; open: when it is due. Response times of the two are not the same measure: a closed loop waits a stall out';
COMMENT ON COLUMN assay.comparison.baseline_loop IS 'The same of the baseline';
COMMENT ON COLUMN assay.comparison.judged_by IS 'Which ratio says who is better: throughput where both are closed loops; response_p99 where one is an open loop, whose throughput is what the scenario asks for; makespan where nothing is due over time, both did as many tasks, and both are open loops or a trigger starts another number of tasks in one than in the other. Null: such triggers without that, so that nothing can be compared';
COMMENT ON COLUMN assay.comparison.accepted IS 'Accepted runs the median is taken of';
COMMENT ON COLUMN assay.comparison.baseline_accepted IS 'The same of the baseline';
COMMENT ON COLUMN assay.comparison.left_out IS 'Rejected runs, left out';
COMMENT ON COLUMN assay.comparison.baseline_left_out IS 'The same of the baseline';
COMMENT ON COLUMN assay.comparison.makespan_s IS 'Median makespan, seconds';
COMMENT ON COLUMN assay.comparison.baseline_makespan_s IS 'Median makespan of the baseline, seconds';
COMMENT ON COLUMN assay.comparison.makespan_ratio IS 'Median makespan over the baseline''s';
COMMENT ON COLUMN assay.comparison.makespan_ratio_low IS 'Shortest makespan over the baseline''s longest';
COMMENT ON COLUMN assay.comparison.makespan_ratio_high IS 'Longest makespan over the baseline''s shortest';
COMMENT ON COLUMN assay.comparison.throughput_ratio IS 'Median throughput over the baseline''s';
COMMENT ON COLUMN assay.comparison.throughput_ratio_low IS 'Lowest throughput over the baseline''s highest';
COMMENT ON COLUMN assay.comparison.throughput_ratio_high IS 'Highest throughput over the baseline''s lowest';
COMMENT ON COLUMN assay.comparison.response_p99_ratio IS '99th percentile of response times over the baseline''s, medians over runs';
COMMENT ON COLUMN assay.comparison.response_p99_ratio_low IS 'The lowest run''s 99th percentile over the baseline''s highest';
COMMENT ON COLUMN assay.comparison.response_p99_ratio_high IS 'The highest run''s 99th percentile over the baseline''s lowest';
