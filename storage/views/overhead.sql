CREATE VIEW assay.overhead AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       n.tasks, x.tasks_from, x.slots, x.makespan_s, x.task_sum_s, x.planned_sum_s, x.ideal_s, x.planned_sum_s / nullif(x.slots, 0) AS planned_ideal_s,
       x.list_schedule_s, x.planned_list_schedule_s,
       assay.overhead_percent(x.makespan_s, x.task_sum_s, x.slots) AS overhead_percent,
       1e6 * (x.makespan_s - x.ideal_s) / nullif(n.tasks, 0) AS overhead_us_per_task,
       1e6 * (x.makespan_s - x.planned_sum_s / nullif(x.slots, 0)) / nullif(n.tasks, 0) AS overhead_over_planned_ideal_us_per_task,
       assay.overhead_per_wave_s(x.makespan_s, x.task_sum_s, n.tasks, x.slots) AS overhead_per_wave_s,
       100 * (x.makespan_s - x.list_schedule_s) / nullif(x.list_schedule_s, 0) AS overhead_over_list_percent,
       1e6 * (x.makespan_s - x.list_schedule_s) / nullif(n.tasks, 0) AS overhead_over_list_us_per_task,
       100 * (x.makespan_s - x.planned_list_schedule_s) / nullif(x.planned_list_schedule_s, 0) AS overhead_over_planned_percent,
       1e6 * (x.makespan_s - x.planned_list_schedule_s) / nullif(n.tasks, 0) AS overhead_over_planned_us_per_task
FROM assay.run r JOIN assay.cell c USING (cell_id) JOIN assay.run_result x USING (run_id)
     CROSS JOIN LATERAL (SELECT coalesce(x.tasks, x.ok + x.failed + x.timeout) AS tasks) n;
COMMENT ON VIEW assay.overhead IS
  'What the scheduler cost, per ended run: over the ideal (work spread evenly over the slots, which no schedule may reach), over the greedy list schedule of the same tasks as they were measured (which one would), and over that of the nominal sleeps (which counts too how late each sleep ended; compare other systems by it)';
COMMENT ON COLUMN assay.overhead.planned_ideal_s IS 'planned_sum_s / slots, seconds';
COMMENT ON COLUMN assay.overhead.overhead_over_planned_ideal_us_per_task IS 'Makespan less planned_ideal_s, per task, microseconds: counts how late each task ended too; null where no nominal lengths are known';
COMMENT ON COLUMN assay.overhead.overhead_per_wave_s IS 'Makespan less ideal_s, per wave of as many tasks as there are slots, seconds; the RADPS benchmark calls it overhead per task';
COMMENT ON COLUMN assay.overhead.overhead_over_list_percent IS 'Percent by which the makespan exceeds list_schedule_s';
COMMENT ON COLUMN assay.overhead.overhead_over_list_us_per_task IS 'Makespan less list_schedule_s, per task, microseconds';
COMMENT ON COLUMN assay.overhead.overhead_over_planned_percent IS 'Percent by which the makespan exceeds planned_list_schedule_s; null where that is';
COMMENT ON COLUMN assay.overhead.overhead_over_planned_us_per_task IS 'Makespan less planned_list_schedule_s, per task, microseconds; null where that is';
