CREATE VIEW assay.trigger_time AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict, c.label AS cell,
       a.name AS agent, t.index,
       assay.instant(r.t0_ns + t.intended_ns) AS intended_at,
       assay.instant(r.t0_ns + t.dispatched_ns) AS dispatched_at,
       assay.instant(r.t0_ns + t.started_ns) AS started_at,
       assay.instant(r.t0_ns + t.finished_ns) AS finished_at,
       t.intended_ns / 1e9::double precision AS intended_s,
       t.finished_ns / 1e9::double precision AS finished_s,
       (t.finished_ns - t.intended_ns) / 1e6::double precision AS response_ms,
       (t.finished_ns - t.started_ns) / 1e6::double precision AS service_ms,
       (t.started_ns - t.intended_ns - coalesce(t.waited_ns, 0)) / 1e6::double precision AS slip_ms,
       t.waited_ns / 1e6::double precision AS waited_ms,
       t.planned_ns / 1e6::double precision AS planned_ms,
       t.outcome, t.exit_code, t.signal, t.cpu_ns / 1e6::double precision AS cpu_ms, t.max_rss_bytes,
       t.output, t.output_bytes, t.error,
       t.status, (t.connected_ns - t.started_ns) / 1e6::double precision AS connected_ms,
       (t.secured_ns - t.started_ns) / 1e6::double precision AS secured_ms,
       (t.first_byte_ns - t.started_ns) / 1e6::double precision AS first_byte_ms, t.sent_bytes, t.received_bytes,
       (t.created_ns - t.started_ns) / 1e6::double precision AS created_ms,
       (t.running_ns - t.started_ns) / 1e6::double precision AS running_ms
FROM assay.trigger t
JOIN assay.run r ON r.sweep_id = t.sweep_id AND r.run_id = t.run_id
JOIN assay.cell c ON c.cell_id = r.cell_id
JOIN assay.agent a ON a.agent_id = t.agent_id;
COMMENT ON VIEW assay.trigger_time IS 'Every trigger with calendar times (T0 plus what the agent''s monotonic clock measured) and its three durations';
COMMENT ON COLUMN assay.trigger_time.index IS 'Number within the run, from 0';
COMMENT ON COLUMN assay.trigger_time.intended_at IS 'When it should have started';
COMMENT ON COLUMN assay.trigger_time.dispatched_at IS 'When the executor took it up';
COMMENT ON COLUMN assay.trigger_time.started_at IS 'When it really began';
COMMENT ON COLUMN assay.trigger_time.finished_at IS 'When it ended';
COMMENT ON COLUMN assay.trigger_time.intended_s IS 'When it should have started, seconds since T0';
COMMENT ON COLUMN assay.trigger_time.finished_s IS 'When it ended, seconds since T0';
COMMENT ON COLUMN assay.trigger_time.response_ms IS 'From when it should have started to its end, milliseconds';
COMMENT ON COLUMN assay.trigger_time.service_ms IS 'From its real begin to its end, milliseconds';
COMMENT ON COLUMN assay.trigger_time.slip_ms IS 'How late its agent began it, milliseconds: started - intended, less waited_ms';
COMMENT ON COLUMN assay.trigger_time.waited_ms IS 'Of an open loop: how long it waited for room among the triggers in flight (in_flight), milliseconds; null if it did not';
COMMENT ON COLUMN assay.trigger_time.planned_ms IS 'Nominal length of a sleep, milliseconds';
COMMENT ON COLUMN assay.trigger_time.outcome IS 'ok, failed, timeout, cancelled, skipped or lost';
COMMENT ON COLUMN assay.trigger_time.exit_code IS 'Exit code of a process that exited by itself';
COMMENT ON COLUMN assay.trigger_time.signal IS 'Signal that ended the process';
COMMENT ON COLUMN assay.trigger_time.cpu_ms IS 'User and system time of the process, milliseconds';
COMMENT ON COLUMN assay.trigger_time.max_rss_bytes IS 'Most resident memory of the largest among the process and the children it waited for; null where that is not more than the agent''s own peak';
COMMENT ON COLUMN assay.trigger_time.output IS 'First and last 4 KiB of stdout and stderr';
COMMENT ON COLUMN assay.trigger_time.output_bytes IS 'All that it wrote, bytes';
COMMENT ON COLUMN assay.trigger_time.error IS 'Why it is not ok, in words';
COMMENT ON COLUMN assay.trigger_time.status IS 'Status of the answer to a request; null if none came, or if it is no request';
COMMENT ON COLUMN assay.trigger_time.connected_ms IS 'From its begin until its connection was made, milliseconds; null where one was kept alive';
COMMENT ON COLUMN assay.trigger_time.secured_ms IS 'From its begin until TLS was agreed on, milliseconds; null without TLS, and where a connection was kept alive';
COMMENT ON COLUMN assay.trigger_time.first_byte_ms IS 'From its begin to the first byte of the answer, milliseconds; null if none came';
COMMENT ON COLUMN assay.trigger_time.sent_bytes IS 'Of the request''s body';
COMMENT ON COLUMN assay.trigger_time.received_bytes IS 'Of the answer''s body';
COMMENT ON COLUMN assay.trigger_time.created_ms IS 'From its begin until the container engine had made the exec, milliseconds; null for other kinds';
COMMENT ON COLUMN assay.trigger_time.running_ms IS 'From its begin until the container engine had started it, milliseconds; null for other kinds';
