-- Without a driver's word, and without the scenario's, the slots are those of the agents: in an open loop nothing waits for one, and where a trigger starts many tasks these do not
-- run in them. Then there is no ideal that is made of slots.
CREATE FUNCTION assay.run_slots(of_run_id bigint)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT CASE WHEN s.capacity IS NOT NULL THEN s.capacity
                    WHEN c.slots IS NOT NULL THEN c.slots
                    WHEN c.loop = 'open' THEN NULL
                    WHEN (SELECT count(*) FROM (SELECT DISTINCT t.remote_id, t.index, t.task FROM assay.task t
                                                WHERE t.sweep_id = r.sweep_id AND t.run_id = r.run_id AND t.origin = (SELECT assay.task_witness(r.sweep_id, r.run_id))) tasks)
                       > (SELECT count(*) FROM assay.trigger g WHERE g.sweep_id = r.sweep_id AND g.run_id = r.run_id) THEN NULL
                    ELSE s.slots END
        FROM assay.run r JOIN assay.cell c USING (cell_id)
        CROSS JOIN LATERAL (SELECT coalesce(sum(slots), 0) AS slots,
                                   CASE WHEN bool_and(capacity IS NOT NULL) FILTER (WHERE slots > 0) THEN sum(capacity) FILTER (WHERE slots > 0) END AS capacity
                            FROM assay.share WHERE run_id = r.run_id) s
        WHERE r.run_id = of_run_id);
COMMENT ON FUNCTION assay.run_slots IS
  'Tasks of a run that could run at once: in the target, where the driver of every share that fires tells it, else the scenario; else triggers that could be in flight, in a closed loop whose triggers are its tasks; else null';
