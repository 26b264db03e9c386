"""Rows of sampling containers, beside `docker stats`, with an engine of the bench's own."""
from engine import Engine
from stack import BenchError
from table import Line

SAMPLED_S = 20


class ContainerRows:
    """Each repetition yields (line, side, value)."""

    ROWS = {"containers": 100}
    LINES = {
        "containers": Line("% core", "< 0.5", lambda value, _: value < 0.5, "cost"),
        "containers-agent": Line("% core", "", lambda *_: True, "cost"),
        "containers-once": Line("s", "< docker's", lambda _, ratios: all(ratio > 1 for ratio in ratios.values()), "cost"),
    }

    def __init__(self, options, stack, scratch):
        self.options = options
        self.stack = stack
        self.count = min(1000, max(1, int(self.ROWS["containers"] * options.scale)))
        try:
            self.engine = Engine(scratch, self.count)
        except RuntimeError as error:
            raise BenchError(f"containers: {error}") from error

    def close(self):
        self.engine.close()

    def repetition(self, _):
        facts = self.stack.sweep("containers.yaml", SAMPLED_S, socket=self.engine.socket)
        where = f"WHERE sweep_id = {facts['sweep_id']} AND run_id = {facts['run_id']}"
        rows = self.stack.query(f"""
            SELECT (SELECT count(DISTINCT container) FROM series {where}), (SELECT count(*) FROM flag {where} AND severity <> 'info'),
                   (max(sampler_cpu_ns) - min(sampler_cpu_ns)) * 100.0 / (max(read_end_ns) - min(read_begin_ns)),
                   (max(agent_cpu_ns) - min(agent_cpu_ns)) * 100.0 / (max(read_end_ns) - min(read_begin_ns)),
                   (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY took) FROM
                     (SELECT (max(read_end_ns) - min(read_begin_ns)) / 1e9 AS took FROM sample {where} GROUP BY tick) t)
            FROM host_sample {where}""")
        sampled, flags, sampler, agent, took_s = rows[0]
        if int(sampled) != self.count or int(flags) != 0:
            raise BenchError(f"containers: {sampled} of {self.count} were sampled, with {flags} flags")
        yield "containers", "assay", float(sampler)
        yield "containers-agent", "assay", float(agent)
        yield "containers-once", "assay", float(took_s)
        if self.options.peers:
            yield "containers", "docker stats", self.engine.stats_stream(SAMPLED_S)
            yield "containers-once", "docker stats --no-stream", self.engine.stats_once()
