"""What the tests of local mode share."""
import os
import pathlib
import re
import subprocess

from world import World, children_of, wait_for

SLEEPS = """
name: sleeps
blocks: 2
grid: {tasks: [200, 1000]}
agents: {select: {role: load}, count: 2}
load: {closed: {concurrency: 8}, triggers: $(tasks)}
trigger: {sleep: {for: {uniform: [100us, 2ms]}}}
sample: {every: 50ms, cooldown: 100ms, host: true, where: {role: target}, cgroups: ["@postgres"]}
"""

LONG = """
name: long
blocks: 2
grid: {n: [1, 2]}
agents: {count: 2}
load: {closed: {concurrency: 8}, triggers: 100000}
trigger: {sleep: {for: 20ms}}
"""


def children_named(pid, name):
    """Processes below one that run this program."""
    found = []
    for child in children_of(pid):
        try:
            if pathlib.Path(f"/proc/{child}/comm").read_text() == name + "\n":
                found.append(child)
        except OSError:
            pass
    return found


class LocalRun(World):
    def leftovers(self):
        """Processes of this test that are still there: they all have its directory in their command line."""
        found = subprocess.run(["pgrep", "-f", str(self.dir / "data")], capture_output=True, text=True, check=False).stdout.split()
        return [p for p in found if int(p) != os.getpid()]

    def wait_for_firing(self, run):
        """T0 lies a little behind the begin of the state running: waits until triggers have ended, or for processes are in flight."""
        wait_for(lambda: re.search(r"\(running\): [1-9]", run.text()) or children_named(run.pid, "sleep"), "triggers are fired")
