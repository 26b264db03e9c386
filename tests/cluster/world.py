"""Real programs on one machine for end-to-end tests: a PostgreSQL of the test's own, coordinators, agents, and the command line.

Everything lives in one temporary directory and ends with the test, also when it fails.
"""
import glob
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = pathlib.Path(os.environ.get("ASSAY_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build" / "dev"))
SOURCE = pathlib.Path(__file__).resolve().parents[2]
ASSAY = str(BUILD / "cli" / "assay")
COORDINATOR = str(BUILD / "coordinator" / "assay-coordinator")
AGENT = str(BUILD / "agent" / "assay-agent")
PATIENCE_S = 300  # for what must come; never a measure of anything


def wait_for(condition, what, patience_s=PATIENCE_S):
    """Waits until condition() is true and returns its value; fails with `what` otherwise."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {patience_s} s: {what}")


def as_server_user():
    """Words before a PostgreSQL program: it refuses to run as root."""
    if os.geteuid() != 0:
        return ["setpriv", "--pdeathsig", "INT"]
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--pdeathsig", "INT"]


def mounts_below(directory):
    """Mount points below a directory, the innermost first: those of a test's own, and what a container engine leaves behind."""
    points = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted((p for p in points if p.startswith(f"{directory}/")), reverse=True)


def postgres_bin():
    return sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))[-1]


class Process:
    """A program whose output goes to a file that a failed test shows."""

    def __init__(self, argv, log, env=None, cwd=None):
        self.argv, self.log = argv, pathlib.Path(log)
        with open(log, "ab") as out:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          env={**os.environ, **(env or {})}, cwd=cwd, start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def running(self):
        return self.child.poll() is None

    def send(self, signum):
        if self.running():
            self.child.send_signal(signum)

    def type(self, signum):
        """What a terminal does on Ctrl-C: to the whole foreground group, not to one process."""
        if self.running():
            os.killpg(self.pid, signum)

    def wait(self, patience_s=PATIENCE_S):
        try:
            return self.child.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.argv[0]} did not end within {patience_s} s:\n{self.text()[-3000:]}") from None

    def kill(self):
        if self.running():
            self.child.kill()
        self.child.wait()


class Proxy:
    """A TCP relay between agents and a coordinator that can be cut, refused and stalled."""

    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self.refusing = False
        self.stalled = threading.Event()
        self.stalled.set()  # set: flowing
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                near.close()
                continue
            try:
                far = socket.create_connection(self.target)
            except OSError:
                near.close()
                continue
            self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._relay, args=(a, b), daemon=True).start()

    def _relay(self, source, sink):
        try:
            while data := source.recv(65536):
                self.stalled.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                    end.close()
                except OSError:
                    pass

    def close(self):
        self.listener.close()
        self.stalled.set()
        self.cut()


class World(unittest.TestCase):
    """One temporary directory per test; helpers start what a test needs and end it afterwards."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="assay-e2e-"))
        self.dir.chmod(0o755)
        self.processes = []
        self.addCleanup(self._tear_down)

    def _tear_down(self):
        failed = self._outcome is not None and not self._outcome.success
        for process in reversed(self.processes):
            process.send(signal.SIGTERM)
            try:
                process.wait(20)
            except AssertionError:
                process.kill()
        if failed:
            for process in self.processes:
                print(f"--- {' '.join(process.argv)[:160]}\n{process.text()[-4000:]}")
        for mount in mounts_below(self.dir):
            subprocess.run(["umount", "-q", "-l", mount], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self, argv, name, **options):
        process = Process(argv, self.dir / f"{name}.log", **options)
        self.processes.append(process)
        return process

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return str(path)

    # --- local mode

    def assay(self, *words, data=None, env=None, patience_s=PATIENCE_S, data_flag=True, cwd=None):
        """Runs the command line to its end: (exit code, stdout, stderr)."""
        argv = [ASSAY, *words]
        environment = {**os.environ, "ASSAY_DATA": str(data or self.dir / "data"), **(env or {})}
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=patience_s,
                              env=environment, cwd=cwd, check=False)
        return done.returncode, done.stdout, done.stderr

    def sql(self, query, data=None):
        """Rows of a query on the local data, as lists of strings."""
        code, out, err = self.assay("sql", "-c", query, "--", "-X", "-q", "-A", "-t", "-F", "\t", data=data)
        self.assertEqual(code, 0, err)
        return [line.split("\t") for line in out.splitlines() if line]

    # --- several hosts

    def database(self):
        """A PostgreSQL server of the test's own; returns its URL."""
        home = self.dir / "pg"
        home.mkdir()
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(home, account.pw_uid, account.pw_gid)
        home.chmod(0o700)
        user = as_server_user()
        subprocess.run([*user, f"{postgres_bin()}/initdb", "-D", str(home / "data"), "-U", "assay", "-A", "trust", "-N"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        self.pg_home = home
        self.start_database()
        return self.url

    def start_database(self):
        home = self.pg_home
        self.pg = self.start([*as_server_user(), f"{postgres_bin()}/postgres", "-D", str(home / "data"), "-k", str(home), "-c", "listen_addresses=",
                              "-c", "fsync=off"], "postgres", cwd="/")
        self.url = f"postgresql://assay@/postgres?host={str(home).replace('/', '%2F')}"
        wait_for(lambda: subprocess.run(["psql", "-X", "-q", self.url, "-c", "select 1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        check=False).returncode == 0, "the database answers")

    def psql(self, query, url=None):
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\t", url or self.url, "-c", query], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line.split("\t") for line in done.stdout.splitlines() if line]

    def coordinator(self, url=None, listen="127.0.0.1:0", name="coordinator", flags=()):
        announce = self.dir / f"{name}.address"
        announce.unlink(missing_ok=True)
        process = self.start([COORDINATOR, "--database", url or self.url, "--listen", listen, "--announce", str(announce), *flags], name)
        wait_for(lambda: announce.exists() or not process.running(), "the coordinator serves")
        self.assertTrue(announce.exists(), process.text())
        process.address = announce.read_text().strip()
        return process

    def agent(self, address, name="a", flags=(), labels=("role=load",), spool=None):
        words = [AGENT, "--coordinator", address, "--name", name, "--spool", str(spool or self.dir / f"spool-{name}")]
        for label in labels:
            words += ["--label", label]
        return self.start([*words, *flags], f"agent-{name}")

    def agents(self, address):
        code, out, err = self.assay("agents", "--coordinator", address, "--json")
        self.assertEqual(code, 0, err)
        return {a["name"]: a for a in map(json.loads, out.splitlines()) if "name" in a}

    def start_sweep(self, address, scenario, *sets):
        words = ["sweep", "start", scenario, "--coordinator", address, "--json"]
        for one in sets:
            words += ["--set", one]
        code, out, err = self.assay(*words)
        self.assertEqual(code, 0, out + err)
        return int(next(v for line in out.splitlines() for k, v in json.loads(line).items() if k in ("sweep_id", "sweepId")))

    def sweep_state(self, sweep):
        return self.psql(f"select state from assay.sweep where sweep_id = {sweep}")[0][0]

    def wait_sweep(self, sweep, patience_s=PATIENCE_S):
        return wait_for(lambda: (s := self.sweep_state(sweep)) in ("finished", "cancelled", "failed") and s, f"sweep {sweep} ends", patience_s)

    def wait_run(self, sweep, state):
        return int(wait_for(lambda: self.psql(f"select run_id from assay.run where sweep_id = {sweep} and state = '{state}'"), f"a run is {state}")[0][0])


def alive(pid):
    """Still running. A zombie is not: whoever adopted it may be slow to take note of its end."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def children_of(pid):
    """All processes below one, from /proc."""
    parents = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            text = pathlib.Path(stat).read_text()
        except OSError:
            continue
        fields = text.rsplit(")", 1)[1].split()
        parents.setdefault(int(fields[1]), []).append(int(text.split(" ", 1)[0]))
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found
