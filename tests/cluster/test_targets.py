"""`assay target`: what it makes, what it says, and that nothing is left. On a small target of the test's own, which needs no network."""
import json
import os
import re
import signal
import socket
import subprocess
import unittest

from target_world import TargetWorld
from world import ASSAY, SOURCE, alive, wait_for

# Two processes, one of which starts a child in a session of its own, and a secret.
UP = f"""#!/usr/bin/python3 -B
import os, socket, sys, time
sys.path.insert(0, {str(SOURCE / 'scenarios' / 'targets')!r})
from assay_target import Target, free_port
class Small(Target):
    package = "pip"
    def options(self, parser):
        parser.add_argument("--break", dest="broken", action="store_true")
        parser.add_argument("--slow", action="store_true")
        parser.add_argument("--elsewhere", action="store_true")
    def start(self, options):
        port = self.ports["server"] = free_port(options.port)
        self.secrets["SMALL_URL"] = f"http://127.0.0.1:{{port}}"
        python = self.venv.program("python")
        self.members.start("first", ["sh", "-c", "echo first began; setsid sleep 4711 & exec sleep 4712"])
        server = self.members.start("server", [python, "-m", "http.server", "--bind", "127.0.0.1", str(port)])
        self.members.await_ready("server", server, lambda: answers(port), 60)
        if options.elsewhere: self.elsewhere()
        while options.slow: time.sleep(0.1)
        broken = self.members.start("broken", ["sh", "-c", "echo it cannot; exit 7"]) if options.broken else None
        if broken: self.members.await_ready("broken", broken, lambda: False, 60)
def answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
sys.exit(Small(__file__).up())
"""
DOWN = f"""#!/usr/bin/python3 -B
import sys
sys.path.insert(0, {str(SOURCE / 'scenarios' / 'targets')!r})
from assay_target import Target
sys.exit(Target(__file__).down())
"""


class SmallTarget(TargetWorld):
    def setUp(self):
        super().setUp()
        self.targets = self.dir / "targets"
        folder = self.targets / "small"
        folder.mkdir(parents=True)
        for program, text in (("up", UP), ("down", DOWN)):
            (folder / program).write_text(text)
            (folder / program).chmod(0o755)
        (folder / "requirements.txt").write_text("")
        (self.targets / "no-target").mkdir()
        self.where = ("--targets", str(self.targets))
        self.addCleanup(self.target, "down", "small", *self.where)

    def test_up_list_logs_down(self):
        self.assertEqual(self.listed("small", *self.where), {"type": "target", "target": "small", "state": "down", "version": None, "ports": {}, "pids": {}})
        out = self.must("up", "small", *self.where)
        port = int(re.search(r"server on 127\.0\.0\.1:(\d+)", out)[1])
        self.assertIn("$(secret:SMALL_URL)", out)
        self.assertEqual(self.secret("SMALL_URL"), f"http://127.0.0.1:{port}")
        line = self.listed("small", *self.where)
        self.assertEqual((line["state"], line["ports"], set(line["pids"])), ("up", {"server": port}, {"first", "server"}))
        self.assertTrue(line["version"])
        self.assert_on_loopback(at_least=1)
        for pid in line["pids"].values():
            self.assertTrue(alive(pid))
        self.assertRegex(self.must("list", *self.where), rf"small +up +\S+ +server={port} +first=\d+ server=\d+")

        again = self.must("up", "small", "--data", str(self.data), *self.where)
        self.assertIn("is up already", again)
        self.assertIn(f"`assay target down small --data {self.data}` ends it", again)
        self.assertEqual(self.listed("small", *self.where)["pids"], line["pids"])
        code, out, err = self.target("up", "small", "--port", str(port - 1 if port > 2000 else port + 1), *self.where)
        self.assertEqual(code, 1, out + err)
        self.assertIn("is up on other ports", err)

        self.assertIn("first began", self.must("logs", "small", *self.where))
        follow = self.start([ASSAY, "target", "logs", "small", "-f", *self.where], "follow", env={"ASSAY_DATA": str(self.data)})
        wait_for(lambda: "first began" in follow.text() or not follow.running(), "the log is followed")
        self.assertTrue(follow.running(), follow.text())
        follow.type(signal.SIGINT)
        follow.wait()

        os.kill(line["pids"]["server"], signal.SIGKILL)
        wait_for(lambda: self.listed("small", *self.where)["state"] == "broken", "its end is noticed")
        self.assertIn("has ended: server", self.must("list", *self.where))
        self.assertIn("is up:", self.must("up", "small", *self.where))
        repaired = self.listed("small", *self.where)
        self.assertEqual(repaired["state"], "up")
        self.assertFalse(alive(line["pids"]["first"]), "what was left of the broken one has ended")

        self.assertIn("is down; its packages are kept", self.must("down", "small", "--keep", *self.where))
        self.assertEqual(self.listed("small", *self.where)["state"], "packages")
        self.assertEqual(self.of_this_test(), [])
        code, out, err = self.target("up", "small", "--port", str(port), *self.where)
        self.assertEqual(code, 0, out + err)
        self.assertNotIn("installing", out + err)
        self.assertIn("small is down", self.must("down", "small", *self.where))
        self.assertIn("small was not up", self.must("down", "small", *self.where))
        self.assert_nothing_left("small")

    def test_a_sweep_brings_it_up_and_down(self):
        words = f"small, --targets, {self.targets}], where: {{role: target}}}}"
        scenario = self.write("sweep.yaml", f"""
name: sweep
agents: {{select: {{role: target}}, count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 5}}
blocks: 2
targets:
  small:
    setup: {{argv: [assay, target, up, {words}
    teardown: {{argv: [assay, target, down, {words}
    trigger: {{http: {{url: "$(secret:SMALL_URL)/"}}}}
""")
        # Neither a PATH with `assay` in it nor ASSAY_DATA tells a hook where to look.
        code, out, err = self.assay("run", scenario, "--data", str(self.data), env={"PATH": "/usr/bin:/bin", "ASSAY_DATA": str(self.dir / "elsewhere")}, patience_s=300)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select kind, target, exit_code from hook order by hook_id"), [["setup", "small", "0"], ["teardown", "small", "0"]])
        self.assertEqual(self.sql("select count(*) from trigger where outcome = 'ok'"), [["10"]])
        self.assert_nothing_left("small")

    def test_an_up_that_fails_or_is_interrupted_leaves_nothing_running(self):
        code, out, err = self.target("up", "small", *self.where, "--", "--break")
        self.assertEqual(code, 1, out + err)
        self.assertRegex(err, r"small: its broken ended with 7; the end of .*broken\.log:\nit cannot")
        self.assertEqual(self.of_this_test(), [])
        self.assertEqual(self.listed("small", *self.where)["state"], "packages")
        self.assertIn("it cannot", self.must("logs", "small", *self.where), "its logs tell why")
        for signum in (signal.SIGINT, signal.SIGTERM):
            up = self.start([ASSAY, "target", "up", "small", *self.where, "--", "--slow"], "slow", env={"ASSAY_DATA": str(self.data)})
            wait_for(lambda: len(self.of_this_test()) >= 4 or not up.running(), "its processes run")
            self.assertEqual(self.listed("small", *self.where)["state"], "busy")
            code, out, err = self.target("down", "small", *self.where)
            self.assertEqual(code, 1, out + err)
            self.assertIn("another `assay target` is just starting or ending small", err)
            up.type(signum)
            self.assertEqual(up.wait(), 130, up.text())
            self.assertEqual(self.of_this_test(), [])
        # Nobody can clean up after itself when it is killed: the next `down` does.
        up = self.start([ASSAY, "target", "up", "small", *self.where, "--", "--slow", "--elsewhere"], "killed", env={"ASSAY_DATA": str(self.data)})
        state = self.data / "targets" / "small" / "state.json"
        elsewhere = wait_for(lambda: state.exists() and [path for path in json.loads(state.read_text())["temporary"] if os.path.isdir(path)],
                             "it has made a directory outside of its home")
        self.assertTrue(up.running(), up.text())
        up.kill()
        self.assertNotEqual(self.of_this_test(), [])
        self.assertEqual(self.listed("small", *self.where)["state"], "packages", "half of it is not up")
        self.must("down", "small", *self.where)
        self.assertFalse(os.path.exists(elsewhere[0]))
        self.assert_nothing_left("small")

    def test_bad_usage(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for words, code, said in ((["up", "smal", *self.where], 2, f"no target is called 'smal'; in {self.targets} there are: small"),
                                      (["up", "small", "--targets", str(self.dir / "nowhere")], 2, "there is no such folder"),
                                      (["up", "small", "--port", "0", *self.where], 2, "--port"),
                                      (["up", "small", *self.where, "--", "--nonsense"], 2, "--nonsense"),
                                      (["logs", "small", *self.where], 1, "no logs at"),
                                      (["up", "small", "--port", str(port), *self.where], 1, f"port {port} cannot be used")):
                got, out, err = self.target(*words)
                self.assertEqual(got, code, out + err)
                self.assertIn(said, err)
        self.assertEqual(self.of_this_test(), [])

    def test_a_package_index_that_cannot_be_reached(self):
        (self.targets / "small" / "requirements.txt").write_text("no-such-package-of-assay==1.0\n")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            closed = "http://127.0.0.1:%d/simple" % silent.getsockname()[1]
        environment = {"PIP_INDEX_URL": closed, "PIP_NO_INDEX": "", "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        # pip says what keeps it from its index only where it tries again.
        for retries, said in (("1", "the package index cannot be reached"), ("0", "the package index has none of it, or cannot be reached")):
            code, out, err = self.target("up", "small", *self.where, env={**environment, "PIP_RETRIES": retries})
            self.assertEqual(code, 1, out + err)
            self.assertIn("cannot install the packages of small: " + said, err)
            self.assertIn("PIP_INDEX_URL", err)
        self.assertEqual(self.listed("small", *self.where)["state"], "down")
        self.assertEqual(self.of_this_test(), [])


class ShippedTargets(TargetWorld):
    def test_they_are_found_and_complete(self):
        names = [json.loads(line)["target"] for line in self.must("list", "--json").splitlines()]
        self.assertEqual(names, ["airflow", "dask", "prefect"])
        for name in names:
            folder = SOURCE / "scenarios" / "targets" / name
            self.assertTrue((folder / "README.md").exists())
            for line in (folder / "requirements.txt").read_text().splitlines():
                self.assertRegex(line, r"^(#.*|[\w.\[\]-]+==[\w.+!-]+)?$", f"{name}: every package is pinned")


DRIVER = SOURCE / "scenarios" / "drivers" / "dask.py"
PLUGINS = """
import sys
from distributed import Client
def of_scheduler(dask_scheduler): return list(dask_scheduler.plugins)
def of_worker(dask_worker): return list(dask_worker.plugins), "scheduler_delay" in vars(type(dask_worker))
with Client(sys.argv[1], timeout=60) as client:
    print(client.run_on_scheduler(of_scheduler), client.run(of_worker))
"""


# In a worker: another host as far as the driver can see, whose wall clock is 50 ms ahead.
ELSEWHERE = """
import builtins, io, time
if not hasattr(builtins, "elsewhere"):  # Dask loads it twice
    builtins.elsewhere = opened, told = builtins.open, time.time_ns
    builtins.open = lambda path, *words, **more: io.StringIO("another") if path == "/proc/sys/kernel/random/boot_id" else opened(path, *words, **more)
    time.time_ns = lambda: told() + 50_000_000
"""


class DaskWorld(TargetWorld):
    def measure(self, *sets):
        code, out, err = self.assay("run", str(SOURCE / "scenarios" / "dask-overhead.yaml"),
                                    *(word for one in ("tasks=[300]", "sleep=[{uniform: [1ms, 10ms]}]", *sets) for word in ("--set", one)), patience_s=600)
        self.assertEqual(code, 0, out + err)
        self.assertNotIn("driver_", out)

    def check(self, runs, version):
        """Every task of every run has all its instants, in their order."""
        rows = self.sql("select count(distinct run_id), count(*), count(*) filter (where outcome = 'ok' and started_ns <= body_started_ns + 1e6 and "
                        "created_ns <= scheduled_ns and scheduled_ns <= queued_ns and queued_ns <= ready_ns and ready_ns <= started_ns + 1e6 and "
                        "body_started_ns < body_finished_ns and body_finished_ns <= finished_ns + 1e6 and task ~ 'assay-' and worker <> '') from task")
        self.assertEqual(rows, [[str(runs), str(300 * runs), str(300 * runs)]])
        self.assertEqual(self.sql("select count(*) from trigger where outcome = 'ok' and accepted_ns between started_ns - 1e6 and finished_ns"), [[str(300 * runs)]])
        self.assertEqual(self.sql("select name, count(*) from span where ended_ns >= begun_ns group by 1 order by 1"), [["gather", str(runs)], ["submit", str(runs)]])
        self.assertEqual(self.sql("select distinct driver, driver_version, capacity from share"), [["dask", version, "16"]])

    def check_shared(self, python, address):
        """The last run was on the cluster at this address, and has left nothing of its own there."""
        self.assertEqual(self.sql("select distinct worker from task where run_id = (select max(run_id) from run)")[0][0][:16], address[:16])
        plugins = subprocess.run([python, "-c", PLUGINS, address], capture_output=True, text=True, timeout=120, check=True).stdout
        self.assertIn("tcp://", plugins)
        self.assertNotIn("assay-", plugins)
        self.assertNotIn("True", plugins, "a worker tells its delay to its scheduler again")


    def own_cluster(self, python):
        """Starts the driver with a cluster of its own and looks at what that opens."""
        for processes in (True, False):
            driver = self.prepared([python, str(DRIVER)], {"threads": 2, "processes": processes}, {"HOME": str(self.outside[0]), "TMPDIR": str(self.outside[1])})
            self.assert_on_loopback(at_least=2)
            driver.communicate(timeout=60)
            self.assertEqual([path for directory in self.outside for path in directory.rglob("*")], [])


class DebiansDask(DaskWorld):
    """python3-distributed, which needs no target."""

    PYTHON = "/usr/bin/python3"

    def test_others_tasks_are_let_by(self):
        """Newer versions leave tuples as keys; a plugin that fails at one spoils the log of a cluster that is not ours."""
        looked = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("assay_dask", sys.argv[1])
driver = importlib.util.module_from_spec(spec)
spec.loader.exec_module(driver)
for plugin in driver.SchedulerStamps("assay-1-", lambda: 1), driver.WorkerStamps("assay-1-", lambda: 1):
    for key in ("x", 0), b"assay-1-0", 7, "other", "assay-1-0":
        plugin.transition(key, "released", "ready")
    print(list(plugin.stamps))
"""
        done = subprocess.run([self.PYTHON, "-c", looked, str(DRIVER)], capture_output=True, text=True, check=False)
        self.assertEqual((done.stdout, done.stderr), ("['assay-1-0']\n" * 2, ""))

    def test_it_listens_on_loopback_and_leaves_nothing(self):
        self.own_cluster(self.PYTHON)

    def facts(self):
        """Its version, and what makes a scenario start the driver with it."""
        version = subprocess.run([self.PYTHON, "-c", "import distributed; print(distributed.__version__)"], capture_output=True, text=True, check=True).stdout
        return version.strip(), f"trigger.driver.argv=[{self.PYTHON}, {DRIVER}]"

    def cluster(self, *words):
        """The address of a scheduler that has one worker, started with these words."""
        scheduler, told = self.member("scheduler", "--port", "0"), self.dir / "scheduler.json"
        wait_for(lambda: (told.exists() and told.read_text().rstrip().endswith("}")) or not scheduler.running(), "the scheduler listens")
        self.member("worker", "--nthreads", "16", "--no-nanny", "--local-directory", str(self.dir), *words)
        return json.loads(told.read_text())["address"]

    def member(self, name, *words):
        return self.start([self.PYTHON, "-m", f"distributed.cli.dask_{name}", *words, "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0",
                           "--scheduler-file", str(self.dir / "scheduler.json")], name)

    def test_clusters_of_its_own_and_one_that_is_there(self):
        version, argv = self.facts()
        self.measure(argv, "processes=[true, false]")
        self.check(2, version)
        address = self.cluster()
        self.measure(argv, f"trigger.driver.options={{address: '{address}'}}")
        self.check(3, version)
        self.check_shared(self.PYTHON, address)
        # Two agents, each with a driver of its own, share it: neither takes the other's tasks for its own.
        self.measure(argv, f"trigger.driver.options={{address: '{address}', agents: 2}}", "agents={select: {role: load}, count: 2}")
        shares = "select capacity, count(*) from share join task using (run_id, agent_id) where run_id = (select max(run_id) from run) and outcome = 'ok' group by agent_id, 1"
        self.assertEqual(self.sql(shares), [["8", "150"]] * 2)
        self.assertEqual(self.sql("select slots, tasks from run_summary where run_id = (select max(run_id) from run)"), [["16", "300"]])
        self.check_shared(self.PYTHON, address)

    def test_instants_of_other_hosts_carry_the_error_of_their_clocks(self):
        version, argv = self.facts()
        address = self.cluster("--preload", self.write("elsewhere.py", ELSEWHERE))
        self.measure(argv, f"trigger.driver.options={{address: '{address}'}}")
        self.assertEqual(self.sql("select count(*), count(*) filter (where error_ns between 50e6 and 10e9) from task"), [["300", "300"]])


class Dask(DaskWorld):
    """For real: its packages come from PyPI."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.target, "down", "dask")

    def test_clusters_of_its_own_and_one_that_is_there(self):
        self.must("up", "dask", "--", "--cluster")
        self.assert_on_loopback(at_least=2)
        version = self.listed("dask")["version"]
        self.measure("processes=[true, false]")
        self.check(2, version)
        self.measure("trigger.driver.options={address: $(secret:DASK_ADDRESS)}")
        self.check(3, version)
        self.check_shared(self.secret("DASK_PYTHON"), self.secret("DASK_ADDRESS"))
        self.own_cluster(self.secret("DASK_PYTHON"))
        self.assertEqual(list((self.data / "targets" / "dask").glob("assay-dask-*")), [])
        self.must("down", "dask")
        self.assert_nothing_left("dask")


if __name__ == "__main__":
    unittest.main(verbosity=2)
