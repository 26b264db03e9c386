-- The seeds call this "overhead per task"; it is the overhead of one wave of as many tasks as there are slots.
CREATE FUNCTION assay.overhead_per_wave_s(makespan_s double precision, task_sum_s double precision, tasks double precision, slots double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (makespan_s - task_sum_s / nullif(slots, 0)) / nullif(tasks / nullif(slots, 0), 0);
COMMENT ON FUNCTION assay.overhead_per_wave_s IS
  'Seconds by which the makespan exceeds the ideal (task_sum_s / slots), per wave of as many tasks as there are slots';
