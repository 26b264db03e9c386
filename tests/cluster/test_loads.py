"""Loads and kinds of trigger through the command line, with a target of this test."""
import asyncio
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time
import unittest

from world import ASSAY, BUILD, World, wait_for


class StallingServer:
    """HTTP/1.1 on a free port. A second after the first request for a path, whatever asks for it waits until two seconds are over."""

    def __init__(self):
        self.begun = {}
        self.port = 0
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()

    def run(self, ready):
        async def serve():
            server = await asyncio.start_server(self.answer, "127.0.0.1", 0, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    async def answer(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1]
                age = time.monotonic() - self.begun.setdefault(path, time.monotonic())
                if 1 <= age < 2:
                    await asyncio.sleep(2 - age)
                status = b"503 No" if b"refuse" in path else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\nhello")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Loads(World):
    def setUp(self):
        super().setUp()
        self.server = StallingServer()
        self.addCleanup(self.server.stop)

    def test_a_stall_shows_in_an_open_loop_and_hides_in_a_closed_one(self):
        code, out, err = self.assay("run", self.write("stall.yaml", f"""
name: stall
agents: {{count: 2}}
targets:
  open: {{load: {{open: {{rate: 200/s, arrivals: poisson}}}}}}
  closed: {{load: {{closed: {{concurrency: 2}}}}}}
load: {{duration: 3s}}
trigger: {{http: {{url: "http://127.0.0.1:{self.server.port}/$(target)"}}, timeout: 10s}}
limits: {{slip_p99: 10s}}
"""))
        self.assertEqual(code, 0, out + err)
        rows = {r[0]: r[1:] for r in self.sql("select target, response_p99_ms, triggers, slots is null, overhead_percent is null from run_summary")}
        self.assertGreater(float(rows["open"][0]), 500, "a third of the triggers came while it stalled")
        self.assertLess(float(rows["closed"][0]), 500, "two of thousands met the stall")
        # Poisson, 200/s over 3 s: 600, give or take six standard deviations.
        self.assertLess(abs(int(rows["open"][1]) - 600), 150)
        self.assertEqual(rows["open"][2:], ["t", "t"], "in an open loop nothing is scheduled on slots")
        self.assertEqual(rows["closed"][2:], ["f", "f"])
        self.assertEqual(self.sql("select distinct status, received_bytes from trigger"), [["200", "5"]])
        self.assertEqual(self.sql("select count(*) from trigger_time where first_byte_ms is null or first_byte_ms > service_ms"), [["0"]])

    def test_far_more_than_can_be_started_is_rows_that_say_skipped(self):
        code, out, err = self.assay("run", self.write("flood.yaml", """
name: flood
load: {open: {rate: 2000/s, in_flight: 10, deadline: 50ms}, duration: 1s}
trigger: {sleep: {for: 100ms}}
"""))
        self.assertEqual(code, 3, out + err)
        counts = dict(self.sql("select outcome, count(*) from trigger group by 1"))
        self.assertEqual(sum(int(n) for n in counts.values()), 2001, "each arrival is a row")
        self.assertGreater(int(counts["skipped"]), 1500)
        self.assertEqual(self.sql("select count(*) from trigger where outcome = 'skipped' and (dispatched_ns - intended_ns <= 50000000 or started_ns is not null)"), [["0"]])
        self.assertIn("failures", out)
        self.assertIn("slip", out)
        self.assertIn("not started within its deadline of 50 ms", out)

    def test_an_answer_that_was_not_expected_is_a_failure_with_its_text(self):
        code, out, err = self.assay("run", self.write("refused.yaml", f"""
name: refused
load: {{open: {{burst: 20}}}}
trigger: {{http: {{url: "http://127.0.0.1:{self.server.port}/refuse"}}, timeout: 10s}}
"""))
        self.assertEqual(code, 3, out + err)
        self.assertIn("answered with status 503; its output ends with: hello", out)
        self.assertEqual(self.sql("select count(*), min(intended_ns), max(intended_ns), max(status) from trigger where outcome = 'failed'"), [["20", "0", "0", "503"]])


class Traces(World):
    SCENARIO = """
name: trace
load: {open: {trace: days/arrivals.csv, in_flight: 500}}
trigger: {sleep: {for: 1ms}}
limits: {slip_p99: 10s}
"""

    def setUp(self):
        super().setUp()
        (self.dir / "days").mkdir()
        self.scenario = self.write("trace.yaml", self.SCENARIO)

    def due(self, read):
        return [int(row[0]) for row in read("select intended_ns from assay.trigger order by index")]

    def test_triggers_are_due_at_the_instants_of_a_file(self):
        instants = sorted(n % 7 * 100 + n % 3 for n in range(200))  # milliseconds
        self.write("days/arrivals.csv", "# ms\n" + "".join(f"{n}ms\n" for n in instants))
        code, out, err = self.assay("run", self.scenario)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.due(self.sql), [n * 1000000 for n in instants])

    def test_a_restarted_coordinator_needs_neither_the_file_nor_who_sent_it(self):
        trace = self.write("days/arrivals.csv", "0\n0.1\n0.1\n0.3\n")
        self.database()
        coordinator = self.coordinator()
        sweep = self.start_sweep(coordinator.address, self.scenario)
        coordinator.kill()
        os.unlink(trace)
        coordinator = self.coordinator(name="second")
        self.agent(coordinator.address)
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(self.due(self.psql), [0, 100000000, 100000000, 300000000])

    def test_a_million_instants_reach_the_agents(self):
        """More than fits in a message of the size that gRPC takes by default."""
        self.write("days/arrivals.csv", "".join(f"{n}ms\n" for n in range(0, 2000, 2)) + "".join(f"{n}.123456789\n" for n in range(3600, 1002600)))
        code, out, err = self.assay("run", self.scenario, "--set", "load.triggers=1000")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.due(self.sql), [n * 1000000 for n in range(0, 2000, 2)])

    def test_what_is_wrong_with_it_is_told_before_anything_runs(self):
        code, out, err = self.assay("check", self.scenario)
        self.assertEqual(code, 2, out + err)
        self.assertIn(f"trace.yaml:3:22: load.open.trace: '{self.dir}/days/arrivals.csv': cannot read it: No such file or directory", err)
        self.write("days/arrivals.csv", "5\n4\n")
        for verb in (["check"], ["run"], ["sweep", "start", "--coordinator", "127.0.0.1:1"]):
            code, out, err = self.assay(*verb, self.scenario)
            self.assertEqual(code, 2, out + err)
            self.assertIn("days/arrivals.csv:2:1: the trace runs backwards: '4' comes after '5' in line 1", err)
        self.write("days/arrivals.csv", "0\n" * (13 << 20))
        code, out, err = self.assay("check", self.scenario)
        self.assertEqual(code, 2, out + err)
        self.assertIn("it has 26.0 MiB; at most 24.0 MiB of trace files go with a scenario", err)


class Calls(World):
    """gRPC, with the echo service of the unit tests as a process of its own."""

    def setUp(self):
        super().setUp()
        self.server = subprocess.Popen([BUILD / "tests" / "targets" / "grpc_echo_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.stop_server)
        self.port = int(self.server.stdout.readline())

    def stop_server(self):
        self.server.stdin.close()
        self.server.wait(60)
        self.server.stdout.close()

    def test_calls_by_the_name_of_their_method(self):
        code, out, err = self.assay("run", self.write("g.yaml", f"""
name: calls
agents: {{count: 2}}
load: {{closed: {{concurrency: 8}}, triggers: 200}}
trigger: {{grpc: {{target: "127.0.0.1:{self.port}", method: assay.test.Echo/Call, metadata: {{x-agent: "$(agent)"}}}}, timeout: 60s}}
targets:
  json: {{trigger: {{grpc: {{json: {{text: "t $(index)", number: "$(index)"}}}}}}}}
  bytes: {{trigger: {{grpc: {{bytes: CgNyYXc=}}}}}}
  errors: {{trigger: {{grpc: {{json: {{code: 5, text: "no such cow"}}}}}}}}
  expected: {{trigger: {{grpc: {{json: {{code: 5}}, expect: {{status: NOT_FOUND}}}}}}}}
  silent: {{load: {{triggers: 10}}, trigger: {{grpc: {{json: {{never_answer: true}}}}, timeout: 200ms}}}}
"""))
        self.assertEqual(code, 3, out + err)
        rows = {r[0]: r[1:] for r in self.sql(
            "select c.target, count(*), string_agg(distinct t.outcome::text, ' '), string_agg(distinct t.status::text, ' '), max(t.error), "
            "bool_and(t.sent_bytes > 0 and t.connected_ns is null) from trigger t join run r using (run_id) join cell c using (cell_id) group by 1")}
        self.assertEqual(rows["json"], ["200", "ok", "0", "", "t"])
        self.assertEqual(rows["bytes"], ["200", "ok", "0", "", "t"])
        self.assertEqual(rows["errors"], ["200", "failed", "5", "NOT_FOUND: no such cow", "t"])
        self.assertEqual(rows["expected"], ["200", "ok", "5", "", "t"])
        self.assertEqual(rows["silent"], ["10", "timeout", "4", "took longer than 200 ms", "t"])

    def test_a_method_that_is_not_there_fires_nothing(self):
        code, out, err = self.assay("run", self.write("g.yaml", f"""
name: calls
load: {{closed: {{concurrency: 2}}, triggers: 10}}
trigger: {{grpc: {{target: "127.0.0.1:{self.port}", method: assay.test.Echo/Cal, json: {{}}}}, timeout: 60s}}
"""))
        self.assertNotEqual(code, 0, out + err)
        self.assertIn("did you mean assay.test.Echo/Call?", out + err)
        self.assertEqual(self.sql("select count(*) from trigger"), [["0"]])


class Engine:
    """Containers of a real engine that has everything of its own, with an image of busybox and one container that runs."""

    run_flags = []        # of every container
    health = "healthy"    # what to wait for

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("a container engine of its own needs root")
        for program in (self.daemon, "busybox"):
            if not shutil.which(program):
                self.skipTest(f"{program} is not installed; tests/run installs it")
        self.socket = self.dir / "engine.sock"
        log = open(self.dir / "engine.log", "wb")
        self.addCleanup(log.close)
        self.engine = subprocess.Popen(self.engine_argv(), env=self.engine_env(), stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(self.stop_engine)
        wait_for(lambda: self.engine.poll() is not None or self.answers(), "the engine answers")
        if self.engine.poll() is not None:
            self.skipTest(f"{self.daemon} cannot run here: " + (self.dir / "engine.log").read_text()[-300:])
        root = self.dir / "image" / "bin"
        root.mkdir(parents=True)
        shutil.copy("/bin/busybox", root)
        for name in ("sh", "echo", "sleep", "true"):
            (root / name).symlink_to("busybox")
        archive = subprocess.run(["tar", "-C", self.dir / "image", "-c", "."], stdout=subprocess.PIPE, check=True).stdout
        self.docker("import", "-", "assay-test", input=archive)
        self.made = []
        box = self.container("box", check=False)
        if box.returncode != 0:
            self.skipTest(f"this machine lets {self.daemon} start no container: " + box.stderr.decode()[-300:])

    def container(self, name, *flags, check=True):
        self.made.append(name)
        return self.docker("run", "--detach", "--network", "none", *self.run_flags, "--stop-timeout", "0", "--name", name, *flags, "assay-test", "/bin/sleep",
                           "100000", check=check)

    def answers(self):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
                client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in client.recv(100)
            except OSError:
                return False

    def docker(self, *words, check=True, input=None):
        return subprocess.run([*self.client(), *words], input=input, check=check, env=self.engine_env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def engine_env(self):
        return None

    def stop_engine(self):
        if self.engine.poll() is None:
            if getattr(self, "made", None):
                self.docker("rm", "--force", *self.made, check=False)
            self.engine.terminate()
            self.engine.wait()
        # Podman has a process stay for five minutes with each exec that has ended.
        for cmdline in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                if str(self.dir).encode() in pathlib.Path(cmdline).read_bytes():
                    os.kill(int(cmdline.split("/")[2]), signal.SIGKILL)
            except OSError:
                pass

    def test_processes_in_a_container(self):
        code, out, err = self.assay("run", self.write("c.yaml", f"""
name: containers
agents: {{count: 1}}
targets:
  hello: {{trigger: {{container: {{name: box, argv: [sh, -c, 'echo "$A $(index)"; exit $$(($(index) % 2))'], env: {{A: "$(agent)"}}, socket: {self.socket}}}}}}}
  nobody: {{trigger: {{container: {{name: no-such, argv: ["true"], socket: {self.socket}}}}}}}
  missing: {{trigger: {{container: {{name: box, argv: [no-such-program], socket: {self.socket}}}}}}}
  hanging: {{trigger: {{container: {{name: box, argv: [sleep, "1000"], socket: {self.socket}}}, timeout: 500ms}}}}
load: {{closed: {{concurrency: 4}}, triggers: 8}}
trigger: {{timeout: 60s}}
"""))
        self.assertEqual(code, 3, out + err)
        rows = {r[0]: r[1:] for r in self.sql(
            "select c.target, count(*), string_agg(distinct t.outcome::text, ' '), string_agg(distinct coalesce(t.exit_code::text, ''), ' '), max(t.error), "
            "bool_and(t.started_ns <= t.created_ns and t.created_ns <= t.running_ns and t.running_ns <= t.finished_ns) "
            "from trigger t join run r using (run_id) join cell c using (cell_id) group by 1")}
        self.assertEqual(rows["hello"][:3], ["8", "failed ok", "0 1"])
        self.assertEqual(rows["hello"][4], "t")
        self.assertEqual(self.sql("select count(*) from trigger t join run r using (run_id) join cell c using (cell_id) join agent a using (agent_id) "
                                  "where c.target = 'hello' and t.output = convert_to(a.name || ' ' || t.index || E'\\n', 'UTF8')"), [["8"]])
        self.assertEqual(rows["nobody"][1], "failed")
        self.assertRegex(rows["nobody"][3], "(?i)no such container")
        self.assertEqual(rows["missing"][1], "failed")
        self.assertEqual(rows["hanging"][1], "timeout")
        self.assertIn("took longer than 500 ms and was killed", rows["hanging"][3])
        left = self.docker("top", "box").stdout.decode()
        self.assertNotIn("sleep 1000\n", left)


    def test_a_project_is_restarted_before_every_run(self):
        for name, needs in (("db", ""), ("app", "db:service_healthy:false")):
            check_health = ["--health-cmd", "/bin/true", "--health-interval", "1s"] if self.health == "healthy" else []
            self.container(f"stack-{name}-1", "--label", "com.docker.compose.project=stack", "--label", f"com.docker.compose.service={name}",
                           "--label", f"com.docker.compose.depends_on={needs}", *check_health)

        def started(name):
            return self.docker("inspect", "--format", "{{.State.StartedAt}}", name).stdout

        at_first = {name: started(name) for name in ("stack-db-1", "stack-app-1", "box")}
        code, out, err = self.assay("run", "--agents", "1", self.write("h.yaml", f"""
name: restarts
blocks: 2
agents: {{count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 2}}
trigger: {{container: {{name: stack-app-1, argv: ["true"], socket: {self.socket}}}, timeout: 60s}}
hooks:
  before_run: {{compose: {{restart: stack, wait: {self.health}, socket: {self.socket}}}, timeout: 2m}}
"""))
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select h.run_id = r.run_id, string_agg(s.action || ' ' || s.container, ', ' order by step), "
                                  "bool_and(s.begun_at < s.ended_at and s.error = ''), max(s.ended_at) < assay.instant(max(r.t0_ns)), "
                                  "min(s.begun_at) > min(r.created_at) - interval '1 s' "
                                  "from hook h join hook_step s using (hook_id) join run r on r.run_id = h.run_id where h.state = 'ok' group by 1, r.run_id"),
                         [["t", "stop stack-app-1, stop stack-db-1, start stack-db-1, wait stack-db-1, start stack-app-1, wait stack-app-1", "t", "t", "t"]] * 2)
        for name, at in at_first.items():
            (self.assertEqual if name == "box" else self.assertNotEqual)(started(name), at, name)

    def test_a_hook_on_a_container_that_is_not_there_fails_with_its_name(self):
        code, out, err = self.assay("run", "--agents", "1", self.write("h.yaml", f"""
name: nobody
agents: {{count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 1}}
trigger: {{sleep: {{for: 1ms}}}}
hooks: {{before_run: {{container: {{restart: nobody, socket: {self.socket}}}}}}}
"""))
        self.assertEqual(code, 3, out + err)
        self.assertRegex(out + err, "(?i)stop container 'nobody': .*no such container")

    def test_a_container_that_dies_in_mid_exec_is_rows(self):
        self.container("dying")
        scenario = self.write("d.yaml", f"""
name: dying
agents: {{count: 1}}
load: {{closed: {{concurrency: 3}}, triggers: 3}}
trigger: {{container: {{name: dying, argv: [sh, -c, "echo begun; sleep 1000"], socket: {self.socket}}}, timeout: 300s}}
""")
        run = self.start([ASSAY, "run", "--agents", "1", scenario], "assay", env={"ASSAY_DATA": str(self.dir / "data")})
        wait_for(lambda: self.docker("top", "dying").stdout.count(b"sleep 1000") >= 3, "the execs run")
        self.docker("kill", "dying")
        self.assertEqual(run.wait(), 3, run.text())
        rows = self.sql("select outcome, exit_code, trim(E'\\n' from convert_from(output, 'UTF8')), error from trigger")
        self.assertEqual([row[:3] for row in rows], [["failed", "137", "begun"]] * 3, rows)


class Docker(Engine, World):
    daemon = "dockerd"

    def engine_argv(self):
        # No bridge and no rules: nothing of this machine's network is touched. vfs works on any file system.
        return ["dockerd", "--data-root", self.dir / "docker", "--exec-root", self.dir / "exec", "--pidfile", self.dir / "docker.pid",
                "--host", f"unix://{self.socket}", "--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip-masq=false"]

    def client(self):
        return ["docker", "--host", f"unix://{self.socket}"]


class Podman(Engine, World):
    """The same API on Podman's socket. Its health checks need systemd's timers, so none is waited for."""

    daemon = "podman"
    # Its own defaults are above what a machine may allow.
    run_flags = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
    health = "running"

    def engine_argv(self):
        self.write("storage.conf", f'[storage]\ndriver = "vfs"\nrunroot = "{self.dir}/run"\ngraphroot = "{self.dir}/root"\n')
        return ["podman", "system", "service", "--time=0", f"unix://{self.socket}"]

    def engine_env(self):
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(self.dir / "storage.conf")}

    def client(self):
        return ["podman", "--cgroup-manager", "cgroupfs"]


if __name__ == "__main__":
    unittest.main()
