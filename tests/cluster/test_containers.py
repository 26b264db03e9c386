"""Containers through the command line, with real engines of this test's own: triggers in them, hooks on them, samples of them."""
import glob
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import unittest

from world import ASSAY, SOURCE, World, wait_for


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

    def container(self, name, *flags, argv=("/bin/sleep", "100000"), network="none", check=True):
        self.made.append(name)
        return self.docker("run", "--detach", "--network", network, *self.run_flags, "--stop-timeout", "0", "--name", name, *flags, "assay-test", *argv, check=check)

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
  hanging: {{trigger: {{container: {{name: box, argv: [sleep, "1000"], socket: {self.socket}}}, timeout: 3s}}}}
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
        self.assertEqual(self.sql("select count(*) from trigger t join run r using (run_id) join cell c using (cell_id) where c.target = 'missing' "
                                  "and t.error || convert_from(t.output, 'UTF8') like '%no-such-program%'"), [["8"]], "the program is named")
        self.assertIn("no-such-program", out)
        self.assertEqual(rows["hanging"][1], "timeout")
        self.assertIn("took longer than 3 s and was killed", rows["hanging"][3])
        self.assertEqual(self.sql("select kind, concurrency, error from floors where error = '' and service_p50_ms > 0"),
                         [["container", "2", ""]] * 2, "`true` in the same container; none in a container that is not there")
        wait_for(lambda: b"sleep 1000\n" not in self.docker("top", "box").stdout, "what was killed is gone", 100)

    def test_the_floor_is_measured_on_any_engine(self):
        code, out, err = self.assay("calibrate", "--kinds", "container", "--concurrency", "2", "--container", "box", "--container-socket", self.socket)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select kind, concurrency, error, service_p50_ms > 0 from floors"), [["container", "2", "", "t"]] * 2)

    def test_the_engines_command_line_stays_possible_as_a_process(self):
        words = ", ".join(f'"{word}"' for word in (*self.client(), "exec", "box", "/bin/echo"))
        storage = (self.engine_env() or {}).get("CONTAINERS_STORAGE_CONF", "")
        code, out, err = self.assay("run", "--agents", "1", self.write("p.yaml", f"""
name: command-line
agents: {{count: 1}}
load: {{closed: {{concurrency: 2}}, triggers: 4}}
trigger: {{exec: {{argv: [{words}, "hello $(index)"], env: {{CONTAINERS_STORAGE_CONF: "{storage}"}}}}, timeout: 60s}}
"""))
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select index, convert_from(output, 'UTF8') from trigger order by index"), [[str(n), f"hello {n}"] for n in range(4)])

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
        # A length that no other process sleeps: where the engine shows more than the container's own, others would be counted.
        nap = f"sleep {random.randrange(10**6, 10**7)}"
        scenario = self.write("d.yaml", f"""
name: dying
agents: {{count: 1}}
load: {{closed: {{concurrency: 3}}, triggers: 3}}
trigger: {{container: {{name: dying, argv: [sh, -c, "echo begun; {nap}; true"], socket: {self.socket}}}, timeout: 300s}}
""")
        run = self.start([ASSAY, "run", "--agents", "1", scenario], "assay", env={"ASSAY_DATA": str(self.dir / "data")})
        # A shell's own line has the echo too; its sleep is there only once it has said its word.
        wait_for(lambda: sum(nap.encode() in line and b"echo" not in line for line in self.docker("top", "dying").stdout.splitlines()) >= 3, "all have said it")
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

    def inspect(self, name, what):
        return self.docker("inspect", "--format", "{{" + what + "}}", name).stdout.decode().strip()

    def connect(self, name):
        """A pair of interfaces between this host and a container, gone with the container. False where this machine makes none."""
        pid = self.inspect(name, ".State.Pid")
        here, there = f"as{os.getpid() % 100000}", f"at{os.getpid() % 100000}"
        made = subprocess.run(["ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", pid], check=False, stderr=subprocess.PIPE)
        if made.returncode != 0:
            return None
        self.addCleanup(subprocess.run, ["ip", "link", "del", here], check=False, stderr=subprocess.DEVNULL)
        net = f"198.18.{os.getpid() % 256}"  # another copy of this test has another one
        for words in (["link", "set", here, "up"], ["addr", "add", f"{net}.1/30", "dev", here]):
            subprocess.run(["ip", *words], check=True)
        for words in (["link", "set", there, "up"], ["addr", "add", f"{net}.2/30", "dev", there]):
            subprocess.run(["nsenter", "--target", pid, "--net", "ip", *words], check=True)
        return f"{net}.2"

    def test_containers_are_sampled_by_name_over_restarts_and_deaths(self):
        spin = ("/bin/sh", "-c", "while true; do :; done")
        labels = ["--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.service=db"]
        for name, argv, flags in (("shop-db-1", spin, labels), ("short", spin, ()), ("hostly", ("/bin/sleep", "100000"), ("--label", "role=host")),
                                  ("unwanted", ("/bin/sleep", "100000"), ())):
            self.container(name, *flags, argv=argv, network="host" if name == "hostly" else "none")
        address = self.connect("box")
        # The last trigger waits for all that is done to the containers meanwhile.
        scenario = self.write("s.yaml", f"""
name: sampled
agents: {{count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 8}}
trigger: {{exec: {{argv: [sh, -c, "touch {self.dir}/fired-$(index); sleep 1; [ $(index) -lt 7 ] || until [ -e {self.dir}/done ]; do sleep 0.1; done"]}}, timeout: 600s}}
sample: {{every: 1s, cooldown: 2s, containers: [box, "sho[r]t", late, nobody], compose: [shop/db], labels: {{role: host}}, socket: {self.socket}}}
""")
        run = self.start([ASSAY, "run", str(scenario), "--data", str(self.dir / "data")], "run")
        wait_for(lambda: (self.dir / "fired-2").exists() or not run.running(), "the run fires")
        self.docker("restart", "--time", "0", "shop-db-1")
        self.docker("kill", "short")
        self.container("late")
        if address:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                for _ in range(100):
                    udp.sendto(b"x" * 1000, (address, 9))
        self.write("done", "")
        self.assertEqual(run.wait(), 0, run.text())

        rows = {r[0]: r[1:] for r in self.sql("select container, series, samples, backwards, cpu_s, coalesce(net_rx_bytes::text, 'null'), "
                                              "coalesce(compose_service, ''), image, container_id from container_usage")}
        self.assertEqual(set(rows), {"box", "shop-db-1", "short", "late", "hostly"})
        self.assertEqual(rows["shop-db-1"][0], "2", "its restart is a new series")
        self.assertEqual(rows["shop-db-1"][5], "db")
        self.assertEqual(rows["box"][6:], ["assay-test", self.inspect("box", ".Id")])
        self.assertEqual([r[2] for r in rows.values()], ["0"] * 5)
        self.assertGreater(float(rows["shop-db-1"][3]), 0.5)
        self.assertEqual(rows["hostly"][4], "null", "the host's network is no container's")
        if address:
            self.assertGreaterEqual(int(rows["box"][4]), 100 * 1000)
        self.assertEqual(rows["short"][4], "0")
        started = [float(r[0]) for r in self.sql("select min(started_ns) from series where container = 'shop-db-1' group by inode order by 1")]
        self.assertEqual(len(started), 2)
        self.assertLess(started[0], 0, "before the run")
        self.assertGreater(started[1], 0, "in mid-run")
        # From before T0 to the end of the cool-down, and a last read on each death, besides the tick before it.
        self.assertEqual(self.sql("select min(read_begin_ns) < 0 and max(read_end_ns) - (select max(finished_ns) from trigger) >= 1000000000 "
                                  "from sample join series using (run_id, agent_id, cgroup, inode) where container = 'box'"), [["t"]])
        self.assertEqual(self.sql("select bool_and(n > 1) from (select (select count(*) from sample s where (s.agent_id, s.inode) = (z.agent_id, z.inode) and s.tick = "
                                  "(select max(tick) from sample t where (t.agent_id, t.inode) = (z.agent_id, z.inode))) as n from series z where container in ('short', 'shop-db-1') "
                                  "and (container = 'short' or started_ns < 0)) x"), [["t"]], "the reading on its death has the tick before it")
        absent = self.sql("select severity, detail from flags where code = 'container_absent'")
        self.assertEqual([row[0] for row in absent], ["warning"] * len(absent))
        self.assertEqual(len(absent), 2, "each agent tells what it saw")
        for _, detail in absent:
            for words in ("'shop-db-1' ended at [^;]* and was started again at ", "'short' ended at ", "'late' was not there before "):
                self.assertRegex(detail, words)
            self.assertNotRegex(detail, "'(box|hostly)'")
        flags = self.sql("select detail from flags where code = 'cgroup_missing'")
        self.assertTrue(flags)
        self.assertIn("no cgroup matched 'containers: nobody'", flags[0][0])
        self.assertEqual(self.sql("select count(*) from container_rate where least(cores, net_rx_bytes_per_s, io_read_bytes_per_s) < 0"), [["0"]])


    def test_the_demonstration_of_parallel_runs(self):
        stack = [str(SOURCE / "scenarios" / "gust-shape" / "stack")]
        environment = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DELAY": "0.01"}
        self.addCleanup(subprocess.run, [*stack, "down"], env=environment, check=False)
        done = subprocess.run([*stack, "up"], env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        if self.docker("exec", "gust-shape-engine-1", "/bin/sh", "-c", "[ -e /bin/trigger_run ]", check=False).returncode != 0:
            self.skipTest("containers do not see the files of their image here, as where dockerd runs in a chroot")
        sets = [f"--set={key}.socket={self.socket}" for key in ("trigger.container", "hooks.before_run.compose", "sample")]
        code, out, err = self.assay("run", SOURCE / "scenarios" / "gust-shape.yaml", "--agents", "1", *sets, "--set", "parallel=[3]", "--set", "blocks=2",
                                    "--set", "sample.cooldown=1s")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select count(*), count(distinct output) from trigger where outcome = 'ok' and convert_from(output, 'UTF8') like '{\"count\": 1000, %'"), [["6", "1"]])
        self.assertEqual(self.sql("select container, count(*), bool_and(samples > 0) from container_usage group by 1 order by 1"),
                         [["gust-shape-api-1", "2", "t"], ["gust-shape-engine-1", "2", "t"]])
        self.assertEqual(subprocess.run([*stack, "down"], env=environment, check=False).returncode, 0)
        self.assertEqual(self.docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=gust-shape").stdout, b"")


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
