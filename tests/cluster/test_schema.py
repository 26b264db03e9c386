"""`assay schema` and `assay check` agree: what one of them takes, the other takes too, as far as a schema can say it."""
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import jsonschema
import yaml

import local_run
from world import ASSAY, SOURCE

BASE = "name: s\nload: {closed: {concurrency: 2}, triggers: 10}\ntrigger: {sleep: {for: 1ms}}\n"
# What the language allows in unusual places: whole maps from the grid, maps that only a target completes.
VALID = {
    "load from the grid": "name: s\ngrid: {load: [{closed: {concurrency: 2}, triggers: 10}]}\nload: $(load)\ntrigger: {sleep: {for: 1ms}}\n",
    "trigger from the grid": "name: s\ngrid: {t: [{sleep: {for: 1ms}}]}\nload: {closed: {concurrency: 2}, triggers: 1}\ntrigger: $(t)\n",
    "parts from the grid": "name: s\ngrid: {c: [{concurrency: 2}], e: [{A: b}], s: [{every: 1s}], n: [5]}\n"
                           "load: {closed: $(c), triggers: $(n)}\ntrigger: {exec: {argv: [x], env: $(e)}, timeout: $(n)s}\nsample: $(s)\n",
    "hook from the grid": BASE + "grid: {h: [{argv: [\"true\"]}], w: [coordinator]}\nhooks: {before_run: $(h), after_run: {argv: [x], where: $(w)}}\n",
    "target from the grid": "name: s\ngrid: {c: [{closed: {concurrency: 2}, triggers: 1}]}\ntrigger: {sleep: {for: 1ms}}\ntargets: {a: {load: $(c)}}\n",
    "target completes": "name: s\nload: {triggers: 10}\ntrigger: {exec: {env: {A: b}}}\nhooks: {before_run: {timeout: 5s}}\n"
                        "targets: {a: {load: {closed: {concurrency: 2}}, trigger: {exec: {argv: [x]}}, hooks: {before_run: {argv: [y]}}}}\n",
    "scenario completes": "name: s\nload: {closed: {concurrency: 2}, triggers: 10}\ntrigger: {exec: {argv: [x]}}\nhooks: {before_run: {argv: [y]}}\n"
                          "targets: {a: {load: {closed: {}}, trigger: {exec: {env: {A: b}}}, hooks: {before_run: {timeout: 5s}}}, b: , c: {}}\n",
    "other kind of trigger": BASE + "targets: {a: {trigger: {exec: {argv: [x], cwd: /}}}}\n",
    "durations": BASE + "limits: {slip_p99: 0, start_skew: 1.5ms, failures: 1%}\nsample: {every: .5s, cooldown: 2 s}\n",
    "call": "name: s\nload: {closed: {concurrency: 2}, triggers: 1}\ntrigger: {grpc: {target: \"h:1\", method: p.S/C}}\n"
            "targets: {a: {trigger: {grpc: {json: {a: [1]}, expect: {status: NOT_FOUND}}}}, b: {trigger: {grpc: {bytes: AA==, tls: {}}}}}\n",
    "container": "name: s\ngrid: {n: [a, b]}\nload: {closed: {concurrency: 2}, triggers: 1}\n"
                 "trigger: {container: {name: \"web-$(index)\", argv: [x], socket: /s}}\nhooks: {before_run: {container: {restart: $(n)}}, after_run: {compose: {stop: \"$(agent)-a\"}}}\n",
    "containers": BASE + "sample: {containers: [web, 4], compose: [a, a/b], labels: {role: db}, units: [x.service], pods: [n/p], socket: /x}\n",
    "loss": BASE + "on_agent_loss: {repeat: 3}\nagents: {select: {role: load, n: 3}, count: 2}\n",
}
INVALID = {
    "unknown key": BASE + "lode: {}\n",
    "unknown key below": "name: s\nload: {closed: {concurency: 2}, triggers: 10}\ntrigger: {sleep: {for: 1ms}}\n",
    "unknown key of a target": BASE + "targets: {a: {sleep: 1ms}}\n",
    "no name": BASE.replace("name: s\n", ""),
    "no load and no targets": "name: s\ntrigger: {sleep: {for: 1ms}}\n",
    "two kinds": BASE + "targets: {a: {trigger: {sleep: {for: 1ms}, exec: {argv: [x]}}}}\n",
    "range": BASE + "blocks: 0\n",
    "text for a number": BASE + "blocks: \"5\"\n",
    "unit": BASE + "sample: {every: 5 parsecs}\n",
    "list": BASE + "sample: {cgroups: /a}\n",
    "container with a slash": BASE + "sample: {containers: [/web]}\n",
    "container without a name": "name: s\nload: {closed: {concurrency: 2}, triggers: 1}\ntrigger: {container: {name: \"\", argv: [x]}}\n",
    "socket with a scheme": BASE + "sample: {socket: \"unix:///var/run/docker.sock\"}\n",
    "certificates of no file": "name: s\nload: {closed: {concurrency: 2}, triggers: 1}\ntrigger: {http: {url: \"https://h\", tls: {ca: \"\"}}}\n",
    "three parts": BASE + "sample: {compose: [a/b/c]}\n",
    "two lengths": "name: s\nload: {closed: {concurrency: 2}, triggers: 1}\ntrigger: {sleep: {for: {uniform: [1ms, 2ms], exponential: 1ms}}}\n",
    "pair of three": "name: s\nload: {closed: {concurrency: 2}, triggers: 1}\ntrigger: {sleep: {for: {uniform: [1ms, 2ms, 3ms]}}}\n",
    "axis without values": BASE + "grid: {tasks: []}\n",
    "target's name": BASE + "targets: {\"a b\": {}}\n",
    "no targets": BASE + "targets: {}\n",
    "hook of the sweep without argv": BASE + "hooks: {before_sweep: {timeout: 5s}}\n",
    "map of the sweep from the grid": BASE + "grid: {a: [{count: 2}]}\nagents: $(a)\n",
    "number of the sweep from the grid": BASE + "grid: {n: [2]}\nblocks: $(n)\n",
    "loss": BASE + "on_agent_loss: {}\n",
    "two payloads": "name: s\nload: {closed: {concurrency: 2}, triggers: 1}\ntrigger: {grpc: {target: \"h:1\", method: p.S/C, json: {}, bytes: AA==}}\n",
    "code": "name: s\nload: {closed: {concurrency: 2}, triggers: 1}\ntrigger: {grpc: {target: \"h:1\", method: p.S/C, expect: {status: FOUND}}}\n",
    "word": BASE + "on_agent_loss: ignore\n",
}


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schema = json.loads(subprocess.run([ASSAY, "schema"], capture_output=True, text=True, check=True).stdout)
        cls.validator = jsonschema.Draft202012Validator(cls.schema)

    def judged(self, text):
        """(what the schema says, what `assay check` says); empty if it has nothing to say."""
        errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}"[:300] for e in self.validator.iter_errors(yaml.safe_load(text))]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "s.yaml"
            # What shipped scenarios and examples name beside them.
            (path.parent / "targets").symlink_to(SOURCE / "scenarios" / "targets")
            (path.parent / "tasks.sql").write_text("SELECT id AS task, state FROM task_instance")
            path.write_text(text)
            checked = subprocess.run([ASSAY, "check", str(path)], capture_output=True, text=True, check=False)
        self.assertIn(checked.returncode, (0, 2), checked.stderr)
        return errors, checked.stderr if checked.returncode else ""

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(self.schema)

    def test_valid_scenarios(self):
        cases = dict(VALID)
        for path in sorted(SOURCE.glob("scenarios/*.yaml")) + sorted(SOURCE.glob("tests/bench/*.yaml")):
            cases[str(path.relative_to(SOURCE))] = path.read_text()
        for name, text in vars(local_run).items():
            if isinstance(text, str) and re.search(r"^name: ", text, re.M):
                cases[f"local_run.{name}"] = text
        for page in ("README.md", "docs/scenario.md"):
            blocks = re.findall(r"^```yaml\n(.*?)^```", (SOURCE / page).read_text(), re.M | re.S)
            self.assertTrue(blocks, page)
            for number, block in enumerate(blocks):
                # An example that is a part of a scenario is completed; its references become axes.
                text = block if re.search("^name:", block, re.M) else "name: s\n" + "".join(
                    line for line in BASE.splitlines(True)[1:] if not re.search("^" + line.split(":")[0] + ":", block, re.M)) + block
                cases[f"{page} example {number}"] = text
        self.assertGreater(len(cases), len(VALID) + 10)
        for name, text in cases.items():
            with self.subTest(name):
                self.assertEqual(self.judged(text), ([], ""))

    def test_invalid_scenarios(self):
        for name, text in INVALID.items():
            with self.subTest(name):
                errors, checked = self.judged(text)
                self.assertTrue(checked, "assay check takes it")
                self.assertTrue(errors, "the schema takes it")


if __name__ == "__main__":
    unittest.main(verbosity=2)
