"""What the tests of targets share."""
import contextlib
import glob
import json
import os
import pathlib
import stat
import subprocess

from world import World, alive


# pip asks any Rust compiler for its version, at which a rustup makes its home.
ASIDE = {"RUSTUP_HOME": os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))}


class TargetWorld(World):
    def setUp(self):
        super().setUp()
        self.data = self.dir / "data"
        # Whatever is left outside of the data directory shows.
        self.outside = [self.dir / "home", self.dir / "tmp"]
        for directory in self.outside:
            directory.mkdir()
            directory.chmod(0o1777)

    def assay(self, *words, env=None, **options):
        return super().assay(*words, env={"HOME": str(self.outside[0]), "TMPDIR": str(self.outside[1]), "XDG_CACHE_HOME": "", **ASIDE, **(env or {})}, **options)

    def target(self, *words, env=None, patience_s=600):
        return self.assay("target", *words, env=env, patience_s=patience_s)

    def must(self, *words, **options):
        code, out, err = self.target(*words, **options)
        self.assertEqual(code, 0, out + err)
        return out

    def listed(self, name, *words):
        return next(line for line in map(json.loads, self.must("list", "--json", *words).splitlines()) if line["target"] == name)

    def secret(self, name):
        path = self.data / "secrets" / name
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        return path.read_text()

    def of_this_test(self):
        """Processes that have to do with this test's directory, by their command line, environment or working directory."""
        found = []
        for folder in glob.glob("/proc/[0-9]*"):
            try:
                text = pathlib.Path(folder, "cmdline").read_bytes() + pathlib.Path(folder, "environ").read_bytes() + os.readlink(folder + "/cwd").encode()
            except OSError:
                continue
            pid = int(folder.split("/")[2])
            if str(self.dir).encode() in text and pid != os.getpid() and alive(pid):
                found.append((pid, text[:200]))
        return found

    def prepared(self, argv, options, env):
        """A driver that has said `ready`; its stdin is closed, which is its bye, when the test ends, or by the test itself."""
        driver = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **env})
        self.addCleanup(driver.communicate, timeout=60)
        for line in ({"type": "hello", "protocol": 1}, {"type": "prepare", "run": 1, "target": "trial", "tasks": 1, "options": options}):
            driver.stdin.write(json.dumps(line) + "\n")
        driver.stdin.flush()
        self.assertEqual([json.loads(driver.stdout.readline())["type"] for _ in range(2)], ["hello", "ready"])
        return driver

    def assert_on_loopback(self, at_least):
        """What listens of this test's processes does so for this host alone; `at_least`: so many sockets there are."""
        inodes = set()
        for pid, _ in self.of_this_test():
            for entry in glob.glob(f"/proc/{pid}/fd/*"):
                with contextlib.suppress(OSError):
                    inodes.add(os.readlink(entry))
        sockets = [line.split() for name in ("tcp", "tcp6") for line in pathlib.Path("/proc/net", name).read_text().splitlines()[1:]]
        listening = [fields[1] for fields in sockets if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes]
        self.assertGreaterEqual(len(listening), at_least)
        for address in listening:
            self.assertRegex(address, "^(0100007F|0{24}01000000):", "hexadecimal, as the kernel writes 127.0.0.1 and ::1")

    def assert_nothing_left(self, name):
        self.assertEqual(self.of_this_test(), [])
        self.assertFalse((self.data / "targets" / name).exists())
        self.assertEqual(glob.glob(str(self.data / "secrets" / f"{name.upper()}_*")), [])
        self.assertEqual([path for directory in self.outside for path in directory.rglob("*")], [])
