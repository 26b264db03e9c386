"""Assay on this machine for a benchmark, and the programs that it is measured with."""
import json
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class BenchError(Exception):
    """What went wrong, in words for the user."""


def run(argv, **options):
    """A child's stdout; BenchError with the end of its output if it fails."""
    accepted = options.pop("accepted", (0,))
    result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if result.returncode not in accepted:
        tail = (result.stdout[-1500:] + result.stderr[-1500:]).strip()
        raise BenchError(f"{' '.join(argv[:6])} ended with {result.returncode}:\n{tail}")
    return result.stdout


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise BenchError(f"no {tool}: run deploy/install bench, or use --no-peers")


class LocalStack:
    """Assay on this machine, kept up over the whole bench, so that starting it is not measured."""

    def __init__(self, build, data, agents):
        self.assay = os.path.join(build, "cli", "assay")
        self.data = data
        run([self.assay, "up", "--data", data, "--agents", str(agents)])
        with open(os.path.join(data, "stack.json"), encoding="utf-8") as file:
            self.url = json.load(file)["url"]

    def close(self):
        run([self.assay, "down", "--data", self.data])

    def psql(self, *commands):
        """psql's unaligned output, lines of tab-separated fields. Straight to the server: no other program in the measured time."""
        argv = ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", self.url]
        for command in commands:
            argv += ["-c", command]
        return run(argv, env=dict(os.environ, PGOPTIONS="-c search_path=assay,public"))

    def query(self, sql):
        return [line.split("\t") for line in self.psql(sql).splitlines()]

    def sweep(self, scenario, count, all_ok=True, **settings):
        """Runs a bench scenario; the facts of its one run, of which every trigger must have been ok or, if not all_ok, be there. A setting is an axis of the grid."""
        argv = [self.assay, "run", os.path.join(HERE, scenario), "--data", self.data, "--json"]
        for axis, value in {"tasks": count, **settings}.items():
            argv += ["--set", f"{axis}=[{value}]"]
        run(argv, accepted=(0, 3))
        rows = self.query("SELECT run_id, sweep_id, ok, triggers, makespan_s FROM run_summary ORDER BY run_id DESC LIMIT 1")
        run_id, sweep_id, ok, triggers, makespan_s = rows[0]
        if int(triggers) != count or (all_ok and int(ok) != count):
            raise BenchError(f"{scenario}: {ok} of {triggers} triggers were ok, {count} were asked for")
        return {"run_id": int(run_id), "sweep_id": int(sweep_id), "makespan_s": float(makespan_s)}

    def commit(self, facts):
        """Seconds from T0 to the last trigger's finish, and to the commit of the run's last row."""
        rows = self.query(f"""
            SELECT (SELECT max(finished_ns) / 1e9 FROM trigger WHERE sweep_id = {facts['sweep_id']} AND run_id = run.run_id),
                   extract(epoch FROM run_result.committed_at) - run.t0_ns / 1e9
            FROM run JOIN run_result USING (run_id) WHERE run_id = {facts['run_id']}""")
        return float(rows[0][0]), float(rows[0][1])
