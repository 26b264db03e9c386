"""Drivers through the real programs: the documented examples, the conformance test, and runs with good and bad ones."""
import json
import os
import re
import signal
import subprocess
import unittest

from world import ASSAY, SOURCE, World, wait_for

PACKAGE = {"PYTHONPATH": str(SOURCE / "scenarios" / "drivers")}
# Keeps all rules but for what is put in.
OBLIGING = """
import json, os, sys, time
def say(**line): print(json.dumps(line), flush=True)
for line in map(json.loads, sys.stdin):
    kind = line["type"]
    if kind == "hello": say(type="hello", protocol=1, name="obliging", version="3")
    elif kind == "prepare": say(type="ready", capacity=8)
    elif kind == "tasks":
        for task in line["tasks"]:
            at = time.monotonic_ns()
            {fault}
            if "task" in task: time.sleep(task["sleep_ns"] / 1e9)
            end = time.monotonic_ns()
            say(type="events", events=[dict(index=task["index"], event="done", at=end, instants=dict(started=at, finished=end))])
    elif kind == "drain": say(type="drained")
    elif kind == "bye": break
{end}
"""


class Drivers(World):
    def program(self, fault="pass", end="", name="driver.py"):
        return self.write(name, OBLIGING.replace("{fault}", fault).replace("{end}", end))

    def trial(self, *command, flags=()):
        """(exit code, {kind: its trial with its "rules"}) of `assay driver test --json`."""
        code, out, err = self.assay("driver", "test", "--json", *flags, "--", *command, env=PACKAGE)
        trials = {}
        for line in map(json.loads, out.splitlines()):
            if line["type"] == "trial":
                trials[line["kind"]] = {**line, "rules": []}
            else:
                trials[line["kind"]]["rules"].append(line)
        self.assertTrue(trials or code == 1, err)
        return code, trials

    def broken(self, path):
        """What of its whole run breaks rules."""
        code, trials = self.trial("python3", path, flags=["--tasks", "20", "--timeout", "6s"])
        self.assertEqual(code, 3, trials)
        for rule in trials["whole"]["rules"]:
            self.assertTrue(rule["what"] and rule["mend"], rule)
        return [rule["what"] for rule in trials["whole"]["rules"]]

    def test_the_documented_examples_keep_all_rules(self):
        text = (SOURCE / "docs" / "driver.md").read_text()
        examples = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
        self.assertEqual(len(examples), 2)
        self.assertLessEqual(len([line for line in examples[0].splitlines() if line]), 30)
        for number, example in enumerate(examples):
            path = self.write("threads.py", example)
            code, trials = self.trial("python3", path, flags=["--tasks", "500"])
            self.assertEqual(code, 0, trials)
            self.assertEqual(set(trials), {"whole", "cancelled", "left"})
            whole = trials["whole"]
            self.assertEqual((whole["name"], whole["capacity"], whole["tasks"], whole["ok"], whole["broken"]), ("threads", 4, 500, 500, 0))
            self.assertEqual(whole["events_by_kind"]["done"], 500)
            self.assertEqual(whole["notes"], [])
            # The second knows what cancel means.
            self.assertEqual(len(trials["cancelled"]["notes"]), 1 - number, trials["cancelled"])
        scenario = re.search(r"^```yaml\n(name: threads\n.*?)^```$", text, re.M | re.S).group(1)
        self.assertIn("PYTHONPATH: scenarios/drivers", scenario)
        code, out, err = self.assay("run", self.write("threads.yaml", scenario.replace("scenarios/drivers", PACKAGE["PYTHONPATH"])), cwd=self.dir)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select verdict, tasks, tasks_from, slots from run_summary"), [["accepted", "200", "driver", "4"]])
        self.assertEqual(self.sql("select count(*) from task_overhead where queue_mean_ms > 0 and run_mean_ms > 0 and finish_mean_ms > 0"), [["1"]])

    def test_what_the_package_does_for_a_driver(self):
        path = self.write("chatty.py", """
import os, sys, time
from assay_driver import Driver, now

class Chatty(Driver):
    name = "chatty"
    def __init__(self):
        self.seen = []
    def prepare(self, options):
        print("on stdout, in Python")
        os.system("echo on stdout, in a child")
        self.version = options["version"]
        return 3
    def submit(self, tasks):
        for task in tasks:
            assert task.json == {"n": 1} and task.sleep_ns >= 1000000, (task.json, task.sleep_ns)
            self.seen.append(task.index)
            self.event(task.index, "accepted", task="t%d" % task.index)
            self.event(task.index, "done", finished=now(), worker=None, from_="client", error="x" * 9000 if task.index == 1 else None)
    def drain(self):
        with self.span("gather"):
            pass
    def close(self): time.sleep(3)  # more than the package allows when the agent is gone
Chatty().run()
""")
        code, trials = self.trial("python3", path, flags=["--tasks", "3000", "--options", '{"version": "7"}', "--task", '{"n": 1}'])
        self.assertEqual(code, 0, trials)
        whole = trials["whole"]
        self.assertEqual((whole["version"], whole["capacity"], whole["ok"], whole["spans"]), ("7", 3, 2999, 1))
        self.assertLess(whole["lines"], 3000, "events gather in lines")
        path = self.write("failing.py", """
from assay_driver import Driver
class Failing(Driver):
    def prepare(self, options): raise RuntimeError("no scheduler there")
Failing().run()
""")
        code, trials = self.trial("python3", path)
        self.assertEqual(code, 3)
        self.assertEqual([rule["what"] for rule in trials["whole"]["rules"]], ["it failed: prepare: RuntimeError: no scheduler there"])

    def test_each_broken_rule_is_named(self):
        cases = [("print('hello?')", "no JSON"), ("say(type='event')", 'has the type "event"'),
                 ("say(type='drained')", "was not told to drain"),
                 ("say(type='events', events=[dict(index=99, event='done', at=at)])", "task 99 was never given"),
                 ("say(type='events', events=[dict(index=task['index'], event='done', at=at)])", "is done a second time"),
                 ("say(type='events', events=[dict(index=task['index'], event='started', at=time.time_ns())])", "lies in the future"),
                 ("if task['index'] == 7: continue", "1 of 20 tasks were not done within 6 s"),
                 ("if task['index'] == 7: sys.exit(3)", "it exited with 3 with 13 of 20 tasks not done"),
                 ("if task['index'] == 7: print('x' * 2000000)", "longer than 1024 KiB"),
                 ("say(type='events', events=[dict(index=task['index'], event='started', at=at)] * 10000)", "says more than any driver has to say")]
        for fault, what in cases:
            with self.subTest(fault=fault):
                self.assertIn(what, self.broken(self.program(fault))[0])
        self.assertIn("after bye it exited with 4", self.broken(self.program(end="sys.exit(4)"))[0])
        self.assertIn("has no end", self.broken(self.program(end="sys.stdout.write('{'); sys.stdout.flush()"))[0])
        self.assertIn("did not exit within 20 s of bye", self.broken(self.program(end="time.sleep(1000)"))[0])
        code, out, err = self.assay("driver", "test", "--", "python3", self.program("print('hello?')"))
        self.assertEqual(code, 3, err)
        self.assertRegex(out, r"BROKEN   line 3: no JSON\n +hello\?\n +write one JSON object")

    def test_what_cannot_be_tried(self):
        code, out, err = self.assay("driver", "test", "--", "no-such-program")
        self.assertEqual(code, 1)
        self.assertIn("cannot start 'no-such-program': no such program in PATH", out)
        for flags, what in [((), "command"), (("--sleep", "fast", "--", "true"), "--sleep"), (("--options", "[1]", "--", "true"), "--options '[1]'")]:
            code, out, err = self.assay("driver", "test", *flags)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(what, err)
        code, trials = self.trial("true")
        self.assertEqual(code, 3)
        self.assertEqual([rule["what"] for rule in trials["whole"]["rules"]], ["it exited with 0 before hello"])

    def test_an_interrupted_trial_leaves_nothing(self):
        pid = self.dir / "pid"
        path = self.write("slow.py", f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)\n")
        trial = self.start([ASSAY, "driver", "test", "--", "python3", path], "trial")
        wait_for(lambda: pid.exists() and pid.read_text(), "the driver runs")
        trial.send(signal.SIGINT)
        self.assertEqual(trial.wait(), 130)

        def gone():
            try:
                return os.killpg(int(pid.read_text()), 0)
            except ProcessLookupError:
                return True
        wait_for(gone, "the driver is gone")

    def run_scenario(self, path, more=""):
        return self.assay("run", self.write("driven.yaml", f"""
name: driven
load: {{closed: {{concurrency: 8}}, triggers: 300}}
agents: {{count: 2}}
trigger:
  driver: {{argv: [python3, {path}], sleep: {{uniform: [1ms, 2ms]}}, task: {{json: {{n: $(index)}}}}{more}}}
  timeout: 60s
"""), "--agents", "2", env=PACKAGE)

    def test_runs_with_drivers(self):
        code, out, err = self.run_scenario(SOURCE / "tests" / "cluster" / "sleeping_driver.py", ", options: {threads: 4}")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select count(*), count(distinct index), count(accepted_ns), count(remote_id), count(completed_ns), count(planned_ns) "
                                  "from trigger where outcome = 'ok'"), [["300"] * 6])
        self.assertEqual(self.sql("select count(*), count(distinct t.index) from task t join trigger g using (run_id, index) where t.origin = 'driver' and t.outcome = 'ok' "
                                  "and t.started_ns between g.started_ns and g.completed_ns and t.finished_ns = g.completed_ns and t.task = g.remote_id"), [["300"] * 2])
        self.assertEqual(self.sql("select driver, driver_version, capacity from share"), [["sleeping", "1", "4"]] * 2)
        self.assertEqual(self.sql("select name, count(*) from span where ended_ns >= begun_ns group by name"), [["gather", "2"]])
        self.assertEqual(self.sql("select sleep_min_ns, sleep_max_ns from cell"), [["1000000", "2000000"]])
        self.assertEqual(self.sql("select distinct kind, error from floor where kind = 'driver'"), [["driver", ""]])

        # Garbage is a warning, a crash a reject; the rows are there in either case.
        code, out, err = self.run_scenario(self.program("if task['index'] == 100: print('hello?')"))
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select code, severity, detail like '%no JSON: hello?' from flags where code like 'driver%'"), [["driver_garbage", "warning", "t"]])
        code, out, err = self.run_scenario(self.program("if task['index'] == 100: sys.exit('no such table')"))
        self.assertEqual(code, 3, out + err)
        self.assertEqual(self.sql("select severity, detail from flags where code = 'driver_failed'"),
                         [["reject", self.sql("select detail from flags where code = 'driver_failed'")[0][0]]])
        self.assertIn("exited with 1; its output ends with: no such table", self.sql("select detail from flags where code = 'driver_failed'")[0][0])
        self.assertEqual(self.sql("select count(*) from trigger where run_id = (select max(run_id) from run)"), [["300"]])
        self.assertEqual(self.sql("select t.state, t.outcome, t.started_ns, g.outcome from task t join trigger g using (run_id, index) "
                                  "where run_id = (select max(run_id) from run) and index = 100"), [["not told", "", "", "failed"]])
        self.assertEqual(self.sql("select gap from truth_gap where run_id = (select max(run_id) from run)"), [])
        # One that cannot get ready says so.
        code, out, err = self.run_scenario(self.program().replace("driver.py", "missing.py"))
        self.assertEqual(code, 3, out + err)
        self.assertIn("No such file or directory", self.sql("select detail from flags where code = 'refused'")[0][0])


if __name__ == "__main__":
    unittest.main()
