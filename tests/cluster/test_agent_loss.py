"""Agents that die, are cut off, run full and come back. Rows stored = triggers fired, each once."""
import os
import pathlib
import random
import signal
import subprocess
import time
import unittest

from hosts import Hosts
from world import AGENT, Proxy, alive, wait_for


def own_cgroup():
    """The directory of this process's cgroup in v1's cpuacct; None where that is not mounted."""
    lines = [line.split(":", 2) for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
    path = next((path for _, controllers, path in lines if "cpuacct" in controllers.split(",")), None)
    mount = next((pathlib.Path("/sys/fs/cgroup", m) for m in ("cpuacct", "cpu,cpuacct") if pathlib.Path("/sys/fs/cgroup", m).is_dir()), None)
    if path is None or mount is None:
        return None
    own = pathlib.Path(f"{mount}{path}")
    return own if own.is_dir() else mount


OWN_CGROUP = own_cgroup()


class AgentLoss(Hosts):
    @unittest.skipUnless(os.geteuid() == 0, "needs root, to run an agent as a user of whom nothing else runs")
    def test_an_agent_comes_back_though_its_user_has_no_room_for_threads(self):
        self.database()
        coordinator = self.coordinator()
        spool = self.dir / "spool"
        spool.mkdir()
        nobody_else = 20000 + os.getpid() % 40000  # another copy of this test has another user
        os.chown(spool, nobody_else, nobody_else)
        user = ["prlimit", "--nproc=60:60", "setpriv", "--reuid", str(nobody_else), "--regid", str(nobody_else), "--clear-groups"]
        agent = self.start([*user, AGENT, "--coordinator", coordinator.address, "--name", "a", "--spool", str(spool)], "agent-a")
        wait_for(lambda: "a" in self.agents(coordinator.address), "it is connected")
        hog = self.start([*user, "sh", "-c", "while sleep 1000 & do :; done; wait"], "hog")
        self.addCleanup(os.killpg, hog.pid, signal.SIGKILL)  # its group: the shell itself gives up when it cannot fork
        wait_for(lambda: "Cannot fork" in hog.text() or "Resource temporarily" in hog.text(), "there is no room left")
        coordinator.kill()
        self.psql("update assay.coordinator set expires_at = '-infinity'")
        coordinator = self.coordinator(listen=coordinator.address)
        wait_for(lambda: self.agents(coordinator.address).get("a", {}).get("state") == "connected" or not agent.running(), "it is back")
        self.assertTrue(agent.running(), agent.text())

    def test_an_agent_killed_and_started_again_loses_nothing_it_delivered_and_the_run_is_repeated(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        victim = self.agent(coordinator.address, "b")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=20000))  # seconds more than until the kill
        run = self.wait_run(sweep, "running")
        self.wait_rows(sweep, 1000)
        victim.kill()
        self.agent(coordinator.address, "b")
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 20000)
        self.assertIn(("agent_lost", "reject"), self.flags(sweep))
        code, out, err = self.assay("sweep", "watch", str(sweep), "--coordinator", coordinator.address)
        self.assertIn("sweep 1: 1/1 cells x blocks, 1 try rejected, finished", out, "a repeated run counts once: " + err)
        # What the dead process did not bring home is there as lost: the plan is accounted for to the last trigger.
        count, distinct, lost = self.psql(f"select count(*), count(distinct index), count(*) filter (where outcome = 'lost') from assay.trigger where run_id = {run}")[0]
        self.assertEqual((count, distinct), ("20000", "20000"))
        self.assertGreater(int(lost), 0)

    def test_the_processes_that_a_killed_agent_left_behind_end_with_its_next_start(self):
        """Of a run whose processes are in a cgroup of their own, which also counts them."""
        name = f"b-{os.getpid()}"
        if OWN_CGROUP is None:
            self.skipTest("no cgroup v1 here, and with v2 it is open what of a process is counted: it comes in after its start")
        try:
            below = OWN_CGROUP / f"assay-probe-{os.getpid()}"
            below.mkdir()
            below.rmdir()
        except OSError as error:
            self.skipTest(f"no cgroup can be made here: {error}")
        self.database()
        coordinator = self.coordinator()
        victim = self.agent(coordinator.address, name)
        scenario = self.write("left.yaml", """
name: left
blocks: 1
load: {closed: {concurrency: 3}, triggers: 3}
trigger: {exec: {argv: [sh, -c, "head -c 60000000 /dev/zero | md5sum > /dev/null; setsid sleep 1000 & sleep $(seconds)"]}}
grid: {seconds: [0.5, 1000]}
sample: {every: 100ms, cooldown: 200ms, run: true}
on_agent_loss: fail
""")
        sweep = self.start_sweep(coordinator.address, scenario, "seconds=1000")
        run = self.wait_run(sweep, "running")
        # Behind the name what tells its spool: two stacks on one host may have agents of one name.
        inside, = OWN_CGROUP.glob(f"assay/agent-{name}-*/run-{run}")

        def sleeping():
            found = []
            for pid in (inside / "cgroup.procs").read_text().split():
                try:
                    found += [int(pid)] * (pathlib.Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
                except OSError:
                    pass
            return found

        left = wait_for(lambda: len(found := sleeping()) == 6 and found, "all sleep")
        victim.kill()
        self.assertTrue(all(alive(pid) for pid in left))
        successor = self.agent(coordinator.address, name)
        wait_for(lambda: not any(alive(pid) for pid in left), "they end")
        wait_for(lambda: f"that an earlier agent '{name}' left behind" in successor.text(), "it says so")
        self.assertFalse(inside.exists())
        self.assertEqual(self.wait_sweep(sweep), "finished")
        sweep = self.start_sweep(coordinator.address, scenario, "seconds=0.5")
        self.assertEqual(self.wait_sweep(sweep), "finished")
        cpu, triggers = self.psql(f"select max(cpu_usage_ns), (select sum(cpu_ns) from assay.trigger where sweep_id = {sweep}) from assay.sample "
                                  f"where sweep_id = {sweep} and cgroup = 'run'")[0]
        self.assertGreaterEqual(int(cpu), int(triggers) * 0.9)
        self.assertEqual(self.psql(f"select cgroup from assay.series where sweep_id = {sweep}"), [["run"]])
        self.assertNotIn("cgroup_missing", {code for code, _ in self.flags(sweep)})
        successor.send(signal.SIGTERM)
        self.assertEqual(successor.wait(), 0)
        self.assertFalse(inside.parent.exists())

    def test_an_agent_that_never_comes_back_is_given_up_after_its_lease(self):
        self.database()
        # Short, but not so short that the other one loses its own on a busy machine.
        coordinator = self.coordinator(flags=["--lease-ttl", "8s", "--lease-grace", "2s"])
        self.agent(coordinator.address, "a")
        victim = self.agent(coordinator.address, "b")
        wait_for(lambda: len(self.agents(coordinator.address)) == 2, "both agents are connected")  # one is enough for the sweep to start
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=20000, on_loss="accept", agents=1))
        wait_for(lambda: len(self.psql("select 1 from assay.share")) == 2, "both agents share the run")
        run = self.wait_run(sweep, "running")
        victim.kill()
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertIn(("agent_lost", "warning"), self.flags(sweep))
        self.assertEqual(self.psql(f"select count(*), count(distinct index) from assay.trigger where run_id = {run}"), [["20000", "20000"]])
        self.assertEqual(self.psql("select state from assay.share join assay.agent using (agent_id) order by name"), [["ended"], ["lost"]])

    def test_links_cut_again_and_again(self):
        self.database()
        coordinator = self.coordinator()
        proxy = Proxy(coordinator.address)
        self.addCleanup(proxy.close)
        for name in "ab":
            self.agent(proxy.address, name)
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=20000))
        self.wait_run(sweep, "running")
        chance = random.Random(7)
        for _ in range(12):
            time.sleep(chance.uniform(0.1, 0.5))
            proxy.cut()
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 20000)
        self.assertEqual(self.psql("select count(*) from assay.run"), [["1"]], "a cut link costs nothing")

    def test_results_that_cannot_be_delivered_stop_the_firing_and_are_flagged(self):
        self.database()
        coordinator = self.coordinator()
        # Some 10 bytes of spool per null trigger, and as many as a quarter of a million may queue before it: the rest waits while the table is locked.
        scenario = self.write("n.yaml", """
name: nulls
agents: {count: 1}
load: {closed: {concurrency: 4}, triggers: 1000000}
trigger: {sleep: {for: 0ms}}
""")
        self.agent(coordinator.address, "a", flags=["--spool-limit", "1MiB"])
        wait_for(lambda: "a" in self.agents(coordinator.address), "the agent is connected")
        wait_for(lambda: self.psql("select count(*) from assay.delivery") == [["1"]], "its stream is open")
        blocker = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", self.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(blocker.kill)
        blocker.stdin.write("begin; lock table assay.delivery in exclusive mode; select 'locked';\n")
        blocker.stdin.flush()
        self.assertEqual(blocker.stdout.readline(), "locked\n")
        sweep = self.start_sweep(coordinator.address, scenario)
        wait_for(lambda: int(self.agents(coordinator.address)["a"]["spool_bytes"]) >= 0.8 * (1 << 20), "the spool is as full as it may be")
        blocker.communicate("commit;\n", timeout=60)
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertIn(("backpressured", "reject"), self.flags(sweep))
        self.assertEqual(self.psql(f"select count(*), count(distinct index) from assay.trigger where sweep_id = {sweep}"), [["1000000", "1000000"]])

    @unittest.skipIf(os.geteuid() != 0, "only root can mount a small file system to fill")

    def test_the_agents_disk_is_full_and_has_room_again(self):
        self.database()
        coordinator = self.coordinator()
        small = self.dir / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)], check=True)
        ballast = small / "ballast"
        agent = self.agent(coordinator.address, "a", spool=small / "spool")
        wait_for(lambda: "a" in self.agents(coordinator.address), "the agent is connected")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=20000, agents=1))
        self.wait_run(sweep, "running")
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        wait_for(lambda: "space" in agent.text() or "full" in agent.text(), "the agent says that its disk is full")
        ballast.unlink()
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(self.psql(f"select r.run_id from assay.run r where sweep_id = {sweep} and "
                                   "(select count(*) from assay.trigger t where t.run_id = r.run_id) <> (select sum(fired) from assay.share s where s.run_id = r.run_id)"), [])

    def test_no_sampling_gap_is_hidden(self):
        """A stopped agent misses ticks and slips: the run says so."""
        self.database()
        coordinator = self.coordinator()
        agent = self.agent(coordinator.address, "a")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=20000, agents=1))
        self.wait_rows(sweep)
        agent.send(signal.SIGSTOP)
        time.sleep(1)
        agent.send(signal.SIGCONT)
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertIn(("sampler_gap", "warning"), self.flags(sweep))
        self.assertIn("cold", {code for code, _ in self.flags(sweep)})

    def test_an_agent_told_to_stop_says_goodbye_and_delivers(self):
        self.database()
        coordinator = self.coordinator()
        agent = self.agent(coordinator.address, "a")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=100000, agents=1, on_loss="fail"))
        run = self.wait_run(sweep, "running")
        self.wait_rows(sweep)
        agent.send(signal.SIGTERM)
        self.assertEqual(agent.wait(), 0, agent.text())
        self.assertEqual(self.wait_sweep(sweep), "finished")
        fired, rows = self.psql(f"select (select fired from assay.share where run_id = {run}), count(*) filter (where outcome = 'ok') from assay.trigger where run_id = {run}")[0]
        self.assertEqual(fired, rows)
        self.assertGreater(int(rows), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
