CREATE VIEW assay.cell_summary AS
SELECT c.sweep_id, c.cell_id, c.position, c.label AS cell, c.target, c.params, c.loop,
       count(r.run_id) AS runs,
       count(*) FILTER (WHERE r.verdict = 'accepted') AS accepted,
       count(*) FILTER (WHERE r.verdict = 'rejected') AS left_out,
       coalesce(array_agg(format('run %s: %s', r.run_id, coalesce(nullif(w.why, ''), nullif(r.error, ''), 'rejected')) ORDER BY r.run_id)
                FILTER (WHERE r.verdict = 'rejected'), '{}') AS left_out_why,
       sum(r.triggers) FILTER (WHERE r.verdict = 'accepted') AS triggers_total,
       sum(r.ok) FILTER (WHERE r.verdict = 'accepted') AS ok_total,
       sum(r.skipped) FILTER (WHERE r.verdict = 'accepted') AS skipped_total,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.makespan_s) FILTER (WHERE r.verdict = 'accepted') AS makespan_s,
       min(r.makespan_s) FILTER (WHERE r.verdict = 'accepted') AS makespan_min_s,
       max(r.makespan_s) FILTER (WHERE r.verdict = 'accepted') AS makespan_max_s,
       max(r.makespan_error_s) FILTER (WHERE r.verdict = 'accepted') AS makespan_error_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.tasks) FILTER (WHERE r.verdict = 'accepted') AS tasks,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.slots) FILTER (WHERE r.verdict = 'accepted') AS slots,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.task_sum_s) FILTER (WHERE r.verdict = 'accepted') AS task_sum_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.planned_sum_s) FILTER (WHERE r.verdict = 'accepted') AS planned_sum_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.list_schedule_s) FILTER (WHERE r.verdict = 'accepted') AS list_schedule_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.overhead_percent) FILTER (WHERE r.verdict = 'accepted') AS overhead_percent,
       min(r.overhead_percent) FILTER (WHERE r.verdict = 'accepted') AS overhead_min_percent,
       max(r.overhead_percent) FILTER (WHERE r.verdict = 'accepted') AS overhead_max_percent,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.overhead_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_us_per_task,
       min(r.overhead_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_min_us_per_task,
       max(r.overhead_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_max_us_per_task,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY o.overhead_over_planned_ideal_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_over_planned_ideal_us_per_task,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY o.overhead_over_list_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_over_list_us_per_task,
       min(o.overhead_over_list_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_over_list_min_us_per_task,
       max(o.overhead_over_list_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_over_list_max_us_per_task,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY o.overhead_over_planned_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_over_planned_us_per_task,
       min(o.overhead_over_planned_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_over_planned_min_us_per_task,
       max(o.overhead_over_planned_us_per_task) FILTER (WHERE r.verdict = 'accepted') AS overhead_over_planned_max_us_per_task,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.offered_per_s) FILTER (WHERE r.verdict = 'accepted') AS offered_per_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.throughput_per_s) FILTER (WHERE r.verdict = 'accepted') AS throughput_per_s,
       min(r.throughput_per_s) FILTER (WHERE r.verdict = 'accepted') AS throughput_min_per_s,
       max(r.throughput_per_s) FILTER (WHERE r.verdict = 'accepted') AS throughput_max_per_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.goodput_per_s) FILTER (WHERE r.verdict = 'accepted') AS goodput_per_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.response_p50_ms) FILTER (WHERE r.verdict = 'accepted') AS response_p50_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.response_p99_ms) FILTER (WHERE r.verdict = 'accepted') AS response_p99_ms,
       min(r.response_p99_ms) FILTER (WHERE r.verdict = 'accepted') AS response_p99_min_ms,
       max(r.response_p99_ms) FILTER (WHERE r.verdict = 'accepted') AS response_p99_max_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.service_p50_ms) FILTER (WHERE r.verdict = 'accepted') AS service_p50_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.service_p99_ms) FILTER (WHERE r.verdict = 'accepted') AS service_p99_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.slip_p99_ms) FILTER (WHERE r.verdict = 'accepted') AS slip_p99_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.floor_per_s) FILTER (WHERE r.verdict = 'accepted') AS floor_per_s,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.floor_p50_ms) FILTER (WHERE r.verdict = 'accepted') AS floor_p50_ms,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY r.floor_p99_ms) FILTER (WHERE r.verdict = 'accepted') AS floor_p99_ms
FROM assay.cell c
LEFT JOIN assay.run_summary r USING (cell_id)
LEFT JOIN assay.overhead o USING (run_id)
LEFT JOIN LATERAL (
  SELECT string_agg(DISTINCT f.code, ', ' ORDER BY f.code) AS why FROM assay.flag f WHERE f.run_id = r.run_id AND f.severity = 'reject'
) w ON true
GROUP BY c.cell_id;
COMMENT ON VIEW assay.cell_summary IS 'Every cell over its accepted runs: medians, with the lowest and highest run as the spread, and how many runs were left out and why';
COMMENT ON COLUMN assay.cell_summary.loop IS 'closed: a trigger starts when another has ended; open: when it is due';
COMMENT ON COLUMN assay.cell_summary.runs IS 'Runs of the cell, whatever their verdict';
COMMENT ON COLUMN assay.cell_summary.accepted IS 'Runs that the figures are taken from';
COMMENT ON COLUMN assay.cell_summary.left_out IS 'Rejected runs, which the figures leave out';
COMMENT ON COLUMN assay.cell_summary.left_out_why IS 'For each of them the flags that rejected it';
COMMENT ON COLUMN assay.cell_summary.triggers_total IS 'Triggers of the accepted runs together';
COMMENT ON COLUMN assay.cell_summary.ok_total IS 'Of those, the ones that were ok';
COMMENT ON COLUMN assay.cell_summary.skipped_total IS 'Of those, the ones that never started because their deadline was past';
COMMENT ON COLUMN assay.cell_summary.makespan_s IS 'Median makespan, seconds';
COMMENT ON COLUMN assay.cell_summary.makespan_min_s IS 'Shortest makespan, seconds';
COMMENT ON COLUMN assay.cell_summary.makespan_max_s IS 'Longest makespan, seconds';
COMMENT ON COLUMN assay.cell_summary.makespan_error_s IS 'Most by which the makespan of any of them may be too long, as a look of a completion saw its end, seconds; null where triggers end with their own answer';
COMMENT ON COLUMN assay.cell_summary.tasks IS 'Median of the tasks that ran';
COMMENT ON COLUMN assay.cell_summary.slots IS 'Median of the slots: of the target where its driver or the scenario tells them, else of the agents';
COMMENT ON COLUMN assay.cell_summary.task_sum_s IS 'Median of the sums of the measured durations, seconds';
COMMENT ON COLUMN assay.cell_summary.planned_sum_s IS 'Median of the sums of the nominal lengths, seconds; null where they are not known beforehand';
COMMENT ON COLUMN assay.cell_summary.list_schedule_s IS 'Median of the list schedule''s length, seconds';
COMMENT ON COLUMN assay.cell_summary.overhead_percent IS 'Median overhead over the ideal, percent';
COMMENT ON COLUMN assay.cell_summary.overhead_min_percent IS 'Lowest overhead over the ideal, percent';
COMMENT ON COLUMN assay.cell_summary.overhead_max_percent IS 'Highest overhead over the ideal, percent';
COMMENT ON COLUMN assay.cell_summary.overhead_us_per_task IS 'Median overhead over the ideal per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.overhead_min_us_per_task IS 'Lowest overhead over the ideal per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.overhead_max_us_per_task IS 'Highest overhead over the ideal per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.overhead_over_planned_ideal_us_per_task IS 'Median overhead over planned_sum_s / slots, per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.overhead_over_list_us_per_task IS 'Median overhead over the list schedule of the measured tasks, per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.overhead_over_list_min_us_per_task IS 'Lowest overhead over the list schedule of the measured tasks, per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.overhead_over_list_max_us_per_task IS 'Highest overhead over the list schedule of the measured tasks, per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.overhead_over_planned_us_per_task IS 'Median overhead over the list schedule of the nominal sleeps, per task, microseconds; null where no nominal lengths are known';
COMMENT ON COLUMN assay.cell_summary.overhead_over_planned_min_us_per_task IS 'Lowest overhead over the list schedule of the nominal sleeps, per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.overhead_over_planned_max_us_per_task IS 'Highest overhead over the list schedule of the nominal sleeps, per task, microseconds';
COMMENT ON COLUMN assay.cell_summary.offered_per_s IS 'Open loops: median of the rates at which triggers were due, started or not, per second';
COMMENT ON COLUMN assay.cell_summary.throughput_per_s IS 'Median of triggers that ran per second of makespan, failures included';
COMMENT ON COLUMN assay.cell_summary.throughput_min_per_s IS 'Lowest throughput, per second';
COMMENT ON COLUMN assay.cell_summary.throughput_max_per_s IS 'Highest throughput, per second';
COMMENT ON COLUMN assay.cell_summary.goodput_per_s IS 'Median of ok triggers per second of makespan';
COMMENT ON COLUMN assay.cell_summary.response_p50_ms IS 'Median over runs of the median response time, milliseconds; failed and timed-out triggers count, and skipped ones as no faster than the slowest of the others';
COMMENT ON COLUMN assay.cell_summary.response_p99_ms IS 'Median over runs of the 99th percentile of response times, milliseconds';
COMMENT ON COLUMN assay.cell_summary.response_p99_min_ms IS 'The lowest of them, milliseconds';
COMMENT ON COLUMN assay.cell_summary.response_p99_max_ms IS 'The highest of them, milliseconds';
COMMENT ON COLUMN assay.cell_summary.service_p50_ms IS 'Median over runs of the median service time, milliseconds';
COMMENT ON COLUMN assay.cell_summary.service_p99_ms IS 'Median over runs of the 99th percentile of service times, milliseconds';
COMMENT ON COLUMN assay.cell_summary.slip_p99_ms IS 'Median over runs of the 99th percentile of late starts, milliseconds';
