"""The processes of a target: started to outlive the terminal, known by pid and start, ended with all that they started."""
import os
import signal
import socket
import subprocess
import time

from .failure import Failure, tail

LOOK_EVERY_S = 0.1
MARK = "ASSAY_TARGET_MEMBER"


def wait_until(condition, patience_s):
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def free_port(wanted=None):
    """`wanted`, or a port of loopback that nobody has just now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise Failure(f"port {wanted} cannot be used ({error.strerror}); choose another with --port PORT, or none for a free one") from None
        return probe.getsockname()[1]


def stat_of(pid):
    """(state, parent, session, start in clock ticks) from /proc; None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return fields[0], int(fields[1]), int(fields[3]), int(fields[19])


def runs(pid, started):
    """Whether it is still that process: pids are used again. A zombie has ended."""
    stat = stat_of(pid)
    return stat is not None and stat[3] == started and stat[0] not in "ZX"


class Members:
    """`all` is {name: {"pid", "started", "signal"}} in the order of their start, as it stands in the state file."""

    def __init__(self, home, known=None):
        self.home = home
        self.all = dict(known or {})

    def start(self, name, argv, env=None, cwd=None, end_with=signal.SIGTERM):
        """Its output goes to a log of its name; it is ended with the signal `end_with`."""
        with open(self.home.log(name), "ab") as log:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cwd or self.home.path, start_new_session=True,
                                     env={**os.environ, **(env or {}), MARK: self.home.path})
        self.all[name] = {"pid": child.pid, "started": stat_of(child.pid)[3], "signal": int(end_with)}
        return child

    def await_ready(self, name, child, ready, patience_s):
        """Waits until ready() says so; a Failure with the end of its log if it ends before, or takes too long."""
        wait_until(lambda: child.poll() is not None or ready(), patience_s)
        if child.poll() is not None:
            raise Failure(f"{self.home.name}: its {name} ended with {child.returncode}; the end of {self.home.log(name)}:\n{tail(self.home.log(name))}")
        if not ready():
            raise Failure(f"{self.home.name}: its {name} is not ready after {patience_s} s; the end of {self.home.log(name)}:\n{tail(self.home.log(name))}")

    def dead(self):
        return [name for name, member in self.all.items() if not runs(member["pid"], member["started"])]

    def end(self, patience_s=30):
        """All of them, the last started first, and what they have started; kills what does not go."""
        with_children = self.find()
        for member in reversed(self.all.values()):
            if not runs(member["pid"], member["started"]):
                continue
            os.kill(member["pid"], member["signal"])
            wait_until(lambda pid=member["pid"], started=member["started"]: self.gone(pid, started), patience_s)
        left = {**with_children, **self.find()}
        wait_until(lambda: not any(runs(*process) for process in left.items()), 2)
        for pid, started in left.items():
            if runs(pid, started):
                os.kill(pid, signal.SIGKILL)
        if not wait_until(lambda: not any(runs(*process) for process in left.items()), patience_s):
            raise Failure(f"{self.home.name}: processes do not end: {' '.join(str(pid) for pid, started in left.items() if runs(pid, started))}")

    @staticmethod
    def gone(pid, started):
        try:
            os.waitpid(pid, os.WNOHANG)  # ours, if `up` ends what it has just started
        except ChildProcessError:
            pass
        return not runs(pid, started)

    def find(self):
        """{pid: start} of the members and all that came of them: their descendants, their sessions, and what inherited the
        mark in its environment. Each way alone loses some: programs write their title over the environment, become leaders of
        sessions, and outlive their parents."""
        mark = f"{MARK}={self.home.path}\0".encode()
        stats = {int(entry): stat_of(entry) for entry in os.listdir("/proc") if entry.isdigit()}
        stats = {pid: stat for pid, stat in stats.items() if stat}
        found = {member["pid"] for member in self.all.values() if runs(member["pid"], member["started"])}
        sessions = {member["pid"] for member in self.all.values()}
        for pid, stat in stats.items():
            try:
                with open(f"/proc/{pid}/environ", "rb") as file:
                    marked = mark in file.read() + b"\0"
            except OSError:
                marked = False
            if marked or stat[2] in sessions:
                found.add(pid)
        grown = True
        while grown:
            children = {pid for pid, stat in stats.items() if stat[1] in found} - found
            found |= children
            grown = bool(children)
        found.discard(os.getpid())
        return {pid: stats[pid][3] for pid in found if pid in stats and stats[pid][0] not in "ZX"}
