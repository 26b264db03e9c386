CREATE VIEW assay.collections AS
SELECT r.sweep_id, r.cell_id, r.run_id, r.block, r.attempt, c.target, c.params, r.verdict,
       k.place, k.origin, k.records, k.expected, greatest(k.expected - k.records, assay.unmatched_triggers(k.sweep_id, k.run_id, k.origin, k.expected), 0) AS missing, k.unfinished, k.looks, k.quiet, k.record_lag_s, k.elapsed_s, k.error
FROM assay.collection k JOIN assay.run r USING (run_id) JOIN assay.cell c USING (cell_id);
COMMENT ON VIEW assay.collections IS 'How complete the target''s own records of each run were when they were read, and how late they came';
COMMENT ON COLUMN assay.collections.place IS 'Agent that read them, or coordinator';
COMMENT ON COLUMN assay.collections.origin IS 'Kind of collector: postgres, csv, http or prometheus';
COMMENT ON COLUMN assay.collections.records IS 'Tasks that had a record at the end, however many tries of them; of prometheus: samples';
COMMENT ON COLUMN assay.collections.expected IS 'Tasks that should have had one';
COMMENT ON COLUMN assay.collections.missing IS 'expected - records, or the triggers that were ok without a record of what they started, if these are more';
COMMENT ON COLUMN assay.collections.unfinished IS 'Of records, those that do not tell of an end';
COMMENT ON COLUMN assay.collections.looks IS 'How often they were read';
COMMENT ON COLUMN assay.collections.quiet IS 'They were complete and did not change any more; else the deadline was past';
COMMENT ON COLUMN assay.collections.record_lag_s IS 'From the run''s last finish until the last record that it got was there, seconds; null where none came';
COMMENT ON COLUMN assay.collections.elapsed_s IS 'How long the collector took, seconds';
COMMENT ON COLUMN assay.collections.error IS 'Why it could not read them, else empty';
