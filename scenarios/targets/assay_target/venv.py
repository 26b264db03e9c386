"""The Python packages of a target, with the versions that its requirements.txt pins."""
import hashlib
import os
import re
import shutil
import subprocess
import sys

from .failure import Failure, tail

PYTHON = "/usr/bin/python3"
UNREACHABLE = re.compile(r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|Max retries exceeded|ProxyError|name resolution|"
                         r"connection broken by|Could not fetch URL|There was a problem confirming the ssl certificate")


class Venv:
    def __init__(self, home, requirements):
        self.home = home
        self.requirements = requirements
        self.path = os.path.join(home.path, "venv")

    def program(self, name):
        return os.path.join(self.path, "bin", name)

    def make(self):
        """Installs what is pinned, unless just that is there already."""
        with open(self.requirements, "rb") as file:
            wanted = hashlib.sha256(file.read()).hexdigest()
        done = os.path.join(self.path, "complete")
        if os.path.exists(done) and open(done, encoding="utf-8").read() == wanted:
            return
        print(f"installing the packages of {self.home.name} with pip into {self.path}", file=sys.stderr, flush=True)
        shutil.rmtree(self.path, ignore_errors=True)
        log = self.home.log("pip")
        open(log, "wb").close()  # what an earlier try met is not why this one fails
        if self.run(log, [PYTHON, "-m", "venv", self.path]) != 0:
            raise Failure(f"{PYTHON} -m venv failed; install it (Debian: apt-get install python3-venv). The end of {log}:\n{tail(log)}")
        # Its cache would stay behind, in the user's home; what makes a second `up` quick is `down --keep`.
        if self.run(log, [self.program("pip"), "install", "--no-input", "--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off",
                          "--requirement", self.requirements]) != 0:
            raise Failure(self.why(tail(log, 20_000), log))
        with open(done, "w", encoding="utf-8") as file:
            file.write(wanted)

    @staticmethod
    def run(log, argv, env=None):
        with open(log, "ab") as out:
            return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, **(env or {})}, check=False).returncode

    def why(self, text, log):
        reached = "cannot be reached" if UNREACHABLE.search(text) else "has none of it, or cannot be reached" if "from versions: none" in text else None
        if reached:
            return (f"cannot install the packages of {self.home.name}: the package index {reached}. pip looks where its own settings say "
                    f"(PIP_INDEX_URL, pip.conf, HTTPS_PROXY; otherwise PyPI); mend these or the network. All of its words: {log}")
        return (f"cannot install the packages of {self.home.name} that {self.requirements} pins; they may not fit this Python. The end of {log}:\n{text[-1500:]}")

    def version(self, package):
        code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
        return subprocess.run([self.program("python"), "-c", code, package], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
