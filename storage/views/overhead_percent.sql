-- The seeds' formula: how much longer the whole took than its work spread evenly over all slots.
CREATE FUNCTION assay.overhead_percent(makespan_s double precision, task_sum_s double precision, slots double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 100 * (makespan_s - task_sum_s / nullif(slots, 0)) / nullif(task_sum_s / nullif(slots, 0), 0);
COMMENT ON FUNCTION assay.overhead_percent IS
  'Percent by which the makespan exceeds the ideal (task_sum_s / slots): 100 * (makespan_s - ideal) / ideal; null where there is no ideal';
