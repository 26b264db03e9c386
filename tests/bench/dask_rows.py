"""What measuring through a driver costs the system that is measured, beside that system's own client."""

import os

from stack import HERE, run
from table import Line

THREADS = 16


class DaskRows:
    """Each method is one repetition and yields (line, side, value)."""

    ROWS = {"dask-driver": 4000, "dask-driver-threads": 4000}
    LINES = {row: Line("us/task", ">= 0.95 x client", lambda _, ratios: ratios.get("dask client", 1) >= 0.95, "cost") for row in ROWS}

    def __init__(self, options, stack, scratch):
        self.options, self.stack = options, stack
        run([stack.assay, "target", "up", "dask", "--data", stack.data])
        with open(os.path.join(stack.data, "secrets", "DASK_PYTHON"), encoding="utf-8") as file:
            self.python = file.read()

    def close(self):
        run([self.stack.assay, "target", "down", "dask", "--data", self.stack.data])

    def repetition(self, row):
        """Both from the first submission to the last result in hand, per task."""
        count = max(100, int(self.ROWS[row] * self.options.scale))
        processes = "false" if row.endswith("threads") else "true"
        facts = self.stack.sweep("dask.yaml", count, processes=processes)
        where = f"sweep_id = {facts['sweep_id']} AND run_id = {facts['run_id']}"
        gathered_ns = self.stack.query(f"SELECT max(ended_ns) FROM span WHERE {where} AND name = 'gather'")[0][0]
        yield row, "assay", int(gathered_ns) / 1e3 / count
        if self.options.peers:
            planned = "\n".join(fields[0] for fields in self.stack.query(f"SELECT planned_ns FROM trigger WHERE {where} ORDER BY index"))
            argv = [self.python, os.path.join(HERE, "dask_client.py"), str(THREADS), processes]
            yield row, "dask client", float(run(argv, input=planned).split()[-1]) * 1e6 / count
