-- Columns that mean the same wherever they stand. A view's own file may say more of a column; what is said there is kept.
DO $$
DECLARE
  meanings constant jsonb := '{
    "sweep_id": "Sweep it belongs to",
    "cell_id": "Cell of the sweep",
    "run_id": "Run",
    "block": "Pass over all cells, from 1",
    "attempt": "Try within cell and block, from 1",
    "target": "System under test",
    "params": "Values of the grid''s axes, as the scenario writes them",
    "verdict": "running, accepted or rejected; comparisons use accepted runs only",
    "cell": "Parameters of the cell, for people",
    "position": "Place of the cell in the grid, from 0",
    "state": "preparing, running, draining or ended",
    "agent": "Name of the agent",
    "host": "Host the agent ran on",
    "agents": "Agents that fired",
    "slots": "Triggers that could be in flight at once, over all agents",
    "triggers": "Trigger rows, whatever their outcome",
    "ok": "Triggers that were ok",
    "failed": "Triggers that failed",
    "timeout": "Triggers that were ended by their timeout",
    "cancelled": "Triggers that were in flight when the run was cancelled",
    "skipped": "Triggers that never started because their deadline was past",
    "lost": "Triggers whose agent died before it could tell",
    "t0": "The run''s common start",
    "makespan_s": "Last finish less first intended start, seconds",
    "task_sum_s": "Sum of the measured durations (finished - started) of the triggers that ran, seconds",
    "ideal_s": "task_sum_s / slots, seconds: a bound that no schedule can beat",
    "list_schedule_s": "Makespan of the same durations, replayed greedily in order of dispatch on the same slots, seconds",
    "planned_list_schedule_s": "Makespan of the nominal lengths of the sleeps, replayed in the same way, seconds; null unless every trigger that ran was ok and had one",
    "overhead_percent": "Percent by which the makespan exceeds ideal_s",
    "overhead_us_per_task": "Makespan less ideal_s, per trigger that ran, microseconds",
    "offered_per_s": "Open loops: rate at which triggers were due, started or not, per second; null in a closed loop, and where all were due at one instant",
    "throughput_per_s": "Triggers that ran (ok, failed or timed out) per second of makespan",
    "goodput_per_s": "Ok triggers per second of makespan",
    "planned_sum_s": "Sum of the nominal lengths, seconds; null where they are not known beforehand",
    "planned_min_s": "Shortest nominal length, seconds",
    "planned_max_s": "Longest nominal length, seconds",
    "response_p50_ms": "Median of finished - intended over the triggers that ran (ok, failed or timed out), milliseconds; skipped ones count as no faster than the slowest of them",
    "response_p90_ms": "90th percentile of the same, milliseconds",
    "response_p99_ms": "99th percentile of the same, milliseconds",
    "response_max_ms": "Longest of the same, milliseconds",
    "service_p50_ms": "Median of finished - started over the triggers that ran (ok, failed or timed out), milliseconds",
    "service_p90_ms": "90th percentile of the same, milliseconds",
    "service_p99_ms": "99th percentile of the same, milliseconds",
    "service_max_ms": "Longest of the same, milliseconds",
    "slip_p50_ms": "Median of how late the agents started triggers: started - intended, less what an open loop''s waited for in_flight, milliseconds",
    "slip_p90_ms": "90th percentile of how late the agents started triggers, milliseconds",
    "slip_p99_ms": "99th percentile of how late the agents started triggers, milliseconds",
    "slip_max_ms": "The latest that an agent started a trigger, milliseconds",
    "start_skew_ms": "How late the first trigger of the last agent was dispatched, less that of the first agent, of those whose clock is known (not crashed, not lost), milliseconds",
    "start_skew_bound_ms": "The error of start_skew_ms is at most this, milliseconds: the two largest clock bounds together",
    "floor_per_s": "Rate of triggers of this kind that do nothing, at this concurrency, the sum over the agents; null unless each has measured it",
    "floor_p50_ms": "Median of finished - started of such triggers on the slowest agent, milliseconds",
    "floor_p99_ms": "99th percentile of finished - started of such triggers on the slowest agent, milliseconds",
    "committed_at": "When the commit of the run''s last rows was over; null if the coordinator died just then",
    "container": "Name of the container, or the first 12 digits of its id where nothing on the host tells a name; null if it is none",
    "container_id": "Id of the container",
    "image": "Image of the container; null where that is not known",
    "compose_project": "Compose project of the container",
    "compose_service": "Compose service of the container",
    "pod": "Kubernetes pod of the container",
    "pod_namespace": "Kubernetes namespace of the pod",
    "unit": "systemd unit whose cgroup this is, or that it lies in",
    "labels": "Labels of the container; null where there are none or they are not known",
    "started_ns": "When the container''s first process was started, nanoseconds since T0; null if it is no container, or its processes cannot be seen",
    "cgroup": "Path below the cgroup root; run: the one that holds the processes of the run''s triggers (sample.run)",
    "inode": "Identity of the cgroup: a new one is a new series",
    "tick": "Number of the sampling tick, from 0",
    "at": "When the interval''s last sample was read",
    "interval_s": "Time between the two reads, seconds",
    "gap": "Sampling ticks are missing between the two",
    "samples": "Samples taken",
    "gaps": "Sampling ticks that are missing between samples",
    "sampled_s": "Time between the first and the last sample, seconds"
  }';
  item record;
BEGIN
  FOR item IN
    SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'assay'::regnamespace AND c.relkind IN ('v', 'r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
      AND col_description(c.oid, a.attnum) IS NULL AND meanings ? a.attname
  LOOP
    EXECUTE format('COMMENT ON COLUMN assay.%I.%I IS %L', item.relname, item.attname, meanings->>item.attname);
  END LOOP;
END
$$;
