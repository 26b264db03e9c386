"""A target's `up` and `down`: what is the same for all of them."""
import argparse
import os
import secrets
import shutil
import signal
import sys
import time

from .failure import Failure
from .home import Home
from .members import Members
from .venv import Venv

INTERRUPTED = 130


class Target:
    """Subclass it in `up`: `package` names the one whose version is the target's; start() starts its processes.

    start() fills `ports` ({name: port}) and `secrets` ({NAME: value}).
    """

    package = ""

    def __init__(self, program):
        self.folder = os.path.dirname(os.path.realpath(program))
        self.name = os.path.basename(self.folder)
        self.ports, self.secrets = {}, {}

    # -- to override

    def options(self, parser):
        """Adds options of its own."""

    def start(self, options):
        """Starts its processes with self.members, and waits until they are ready."""

    # -- for start

    def driver(self, name):
        """The path of a driver of ours, which an agent can start from wherever it is."""
        return os.path.normpath(os.path.join(self.folder, "..", "..", "drivers", name))

    def elsewhere(self):
        """A new directory with a short path, outside of its home, which `down` removes."""
        path = os.path.join("/tmp", f"assay-{secrets.token_hex(8)}")
        # Noted before it is there: nobody else knows of it if `up` is killed.
        self.state["temporary"].append(path)
        self.home.write_state(self.state)
        os.mkdir(path, 0o700)
        return path

    # -- the two programs

    def up(self):
        parser = argparse.ArgumentParser(prog=f"assay target up {self.name}", description=self.__doc__)
        parser.add_argument("--port", type=int, help="of its main server on loopback; without it a free one")
        self.options(parser)
        options = parser.parse_args()
        if options.port is not None and not 1 <= options.port <= 65535:
            parser.error(f"--port: {options.port} is not a port; choose one from 1 to 65535")
        return self.run(lambda: self.bring_up(options))

    def down(self):
        parser = argparse.ArgumentParser(prog=f"assay target down {self.name}")
        parser.add_argument("--keep", action="store_true", help="keep its packages for the next time")
        options = parser.parse_args()
        return self.run(lambda: self.take_down(options.keep))

    def command(self, verb):
        """For the user to copy."""
        return f"assay target {verb} {self.name}{os.environ.get('ASSAY_DATA_FLAG', '')}"

    def run(self, action):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.default_int_handler)
        try:
            self.home = Home(self.name)
            with self.home.open():
                action()
        except Failure as failure:
            print(f"assay: {failure}", file=sys.stderr)
            return 1
        except OSError as error:  # no room, no rights, no such program
            print(f"assay: {self.name}: {error}; `{self.command('down')}` clears up, --data DIR chooses another place", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print(f"assay: interrupted; {self.name} is not up", file=sys.stderr)
            return INTERRUPTED
        return 0

    def bring_up(self, options):
        state = self.home.state()
        self.members = Members(self.home, state.get("processes"))
        if state.get("up_since") and not self.members.dead():
            self.tell(state, "is up already")
            if options.port is not None and options.port not in state["ports"].values():
                raise Failure(f"{self.name} is up on other ports than {options.port}; first `{self.command('down')}`")
            return
        # Of an `up` that was killed, or of processes that have died since.
        self.sweep_up(state)
        self.members = Members(self.home)
        self.venv = Venv(self.home, os.path.join(self.folder, "requirements.txt"))
        # It is up from the instant on that `up_since` tells.
        self.state = {"name": self.name, "ports": self.ports, "processes": self.members.all, "secrets": [], "temporary": [], "up_since": None}
        try:
            self.venv.make()
            self.state["version"] = self.venv.version(self.package)
            self.start(options)
            self.state.update(secrets=list(self.secrets), up_since=time.time())
            # First the state: a `down` must know of every secret.
            self.home.write_state(self.state)
            for name, value in self.secrets.items():
                self.home.write_secret(name, value)
        except BaseException:
            # A second Ctrl-C must not leave half of it running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            self.home.remove_secrets(self.secrets)
            self.members.end()
            self.sweep_up(self.state)
            raise
        self.tell(self.state, "is up")

    def take_down(self, keep):
        state = self.home.state()
        was_up = bool(state)
        self.members = Members(self.home, state.get("processes"))
        self.sweep_up(state)
        self.home.clear(keep=("venv",) if keep and os.path.exists(os.path.join(self.home.path, "venv", "complete")) else ())
        print(f"{self.name} is down{'; its packages are kept' if keep else ''}" if was_up else f"{self.name} was not up")

    def sweep_up(self, state):
        """Leaves its packages and its logs."""
        self.members.end()
        self.home.remove_secrets(state.get("secrets", []))
        for path in state.get("temporary", []):
            shutil.rmtree(path, ignore_errors=True)
        for entry in os.listdir(self.home.path):
            if entry in ("lock", "log", "venv"):
                continue
            path = os.path.join(self.home.path, entry)
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)

    def tell(self, state, what):
        ports = ", ".join(f"{name} on 127.0.0.1:{port}" for name, port in state["ports"].items())
        print(f"{self.name} {state['version']} {what}{': ' + ports if ports else ''}")
        print(f"Scenarios have: {' '.join(f'$(secret:{name})' for name in state['secrets'])}; `{self.command('down')}` ends it.")
