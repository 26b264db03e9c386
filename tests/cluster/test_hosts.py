"""Several hosts: coordinators, agents and databases that die, are cut off and come back. Rows stored = triggers fired, each once."""
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from world import AGENT, ASSAY, COORDINATOR, PATIENCE_S, Proxy, World, alive, as_server_user, children_of, postgres_bin, wait_for

SLEEPS = """
name: sleeps
blocks: {blocks}
agents: {{select: {{role: load}}, count: {agents}}}
load: {{closed: {{concurrency: 16}}, triggers: {triggers}}}
trigger: {{sleep: {{for: {{uniform: [1ms, 10ms]}}}}}}
sample: {{every: 100ms, cooldown: 200ms, host: true}}
on_agent_loss: {on_loss}
"""


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


class Hosts(World):
    def scenario(self, triggers=4000, agents=2, blocks=1, on_loss="{repeat: 2}"):
        return self.write("s.yaml", SLEEPS.format(triggers=triggers, agents=agents, blocks=blocks, on_loss=on_loss))

    def fast_lease(self):
        return ["--lease-ttl", "3s", "--lease-grace", "1s"]

    def assert_each_once(self, sweep, planned):
        """All accepted runs hold every planned index exactly once, and no run holds one twice."""
        rows = self.psql(f"select r.run_id, count(*), count(distinct index), count(*) filter (where outcome = 'ok') from assay.run r join assay.trigger t using (run_id) "
                         f"where r.sweep_id = {sweep} and verdict = 'accepted' group by 1")
        self.assertTrue(rows)
        for run, count, distinct, ok in rows:
            self.assertEqual([int(count), int(distinct), int(ok)], [planned] * 3, f"run {run}")
        self.assertEqual(self.psql(f"select count(*) from (select 1 from assay.trigger where sweep_id = {sweep} group by run_id, index having count(*) > 1) x"), [["0"]])

    def flags(self, sweep):
        return {tuple(r) for r in self.psql(f"select code, severity from assay.flag where sweep_id = {sweep}")}

    def test_a_sweep_over_two_agents_from_the_command_line(self):
        self.database()
        coordinator = self.coordinator(flags=["--log-level", "warning"])
        for name, level in (("a", "warn"), ("b", "warning")):
            self.agent(coordinator.address, name, flags=["--log-level", level])
        code, out, err = self.assay("sweep", "start", self.scenario(triggers=500, blocks=2), "--coordinator", coordinator.address, "--watch")
        self.assertEqual(code, 0, out + err)
        self.assert_each_once(1, 500)
        agents = self.agents(coordinator.address)
        self.assertEqual(sorted(agents), ["a", "b"])
        for verb in (["sweep", "list"], ["sweep", "show", "1"], ["agents"], ["export", "1", "--format", "csv", "--to", str(self.dir / "out")]):
            code, out, err = self.assay(*verb, env={"ASSAY_COORDINATOR": coordinator.address})
            self.assertEqual(code, 0, err)
        code, out, err = self.assay("agents", "--coordinator", coordinator.address)
        self.assertRegex(out, r"B of \d")
        skew = self.psql("select max(start_skew_ms), max(start_skew_bound_ms) from assay.run_summary")[0]
        self.assertLess(float(skew[0]), 1000)
        self.assertGreater(float(skew[1]), 0)

    def test_waits_for_agents_and_names_them(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        self.agent(coordinator.address, "other", labels=("role=target",))
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=100))
        watch = self.start([ASSAY, "sweep", "watch", str(sweep), "--coordinator", coordinator.address], "watch")
        wait_for(lambda: "waiting for 1 more agent with role=load" in watch.text(), "it says for whom it waits")
        self.agent(coordinator.address, "b")
        self.assertEqual(watch.wait(), 0, watch.text())

    def test_a_coordinator_waits_for_a_database_that_recovers(self):
        words = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def recover():
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                with link:
                    while (message := link.recv(1024)) and len(message) == 8:
                        link.sendall(b"N")  # neither TLS nor GSS
                    link.sendall(b"E" + (len(words) + 4).to_bytes(4, "big") + words)

        threading.Thread(target=recover, daemon=True).start()
        coordinator = self.start([COORDINATOR, "--database", f"postgresql://assay@127.0.0.1:{listener.getsockname()[1]}/assay", "--listen", "127.0.0.1:0"], "recovering")
        wait_for(lambda: "the database system is starting up; waiting for it" in coordinator.text(), "it says what it waits for")
        time.sleep(0.5)
        self.assertTrue(coordinator.running(), coordinator.text())
        coordinator.send(signal.SIGTERM)
        self.assertEqual(coordinator.wait(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to run an agent as a user of whom nothing else runs")
    def test_an_agent_comes_back_though_its_user_has_no_room_for_threads(self):
        self.database()
        coordinator = self.coordinator()
        spool = self.dir / "spool"
        spool.mkdir()
        os.chown(spool, 54323, 54323)
        user = ["prlimit", "--nproc=60:60", "setpriv", "--reuid", "54323", "--regid", "54323", "--clear-groups"]
        agent = self.start([*user, AGENT, "--coordinator", coordinator.address, "--name", "a", "--spool", str(spool)], "agent-a")
        wait_for(lambda: "a" in self.agents(coordinator.address), "it is connected")
        hog = self.start([*user, "sh", "-c", "while sleep 1000 & do :; done; wait"], "hog")
        wait_for(lambda: "Cannot fork" in hog.text() or "Resource temporarily" in hog.text(), "there is no room left")
        coordinator.kill()
        self.psql("update assay.coordinator set expires_at = '-infinity'")
        coordinator = self.coordinator(listen=coordinator.address)
        wait_for(lambda: self.agents(coordinator.address).get("a", {}).get("state") == "connected" or not agent.running(), "it is back")
        self.assertTrue(agent.running(), agent.text())
        hog.type(signal.SIGKILL)

    def test_two_agents_of_one_name_and_of_one_spool(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        wait_for(lambda: "a" in self.agents(coordinator.address), "the first is connected")
        second = self.start([str(pathlib.Path(ASSAY).parents[1] / "agent" / "assay-agent"), "--coordinator", coordinator.address, "--name", "a", "--spool", str(self.dir / "other")], "second")
        wait_for(lambda: "--name" in second.text(), "the second is told to take another name")
        third = self.start([str(pathlib.Path(ASSAY).parents[1] / "agent" / "assay-agent"), "--coordinator", coordinator.address, "--name", "c", "--spool", str(self.dir / "spool-a")], "third")
        self.assertEqual(third.wait(), 1)
        self.assertIn("--spool", third.text())
        self.assertIn("in use", third.text())

    def test_an_agent_killed_and_started_again_loses_nothing_it_delivered_and_the_run_is_repeated(self):
        self.database()
        coordinator = self.coordinator(flags=self.fast_lease())
        self.agent(coordinator.address, "a")
        victim = self.agent(coordinator.address, "b")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=6000))
        run = self.wait_run(sweep, "running")
        wait_for(lambda: int(self.psql(f"select count(*) from assay.trigger where run_id = {run}")[0][0]) > 1000, "rows come in")
        victim.kill()
        self.agent(coordinator.address, "b")
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 6000)
        self.assertIn(("agent_lost", "reject"), self.flags(sweep))
        code, out, err = self.assay("sweep", "watch", str(sweep), "--coordinator", coordinator.address)
        self.assertIn("sweep 1: 1/1 cells x blocks, 1 try rejected, finished", out, "a repeated run counts once: " + err)
        # What the dead process did not bring home is there as lost: the plan is accounted for to the last trigger.
        count, distinct, lost = self.psql(f"select count(*), count(distinct index), count(*) filter (where outcome = 'lost') from assay.trigger where run_id = {run}")[0]
        self.assertEqual((count, distinct), ("6000", "6000"))
        self.assertGreater(int(lost), 0)

    def test_the_processes_that_a_killed_agent_left_behind_end_with_its_next_start(self):
        """Of a run whose processes are in a cgroup of their own, which also counts them."""
        name = f"b-{os.getpid()}"
        if OWN_CGROUP is None:
            self.skipTest("no cgroup v1 here, and with v2 it is open what of a process is counted: it comes in after its start")
        try:
            below = OWN_CGROUP / "assay-probe"
            below.mkdir()
            below.rmdir()
        except OSError as error:
            self.skipTest(f"no cgroup can be made here: {error}")
        self.database()
        coordinator = self.coordinator(flags=self.fast_lease())
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
        inside = OWN_CGROUP / f"assay/agent-{name}/run-{run}"

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
        coordinator = self.coordinator(flags=self.fast_lease())
        self.agent(coordinator.address, "a")
        victim = self.agent(coordinator.address, "b")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=6000, on_loss="accept", agents=1))
        wait_for(lambda: len(self.psql("select 1 from assay.share")) == 2, "both agents share the run")
        run = self.wait_run(sweep, "running")
        victim.kill()
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertIn(("agent_lost", "warning"), self.flags(sweep))
        self.assertEqual(self.psql(f"select count(*), count(distinct index) from assay.trigger where run_id = {run}"), [["6000", "6000"]])
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

    def test_the_coordinator_is_killed_in_mid_run_and_the_sweep_goes_on(self):
        self.database()
        coordinator = self.coordinator()
        port = coordinator.address
        for name in "ab":
            self.agent(port, name)
        sweep = self.start_sweep(port, self.scenario(triggers=15000, blocks=2))
        self.wait_run(sweep, "running")
        watch = self.start([ASSAY, "sweep", "watch", str(sweep), "--coordinator", port], "watch")
        for _ in range(3):
            time.sleep(0.7)
            coordinator.kill()
            time.sleep(0.5)
            coordinator = self.coordinator(listen=port, flags=())
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 15000)
        self.assertEqual(self.psql("select count(*) from assay.run where verdict = 'accepted'"), [["2"]])
        self.assertEqual(watch.wait(), 0, watch.text())

    def test_the_database_is_stopped_in_mid_run_and_everything_arrives_when_it_is_back(self):
        self.database()
        coordinator = self.coordinator()
        for name in "ab":
            self.agent(coordinator.address, name)
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=15000))
        self.wait_run(sweep, "running")
        time.sleep(0.5)
        self.pg.send(signal.SIGINT)
        self.pg.wait()
        wait_for(lambda: "trying on" in coordinator.text(), "the coordinator says that it cannot write")
        time.sleep(1)
        self.start_database()
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 15000)
        self.assertEqual(self.psql("select count(*) from assay.run"), [["1"]], "an absent database costs nothing")

    def test_backends_are_terminated_at_random(self):
        self.database()
        coordinator = self.coordinator()
        for name in "ab":
            self.agent(coordinator.address, name)
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=15000))
        self.wait_run(sweep, "running")
        for _ in range(25):
            time.sleep(0.1)
            self.psql("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'assay-coordinator%'")
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 15000)

    def test_a_second_coordinator_waits_and_takes_over(self):
        self.database()
        first = self.coordinator(name="first")
        announce = self.dir / "second.address"
        second = self.start([COORDINATOR, "--database", self.url, "--listen", "127.0.0.1:0", "--announce", str(announce)], "second")
        wait_for(lambda: "another coordinator holds" in second.text(), "the second says that it waits")
        self.assertIn(f"pid {first.pid}", second.text())
        first.send(signal.SIGTERM)
        self.assertEqual(first.wait(), 0)
        wait_for(announce.exists, "the second takes over")

    def test_a_paused_coordinator_cannot_write_after_it_was_replaced(self):
        self.database()
        first = self.coordinator(name="first")
        first.send(signal.SIGSTOP)
        self.addCleanup(first.send, signal.SIGCONT)
        self.coordinator(name="second")
        first.send(signal.SIGCONT)
        self.assertEqual(first.wait(), 1)
        self.assertIn("another one has taken", first.text())

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
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=8000, agents=1))
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

    def test_an_address_that_is_a_url_is_refused(self):
        done = subprocess.run([COORDINATOR, "--database", "postgresql:///none", "--listen", "http://0.0.0.0:7420"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--listen 'http://0.0.0.0:7420' is a URL; give HOST:PORT without http://", done.stderr)

    def test_databases_that_will_not_do(self):
        self.database()
        self.psql("create role poor login")
        cases = [
            ("postgresql://assay@127.0.0.1:1/assay", "cannot connect"),
            (self.url.replace("/postgres?", "/absent?"), "does not exist"),
            (self.url.replace("assay@", "nobody_here@"), "nobody_here"),
            (self.url.replace("assay@", "poor@"), "permission denied"),
            ("not a url at all", "postgresql://"),
        ]
        for url, words in cases:
            with self.subTest(url):
                done = subprocess.run([COORDINATOR, "--database", url, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(words, done.stderr)
        coordinator = self.coordinator()
        coordinator.send(signal.SIGTERM)
        self.assertEqual(coordinator.wait(), 0)
        self.psql("insert into assay.schema_migration (kind, position, name, checksum) values ('migration', 9999, '9999_future', '')")
        done = subprocess.run([COORDINATOR, "--database", self.url, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("newer", done.stderr)

    def test_a_port_in_use_and_bad_flags(self):
        self.database()
        os.symlink("/dev/full", self.dir / "address.new")
        done = subprocess.run([COORDINATOR, "--database", self.url, "--listen", "127.0.0.1:0", "--announce", str(self.dir / "address")], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("--announce", done.stderr)
        self.assertIn("No space left", done.stderr)
        first = self.coordinator(name="first")
        self.psql("create database other")
        done = subprocess.run([COORDINATOR, "--database", self.url.replace("/postgres?", "/other?"), "--listen", first.address], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(first.address, done.stderr)
        self.assertIn("--listen", done.stderr)
        for flags in (["--listen"], ["--database", self.url, "--listen", "nonsense"], ["--database", self.url, "--lease-ttl", "never"], []):
            done = subprocess.run([COORDINATOR, *flags], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2, f"{flags}: {done.stderr}")

    def test_more_processes_than_an_agent_may_start(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "small", flags=["--max-processes", "4"])
        scenario = self.write("p.yaml", """
name: processes
load: {closed: {concurrency: 8}, triggers: 100}
trigger: {exec: {argv: ["true"]}, timeout: 60s}
""")
        code, out, err = self.assay("sweep", "start", scenario, "--coordinator", coordinator.address, "--watch")
        self.assertEqual(code, 3, out + err)
        self.assertEqual(self.psql("select verdict from assay.run"), [["rejected"]])
        detail = self.psql("select detail from assay.flag where code = 'refused' and severity = 'reject'")[0][0]
        for words in ("agent small", "8 processes at once", "allow 4", "lower the concurrency"):
            self.assertIn(words, detail)
        self.assertIn(detail, out + err)
        self.assertEqual(self.psql("select count(*) from assay.trigger"), [["0"]])
        # Within the limit the same agent works.
        code, out, err = self.assay("sweep", "start", scenario, "--set", "load.closed.concurrency=4", "--coordinator", coordinator.address, "--watch")
        self.assertEqual(code, 0, out + err)

    def test_a_bad_scenario_is_refused_by_the_coordinator_with_its_place(self):
        self.database()
        coordinator = self.coordinator()
        path = self.write("bad.yaml", "name: x\nload: {closed: {concurrency: 1}, trigers: 5}\ntrigger: {sleep: {for: 1ms}}\n")
        for flags in ([], ["--watch"], ["--json"]):
            code, out, err = self.assay("sweep", "start", path, "--coordinator", coordinator.address, *flags)
            self.assertEqual(code, 2, out + err)
            self.assertIn(path + ":2:34: ", err)
            self.assertIn("triggers", err)
        self.assertEqual(self.psql("select count(*) from assay.sweep"), [["0"]])

    def test_no_coordinator(self):
        for verb in (["sweep", "list"], ["agents"], ["sweep", "start", self.scenario()]):
            code, out, err = self.assay(*verb, "--coordinator", "127.0.0.1:1")
            self.assertEqual(code, 1, out + err)
            self.assertIn("127.0.0.1:1", err)

    def test_hooks_run_and_a_failing_one_ends_the_sweep(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        mark = self.dir / "mark"
        text = f"""
name: hooks
agents: {{count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 10}}
trigger: {{sleep: {{for: 1ms}}}}
hooks:
  before_sweep: {{argv: [sh, -c, "echo before >> {mark}"]}}
  before_run: {{argv: [sh, -c, "echo run $(run) on $(agent) >> {mark}"]}}
  after_run: {{argv: [sh, -c, "echo after $(run) >> {mark}"], where: coordinator}}
  after_sweep: {{argv: [sh, -c, "echo end >> {mark}"], where: coordinator}}
"""
        sweep = self.start_sweep(coordinator.address, self.write("h.yaml", text))
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(mark.read_text().splitlines(), ["before", "run 1 on a", "after 1", "end"])
        bad = self.start_sweep(coordinator.address, self.write("b.yaml", text.replace("echo before >> ", "echo why not; exit 4; #")))
        self.assertEqual(self.wait_sweep(bad), "failed")
        self.assertIn("before_sweep", self.psql(f"select failure from assay.sweep where sweep_id = {bad}")[0][0])
        self.assertEqual(self.psql(f"select count(*) from assay.run where sweep_id = {bad}"), [["0"]])
        code, out, err = self.assay("sweep", "watch", str(bad), "--coordinator", coordinator.address)
        self.assertEqual(code, 1, out + err)
        self.assertIn("before_sweep hook on a: 'sh' exited with 4; its output ends with: why not", out)

    def test_a_sweep_of_more_runs_and_flags_than_one_message_holds_is_shown_whole(self):
        self.database()
        coordinator = self.coordinator()
        runs = 12000
        self.psql(f"""
            insert into assay.sweep (name, state, seed, blocks, scenario_yaml, spec, started_at, ended_at) values ('made', 'finished', 1, {runs}, '', '', now(), now());
            insert into assay.cell (sweep_id, position, label, target, params, spec) values (1, 0, 'n=1', 't', '{{"n": 1}}', '');
            insert into assay.run (sweep_id, cell_id, block, attempt, state, verdict, t0_ns, ended_at)
              select 1, 1, n, 1, 'ended', 'accepted', 1, now() from generate_series(1, {runs}) n;
            insert into assay.run_result (run_id, agents, slots, triggers, ok, failed, timeout, cancelled, skipped, lost, makespan_s)
              select run_id, 1, 1, 1, 1, 0, 0, 0, 0, 0, block from assay.run;
            insert into assay.flag select 1, run_id, 'cold', 'info', repeat('x', 1000) from assay.run""")
        code, out, err = self.assay("sweep", "show", "1", "--coordinator", coordinator.address, "--json")
        self.assertEqual(code, 0, err)
        end = json.loads(out.splitlines()[-1])
        self.assertEqual((end["cells"][0]["accepted"], end["cells"][0]["makespan_s"]["median"]), (runs, (runs + 1) / 2))
        self.assertIn(f"All {runs} runs were accepted", " ".join(end["meaning"]))
        code, out, err = self.assay("sweep", "watch", "1", "--coordinator", coordinator.address, "--json")
        self.assertEqual(code, 0, err)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([sum(line["type"] == kind for line in lines) for kind in ("run", "flag", "end")], [runs, runs, 1])

    def test_cancel_from_another_terminal(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=1000000, agents=1))
        behind = self.start_sweep(coordinator.address, self.scenario(triggers=100, agents=1))
        run = self.wait_run(sweep, "running")
        code, out, err = self.assay("sweep", "rm", str(sweep), "--coordinator", coordinator.address)
        self.assertEqual(code, 1)
        self.assertIn("cancel", err)
        code, out, err = self.assay("sweep", "cancel", str(sweep), "--coordinator", coordinator.address)
        self.assertEqual(code, 0, err)
        self.assertEqual(self.wait_sweep(sweep), "cancelled")
        self.assertEqual(self.psql(f"select (select sum(fired) from assay.share where run_id = {run}) = count(*) from assay.trigger where run_id = {run}"), [["t"]])
        self.assertEqual(self.wait_sweep(behind), "finished")

    def test_no_sampling_gap_is_hidden(self):
        """A stopped agent misses ticks and slips: the run says so."""
        self.database()
        coordinator = self.coordinator()
        agent = self.agent(coordinator.address, "a")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=8000, agents=1))
        self.wait_run(sweep, "running")
        time.sleep(0.3)
        agent.send(signal.SIGSTOP)
        time.sleep(1)
        agent.send(signal.SIGCONT)
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertIn(("sampler_gap", "warning"), self.flags(sweep))
        self.assertIn("cold", {code for code, _ in self.flags(sweep)})

    def test_an_agent_told_to_stop_says_goodbye_and_delivers(self):
        self.database()
        coordinator = self.coordinator(flags=self.fast_lease())
        agent = self.agent(coordinator.address, "a")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=100000, agents=1, on_loss="fail"))
        run = self.wait_run(sweep, "running")
        time.sleep(0.5)
        agent.send(signal.SIGTERM)
        self.assertEqual(agent.wait(), 0, agent.text())
        self.assertEqual(self.wait_sweep(sweep), "finished")
        fired, rows = self.psql(f"select (select fired from assay.share where run_id = {run}), count(*) filter (where outcome = 'ok') from assay.trigger where run_id = {run}")[0]
        self.assertEqual(fired, rows)
        self.assertGreater(int(rows), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
