"""A PostgreSQL server of the target's own: on a unix socket, without TCP, beside Assay's and not in it.

Not Assay's own server: that one ends with the local stack, and what a target writes must not slow down the results' commits.
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import urllib.parse

from .failure import Failure, tail

OLDEST = 15
LONGEST_SOCKET_DIR = 100  # sun_path holds 108 bytes, with the socket's own name
PATIENCE_S = 120
SETTINGS = ["listen_addresses=", "shared_buffers=512MB", "work_mem=16MB", "timezone=UTC", "log_timezone=UTC"]


def programs():
    """The folder of initdb and postgres, as the private server finds it: $ASSAY_POSTGRES_BIN, else Debian's newest."""
    chosen = os.environ.get("ASSAY_POSTGRES_BIN")
    if chosen:
        return chosen
    versions = {int(path.split("/")[4]): path for path in glob.glob("/usr/lib/postgresql/[0-9]*/bin") if os.path.exists(f"{path}/initdb")}
    if versions and max(versions) >= OLDEST:
        return versions[max(versions)]
    found = shutil.which("initdb")
    if found:
        return os.path.dirname(os.path.realpath(found))
    raise Failure(f"no PostgreSQL {OLDEST} or later here; install it (Debian: apt-get install postgresql)")


class Postgres:
    def __init__(self, target):
        self.home = target.home
        self.members = target.members
        self.bin = programs()
        self.account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.socket_dir = os.path.join(self.home.path, "socket")
        if len(self.socket_dir) > LONGEST_SOCKET_DIR:
            self.socket_dir = target.elsewhere()

    def as_user(self, argv):
        """It refuses to run as root."""
        return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", *argv] if self.account else argv

    def own(self, path):
        os.makedirs(path, mode=0o700, exist_ok=True)
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def start(self, *databases, connections=300):
        data, log = os.path.join(self.home.path, "postgres"), self.home.log("initdb")
        self.own(data)
        self.own(self.socket_dir)
        self.run(log, ["initdb", "--pgdata", data, "--username", "assay", "--auth-local", "trust", "--auth-host", "reject", "--encoding", "UTF8",
                       "--locale", "C", "--no-sync"])
        settings = [word for setting in [f"unix_socket_directories={self.socket_dir}", f"max_connections={connections}", *SETTINGS] for word in ("-c", setting)]
        child = self.members.start("postgres", self.as_user([os.path.join(self.bin, "postgres"), "-D", data, *settings]), cwd="/",
                                   end_with=signal.SIGINT)
        ask = [os.path.join(self.bin, "pg_isready"), "--quiet", "--host", self.socket_dir]
        self.members.await_ready("postgres", child, lambda: subprocess.run(ask, check=False).returncode == 0, PATIENCE_S)
        for database in databases:
            self.run(log, ["createdb", "--host", self.socket_dir, "--username", "assay", "--maintenance-db", "postgres", database])

    def run(self, log, argv):
        with open(log, "ab") as out:
            argv = self.as_user([os.path.join(self.bin, argv[0]), *argv[1:]])
            if subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/", env={**os.environ, "LC_ALL": "C"}, check=False).returncode:
                raise Failure(f"{self.home.name}: {' '.join(argv)} failed; the end of {log}:\n{tail(log)}")

    def url(self, database, scheme="postgresql"):
        return f"{scheme}://assay@/{database}?host={urllib.parse.quote(self.socket_dir, safe='')}"
