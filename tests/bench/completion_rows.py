"""Row of completion: what the agent spends on following runs that go on in a target."""
import os

from http_rows import Server, free_port
from stack import BenchError
from table import Line

RUN_S = 20
MARGIN_S = 3  # behind the burst, and before the runs end


class CompletionRows:
    """Each method is one repetition and yields (line, side, value)."""

    ROWS = {"completion": 1000}
    LINES = {"completion": Line("% of a core", "< 5", lambda value, _: value < 5, "cost")}

    def __init__(self, options, stack, scratch):
        del scratch
        self.options = options
        self.stack = stack
        self.mocks = []

    def close(self):
        for mock in self.mocks:
            mock.close()

    def repetition(self, row):
        count = max(100, int(self.ROWS[row] * self.options.scale))
        port = free_port()
        # A fresh one for each repetition: its listing has nothing but what is waited for.
        self.mocks.append(Server([os.path.join(self.options.build, "mock", "assay-mock"), "--listen", f"127.0.0.1:{port}", "--run-delay", f"{RUN_S}s"], port))
        facts = self.stack.sweep("completion.yaml", count, port=port)
        self.mocks.pop().close()
        # The sampler's own cost is another row's.
        rows = self.stack.query(f"""
            SELECT ((max(agent_cpu_ns) - min(agent_cpu_ns)) - (max(sampler_cpu_ns) - min(sampler_cpu_ns)))::float8 / (max(read_end_ns) - min(read_end_ns)), count(*)
            FROM host_sample WHERE sweep_id = {facts['sweep_id']} AND run_id = {facts['run_id']}
              AND read_end_ns BETWEEN {MARGIN_S}e9 AND {RUN_S - MARGIN_S}e9""")
        if int(rows[0][1]) < RUN_S:
            raise BenchError(f"completion: only {rows[0][1]} samples while the runs were waited for")
        yield row, "assay", 100 * float(rows[0][0])
