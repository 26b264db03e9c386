"""Rows of the path itself: sleeps, null triggers, processes, the agent's memory."""
import heapq
import os
import time

from stack import HERE, BenchError, need, run
from table import Line

CONCURRENCY = 16  # of sleeps.yaml, null.yaml and exec.yaml


def list_schedule_s(lengths_ns, slots):
    """The shortest time that a greedy scheduler needs for these lengths in this order, without any overhead."""
    free_at = [0] * slots
    for length in lengths_ns:
        heapq.heapreplace(free_at, free_at[0] + length)
    return max(free_at) / 1e9


class PathRows:
    """Each method is one repetition and yields (line, side, value)."""

    ROWS = {"sleeps-1000": 1000, "sleeps-10000": 10_000, "sleeps-100000": 100_000, "null": 200_000, "exec": 3000, "driver": 100_000, "memory": 30_000}
    LINES = {
        "sleeps-1000": Line("us/task", "<= 10", lambda value, _: value <= 10, "cost"),
        "sleeps-10000": Line("us/task", "<= 10", lambda value, _: value <= 10, "cost"),
        "sleeps-100000": Line("us/task", "<= 10", lambda value, _: value <= 10, "cost"),
        "commit-100000": Line("s", "< 2", lambda value, _: value < 2, "cost"),
        "null": Line("rows/s", ">= 200000", lambda value, _: value >= 200_000, "rate"),
        "exec": Line("procs/s", ">= 0.9 x loop", lambda _, ratios: ratios.get("spawn loop", 0.9) >= 0.9, "rate"),
        "driver": Line("events/s", ">= 50000", lambda value, _: value >= 50_000, "rate"),
        "driver-agent": Line("us/event", "", lambda value, _: True, "cost"),
        "memory": Line("MB", "< 100", lambda value, _: value < 100, "cost"),
    }

    def __init__(self, options, stack, scratch):
        self.options = options
        self.stack = stack
        self.scratch = scratch
        self.spawn_loop = os.path.join(scratch, "spawn_loop")
        if any(row.startswith("sleeps") for row in options.rows) and options.peers:
            try:
                run(["/usr/bin/python3", "-c", "import distributed"])
            except BenchError as error:
                raise BenchError("no Dask for the sleeps' peer: run deploy/install bench, or use --no-peers") from error
        if "exec" in options.rows and options.peers:
            need("g++", "xargs", "parallel")
            run(["g++", "-O2", "-std=c++20", os.path.join(HERE, "spawn_loop.cc"), "-o", self.spawn_loop])

    def close(self):
        pass

    def count(self, row):
        return max(100, int(self.ROWS[row] * self.options.scale))

    def sleeps(self, row):
        count = self.count(row)
        facts = self.stack.sweep("sleeps.yaml", count)
        planned = [int(fields[0]) for fields in self.stack.query(
            f"SELECT planned_ns FROM trigger WHERE sweep_id = {facts['sweep_id']} AND run_id = {facts['run_id']} ORDER BY index")]
        if len(planned) != count or min(planned) < 1_000_000 or max(planned) > 10_000_000:
            raise BenchError(f"{row}: the store does not have the nominal length of every sleep")
        ideal_s = list_schedule_s(planned, CONCURRENCY)
        yield row, "assay", (facts["makespan_s"] - ideal_s) / count * 1e6
        if row == "sleeps-100000":
            finished_s, committed_s = self.stack.commit(facts)
            yield "commit-100000", "assay", committed_s - finished_s
        if self.options.peers:
            lengths = "\n".join(map(str, planned))
            elapsed_s = float(run(["/usr/bin/python3", os.path.join(HERE, "dask_sleeps.py"), str(CONCURRENCY)], input=lengths).split()[-1])
            yield row, "dask", (elapsed_s - ideal_s) / count * 1e6

    def null(self, row):
        count = self.count(row)
        facts = self.stack.sweep("null.yaml", count)
        _, committed_s = self.stack.commit(facts)
        yield row, "assay", count / committed_s
        if self.options.peers:
            yield row, "copy", count / self.copy_s(facts, count)

    def copy_s(self, facts, count):
        """Seconds of one COPY of the run's rows into a table like the partition they are in, commit included."""
        rows = os.path.join(self.scratch, "rows")
        partition = self.stack.query(f"SELECT DISTINCT tableoid::regclass FROM trigger WHERE sweep_id = {facts['sweep_id']}")[0][0]
        self.stack.psql(f"\\copy (SELECT * FROM {partition} WHERE run_id = {facts['run_id']} ORDER BY index) TO '{rows}'")
        # The table is made in a transaction of its own: with wal_level=minimal a COPY in the same one would skip the log.
        self.stack.psql("DROP TABLE IF EXISTS bench_copy", f"CREATE TABLE bench_copy (LIKE {partition} INCLUDING ALL)", "CHECKPOINT")
        timing = self.stack.psql("\\timing on", f"\\copy bench_copy FROM '{rows}'")
        copied = int(self.stack.query("SELECT count(*) FROM bench_copy")[0][0])
        self.stack.psql("DROP TABLE bench_copy")
        os.unlink(rows)
        if copied != count:
            raise BenchError(f"null: COPY stored {copied} rows of {count}")
        return float(timing.split("Time:")[1].split()[0]) / 1e3

    def exec(self, row):
        count = self.count(row)
        facts = self.stack.sweep("exec.yaml", count)
        yield row, "assay", count / facts["makespan_s"]
        if self.options.peers:
            yield row, "spawn loop", count / float(run([self.spawn_loop, str(count), str(CONCURRENCY), "/bin/true"]))
            begin = time.monotonic()
            run(["xargs", "-P", str(CONCURRENCY), "-n", "1", "/bin/true"], input="x\n" * count)
            yield row, "xargs -P", count / (time.monotonic() - begin)
            begin = time.monotonic()
            run(["parallel", "--will-cite", "-j", str(CONCURRENCY), "-n", "1", "/bin/true"], input="x\n" * count)
            yield row, "GNU parallel", count / (time.monotonic() - begin)

    def driver(self, row):
        count = self.count(row)
        facts = self.stack.sweep("driver.yaml", count, driver=os.path.join(HERE, "null_driver.py"), package=os.path.join(HERE, "../../scenarios/drivers"))
        events = 2 * count  # of null_driver.py
        yield row, "assay", events / facts["makespan_s"]
        cpu_ns = self.stack.query(f"SELECT max(agent_cpu_ns) - min(agent_cpu_ns) FROM host_sample WHERE sweep_id = {facts['sweep_id']} AND run_id = {facts['run_id']}")
        yield "driver-agent", "assay", int(cpu_ns[0][0]) / 1e3 / events

    def memory(self, row):
        facts = self.stack.sweep("in_flight.yaml", self.count(row))
        rows = self.stack.query(f"SELECT max(agent_memory_bytes) FROM host_sample WHERE sweep_id = {facts['sweep_id']} AND run_id = {facts['run_id']}")
        if not rows or not rows[0][0]:
            raise BenchError("memory: no host sample of the agent")
        yield row, "assay", int(rows[0][0]) / 1e6

    def repetition(self, row):
        measure = {"null": self.null, "exec": self.exec, "driver": self.driver, "memory": self.memory}.get(row, self.sleeps)
        return measure(row)
