CREATE VIEW assay.scaling AS
SELECT s.sweep_id, s.target, s.params - 'tasks' AS other_params, (s.params->>'tasks')::numeric AS tasks, s.cell_id, s.accepted, s.left_out,
       s.slots, s.task_sum_s, s.planned_sum_s,
       s.makespan_s, s.makespan_min_s, s.makespan_max_s, s.throughput_per_s, s.overhead_percent, s.overhead_us_per_task, s.overhead_over_planned_ideal_us_per_task,
       s.overhead_over_list_us_per_task, s.overhead_over_planned_us_per_task
FROM assay.cell_summary s
WHERE jsonb_typeof(s.params->'tasks') = 'number';
COMMENT ON VIEW assay.scaling IS 'How each target scales with the number of tasks: cells whose grid has an axis named tasks, medians over accepted runs';
COMMENT ON COLUMN assay.scaling.other_params IS 'Parameters besides tasks: one curve for each';
COMMENT ON COLUMN assay.scaling.tasks IS 'Value of the axis tasks';
COMMENT ON COLUMN assay.scaling.accepted IS 'Accepted runs the medians are taken of';
COMMENT ON COLUMN assay.scaling.left_out IS 'Rejected runs, left out';
COMMENT ON COLUMN assay.scaling.slots IS 'Median of the slots';
COMMENT ON COLUMN assay.scaling.task_sum_s IS 'Median of the sums of the measured durations, seconds';
COMMENT ON COLUMN assay.scaling.planned_sum_s IS 'Median of the sums of the nominal lengths, seconds';
COMMENT ON COLUMN assay.scaling.makespan_s IS 'Median makespan, seconds';
COMMENT ON COLUMN assay.scaling.makespan_min_s IS 'Shortest makespan, seconds';
COMMENT ON COLUMN assay.scaling.makespan_max_s IS 'Longest makespan, seconds';
COMMENT ON COLUMN assay.scaling.throughput_per_s IS 'Median of triggers that ran per second of makespan';
COMMENT ON COLUMN assay.scaling.overhead_percent IS 'Median overhead over the ideal, percent';
COMMENT ON COLUMN assay.scaling.overhead_us_per_task IS 'Median overhead over the ideal per task, microseconds';
COMMENT ON COLUMN assay.scaling.overhead_over_planned_ideal_us_per_task IS 'Median overhead over planned_sum_s / slots, per task, microseconds';
COMMENT ON COLUMN assay.scaling.overhead_over_list_us_per_task IS 'Median overhead over the list schedule of the measured tasks, per task, microseconds';
COMMENT ON COLUMN assay.scaling.overhead_over_planned_us_per_task IS 'Median overhead over the list schedule of the nominal sleeps, per task, microseconds; null where no nominal lengths are known';
