"""What the tests of targets share."""
import glob
import json
import os
import pathlib
import stat

from world import World, alive


class TargetWorld(World):
    def setUp(self):
        super().setUp()
        self.data = self.dir / "data"

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

    def assert_nothing_left(self, name):
        self.assertEqual(self.of_this_test(), [])
        self.assertFalse((self.data / "targets" / name).exists())
        self.assertEqual(glob.glob(str(self.data / "secrets" / f"{name.upper()}_*")), [])
