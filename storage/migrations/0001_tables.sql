-- The tables of schema assay. Instants named _ns without "t0" or "wall" are nanoseconds since the run's T0 on the agent's monotonic clock.
-- CHECK constraints spell the state machines of sweep, run and share.

-- Asked first, as CREATE SCHEMA IF NOT EXISTS wants the right to make one even where it is there.
DO $$ BEGIN
  IF to_regnamespace('assay_partitions') IS NULL THEN
    CREATE SCHEMA assay_partitions;
  END IF;
END $$;
COMMENT ON SCHEMA assay_partitions IS 'The rows of trigger, sample and host_sample, a table for each sweep: read them through those';

CREATE TYPE assay.outcome AS ENUM ('ok', 'failed', 'timeout', 'cancelled', 'skipped', 'lost');

CREATE TABLE assay.meta (
  cluster_id text NOT NULL DEFAULT gen_random_uuid()::text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton)
);
INSERT INTO assay.meta DEFAULT VALUES;
COMMENT ON TABLE assay.meta IS 'One row: the identity of this database''s results';
COMMENT ON COLUMN assay.meta.cluster_id IS 'Random identity; agents keep what they have not delivered apart by it';
COMMENT ON COLUMN assay.meta.created_at IS 'When the schema was made';
COMMENT ON COLUMN assay.meta.singleton IS 'Allows one row only';

-- A takeover changes the primary key and so waits for the key-share locks of fenced transactions; a renewal does not.
CREATE TABLE assay.coordinator (
  term bigint PRIMARY KEY,
  holder text NOT NULL,
  expires_at timestamptz NOT NULL,
  singleton boolean NOT NULL DEFAULT true UNIQUE CHECK (singleton)
);
INSERT INTO assay.coordinator (term, holder, expires_at) VALUES (0, '', '-infinity');
COMMENT ON TABLE assay.coordinator IS 'One row: which coordinator may write, and until when';
COMMENT ON COLUMN assay.coordinator.term IS 'Raised with every new coordinator; every write transaction checks it';
COMMENT ON COLUMN assay.coordinator.holder IS 'Who has the lease';
COMMENT ON COLUMN assay.coordinator.expires_at IS 'When the lease ends unless it is renewed, by this server''s clock';
COMMENT ON COLUMN assay.coordinator.singleton IS 'Allows one row only';

CREATE TABLE assay.agent (
  agent_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  host text NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}',
  facts jsonb NOT NULL DEFAULT '{}',
  first_seen timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_seen timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE assay.agent IS 'Every agent that ever connected';
COMMENT ON COLUMN assay.agent.agent_id IS 'Identity of the agent';
COMMENT ON COLUMN assay.agent.name IS 'The name it was started with';
COMMENT ON COLUMN assay.agent.host IS 'Host name of its machine';
COMMENT ON COLUMN assay.agent.labels IS 'Its labels, by which scenarios select agents';
COMMENT ON COLUMN assay.agent.facts IS 'What it says of its machine: processors, memory, cgroup layout, version';
COMMENT ON COLUMN assay.agent.first_seen IS 'First connection';
COMMENT ON COLUMN assay.agent.last_seen IS 'Last connection';

CREATE TABLE assay.sweep (
  sweep_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  about text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'cancelling', 'finished', 'cancelled', 'failed')),
  seed numeric(20) NOT NULL,
  blocks integer NOT NULL CHECK (blocks >= 0),
  scenario_yaml text NOT NULL,
  sets text[] NOT NULL DEFAULT '{}',
  spec bytea NOT NULL,
  pinned_agents text[] NOT NULL DEFAULT '{}',
  cancel_now boolean NOT NULL DEFAULT false,
  failure text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz,
  ended_at timestamptz,
  CHECK (state <> 'pending' OR started_at IS NULL),
  CHECK (state <> 'running' OR started_at IS NOT NULL),
  CHECK ((state IN ('finished', 'cancelled', 'failed')) = (ended_at IS NOT NULL)),
  CHECK (state <> 'failed' OR failure <> ''),
  CHECK (NOT cancel_now OR state NOT IN ('pending', 'running'))
);
COMMENT ON TABLE assay.sweep IS 'One execution of a scenario';
COMMENT ON COLUMN assay.sweep.sweep_id IS 'Identity of the sweep';
COMMENT ON COLUMN assay.sweep.name IS 'The scenario''s name';
COMMENT ON COLUMN assay.sweep.about IS 'What the scenario says of itself';
COMMENT ON COLUMN assay.sweep.state IS 'pending, running, cancelling, finished, cancelled or failed';
COMMENT ON COLUMN assay.sweep.seed IS 'All random draws and the order of cells follow from it';
COMMENT ON COLUMN assay.sweep.blocks IS 'Passes over all cells';
COMMENT ON COLUMN assay.sweep.scenario_yaml IS 'The scenario as it was given';
COMMENT ON COLUMN assay.sweep.sets IS 'The --set arguments it was given';
COMMENT ON COLUMN assay.sweep.spec IS 'What all cells share: message assay.v1.SweepSpec';
COMMENT ON COLUMN assay.sweep.pinned_agents IS 'Agents that fire, the same for all its runs unless one is gone for good';
COMMENT ON COLUMN assay.sweep.cancel_now IS 'Cancelled with what was in flight killed';
COMMENT ON COLUMN assay.sweep.failure IS 'Why it failed, else empty';
COMMENT ON COLUMN assay.sweep.created_at IS 'When it was asked for';
COMMENT ON COLUMN assay.sweep.started_at IS 'When it first ran';
COMMENT ON COLUMN assay.sweep.ended_at IS 'When it finished, failed or was cancelled';

CREATE TABLE assay.cell (
  cell_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sweep_id bigint NOT NULL REFERENCES assay.sweep ON DELETE CASCADE,
  position integer NOT NULL CHECK (position >= 0),
  label text NOT NULL,
  target text NOT NULL,
  params jsonb NOT NULL,
  spec bytea NOT NULL,
  sleep_min_ns bigint,
  sleep_max_ns bigint,
  loop text NOT NULL DEFAULT 'closed' CHECK (loop IN ('closed', 'open')),
  UNIQUE (sweep_id, position),
  UNIQUE (sweep_id, cell_id)
);
COMMENT ON TABLE assay.cell IS 'One point of a sweep''s grid';
COMMENT ON COLUMN assay.cell.cell_id IS 'Identity of the cell';
COMMENT ON COLUMN assay.cell.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.cell.position IS 'Place in the grid, from 0';
COMMENT ON COLUMN assay.cell.label IS 'Its parameters for people: tasks=1000 sleep=1ms..10ms';
COMMENT ON COLUMN assay.cell.target IS 'System under test';
COMMENT ON COLUMN assay.cell.params IS 'Values of the grid''s axes, as the scenario writes them';
COMMENT ON COLUMN assay.cell.spec IS 'What it asks of the agents: message assay.v1.CellSpec';
COMMENT ON COLUMN assay.cell.sleep_min_ns IS 'Lower bound of the sleeps it asks for, nanoseconds; null if they have none or are no sleeps';
COMMENT ON COLUMN assay.cell.sleep_max_ns IS 'Upper bound of the sleeps it asks for, nanoseconds; null if they have none or are no sleeps';
COMMENT ON COLUMN assay.cell.loop IS 'closed (a trigger starts when another ends) or open (triggers are due at instants of their own)';

CREATE TABLE assay.run (
  run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sweep_id bigint NOT NULL REFERENCES assay.sweep ON DELETE CASCADE,
  cell_id bigint NOT NULL,
  block integer NOT NULL CHECK (block >= 0),
  attempt integer NOT NULL CHECK (attempt >= 1),
  state text NOT NULL DEFAULT 'preparing' CHECK (state IN ('preparing', 'running', 'draining', 'ended')),
  verdict text NOT NULL DEFAULT 'running' CHECK (verdict IN ('running', 'accepted', 'rejected')),
  t0_ns bigint,
  error text NOT NULL DEFAULT '',
  has_late_rows boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  FOREIGN KEY (sweep_id, cell_id) REFERENCES assay.cell (sweep_id, cell_id) ON DELETE CASCADE,
  UNIQUE (cell_id, block, attempt),
  UNIQUE (sweep_id, run_id),
  CHECK ((verdict = 'running') = (state <> 'ended')),
  CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
  CHECK (CASE state WHEN 'preparing' THEN t0_ns IS NULL WHEN 'ended' THEN t0_ns IS NOT NULL OR error <> '' ELSE t0_ns IS NOT NULL END),
  CHECK (verdict <> 'accepted' OR t0_ns IS NOT NULL)
);
CREATE UNIQUE INDEX run_one_accepted ON assay.run (cell_id, block) WHERE verdict = 'accepted';
COMMENT ON TABLE assay.run IS 'One execution of one cell in one block; a repeated try is a new run';
COMMENT ON COLUMN assay.run.run_id IS 'Identity of the run';
COMMENT ON COLUMN assay.run.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.run.cell_id IS 'Cell that was executed';
COMMENT ON COLUMN assay.run.block IS 'Pass over the cells, from 1';
COMMENT ON COLUMN assay.run.attempt IS 'Try within cell and block, from 1';
COMMENT ON COLUMN assay.run.state IS 'preparing, running, draining or ended';
COMMENT ON COLUMN assay.run.verdict IS 'running, accepted or rejected';
COMMENT ON COLUMN assay.run.t0_ns IS 'T0 in coordinator time, Unix nanoseconds; null if it never fired';
COMMENT ON COLUMN assay.run.error IS 'Why it never fired, was cancelled or failed as a whole, else empty';
COMMENT ON COLUMN assay.run.has_late_rows IS 'Records came after its verdict, and it is still to be judged anew: its flags and its results in run_summary are of before them';
COMMENT ON COLUMN assay.run.created_at IS 'When it was begun to be prepared';
COMMENT ON COLUMN assay.run.ended_at IS 'When its verdict was first stored';

CREATE TABLE assay.floor (
  floor_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_id bigint NOT NULL REFERENCES assay.agent,
  kind text NOT NULL,
  container text,
  concurrency integer NOT NULL CHECK (concurrency >= 1),
  measured_at timestamptz NOT NULL,
  triggers bigint NOT NULL CHECK (triggers >= 0),
  rate_per_s double precision,
  service_p50_ms double precision,
  service_p99_ms double precision,
  error text NOT NULL,
  UNIQUE (agent_id, kind, concurrency, measured_at),
  CHECK (CASE WHEN error = '' THEN num_nulls(rate_per_s, service_p50_ms, service_p99_ms) = 0
         ELSE num_nonnulls(rate_per_s, service_p50_ms, service_p99_ms) = 0 END)
);
COMMENT ON TABLE assay.floor IS 'What each kind of trigger costs on an agent by itself, as it was measured while runs were prepared; read it as floors';
COMMENT ON COLUMN assay.floor.floor_id IS 'Identity of the measurement';
COMMENT ON COLUMN assay.floor.agent_id IS 'Agent that measured it';
COMMENT ON COLUMN assay.floor.kind IS 'Kind of trigger, as scenarios name it';
COMMENT ON COLUMN assay.floor.container IS 'Container that its triggers ran in; null for other kinds';
COMMENT ON COLUMN assay.floor.concurrency IS 'Triggers in flight at once';
COMMENT ON COLUMN assay.floor.measured_at IS 'When, by the agent''s clock';
COMMENT ON COLUMN assay.floor.triggers IS 'Triggers that it was taken from';
COMMENT ON COLUMN assay.floor.rate_per_s IS 'Triggers per second; null if it could not be measured';
COMMENT ON COLUMN assay.floor.service_p50_ms IS 'Median of finished - started, milliseconds';
COMMENT ON COLUMN assay.floor.service_p99_ms IS '99th percentile of finished - started, milliseconds';
COMMENT ON COLUMN assay.floor.error IS 'Why it could not be measured, else empty';

CREATE TABLE assay.share (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint NOT NULL REFERENCES assay.agent,
  incarnation text NOT NULL,
  first_index bigint NOT NULL CHECK (first_index >= 0),
  count bigint NOT NULL CHECK (count >= 0),
  stride bigint NOT NULL CHECK (stride >= 1),
  slots integer NOT NULL CHECK (slots >= 0),
  samples boolean NOT NULL,
  state text NOT NULL DEFAULT 'leased' CHECK (state IN ('leased', 'ended', 'lost')),
  begun_at timestamptz,
  lost_at timestamptz,
  lost_reason text,
  ended_at timestamptz,
  committed_at timestamptz,
  fired bigint,
  crashed boolean,
  interrupted boolean,
  sampler_ticks bigint,
  missed_ticks bigint,
  backpressured boolean,
  backpressured_ns bigint,
  clock_offset_ns bigint,
  clock_bound_ns bigint,
  first_dispatch_ns bigint,
  first_intended_ns bigint,
  sampled_until_ns bigint,
  t0_wall_ns bigint,
  error text,
  unmatched_cgroups text[],
  floor_id bigint REFERENCES assay.floor,
  PRIMARY KEY (run_id, agent_id),
  FOREIGN KEY (sweep_id, run_id) REFERENCES assay.run (sweep_id, run_id) ON DELETE CASCADE,
  CHECK ((state = 'lost') = (lost_at IS NOT NULL) AND (state = 'lost') = (lost_reason IS NOT NULL)),
  CHECK (CASE state WHEN 'leased' THEN ended_at IS NULL WHEN 'ended' THEN ended_at IS NOT NULL ELSE true END),
  CHECK ((ended_at IS NULL) = (fired IS NULL) AND (ended_at IS NULL) = (error IS NULL))
);
CREATE INDEX share_agent ON assay.share (agent_id);
COMMENT ON TABLE assay.share IS 'The part of a run that one agent executes';
COMMENT ON COLUMN assay.share.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.share.run_id IS 'Run it is a part of';
COMMENT ON COLUMN assay.share.agent_id IS 'Agent that holds it';
COMMENT ON COLUMN assay.share.incarnation IS 'The process of that agent, new with each of its starts';
COMMENT ON COLUMN assay.share.first_index IS 'Index of its first trigger';
COMMENT ON COLUMN assay.share.count IS 'Triggers it is to fire; 0 if a duration bounds it, or if it only samples';
COMMENT ON COLUMN assay.share.stride IS 'Distance between its trigger indices';
COMMENT ON COLUMN assay.share.slots IS 'Its part of the concurrency; 0 if it only samples';
COMMENT ON COLUMN assay.share.samples IS 'Whether it samples cgroups or the host';
COMMENT ON COLUMN assay.share.state IS 'leased, ended (its last record is stored) or lost (its agent was given up)';
COMMENT ON COLUMN assay.share.begun_at IS 'When the record of its begin was stored';
COMMENT ON COLUMN assay.share.lost_at IS 'When its agent was given up';
COMMENT ON COLUMN assay.share.lost_reason IS 'Why its agent was given up';
COMMENT ON COLUMN assay.share.ended_at IS 'When its last record was stored; a lost share may still get one';
COMMENT ON COLUMN assay.share.committed_at IS 'First instant at which the commit of its last record was known to be over; null if the coordinator died just then';
COMMENT ON COLUMN assay.share.fired IS 'Trigger records that the agent wrote';
COMMENT ON COLUMN assay.share.crashed IS 'Its agent''s process died; the next one closed the share';
COMMENT ON COLUMN assay.share.interrupted IS 'It stopped before it had done all because its lease ran out or its agent was told to stop';
COMMENT ON COLUMN assay.share.sampler_ticks IS 'Sampling ticks that were due';
COMMENT ON COLUMN assay.share.missed_ticks IS 'Sampling ticks that were missed';
COMMENT ON COLUMN assay.share.backpressured IS 'Firing stopped for a while because results could not be delivered';
COMMENT ON COLUMN assay.share.backpressured_ns IS 'For how long, nanoseconds';
COMMENT ON COLUMN assay.share.clock_offset_ns IS 'Coordinator time less the agent''s monotonic clock as used for T0, nanoseconds; null if it had no T0 or crashed';
COMMENT ON COLUMN assay.share.clock_bound_ns IS 'The error of that offset is at most this, nanoseconds; null where that is';
COMMENT ON COLUMN assay.share.first_dispatch_ns IS 'First dispatch since T0, nanoseconds; null if there was none or it crashed';
COMMENT ON COLUMN assay.share.first_intended_ns IS 'When that trigger was due, nanoseconds since T0: 0 in a closed loop; null where that is';
COMMENT ON COLUMN assay.share.sampled_until_ns IS 'Last sampling tick since T0, nanoseconds';
COMMENT ON COLUMN assay.share.t0_wall_ns IS 'The agent''s wall clock at T0, Unix nanoseconds';
COMMENT ON COLUMN assay.share.error IS 'Why it did not do all it was asked; empty if it did';
COMMENT ON COLUMN assay.share.unmatched_cgroups IS 'Entries of sample (cgroups, containers, ...) that matched nothing on its host, and why if that is known';
COMMENT ON COLUMN assay.share.floor_id IS 'The floor of its kind of trigger and its concurrency as known when it began; null if floors are not measured there, or not of this kind';

CREATE TABLE assay.trigger (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint NOT NULL,
  index bigint NOT NULL,
  intended_ns bigint,
  dispatched_ns bigint,
  started_ns bigint,
  finished_ns bigint,
  planned_ns bigint,
  outcome assay.outcome NOT NULL,
  exit_code integer,
  signal integer,
  cpu_ns bigint,
  max_rss_bytes bigint,
  output bytea,
  output_bytes bigint,
  error text,
  status integer,
  connected_ns bigint,
  secured_ns bigint,
  first_byte_ns bigint,
  sent_bytes bigint,
  received_bytes bigint,
  created_ns bigint,
  running_ns bigint,
  waited_ns bigint
) PARTITION BY LIST (sweep_id);
COMMENT ON TABLE assay.trigger IS 'What an agent fired, each once; partitioned by sweep';
COMMENT ON COLUMN assay.trigger.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.trigger.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.trigger.agent_id IS 'Agent that fired it, or was to';
COMMENT ON COLUMN assay.trigger.index IS 'Number within the run, from 0';
COMMENT ON COLUMN assay.trigger.intended_ns IS 'When it should have started, nanoseconds since T0; null if lost';
COMMENT ON COLUMN assay.trigger.dispatched_ns IS 'When the executor took it up, nanoseconds since T0';
COMMENT ON COLUMN assay.trigger.started_ns IS 'When it really began, nanoseconds since T0; of a process: just before the fork, so that starting it is part of its time; null if it never did';
COMMENT ON COLUMN assay.trigger.finished_ns IS 'When it ended, nanoseconds since T0; null if it never started';
COMMENT ON COLUMN assay.trigger.planned_ns IS 'Nominal length of a sleep, nanoseconds; null where it is not known beforehand';
COMMENT ON COLUMN assay.trigger.outcome IS 'ok, failed, timeout, cancelled, skipped (never started: its deadline was past) or lost (its agent died)';
COMMENT ON COLUMN assay.trigger.exit_code IS 'Exit code of a process that exited by itself';
COMMENT ON COLUMN assay.trigger.signal IS 'Signal that ended the process';
COMMENT ON COLUMN assay.trigger.cpu_ns IS 'User and system time of the process and of the children it waited for, nanoseconds';
COMMENT ON COLUMN assay.trigger.max_rss_bytes IS 'Most resident memory of the largest among the process and the children it waited for; null where that is not more than the agent''s own peak, which the kernel counts in';
COMMENT ON COLUMN assay.trigger.output IS 'First and last 4 KiB of stdout and stderr; of a request''s answer if its status was not expected';
COMMENT ON COLUMN assay.trigger.output_bytes IS 'All that it wrote, bytes';
COMMENT ON COLUMN assay.trigger.error IS 'Why it is not ok, in words';
COMMENT ON COLUMN assay.trigger.status IS 'Status of the answer to a request, null if none came; of a gRPC call its code (0 OK, 4 deadline, 14 unavailable, ...), whoever gave it; null if it is no request';
COMMENT ON COLUMN assay.trigger.connected_ns IS 'When its connection was made, nanoseconds since T0; null where one was kept alive';
COMMENT ON COLUMN assay.trigger.secured_ns IS 'When TLS was agreed on, nanoseconds since T0; null without TLS, and where a connection was kept alive';
COMMENT ON COLUMN assay.trigger.first_byte_ns IS 'When the answer''s first byte came, nanoseconds since T0; null if none came';
COMMENT ON COLUMN assay.trigger.sent_bytes IS 'Of the request''s body';
COMMENT ON COLUMN assay.trigger.received_bytes IS 'Of the answer''s body';
COMMENT ON COLUMN assay.trigger.created_ns IS 'When the container engine had made the exec, nanoseconds since T0; null for other kinds';
COMMENT ON COLUMN assay.trigger.running_ns IS 'When the container engine had started it, nanoseconds since T0; null for other kinds';
COMMENT ON COLUMN assay.trigger.waited_ns IS 'In an open loop: from intended_ns until there was room for it among the triggers in flight (in_flight), or until its deadline was past, nanoseconds; null if it did not wait for that';

CREATE TABLE assay.sample (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint NOT NULL,
  tick bigint NOT NULL,
  read_begin_ns bigint NOT NULL,
  read_end_ns bigint NOT NULL,
  cgroup text NOT NULL,
  inode bigint NOT NULL,
  cpu_usage_ns bigint,
  cpu_user_ns bigint,
  cpu_system_ns bigint,
  throttled_ns bigint,
  nr_throttled bigint,
  memory_current_bytes bigint,
  memory_inactive_file_bytes bigint,
  memory_anon_bytes bigint,
  memory_peak_bytes bigint,
  oom_kills bigint,
  io_read_bytes bigint,
  io_write_bytes bigint,
  io_read_ops bigint,
  io_write_ops bigint,
  pids bigint,
  cpu_some_us bigint,
  memory_some_us bigint,
  memory_full_us bigint,
  io_some_us bigint,
  io_full_us bigint,
  net_rx_bytes bigint,
  net_tx_bytes bigint,
  net_rx_packets bigint,
  net_tx_packets bigint
) PARTITION BY LIST (sweep_id);
COMMENT ON TABLE assay.sample IS 'One reading of one cgroup: raw cumulative counters, null where this kernel or hierarchy has none; partitioned by sweep';
COMMENT ON COLUMN assay.sample.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.sample.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.sample.agent_id IS 'Agent that read it';
COMMENT ON COLUMN assay.sample.tick IS 'Number of the sampling tick, from 0; a reading between two ticks (a container was started, or died) has that of the first';
COMMENT ON COLUMN assay.sample.read_begin_ns IS 'Before the read, nanoseconds since T0';
COMMENT ON COLUMN assay.sample.read_end_ns IS 'After the read, nanoseconds since T0';
COMMENT ON COLUMN assay.sample.cgroup IS 'Path below the cgroup root; run: the one that holds the processes of the run''s triggers (sample.run)';
COMMENT ON COLUMN assay.sample.inode IS 'Identity of the cgroup''s directory: a new one is a new series';
COMMENT ON COLUMN assay.sample.cpu_usage_ns IS 'CPU time used, nanoseconds';
COMMENT ON COLUMN assay.sample.cpu_user_ns IS 'CPU time used in user mode, nanoseconds';
COMMENT ON COLUMN assay.sample.cpu_system_ns IS 'CPU time used in the kernel, nanoseconds';
COMMENT ON COLUMN assay.sample.throttled_ns IS 'Time throttled by a CPU limit, nanoseconds';
COMMENT ON COLUMN assay.sample.nr_throttled IS 'Periods throttled by a CPU limit';
COMMENT ON COLUMN assay.sample.memory_current_bytes IS 'Memory charged now, bytes, page cache included';
COMMENT ON COLUMN assay.sample.memory_inactive_file_bytes IS 'Of that, page cache the kernel may drop first, bytes';
COMMENT ON COLUMN assay.sample.memory_anon_bytes IS 'Of that, anonymous memory, bytes';
COMMENT ON COLUMN assay.sample.memory_peak_bytes IS 'Highest memory charge since the cgroup was made, bytes';
COMMENT ON COLUMN assay.sample.oom_kills IS 'Processes killed for want of memory';
COMMENT ON COLUMN assay.sample.io_read_bytes IS 'Bytes read from block devices';
COMMENT ON COLUMN assay.sample.io_write_bytes IS 'Bytes written to block devices';
COMMENT ON COLUMN assay.sample.io_read_ops IS 'Reads from block devices';
COMMENT ON COLUMN assay.sample.io_write_ops IS 'Writes to block devices';
COMMENT ON COLUMN assay.sample.pids IS 'Processes and threads now';
COMMENT ON COLUMN assay.sample.cpu_some_us IS 'Time in which some task waited for CPU, microseconds (PSI)';
COMMENT ON COLUMN assay.sample.memory_some_us IS 'Time in which some task waited for memory, microseconds (PSI)';
COMMENT ON COLUMN assay.sample.memory_full_us IS 'Time in which all tasks waited for memory, microseconds (PSI)';
COMMENT ON COLUMN assay.sample.io_some_us IS 'Time in which some task waited for I/O, microseconds (PSI)';
COMMENT ON COLUMN assay.sample.io_full_us IS 'Time in which all tasks waited for I/O, microseconds (PSI)';
COMMENT ON COLUMN assay.sample.net_rx_bytes IS 'Received in the container''s network namespace on all interfaces but lo, bytes; null if it is no container, uses the host''s network, or shares a namespace that another series counts';
COMMENT ON COLUMN assay.sample.net_tx_bytes IS 'Sent likewise, bytes';
COMMENT ON COLUMN assay.sample.net_rx_packets IS 'Received likewise, packets';
COMMENT ON COLUMN assay.sample.net_tx_packets IS 'Sent likewise, packets';

CREATE TABLE assay.series (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint NOT NULL REFERENCES assay.agent,
  cgroup text NOT NULL,
  inode bigint NOT NULL,
  started_ns bigint,
  container text,
  container_id text,
  image text,
  labels jsonb,
  compose_project text,
  compose_service text,
  pod text,
  pod_namespace text,
  unit text,
  PRIMARY KEY (run_id, agent_id, cgroup, inode),
  FOREIGN KEY (sweep_id, run_id) REFERENCES assay.run (sweep_id, run_id) ON DELETE CASCADE
);
COMMENT ON TABLE assay.series IS 'What the samples of one cgroup are of: one row per run, agent, cgroup and inode. A restarted container has the same name and a new row';
COMMENT ON COLUMN assay.series.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.series.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.series.agent_id IS 'Agent that sampled it';
COMMENT ON COLUMN assay.series.cgroup IS 'Path below the cgroup root; run: the one that holds the processes of the run''s triggers (sample.run)';
COMMENT ON COLUMN assay.series.inode IS 'Identity of the cgroup''s directory: a new one is a new series';
COMMENT ON COLUMN assay.series.started_ns IS 'When the container''s first process was started, nanoseconds since T0, to the kernel''s 10 ms; null if it is no container, or its processes cannot be seen';
COMMENT ON COLUMN assay.series.container IS 'Name of the container, or the first 12 digits of its id where nothing on the host tells a name; null if it is none';
COMMENT ON COLUMN assay.series.container_id IS 'Id of the container, 64 hexadecimal digits';
COMMENT ON COLUMN assay.series.image IS 'Image of the container, as its engine calls it; null where that is not known';
COMMENT ON COLUMN assay.series.labels IS 'Labels of the container; null where there are none or they are not known';
COMMENT ON COLUMN assay.series.compose_project IS 'Compose project of the container';
COMMENT ON COLUMN assay.series.compose_service IS 'Compose service of the container';
COMMENT ON COLUMN assay.series.pod IS 'Kubernetes pod of the container';
COMMENT ON COLUMN assay.series.pod_namespace IS 'Kubernetes namespace of that pod';
COMMENT ON COLUMN assay.series.unit IS 'systemd unit whose cgroup this is, or that it lies in';

CREATE TABLE assay.host_sample (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint NOT NULL,
  tick bigint NOT NULL,
  read_begin_ns bigint NOT NULL,
  read_end_ns bigint NOT NULL,
  cpu_user_ns bigint,
  cpu_system_ns bigint,
  cpu_idle_ns bigint,
  cpu_iowait_ns bigint,
  cpu_steal_ns bigint,
  cpus bigint NOT NULL,
  memory_total_bytes bigint,
  memory_available_bytes bigint,
  swap_used_bytes bigint,
  load_milli bigint,
  cpu_some_us bigint,
  memory_some_us bigint,
  memory_full_us bigint,
  io_some_us bigint,
  io_full_us bigint,
  agent_cpu_ns bigint,
  agent_memory_bytes bigint,
  sampler_cpu_ns bigint
) PARTITION BY LIST (sweep_id);
COMMENT ON TABLE assay.host_sample IS 'One reading of a host and of the agent on it: raw cumulative counters; partitioned by sweep';
COMMENT ON COLUMN assay.host_sample.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.host_sample.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.host_sample.agent_id IS 'Agent that read it';
COMMENT ON COLUMN assay.host_sample.tick IS 'Number of the sampling tick, from 0';
COMMENT ON COLUMN assay.host_sample.read_begin_ns IS 'Before the read, nanoseconds since T0';
COMMENT ON COLUMN assay.host_sample.read_end_ns IS 'After the read, nanoseconds since T0';
COMMENT ON COLUMN assay.host_sample.cpu_user_ns IS 'CPU time in user mode over all processors, nanoseconds';
COMMENT ON COLUMN assay.host_sample.cpu_system_ns IS 'CPU time in the kernel, interrupts included, nanoseconds';
COMMENT ON COLUMN assay.host_sample.cpu_idle_ns IS 'Idle CPU time, nanoseconds';
COMMENT ON COLUMN assay.host_sample.cpu_iowait_ns IS 'Idle CPU time while I/O was under way, nanoseconds';
COMMENT ON COLUMN assay.host_sample.cpu_steal_ns IS 'CPU time that the hypervisor gave to others, nanoseconds';
COMMENT ON COLUMN assay.host_sample.cpus IS 'Processors';
COMMENT ON COLUMN assay.host_sample.memory_total_bytes IS 'Memory of the host, bytes';
COMMENT ON COLUMN assay.host_sample.memory_available_bytes IS 'Memory available without swapping, bytes';
COMMENT ON COLUMN assay.host_sample.swap_used_bytes IS 'Swap in use, bytes';
COMMENT ON COLUMN assay.host_sample.load_milli IS 'Load average over a minute, times 1000';
COMMENT ON COLUMN assay.host_sample.cpu_some_us IS 'Time in which some task waited for CPU, microseconds (PSI)';
COMMENT ON COLUMN assay.host_sample.memory_some_us IS 'Time in which some task waited for memory, microseconds (PSI)';
COMMENT ON COLUMN assay.host_sample.memory_full_us IS 'Time in which all tasks waited for memory, microseconds (PSI)';
COMMENT ON COLUMN assay.host_sample.io_some_us IS 'Time in which some task waited for I/O, microseconds (PSI)';
COMMENT ON COLUMN assay.host_sample.io_full_us IS 'Time in which all tasks waited for I/O, microseconds (PSI)';
COMMENT ON COLUMN assay.host_sample.agent_cpu_ns IS 'CPU time of the agent''s own process, nanoseconds';
COMMENT ON COLUMN assay.host_sample.agent_memory_bytes IS 'Resident memory of the agent, bytes';
COMMENT ON COLUMN assay.host_sample.sampler_cpu_ns IS 'Of the agent''s CPU time, the sampler''s thread, nanoseconds';

CREATE TABLE assay.flag (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  code text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('info', 'warning', 'reject')),
  detail text NOT NULL,
  FOREIGN KEY (sweep_id, run_id) REFERENCES assay.run (sweep_id, run_id) ON DELETE CASCADE
);
CREATE INDEX flag_run ON assay.flag (run_id);
COMMENT ON TABLE assay.flag IS 'Findings about a run''s validity';
COMMENT ON COLUMN assay.flag.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.flag.run_id IS 'Run it is about';
COMMENT ON COLUMN assay.flag.code IS 'What was found: agent_lost, slip, sampler_gap, ...';
COMMENT ON COLUMN assay.flag.severity IS 'info, warning or reject (the run is not accepted)';
COMMENT ON COLUMN assay.flag.detail IS 'The finding in words, with its numbers';

CREATE TABLE assay.delivery (
  stream text PRIMARY KEY,
  agent_id bigint NOT NULL REFERENCES assay.agent,
  last_seq bigint NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE assay.delivery IS 'How far each agent process''s results are stored; advanced in the transaction that stores them';
COMMENT ON COLUMN assay.delivery.stream IS 'Incarnation of the agent that measured';
COMMENT ON COLUMN assay.delivery.agent_id IS 'That agent';
COMMENT ON COLUMN assay.delivery.last_seq IS 'Number of the last batch that is stored';
COMMENT ON COLUMN assay.delivery.opened_at IS 'First connection of the stream';

CREATE TABLE assay.hook (
  hook_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sweep_id bigint NOT NULL REFERENCES assay.sweep ON DELETE CASCADE,
  run_id bigint REFERENCES assay.run ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind IN ('before_sweep', 'after_sweep', 'before_run', 'after_run')),
  place text NOT NULL,
  incarnation text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'ok', 'failed')),
  interrupted boolean NOT NULL DEFAULT false,
  exit_code integer,
  error text NOT NULL DEFAULT '',
  output bytea,
  elapsed_ns bigint,
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((state = 'running') = (elapsed_ns IS NULL)),
  CHECK (NOT interrupted OR state = 'failed'),
  CHECK ((kind IN ('before_run', 'after_run')) = (run_id IS NOT NULL))
);
CREATE INDEX hook_sweep ON assay.hook (sweep_id);
CREATE INDEX hook_run ON assay.hook (run_id);
COMMENT ON TABLE assay.hook IS 'Commands run around a sweep or a run';
COMMENT ON COLUMN assay.hook.hook_id IS 'Identity of the hook''s execution';
COMMENT ON COLUMN assay.hook.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.hook.run_id IS 'Run it belongs to; null for the sweep''s own hooks';
COMMENT ON COLUMN assay.hook.kind IS 'before_sweep, after_sweep, before_run or after_run';
COMMENT ON COLUMN assay.hook.place IS 'Agent it ran on, or coordinator';
COMMENT ON COLUMN assay.hook.incarnation IS 'Process of the agent that it was given to, the only one that may run it; empty on the coordinator';
COMMENT ON COLUMN assay.hook.state IS 'running, ok or failed';
COMMENT ON COLUMN assay.hook.interrupted IS 'Failed because its agent or the coordinator ended or was given up, not by itself: its run is tried again';
COMMENT ON COLUMN assay.hook.exit_code IS 'Exit code';
COMMENT ON COLUMN assay.hook.error IS 'Why it failed, else empty';
COMMENT ON COLUMN assay.hook.output IS 'First and last 4 KiB of stdout and stderr';
COMMENT ON COLUMN assay.hook.elapsed_ns IS 'How long it took, nanoseconds';
COMMENT ON COLUMN assay.hook.begun_at IS 'When it was begun';

CREATE TABLE assay.hook_step (
  hook_id bigint NOT NULL REFERENCES assay.hook ON DELETE CASCADE,
  step integer NOT NULL CHECK (step >= 1),
  container text NOT NULL,
  action text NOT NULL CHECK (action IN ('stop', 'start', 'wait')),
  begun_at timestamptz NOT NULL,
  ended_at timestamptz NOT NULL,
  error text NOT NULL DEFAULT '',
  PRIMARY KEY (hook_id, step)
);
COMMENT ON TABLE assay.hook_step IS 'What hooks on containers did, one action on one container after the other';
COMMENT ON COLUMN assay.hook_step.hook_id IS 'Hook it belongs to';
COMMENT ON COLUMN assay.hook_step.step IS 'Its place among the hook''s steps, from 1';
COMMENT ON COLUMN assay.hook_step.container IS 'Name of the container';
COMMENT ON COLUMN assay.hook_step.action IS 'stop (until it has ended: by SIGTERM, or by SIGKILL after the container''s stop timeout, 10 s unless it was made with another), start, or wait (until it runs or is healthy)';
COMMENT ON COLUMN assay.hook_step.begun_at IS 'When the engine was asked, by the coordinator''s clock, as T0 is';
COMMENT ON COLUMN assay.hook_step.ended_at IS 'When it was done, or given up, by the same clock';
COMMENT ON COLUMN assay.hook_step.error IS 'Why it did not do what was asked, else empty';

CREATE TABLE assay.run_result (
  run_id bigint PRIMARY KEY REFERENCES assay.run ON DELETE CASCADE,
  agents bigint NOT NULL,
  slots bigint,
  triggers bigint NOT NULL,
  ok bigint NOT NULL,
  failed bigint NOT NULL,
  timeout bigint NOT NULL,
  cancelled bigint NOT NULL,
  skipped bigint NOT NULL,
  lost bigint NOT NULL,
  t0 timestamptz,
  makespan_s double precision,
  task_sum_s double precision,
  ideal_s double precision,
  list_schedule_s double precision,
  planned_list_schedule_s double precision,
  throughput_per_s double precision,
  goodput_per_s double precision,
  last_finish_s double precision,
  planned_sum_s double precision,
  planned_min_s double precision,
  planned_max_s double precision,
  response_p50_ms double precision,
  response_p90_ms double precision,
  response_p99_ms double precision,
  response_max_ms double precision,
  service_p50_ms double precision,
  service_p90_ms double precision,
  service_p99_ms double precision,
  service_max_ms double precision,
  slip_p50_ms double precision,
  slip_p90_ms double precision,
  slip_p99_ms double precision,
  slip_max_ms double precision,
  start_skew_ms double precision,
  start_skew_bound_ms double precision,
  committed_at timestamptz,
  floor_per_s double precision,
  floor_p50_ms double precision,
  floor_p99_ms double precision,
  offered_per_s double precision
);
COMMENT ON TABLE assay.run_result IS 'Results of ended runs, computed once by refresh_run; read them as run_summary';
