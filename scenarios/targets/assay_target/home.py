"""Where a target keeps everything that it makes: DATA/targets/NAME, and DATA/secrets for what scenarios need."""
import contextlib
import fcntl
import json
import os
import shutil

from .failure import Failure


class Home:
    """`path` is there from open() on. As root it may be entered by others, for a database server may not run as root."""

    def __init__(self, name):
        data = os.environ.get("ASSAY_DATA")
        if not data:
            raise Failure(f"no data directory: start this with `assay target up {name}`, which names it")
        self.name = name
        self.path = os.path.join(os.path.abspath(data), "targets", name)
        self.logs = os.path.join(self.path, "log")
        self.secrets = os.path.join(os.path.abspath(data), "secrets")
        self.state_file = os.path.join(self.path, "state.json")

    @contextlib.contextmanager
    def open(self):
        """One `up` or `down` of a target at a time."""
        before = os.umask(0o022 if os.geteuid() == 0 else 0o077)
        lock = -1
        try:
            while True:
                os.makedirs(self.logs, exist_ok=True)
                lock = os.open(os.path.join(self.path, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Failure(f"another `assay target` is just starting or ending {self.name} in {self.path}; wait for it") from None
                # A `down` may have removed the directory between the two calls.
                with contextlib.suppress(FileNotFoundError):
                    if os.stat(os.path.join(self.path, "lock")).st_ino == os.fstat(lock).st_ino:
                        break
                os.close(lock)
            yield
        except PermissionError as error:
            raise Failure(f"cannot write {error.filename}: {error.strerror}; choose another directory with --data DIR") from None
        finally:
            os.umask(before)
            if lock >= 0:
                os.close(lock)

    def log(self, name):
        return os.path.join(self.logs, f"{name}.log")

    def state(self):
        """What the last `up` left; {} if there is none."""
        try:
            with open(self.state_file, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    def write_state(self, state):
        with open(self.state_file + ".new", "w", encoding="utf-8") as file:
            json.dump(state, file, indent=1)
            file.write("\n")
        os.rename(self.state_file + ".new", self.state_file)

    def write_secret(self, name, value):
        """What scenarios refer to as $(secret:NAME)."""
        os.makedirs(self.secrets, mode=0o700, exist_ok=True)
        path = os.path.join(self.secrets, name)
        with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(value)
        os.rename(path + ".new", path)

    def remove_secrets(self, names):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.secrets, name))
        with contextlib.suppress(OSError):  # others' secrets are there
            os.rmdir(self.secrets)

    def clear(self, keep=()):
        """Removes all but the lock and `keep`; the directory too if nothing is kept."""
        for entry in os.listdir(self.path):
            path = os.path.join(self.path, entry)
            if entry == "lock" or entry in keep:
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        if not keep:
            os.unlink(os.path.join(self.path, "lock"))
            os.rmdir(self.path)
            with contextlib.suppress(OSError):  # other targets' homes are there
                os.rmdir(os.path.dirname(self.path))
