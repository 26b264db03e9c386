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
    elif kind == "prepare":
        {prepared}
        say(type="ready", capacity=8)
    elif kind == "tasks":
        for task in line["tasks"]:
            at = time.monotonic_ns()
            {fault}
            if "task" in task: time.sleep(task["sleep_ns"] / 1e9)
            end = time.monotonic_ns()
            say(type="events", events=[dict(index=task["index"], event="done", at=end, instants=dict(started=at, finished=end))])
        {given}
    elif kind == "drain": say(type="drained")
    elif kind == "bye": break
{end}
"""


class Drivers(World):
    def program(self, fault="pass", end="", name="driver.py", prepared="pass", given="pass"):
        text = OBLIGING
        for place, code in (("fault", fault), ("end", end), ("prepared", prepared), ("given", given)):
            text = text.replace("{%s}" % place, code)
        return self.write(name, text)

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
        path = self.write("dying.py", """
from assay_driver import Driver
class Dying(Driver):
    def submit(self, tasks): self.fail("the scheduler is gone")
Dying().run()
""")
        code, trials = self.trial("python3", path)
        self.assertEqual(code, 3)
        self.assertIn("not done: the scheduler is gone", trials["whole"]["rules"][0]["what"])

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
        self.assertRegex(out, r"BROKEN   line 3: no JSON \(1,000 times\)\n +hello\?\n +write one JSON object")

    def test_a_rule_that_is_broken_at_each_task_is_told_once(self):
        path = self.program("print('hello', task['index']); say(type='events', events=[dict(index=1000 + task['index'], event='done', at=at)])")
        code, trials = self.trial("python3", path, flags=["--tasks", "40"])
        self.assertEqual((code, trials["whole"]["broken"]), (3, 80))
        self.assertEqual([(rule["what"], rule["excerpt"][:7], rule["times"]) for rule in trials["whole"]["rules"]],
                         [("line 3: no JSON", "hello 0", 40), ("line 4: done: task 1000 was never given", '{"type"', 40)])
        # What differs in more than its numbers has a place of its own, a hundred of them.
        path = self.program("say(type=''.join(chr(97 + int(digit)) for digit in str(task['index'])))")
        code, out, err = self.assay("driver", "test", "--tasks", "150", "--", "python3", path)
        self.assertEqual(code, 3, err)
        whole = out[:out.index("a run that is cancelled")]
        self.assertEqual(whole.count("has the type"), 100)
        self.assertIn("BROKEN   50 times more", whole)

    def test_tasks_that_fail_break_no_rule(self):
        event = "dict(index=task['index'], event='{}', at=at{})".format
        failed, done, failed_done = event("failed", ", error='no table'"), event("done", ""), event("done", ", error='no table'")
        for events in (f"{failed}, {done}", failed_done):
            with self.subTest(events=events):
                path = self.program(f"say(type='events', events=[{events}]); continue")
                code, trials = self.trial("python3", path, flags=["--tasks", "20"])
                whole = trials["whole"]
                self.assertEqual((code, whole["broken"], whole["ok"], whole["failed"], whole["first_failed"]), (1, 0, 0, 20, "task 0: no table"))
                self.assertIsNone(whole["events_per_s"])
                code, out, err = self.assay("driver", "test", "--tasks", "20", "--", "python3", path)
                self.assertEqual(code, 1, err)
                self.assertIn("20 given, 0 ok, 20 failed", out)
                self.assertIn("20 of 20 tasks failed; the first, task 0: no table", out)
                self.assertTrue(out.endswith("it keeps all rules of docs/driver.md, but 20 of 20 tasks failed: nothing was measured\n"), out)
                self.assertNotIn("BROKEN", out)
                self.assertNotIn("tasks/s", out)
        path = self.program(f"if task['index'] == 7: say(type='events', events=[{failed}, {done}]); continue")
        code, out, err = self.assay("driver", "test", "--tasks", "20", "--", "python3", path)
        self.assertEqual(code, 0, err)
        self.assertTrue(out.endswith("it keeps all rules of docs/driver.md, but 1 of 20 tasks failed\n"), out)
        self.assertIn("tasks/s", out)
        self.assertIn("none of its tasks was ok", self.assay("driver", "test", "--help")[1].replace("\n", " "))

        # Without its done it is broken, after the time that an agent waits for that; and a line says it of the whole driver.
        code, trials = self.trial("python3", self.program(f"say(type='events', events=[{failed}]); continue"), flags=["--tasks", "20"])
        self.assertEqual((code, trials["whole"]["failed"]), (3, 20))
        self.assertEqual([(rule["what"], rule["times"]) for rule in trials["whole"]["rules"]],
                         [("task 0 was over, but its done was not told within 10 s", 20)])
        code, trials = self.trial("python3", self.program("say(type='failed', error='no table'); continue"), flags=["--tasks", "20"])
        self.assertEqual(code, 3)
        self.assertEqual([rule["what"] for rule in trials["whole"]["rules"]], ["line 3: failed, with 20 of 20 tasks not done: no table"])
        self.assertIn('for one task tell the event done with "error"', trials["whole"]["rules"][0]["mend"])

    def test_the_mend_for_a_driver_that_dies_fits(self):
        crash = "if task['index'] == 7: "
        missing = str(self.dir / "missing.py")
        not_executable = self.program(name="plain.py")
        cases = [(["python3", self.program(crash + "raise RuntimeError('no table')", name="raises.py")],
                  "it exited with 1 with 13 of 20 tasks not done; its output ends with: RuntimeError: no table", "see it by hand: printf"),
                 (["python3", self.program(crash + "os.kill(os.getpid(), 11)", name="crashes.py")],
                  "it was killed by signal 11 (Segmentation fault) with 13 of 20 tasks not done", "its own code crashed"),
                 (["python3", "-c", "import no_such_module"], "No module named 'no_such_module'", "install the module"),
                 (["python3", missing], "it exited with 2 before hello; its output ends with: ", "mend the path"),
                 (["sh", "-c", "no-such-program"], "it exited with 127 before hello", "install the command that it calls"),
                 (["no-such-program"], "cannot start 'no-such-program'", "./no-such-program"),
                 (["python3 driver.py"], "cannot start 'python3 driver.py'", "words of their own: assay driver test -- python3 driver.py"),
                 ([not_executable], "Permission denied", f"chmod +x {not_executable}")]
        for command, what, mend in cases:
            with self.subTest(command=command):
                code, trials = self.trial(*command, flags=["--tasks", "20"])
                rules = trials["whole"]["rules"]
                self.assertEqual(len(rules), 1, rules)
                self.assertIn(what, rules[0]["what"])
                self.assertIn(mend, rules[0]["mend"])
                self.assertNotIn("flush", rules[0]["mend"])
        # What it says on stderr is seen all the same; and by hand it dies again.
        code, out, err = self.assay("driver", "test", "--", "python3", self.program(crash + "sys.exit('no such table')"))
        self.assertIn("no such table\n", err)
        path = self.program("sys.exit('no such table')")
        code, trials = self.trial("python3", path)
        by_hand = trials["whole"]["rules"][0]["mend"].removeprefix("see it by hand: ")
        done = subprocess.run(by_hand, shell=True, capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (1, "no such table\n"), by_hand)
        # All its tasks were done, and yet it may not go before it was told to.
        code, trials = self.trial("python3", self.program(given="os._exit(5)"), flags=["--tasks", "20"])
        self.assertEqual((code, trials["whole"]["ok"]), (3, 20), trials)
        self.assertIn("it exited with 5 before drain", trials["whole"]["rules"][0]["what"])

    def test_its_tasks_are_as_a_run_gives_them(self):
        # The cancelled ones are to sleep for 30 s each.
        path = self.program("assert task['task'] == dict(n=task['index'], text='1 trial'), task; task['sleep_ns'] //= 30000",
                            prepared="assert line['options'] == dict(run=1), line")
        for n in ("$(index)", '"$(index)"'):
            code, trials = self.trial("python3", path, flags=["--tasks", "20", "--target", "trial", "--options", '{"run": $(run)}',
                                                              "--task", '{"n": %s, "text": "$(run) $(target)"}' % n])
            self.assertEqual((code, trials["whole"]["ok"]), (0, 20), trials)
        code, out, err = self.assay("driver", "test", "--task", '{"n": ', "--", "true")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("--task '{\"n\": '", err)

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
