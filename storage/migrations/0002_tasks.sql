-- What the target did: its tasks, by whoever tells of them, and what drivers and collectors found.

CREATE TABLE assay.task (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint,
  origin text NOT NULL,
  task text NOT NULL,
  index bigint,
  remote_id text,
  name text,
  attempt integer NOT NULL DEFAULT 1,
  state text NOT NULL,
  outcome assay.outcome,
  cached boolean NOT NULL DEFAULT false,
  created_ns bigint,
  scheduled_ns bigint,
  queued_ns bigint,
  ready_ns bigint,
  started_ns bigint,
  finished_ns bigint,
  body_started_ns bigint,
  body_finished_ns bigint,
  recorded_ns bigint,
  error_ns bigint NOT NULL DEFAULT 0,
  instants_from text,
  worker text,
  error text,
  planned_ns bigint
) PARTITION BY LIST (sweep_id);
COMMENT ON TABLE assay.task IS 'Units of work in the target, a row for each and each witness; partitioned by sweep';
COMMENT ON COLUMN assay.task.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.task.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.task.agent_id IS 'Agent that the record came by; null: the coordinator';
COMMENT ON COLUMN assay.task.origin IS 'Who tells: driver (while it happened), or postgres, csv, http (the target''s own records, read after the run)';
COMMENT ON COLUMN assay.task.task IS 'By which the witness knows it';
COMMENT ON COLUMN assay.task.index IS 'Trigger that it came of; null where that is not known';
COMMENT ON COLUMN assay.task.remote_id IS 'Workflow run that it is part of, as trigger.remote_id; null: none';
COMMENT ON COLUMN assay.task.name IS 'What the target calls this kind of task';
COMMENT ON COLUMN assay.task.attempt IS 'Try, from 1';
COMMENT ON COLUMN assay.task.state IS 'Last state, in the target''s words; not told: a driver was given this task and told nothing of it';
COMMENT ON COLUMN assay.task.outcome IS 'What that state means; null: it has not ended, as far as the witness knows';
COMMENT ON COLUMN assay.task.cached IS 'The target did not run it, but took an earlier result';
COMMENT ON COLUMN assay.task.created_ns IS 'When the target knew of it, nanoseconds since T0, as all instants here; null where the witness does not tell';
COMMENT ON COLUMN assay.task.scheduled_ns IS 'When the scheduler had decided to run it';
COMMENT ON COLUMN assay.task.queued_ns IS 'When it was put into a queue of whoever was to run it';
COMMENT ON COLUMN assay.task.ready_ns IS 'When all it needs was there: from then on only the target held it back';
COMMENT ON COLUMN assay.task.started_ns IS 'When it began, as the target counts it';
COMMENT ON COLUMN assay.task.finished_ns IS 'When it ended, as the target counts it';
COMMENT ON COLUMN assay.task.body_started_ns IS 'When its code began, as that code says itself';
COMMENT ON COLUMN assay.task.body_finished_ns IS 'When its code ended, as that code says itself';
COMMENT ON COLUMN assay.task.recorded_ns IS 'When the record was there: written as the target says, or first seen';
COMMENT ON COLUMN assay.task.error_ns IS 'Every instant is right to within this: the resolution and the clocks';
COMMENT ON COLUMN assay.task.instants_from IS 'Where the instants come from, if not all from the origin: started=worker,created=client';
COMMENT ON COLUMN assay.task.worker IS 'Who ran it';
COMMENT ON COLUMN assay.task.error IS 'Why it is not ok, in the target''s words';
COMMENT ON COLUMN assay.task.planned_ns IS 'Nominal length as the witness tells it, nanoseconds; null: it does not';

-- Sweeps from before have no tasks, but each sweep has its partition of every such table.
DO $$
DECLARE
  kept bigint;
BEGIN
  FOR kept IN SELECT sweep_id FROM assay.sweep LOOP
    EXECUTE format('CREATE TABLE assay_partitions.task_%1$s (LIKE assay.task INCLUDING ALL, CHECK (sweep_id = %1$s));'
                   'ALTER TABLE assay_partitions.task_%1$s ALTER sweep_id SET DEFAULT %1$s;'
                   'CREATE INDEX task_%1$s_run ON assay_partitions.task_%1$s USING brin (run_id) WITH (pages_per_range = 32);'
                   'ALTER TABLE assay.task ATTACH PARTITION assay_partitions.task_%1$s FOR VALUES IN (%1$s)', kept);
  END LOOP;
END
$$;

CREATE TABLE assay.span (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint NOT NULL REFERENCES assay.agent,
  name text NOT NULL,
  begun_ns bigint NOT NULL,
  ended_ns bigint NOT NULL,
  FOREIGN KEY (sweep_id, run_id) REFERENCES assay.run (sweep_id, run_id) ON DELETE CASCADE
);
CREATE INDEX span_run ON assay.span (run_id);
COMMENT ON TABLE assay.span IS 'Phases of the target''s client, such as gathering results';
COMMENT ON COLUMN assay.span.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.span.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.span.agent_id IS 'Agent whose driver told it';
COMMENT ON COLUMN assay.span.name IS 'What the driver calls it';
COMMENT ON COLUMN assay.span.begun_ns IS 'When it began, nanoseconds since T0';
COMMENT ON COLUMN assay.span.ended_ns IS 'When it ended, nanoseconds since T0';

CREATE TABLE assay.finding (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint NOT NULL REFERENCES assay.agent,
  code text NOT NULL,
  count bigint NOT NULL,
  detail text NOT NULL,
  PRIMARY KEY (run_id, agent_id, code),
  FOREIGN KEY (sweep_id, run_id) REFERENCES assay.run (sweep_id, run_id) ON DELETE CASCADE
);
COMMENT ON TABLE assay.finding IS 'What agents noticed while they fired; read the flags that are made of it';
COMMENT ON COLUMN assay.finding.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.finding.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.finding.agent_id IS 'Agent that noticed it';
COMMENT ON COLUMN assay.finding.code IS 'Code of the flag';
COMMENT ON COLUMN assay.finding.count IS 'How often';
COMMENT ON COLUMN assay.finding.detail IS 'The first of them, in words';

CREATE TABLE assay.collection (
  hook_id bigint PRIMARY KEY,
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  place text NOT NULL,
  origin text NOT NULL,
  records bigint NOT NULL CHECK (records >= 0),
  expected bigint NOT NULL CHECK (expected >= 0),
  unfinished bigint NOT NULL CHECK (unfinished >= 0),
  negative bigint NOT NULL CHECK (negative >= 0),
  looks bigint NOT NULL CHECK (looks >= 0),
  quiet boolean NOT NULL,
  record_lag_s double precision,
  at_first_look boolean NOT NULL,
  elapsed_s double precision NOT NULL,
  error text NOT NULL DEFAULT '',
  stopped boolean NOT NULL DEFAULT false,
  read_ns bigint NOT NULL DEFAULT 0,
  FOREIGN KEY (sweep_id, run_id) REFERENCES assay.run (sweep_id, run_id) ON DELETE CASCADE
);
CREATE INDEX collection_run ON assay.collection (run_id);
COMMENT ON TABLE assay.collection IS 'How complete the target''s own records of a run were when they were read';
COMMENT ON COLUMN assay.collection.hook_id IS 'Hook of kind collect that asked for it; its row may be gone';
COMMENT ON COLUMN assay.collection.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.collection.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.collection.place IS 'Agent that read them, or coordinator';
COMMENT ON COLUMN assay.collection.origin IS 'Kind of collector: postgres, csv, http or prometheus';
COMMENT ON COLUMN assay.collection.records IS 'Task records that were there at the end; of prometheus: samples';
COMMENT ON COLUMN assay.collection.expected IS 'Task records that should have been there';
COMMENT ON COLUMN assay.collection.unfinished IS 'Of records, those that do not tell of an end';
COMMENT ON COLUMN assay.collection.negative IS 'Of records, those in which something ends before it begins; they are kept as they are';
COMMENT ON COLUMN assay.collection.looks IS 'How often they were read';
COMMENT ON COLUMN assay.collection.quiet IS 'They were complete and did not change any more; else the deadline was past';
COMMENT ON COLUMN assay.collection.record_lag_s IS 'From the run''s last finish until the last record that it got was there, seconds; null where none came';
COMMENT ON COLUMN assay.collection.at_first_look IS 'The first look found all of them: they may have been there earlier than record_lag_s says';
COMMENT ON COLUMN assay.collection.elapsed_s IS 'How long the collector took, seconds';
COMMENT ON COLUMN assay.collection.error IS 'Why it could not read them, or not all that is in them; else empty';
COMMENT ON COLUMN assay.collection.stopped IS 'It was stopped before its deadline, and before the records were complete';
COMMENT ON COLUMN assay.collection.read_ns IS 'The last look that went well, nanoseconds since T0';

CREATE TABLE assay.metric_sample (
  sweep_id bigint NOT NULL,
  run_id bigint NOT NULL,
  agent_id bigint REFERENCES assay.agent,
  origin text NOT NULL,
  name text NOT NULL,
  labels jsonb NOT NULL,
  at_ns bigint NOT NULL,
  value double precision NOT NULL,
  FOREIGN KEY (sweep_id, run_id) REFERENCES assay.run (sweep_id, run_id) ON DELETE CASCADE
);
CREATE INDEX metric_sample_run ON assay.metric_sample (run_id);
COMMENT ON TABLE assay.metric_sample IS 'The target''s own metrics over a run, as a collector read them';
COMMENT ON COLUMN assay.metric_sample.sweep_id IS 'Sweep it belongs to';
COMMENT ON COLUMN assay.metric_sample.run_id IS 'Run it belongs to';
COMMENT ON COLUMN assay.metric_sample.agent_id IS 'Agent that read it; null: the coordinator';
COMMENT ON COLUMN assay.metric_sample.origin IS 'Kind of collector: prometheus';
COMMENT ON COLUMN assay.metric_sample.name IS 'What the scenario calls the query';
COMMENT ON COLUMN assay.metric_sample.labels IS 'Labels of the series';
COMMENT ON COLUMN assay.metric_sample.at_ns IS 'Instant of the sample, nanoseconds since T0';
COMMENT ON COLUMN assay.metric_sample.value IS 'Its value';

ALTER TABLE assay.share ADD COLUMN driver text, ADD COLUMN driver_version text, ADD COLUMN capacity integer CHECK (capacity >= 1);
COMMENT ON COLUMN assay.share.driver IS 'Name that its driver gives itself; null: it has none';
COMMENT ON COLUMN assay.share.driver_version IS 'Version of the target, as the driver knows it';
COMMENT ON COLUMN assay.share.capacity IS 'Tasks that the target can run at once, as the driver says; null where it does not';

ALTER TABLE assay.cell ADD COLUMN slots integer CHECK (slots >= 1);
COMMENT ON COLUMN assay.cell.slots IS 'Tasks that the target runs at once, as the scenario says; null where it does not';
COMMENT ON COLUMN assay.cell.sleep_min_ns IS 'Lower bound of the sleeps it asks for, of a driver''s tasks too, nanoseconds; null if they have none or are no sleeps';
COMMENT ON COLUMN assay.cell.sleep_max_ns IS 'Upper bound of the sleeps it asks for, of a driver''s tasks too, nanoseconds; null if they have none or are no sleeps';

ALTER TABLE assay.trigger ADD COLUMN remote_id text, ADD COLUMN remote_state text, ADD COLUMN accepted_ns bigint, ADD COLUMN completed_ns bigint, ADD COLUMN completed_error_ns bigint;
COMMENT ON COLUMN assay.trigger.remote_id IS 'By which the target knows the work that it started; null where nothing is followed';
COMMENT ON COLUMN assay.trigger.remote_state IS 'Last state of that work, in the target''s words';
COMMENT ON COLUMN assay.trigger.accepted_ns IS 'When the target had taken it, nanoseconds since T0: its answer, or its driver''s word';
COMMENT ON COLUMN assay.trigger.completed_ns IS 'When that work ended, nanoseconds since T0: as the target tells, or as it was seen';
COMMENT ON COLUMN assay.trigger.completed_error_ns IS 'completed_ns is right to within this: the poll''s period, or the resolution of the target''s instant';

ALTER TABLE assay.hook DROP CONSTRAINT hook_kind_check, DROP CONSTRAINT hook_check2;
ALTER TABLE assay.hook ADD COLUMN target text;
ALTER TABLE assay.hook ADD COLUMN cut boolean NOT NULL DEFAULT false;
ALTER TABLE assay.hook ADD CHECK (kind IN ('before_sweep', 'after_sweep', 'setup', 'teardown', 'before_run', 'after_run', 'collect')),
  ADD CHECK ((kind IN ('setup', 'teardown')) = (target IS NOT NULL)),
  ADD CHECK ((kind IN ('before_run', 'after_run', 'collect')) = (run_id IS NOT NULL));
COMMENT ON COLUMN assay.hook.kind IS 'before_sweep, after_sweep, setup, teardown, before_run, after_run or collect';
COMMENT ON COLUMN assay.hook.target IS 'Of setup and teardown: the target that they bring up and down; else null';
COMMENT ON COLUMN assay.hook.cut IS 'A user''s cancel --now came while it ran and, once it has ended, ended it';
COMMENT ON COLUMN assay.sweep.failure IS 'Why it failed, or which of its hooks a cancel --now ended; else empty';
COMMENT ON COLUMN assay.hook.run_id IS 'Run it belongs to; null for the hooks of the sweep and of its targets';

ALTER TABLE assay.run_result ADD COLUMN tasks bigint, ADD COLUMN tasks_from text, ADD COLUMN makespan_error_s double precision;

CREATE TABLE assay.task_result (
  run_id bigint PRIMARY KEY REFERENCES assay.run ON DELETE CASCADE,
  tasks_from text NOT NULL,
  rows bigint NOT NULL,
  cached bigint NOT NULL,
  last_task text NOT NULL,
  before_s double precision,
  submit_s double precision,
  schedule_s double precision,
  queue_s double precision,
  startup_s double precision,
  run_s double precision,
  finish_s double precision,
  before_ms double precision[],
  submit_ms double precision[],
  schedule_ms double precision[],
  queue_ms double precision[],
  startup_ms double precision[],
  run_ms double precision[],
  finish_ms double precision[],
  record_lag_ms double precision[]
);
COMMENT ON TABLE assay.task_result IS 'Where the time of ended runs with tasks went, computed once by refresh_run; read it as task_overhead';
COMMENT ON COLUMN assay.task_result.rows IS 'Task rows that ran, as that witness tells';
COMMENT ON COLUMN assay.task_result.cached IS 'Of those, the ones that took an earlier result';
COMMENT ON COLUMN assay.task_result.before_ms IS 'Of before over those tasks: mean, median and 99th percentile, milliseconds; as of all that follow';
COMMENT ON COLUMN assay.task_result.submit_ms IS 'The same of submit';
COMMENT ON COLUMN assay.task_result.schedule_ms IS 'The same of schedule';
COMMENT ON COLUMN assay.task_result.queue_ms IS 'The same of queue';
COMMENT ON COLUMN assay.task_result.startup_ms IS 'The same of start-up';
COMMENT ON COLUMN assay.task_result.run_ms IS 'The same of run';
COMMENT ON COLUMN assay.task_result.finish_ms IS 'The same of finish';
COMMENT ON COLUMN assay.task_result.record_lag_ms IS 'From a task''s end until its record was there: mean, median and 99th percentile over all task rows with both, milliseconds';
ALTER TABLE assay.hook ADD COLUMN position integer NOT NULL DEFAULT 0 CHECK (position >= 0);
COMMENT ON COLUMN assay.hook.position IS 'Of a collector, in the scenario''s list, from 0';
