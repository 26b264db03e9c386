"""The row of collectors: a target's records out of one table and into Assay's."""
import os

from stack import BenchError
from table import Line


class CollectRows:
    """Each method is one repetition and yields (line, side, value)."""

    ROWS = {"collect-100000": 100_000}
    LINES = {"collect-100000": Line("s", "< 2", lambda value, _: value < 2, "cost")}

    def __init__(self, options, stack, scratch):
        self.options = options
        self.stack = stack
        self.rows = os.path.join(scratch, "records")
        count = max(100, int(self.ROWS["collect-100000"] * options.scale))
        self.count = count
        self.stack.psql("DROP TABLE IF EXISTS assay.bench_records", f"""
            CREATE TABLE assay.bench_records AS
            SELECT gen_random_uuid()::text AS task, 'task_' || i % 7 AS name, 'success' AS state, 1 AS attempt, 'manual__' || i % 100 AS remote_id,
                   'worker-' || i % 16 AS worker, t AS created, t + interval '1 ms' AS scheduled, t + interval '2 ms' AS queued, t + interval '3 ms' AS started,
                   t + interval '5 ms' AS finished
            FROM generate_series(1, {count}) i, LATERAL (SELECT clock_timestamp() + i * interval '137 us') of_one (t)""", "ANALYZE assay.bench_records")

    def close(self):
        self.stack.psql("DROP TABLE IF EXISTS assay.bench_records")

    def timed(self, *commands):
        """Seconds of the last of them."""
        return float(self.stack.psql(*commands[:-1], "\\timing on", commands[-1]).split("Time:")[1].split()[0]) / 1e3

    def repetition(self, row):
        facts = self.stack.sweep("collect.yaml", 1, records=self.count, url=f'"{self.stack.url}"')
        # From the question for the run's end to the commit of the last record.
        records, quiet, elapsed_s = self.stack.query(f"SELECT records, quiet, hook.elapsed_ns / 1e9 FROM collection JOIN hook USING (hook_id) WHERE hook.run_id = {facts['run_id']}")[0]
        if int(records) != self.count or quiet != "t":
            raise BenchError(f"{row}: {records} of {self.count} records were read")
        yield row, "assay", float(elapsed_s)
        if not self.options.peers:
            return
        partition = self.stack.query(f"SELECT DISTINCT tableoid::regclass FROM task WHERE sweep_id = {facts['sweep_id']}")[0][0]
        out_s = self.timed(f"\\copy (SELECT * FROM assay.bench_records) TO '{self.rows}'")
        self.stack.psql(f"\\copy (SELECT * FROM {partition} WHERE run_id = {facts['run_id']}) TO '{self.rows}'")
        # The table is made in a transaction of its own: with wal_level=minimal a COPY in the same one would skip the log.
        self.stack.psql("DROP TABLE IF EXISTS bench_copy", f"CREATE TABLE bench_copy (LIKE {partition} INCLUDING ALL)", "CHECKPOINT")
        in_s = self.timed(f"\\copy bench_copy FROM '{self.rows}'")
        self.stack.psql("DROP TABLE bench_copy")
        os.unlink(self.rows)
        yield row, "copy out and in", out_s + in_s
