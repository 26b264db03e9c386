"""Local mode, as a first user meets it: one command, its output, its files, and what it leaves behind."""
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import unittest

from world import ASSAY, SOURCE, World, alive, children_of, wait_for

SLEEPS = """
name: sleeps
blocks: 2
grid: {tasks: [200, 1000]}
agents: {select: {role: load}, count: 2}
load: {closed: {concurrency: 8}, triggers: $(tasks)}
trigger: {sleep: {for: {uniform: [100us, 2ms]}}}
sample: {every: 50ms, cooldown: 100ms, host: true, where: {role: target}, cgroups: ["@postgres"]}
"""

LONG = """
name: long
blocks: 2
grid: {n: [1, 2]}
agents: {count: 2}
load: {closed: {concurrency: 8}, triggers: 100000}
trigger: {sleep: {for: 20ms}}
"""


def children_named(pid, name):
    """Processes below one that run this program."""
    found = []
    for child in children_of(pid):
        try:
            if pathlib.Path(f"/proc/{child}/comm").read_text() == name + "\n":
                found.append(child)
        except OSError:
            pass
    return found


class LocalRun(World):
    def leftovers(self):
        """Processes of this test that are still there: they all have its directory in their command line."""
        found = subprocess.run(["pgrep", "-f", str(self.dir / "data")], capture_output=True, text=True, check=False).stdout.split()
        return [p for p in found if int(p) != os.getpid()]

    def wait_for_firing(self, run):
        """T0 lies a little behind the begin of the state running: waits until triggers have ended, or for processes are in flight."""
        wait_for(lambda: re.search(r"\(running\): [1-9]", run.text()) or children_named(run.pid, "sleep"), "triggers are fired")

    def test_a_sweep_from_file_to_rows(self):
        code, out, err = self.assay("run", self.write("s.yaml", SLEEPS))
        self.assertEqual(code, 0, out + err)
        for words in ("4 of 4 cells x blocks accepted", "What it means", "Report: ", "assay sql"):
            self.assertIn(words, out)
        report = pathlib.Path(out.split("Report: ")[1].split()[0])
        self.assertIn("tasks=1000", report.read_text())
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(self.sql("select count(*), count(distinct (run_id, index)), count(*) filter (where outcome = 'ok') from trigger"), [["2400", "2400", "2400"]])
        self.assertEqual(self.sql("select bool_and(intended_ns <= dispatched_ns and dispatched_ns <= started_ns and started_ns <= finished_ns) from trigger"), [["t"]])
        self.assertEqual(self.sql("select min(block), max(block) from run"), [["1", "2"]])
        # Both agents took part in each run; every sleep lasted at least as long as it was to.
        self.assertEqual(self.sql("select count(*) from share where fired > 0"), [["8"]])
        self.assertEqual(self.sql("select bool_and(finished_ns - started_ns >= planned_ns) from trigger"), [["t"]])
        # Samples from before T0 to the end of the cool-down, of the server's cgroup and of the host.
        self.assertEqual(self.sql("select bool_and(first < 0 and last > 50000000) from (select min(s.read_begin_ns) as first, max(s.read_begin_ns) - "
                                  "(select max(finished_ns) from trigger t where t.run_id = s.run_id) as last from host_sample s group by s.run_id) x"), [["t"]])
        self.assertEqual(self.sql("select count(distinct run_id) from sample where cpu_usage_ns > 0"), [["4"]])
        # The same sweep with one agent sleeps the same: the workload does not depend on who fires it.
        code, out, err = self.assay("run", self.write("one.yaml", SLEEPS.replace("count: 2", "count: 1")), "--agents", "1")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select count(*) from trigger a join run ra using (run_id) join run rb on rb.sweep_id = 2 and rb.block = ra.block "
                                  "join cell ca on ca.cell_id = ra.cell_id join cell cb on cb.cell_id = rb.cell_id and cb.params = ca.params "
                                  "join trigger b on b.run_id = rb.run_id and b.index = a.index where ra.sweep_id = 1 and a.planned_ns = b.planned_ns"), [["2400"]])

    def test_processes_rows_match_what_they_wrote_themselves(self):
        log = self.dir / "fired.log"
        scenario = self.write("p.yaml", f"""
name: processes
agents: {{count: 2}}
grid: {{n: [50, 80, 100]}}
load: {{closed: {{concurrency: $(n)}}, triggers: $(n)}}
trigger: {{exec: {{argv: [sh, -c, 'echo "$(run) $(block) $(index) $(agent)" >> {log}; echo hello $(index); exit $(($(index) % 2))']}}, timeout: 60s}}
limits: {{failures: 60%}}
sample: {{every: 100ms, cooldown: 200ms, host: true}}
""".replace("$(($(index) % 2))", "$$(($(index) % 2))"))
        code, out, err = self.assay("run", scenario)
        self.assertEqual(code, 0, out + err)
        fired = sorted(line for line in log.read_text().split("\n") if line)
        stored = sorted(" ".join(row) for row in self.sql("select run_id, block, index, name from trigger join run using (run_id) join agent using (agent_id)"))
        self.assertEqual(len(fired), 230)
        self.assertEqual(fired, stored)
        self.assertEqual(self.sql("select bool_and(exit_code = index % 2 and (outcome = 'ok') = (exit_code = 0) and output = convert_to('hello ' || index || E'\\n', 'UTF8')) from trigger"), [["t"]])
        self.assertEqual(self.sql("select count(*) from host_sample where agent_cpu_ns > 0 and agent_memory_bytes > 0")[0][0] > "0", True)

    def test_failures_missing_programs_and_stubborn_children_are_rows_not_crashes(self):
        scenario = self.write("f.yaml", """
name: bad-days
agents: {count: 1}
targets:
  missing: {trigger: {exec: {argv: [no-such-program-at-all]}}}
  failing: {trigger: {exec: {argv: [sh, -c, "echo sorry; exit 7"]}}}
  stubborn: {trigger: {exec: {argv: [sh, -c, "trap '' TERM; sleep 30 & wait; sleep 30"]}, timeout: 200ms}, load: {closed: {concurrency: 4}, triggers: 4}}
  chatty: {trigger: {exec: {argv: [sh, -c, "head -c 200000000 /dev/zero"]}}, load: {closed: {concurrency: 2}, triggers: 5}}
load: {closed: {concurrency: 4}, triggers: 20}
sample: {every: 100ms, cooldown: 100ms, host: true}
""")
        code, out, err = self.assay("run", scenario)
        self.assertEqual(code, 3, out + err)
        rows = {r[0]: r[1:] for r in self.sql("select c.target, count(*), string_agg(distinct t.outcome::text, ' '), string_agg(distinct coalesce(t.exit_code::text, ''), ' '), "
                                              "string_agg(distinct coalesce(t.signal::text, ''), ' '), max(t.output_bytes), max(length(t.output)), max(r.verdict), max(t.error) "
                                              "from trigger t join run r using (run_id) join cell c using (cell_id) group by 1")}
        self.assertEqual(rows["missing"][:2], ["20", "failed"])
        self.assertIn("no-such-program-at-all", rows["missing"][-1])
        self.assertEqual(rows["failing"][:3], ["20", "failed", "7"])
        self.assertEqual(rows["stubborn"][:2], ["4", "timeout"])
        self.assertEqual(rows["stubborn"][3], "9")
        self.assertEqual(rows["chatty"][:2], ["5", "ok"])
        self.assertEqual(rows["chatty"][4], "200000000")
        self.assertLess(int(rows["chatty"][5]), 9000)
        self.assertEqual([rows[t][6] for t in ("missing", "failing", "stubborn", "chatty")], ["rejected"] * 3 + ["accepted"])
        self.assertEqual(sorted(r[0] for r in self.sql("select distinct code from flag where severity = 'reject'")), ["all_failed"])
        self.assertLess(int(self.sql("select max(agent_memory_bytes) from host_sample")[0][0]), 150 << 20)
        self.assertIn("all_failed", out)
        self.assertIn("for example: exited with 7; its output ends with: sorry", out)

    def test_json_lines(self):
        code, out, err = self.assay("run", self.write("s.yaml", SLEEPS), "--json")
        self.assertEqual(code, 0, err)
        lines = [json.loads(line) for line in out.splitlines()]
        kinds = {line["type"] for line in lines}
        self.assertLessEqual({"progress", "run", "end"}, kinds)
        self.assertEqual(sum(line["type"] == "run" for line in lines), 4)
        self.assertEqual({cell["params"]["tasks"] for cell in lines[-1]["cells"]}, {200, 1000})
        self.assertEqual({type(line["run_id"]) for line in lines if line["type"] in ("run", "flag", "progress")}, {int})
        for line in lines:
            if line["type"] == "progress":
                self.assertRegex(line["sweep"]["created"], r"^20\d\d-\d\d-\d\dT[0-9:.]+Z$")

    def test_bad_scenarios_run_nothing(self):
        cases = {
            "unknown key": ("name: x\nload: {closed: {concurrency: 1}, trigers: 5}\ntrigger: {sleep: {for: 1ms}}\n", ":2:", "triggers"),
            "bad unit": ("name: x\nload: {closed: {concurrency: 1}, triggers: 5}\ntrigger: {sleep: {for: 1 parsec}}\n", ":3:", "10ms"),
            "duplicate": ("name: x\nname: y\nload: {closed: {concurrency: 1}, triggers: 5}\ntrigger: {sleep: {for: 1ms}}\n", ":2:", "name"),
        }
        for what, (text, place, mend) in cases.items():
            with self.subTest(what):
                path = self.write("bad.yaml", text)
                code, out, err = self.assay("run", path)
                self.assertEqual(code, 2, out + err)
                self.assertIn(path + place, err)
                self.assertIn(mend, err)
        huge = self.dir / "huge.yaml"
        with open(huge, "wb") as file:
            file.truncate(100 << 20)
        for verb in ("run", "check"):
            code, out, err = self.assay(verb, str(huge))
            self.assertEqual(code, 2, out + err)
            self.assertIn(f"{huge}:1:1: ", err)
            self.assertIn("is this the right file?", err)
        for words in (["run", str(self.dir / "absent.yaml")], ["run"], ["run", "x", "--agents", "none"], ["frobnicate"]):
            with self.subTest(" ".join(words)):
                code, out, err = self.assay(*words)
                self.assertEqual(code, 2, out + err)
        self.assertFalse((self.dir / "data" / "postgres").exists(), "something was started")

    def test_a_sweep_that_would_wait_for_ever_for_its_agents_is_not_started(self):
        cases = {
            "fewer told than wanted": (SLEEPS, ["--agents", "1"], ("2 agents with role=load", "--agents 2")),
            "a label that no local agent has": (SLEEPS.replace("select: {role: load}", "select: {role: db}"), [], ("role=db", "agents.select")),
            "two of what there is once": (SLEEPS.replace("select: {role: load}", "select: {role: target}"), [], ("2 agents with role=target", "agents.count")),
            "more than one machine starts": (SLEEPS.replace("count: 2", "count: 1001"), [], ("1001", "sweep start")),
        }
        for what, (text, flags, words) in cases.items():
            with self.subTest(what):
                path = self.write("w.yaml", text)
                code, out, err = self.assay("run", path, *flags)
                self.assertEqual(code, 2, out + err)
                for word in (path, *words):
                    self.assertIn(word, err)
        self.assertFalse((self.dir / "data" / "postgres").exists(), "something was started")

    def test_as_many_agents_as_the_scenario_asks_for(self):
        scenario = self.write("s.yaml", SLEEPS.replace("count: 2", "count: 3"))
        code, out, err = self.assay("check", scenario)
        self.assertEqual(code, 0, err)
        self.assertIn("shown for 3", out)
        self.assertNotIn("warning", out)
        code, out, err = self.assay("check", scenario, "--agents", "2")
        self.assertIn("warning: --agents 2", out)
        code, out, err = self.assay("run", scenario)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select count(distinct agent_id) from share where fired > 0"), [["3"]])

    def test_check_and_schema_run_nothing(self):
        code, out, err = self.assay("check", self.write("s.yaml", SLEEPS), "--agents", "2")
        self.assertEqual(code, 0, err)
        for words in ("tasks=200", "tasks=1000", "4 runs"):
            self.assertIn(words, out)
        code, out, err = self.assay("schema")
        self.assertEqual(code, 0, err)
        self.assertIn("properties", json.loads(out))
        self.assertFalse((self.dir / "data").exists())

    def test_the_shipped_scenarios_are_valid(self):
        for path in sorted((SOURCE / "scenarios").glob("*.yaml")):
            code, out, err = self.assay("check", str(path))
            self.assertEqual(code, 0, f"{path}: {err}")

    def test_no_postgresql_binaries(self):
        empty = self.dir / "empty"
        empty.mkdir()
        code, out, err = self.assay("run", self.write("s.yaml", SLEEPS), env={"ASSAY_POSTGRES_BIN": str(empty)})
        self.assertEqual(code, 1, out + err)
        self.assertIn("postgresql", err.lower())
        self.assertIn("apt", err)

    def test_a_data_directory_in_use(self):
        first = self.start([ASSAY, "run", self.write("l.yaml", LONG)], "first", env={"ASSAY_DATA": str(self.dir / "data")})
        wait_for(lambda: "triggers" in first.text() or not first.running(), "the first run shows progress")
        code, out, err = self.assay("sql", "-c", "select 1")
        self.assertEqual(code, 0, "psql may look in while a sweep runs: " + err)
        code, out, err = self.assay("sql", "select 1")
        self.assertEqual(code, 2, out + err)
        self.assertIn("behind -c", err)
        code, out, err = self.assay("run", self.write("s.yaml", SLEEPS))
        self.assertEqual(code, 1, out + err)
        self.assertIn("in use", err)
        self.assertIn("--data", err)
        first.type(signal.SIGINT)
        self.assertEqual(first.wait(), 130)

    def test_ctrl_c_once_drains_and_keeps_what_was_measured(self):
        run = self.start([ASSAY, "run", self.write("l.yaml", LONG)], "run", env={"ASSAY_DATA": str(self.dir / "data")})
        self.wait_for_firing(run)
        run.type(signal.SIGINT)
        self.assertEqual(run.wait(), 130, run.text())
        self.assertIn("drain", run.text())
        self.assertEqual(self.leftovers(), [])
        fired, rows, kinds = self.sql("select (select sum(fired) from share), count(*), string_agg(distinct outcome::text, ' ') from trigger")[0]
        self.assertEqual(fired, rows)
        self.assertGreater(int(rows), 0)
        self.assertEqual(kinds, "ok")
        self.assertEqual(self.sql("select state from sweep"), [["cancelled"]])
        self.assertEqual(self.sql("select verdict, code from run join flag using (run_id) where severity = 'reject'"), [["rejected", "cancelled"]])
        for text in (run.text(), self.assay("sweep", "show", "last")[1]):
            self.assertIn("cancelled, 0 of 4 cells x blocks accepted; 1 try rejected\nNot run: n=", text)

    def test_ctrl_c_twice_stops_now(self):
        scenario = LONG.replace("{sleep: {for: 20ms}}", "{exec: {argv: [sleep, '300']}}").replace("100000", "16")
        run = self.start([ASSAY, "run", self.write("l.yaml", scenario)], "run", env={"ASSAY_DATA": str(self.dir / "data")})
        self.wait_for_firing(run)
        inside = children_named(run.pid, "sleep")
        run.type(signal.SIGINT)
        wait_for(lambda: "drain" in run.text(), "it says that it drains")
        run.type(signal.SIGINT)
        self.assertEqual(run.wait(), 130, run.text())
        self.assertEqual([p for p in inside if alive(p)], [])
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(self.sql("select outcome, count(*) from trigger group by 1"), [["cancelled", "8"]])

    def test_ctrl_c_three_times_leaves_at_once_and_leaves_no_trigger_behind(self):
        stubborn = "{exec: {argv: [sh, -c, \"trap '' TERM; sleep 300\"]}}"
        scenario = LONG.replace("{sleep: {for: 20ms}}", stubborn).replace("100000", "16")
        run = self.start([ASSAY, "run", self.write("l.yaml", scenario)], "run", env={"ASSAY_DATA": str(self.dir / "data")})
        self.wait_for_firing(run)
        inside = children_of(run.pid)
        self.addCleanup(lambda: [os.kill(p, signal.SIGKILL) for p in inside if alive(p)])
        for words in ("drain", "stopping now"):
            run.type(signal.SIGINT)
            wait_for(lambda words=words: words in run.text(), f"it says: {words}")
        run.type(signal.SIGINT)
        self.assertEqual(run.wait(), 130, run.text())
        self.assertEqual([p for p in inside if alive(p)], [])
        self.assertEqual(self.leftovers(), [])

    def test_the_terminal_is_closed(self):
        scenario = self.write("l.yaml", LONG)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(ASSAY, [ASSAY, "run", scenario], {**os.environ, "ASSAY_DATA": str(self.dir / "data"), "TERM": "xterm"})
        mine = [pid]
        self.addCleanup(lambda: [os.kill(p, signal.SIGKILL) for p in mine])
        shown = b""

        def fires():
            nonlocal shown
            shown += os.read(terminal, 65536)
            return re.search(rb"\n  [1-9]\S* triggers", shown)
        wait_for(fires, "the live block shows that triggers are fired")
        self.assertRegex(shown, rb"\x1b\[\d+F\x1b\[J", "it is drawn over and over in its place")
        os.close(terminal)
        ended, status = wait_for(lambda: (end := os.waitpid(pid, os.WNOHANG))[0] and end, "it drains and ends")
        mine.clear()
        self.assertEqual((ended, os.waitstatus_to_exitcode(status)), (pid, 130))
        self.assertEqual(self.leftovers(), [])
        fired, rows = self.sql("select (select sum(fired) from share), count(*) from trigger")[0]
        self.assertEqual(fired, rows)
        self.assertGreater(int(rows), 0)

    def test_its_database_is_killed(self):
        run = self.start([ASSAY, "run", self.write("l.yaml", LONG)], "run", env={"ASSAY_DATA": str(self.dir / "data")})
        self.wait_for_firing(run)
        os.kill(int((self.dir / "data" / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        self.assertEqual(run.wait(), 1, run.text())
        self.assertIn("the private PostgreSQL server", run.text())
        self.assertIn("the local stack has broken down; what was measured is kept", run.text())
        self.assertEqual(self.leftovers(), [])
        self.assertEqual(self.sql("select state from sweep"), [["running"]])

    def test_killed_it_leaves_nothing_behind_and_the_data_is_usable(self):
        run = self.start([ASSAY, "run", self.write("l.yaml", LONG)], "run", env={"ASSAY_DATA": str(self.dir / "data")})
        self.wait_for_firing(run)
        below = children_of(run.pid)
        self.assertGreater(len(below), 3)
        run.kill()
        wait_for(lambda: not [p for p in below if alive(p)], "all its processes end")
        self.assertGreater(int(self.sql("select count(*) from trigger")[0][0]), 0)

    def test_up_keeps_the_stack_between_sweeps(self):
        code, out, err = self.assay("up", "--agents", "2")
        self.assertEqual(code, 0, out + err)
        self.addCleanup(self.assay, "down")
        for sweep in (1, 2):
            code, out, err = self.assay("run", self.write("s.yaml", SLEEPS))
            self.assertEqual(code, 0, out + err)
        code, out, err = self.assay("agents")
        self.assertEqual(code, 0, err)
        self.assertEqual(out.count("connected"), 2, out)
        code, out, err = self.assay("sweep", "list")
        self.assertEqual(out.count("finished"), 2, out)
        # Others may join it, so a scenario that wants more agents waits, and everyone who looks is told how to mend that.
        waiting = self.start([ASSAY, "run", self.write("more.yaml", SLEEPS.replace("count: 2", "count: 3"))], "waiting", env={"ASSAY_DATA": str(self.dir / "data")})
        mend = "waiting for 1 more agent with role=load; start assay-agent --label role=load"
        wait_for(lambda: mend in waiting.text(), "it says for whom it waits")
        self.assertIn("assay up --agents N", waiting.text())
        self.assertIn(mend, self.assay("sweep", "show", "last")[1])
        waiting.type(signal.SIGINT)
        self.assertEqual(waiting.wait(), 130, waiting.text())
        code, out, err = self.assay("down")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.leftovers(), [])
        code, out, err = self.assay("sweep", "show", "2")
        self.assertEqual(code, 0, err)
        self.assertIn("4 of 4 cells x blocks accepted", out)

    def test_agents_that_joined_a_kept_stack_count(self):
        code, out, err = self.assay("up", "--agents", "1")
        self.assertEqual(code, 0, out + err)
        self.addCleanup(self.assay, "down")
        self.agent(re.search(r"coordinator (\S+),", out)[1], "joined")
        wait_for(lambda: self.assay("agents")[1].count("connected") == 2, "the other agent has joined")
        code, out, err = self.assay("run", self.write("s.yaml", SLEEPS))
        self.assertEqual(code, 0, out + err)
        self.assertIn("2 agents with role=load)", out)
        self.assertNotIn("the scenario asks for", out)

    def test_what_is_probably_not_meant_is_said_by_check_run_and_start(self):
        path = self.write("few.yaml", "name: few\ngrid: {unused: [1]}\nagents: {count: 2}\nload: {closed: {concurrency: 1}, triggers: 5}\ntrigger: {sleep: {for: 1ms}}\n")
        warnings = ("warning: " + path + ":2:8: nothing refers to the axis 'unused'", "warning: with 2 agents some fire nothing")
        code, out, err = self.assay("check", path)
        self.assertEqual(code, 0, err)
        self.assertEqual([w for w in warnings if w not in out], [])
        self.assertIn("with 3 agents some fire nothing", self.assay("check", path, "--agents", "3")[1])
        self.assertEqual(self.assay("up")[0], 0)
        self.addCleanup(self.assay, "down")
        code, out, err = self.assay("run", path)
        self.assertEqual(code, 0, out + err)
        self.assertEqual([w for w in warnings if w not in out], [])
        code, out, err = self.assay("sweep", "start", path)
        self.assertEqual((code, out), (0, "2\n"), err)
        self.assertEqual([w for w in warnings if w not in err], [])

    def test_a_sweep_that_the_stack_left_behind(self):
        """Down says so, the verbs say so, it goes on with the next stack, and it can be ended without one."""
        self.assertEqual(self.assay("up")[0], 0)
        self.addCleanup(self.assay, "down")
        self.assertEqual(self.assay("sweep", "start", self.write("l.yaml", LONG))[0], 0)
        self.assertEqual(self.assay("sweep", "start", self.write("s.yaml", SLEEPS))[0], 0)
        wait_for(lambda: int(self.sql("select coalesce(sum(fired), 0) from share")[0][0]) > 0 or self.sql("select 1 from run where state = 'running'"), "it runs")
        code, out, err = self.assay("down")
        self.assertEqual(code, 0, out + err)
        self.assertIn("sweep 1 (long) is not finished: 0 of 4 cells x blocks accepted so far; it goes on when `assay up` starts the stack again, and `assay sweep cancel 1` ends it\n", out)
        self.assertIn("sweep 2 (sleeps) is not finished", out)
        code, out, err = self.assay("sweep", "watch", "1")
        self.assertEqual(code, 1, out + err)
        self.assertIn("no local stack is up, and sweep 1 (long) is not finished", err)
        code, out, err = self.assay("sweep", "show", "1")
        self.assertEqual(code, 0, out + err)
        self.assertIn("sweep 1 (long) is not finished", err)
        code, out, err = self.assay("sweep", "cancel", "1")
        self.assertEqual(code, 0, out + err)
        self.assertRegex(out, r"^sweep 1 (is cancelled|\(long\) is cancelled, and ends when `assay up` starts the stack again)\n$")
        self.assertEqual(self.assay("up")[0], 0)
        code, out, err = self.assay("sweep", "watch", "2")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select state from sweep order by sweep_id"), [["cancelled"], ["finished"]])
        code, out, err = self.assay("sweep", "cancel", "2")
        self.assertEqual(code, 1, out + err)
        self.assertIn("sweep 2 is finished already", err)

    def test_a_data_directory_of_another_version_names_the_mend(self):
        path = self.write("s.yaml", SLEEPS)
        self.assertEqual(self.assay("run", path)[0], 0)
        for change in ("update assay.schema_migration set checksum = 'another' where kind = 'migration'",
                       "insert into assay.schema_migration (kind, position, name, checksum) values ('migration', 7, '0007_later', 'x')"):
            self.sql(change)
            for verb in (["run", path], ["up"], ["sweep", "list"]):
                code, out, err = self.assay(*verb)
                self.assertEqual(code, 1, out + err)
                self.assertIn(f"the results in {self.dir / 'data'} were made by another version of Assay; choose another directory with --data OTHER_DIR", err)
        self.assertEqual(self.leftovers(), [])

    def test_exports(self):
        self.assertEqual(self.assay("run", self.write("s.yaml", SLEEPS))[0], 0)
        to = self.dir / "out"
        for form in ("gust", "radps", "csv"):
            code, out, err = self.assay("export", "1", "--format", form, "--to", str(to))
            self.assertEqual(code, 0, err)
        stats = sorted(to.glob("*_docker_stats.csv"))
        triggers = sorted(to.glob("*_triggers.csv"))
        self.assertEqual((len(stats), len(triggers)), (4, 4))
        self.assertEqual(stats[0].read_bytes().split(b"\r\n")[0].decode(),
                         "run_id,target,captured_at,container_id,container_name,cpu_perc,mem_usage,mem_perc,net_io,block_io,pids")
        self.assertRegex(stats[0].read_text(), r"\d\.\d\d%,\d+(\.\d+)?[MG]iB / \d+(\.\d+)?GiB,\d+\.\d\d%")
        lines = triggers[0].read_bytes().split(b"\r\n")
        self.assertEqual(lines[0].decode(), "run_id,target,trigger_number,started_at,finished_at,duration_ms,exit_code,output")
        self.assertRegex(triggers[0].name, r"^sleeps_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{6}Z_triggers.csv$")
        self.assertRegex(lines[1].decode(), r"^sleeps_\S+,sleeps,1,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}Z,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}Z,\d+,0,$")
        self.assertEqual(len((to / "sweep-1_runs.csv").read_text().splitlines()), 5)
        radps = (to / "sweep-1_benchmark.csv").read_text().splitlines()
        self.assertEqual(len(radps), 5)
        self.assertTrue(radps[0].startswith("run_id,workflow_orchestration_framework,date_and_time,developer,system_name,n_tasks,t_min_sleep,t_max_sleep,t_workflow,"
                                            "t_sum_task_times,t_sum_task_times_per_unit_of_parallelism,overhead_percentage,overhead_per_task_seconds,"), radps[0])
        self.assertEqual(len((to / "run_summary.csv").read_text().splitlines()), 5)
        code, out, err = self.assay("export", "1", "--format", "gust", "--to", "/proc/none")
        self.assertEqual(code, 1, out + err)
        self.assertIn("--to", err)
        code, out, err = self.assay("export", "1", "--format", "csv", "--view", "run_sumary", "--to", str(to))
        self.assertNotEqual(code, 0)
        self.assertIn("run_summary", err)

    def test_rejected_runs_are_exported_apart_and_what_is_left_out_is_said(self):
        code, out, err = self.assay("run", self.write("f.yaml", """
name: half
agents: {count: 1}
targets:
  good: {trigger: {exec: {argv: ["true"]}}}
  bad: {trigger: {exec: {argv: ["false"]}}}
load: {closed: {concurrency: 1}, triggers: 2}
"""))
        self.assertEqual(code, 3, out + err)
        rejected = self.sql("select run_id from run where verdict = 'rejected'")[0][0]
        to = self.dir / "out"
        for form, mend in (("gust", "; --all writes rejected runs too"), ("radps", "")):
            code, out, err = self.assay("export", "1", "--format", form, "--to", str(to))
            self.assertEqual((code, err), (0, f"assay: left out: 1 rejected run ({rejected}){mend}\n"))
        self.assertEqual(len(list(to.glob("*_triggers*.csv"))), 1)
        code, out, err = self.assay("export", "1", "--format", "gust", "--all", "--to", str(to))
        self.assertEqual((code, err), (0, ""))
        self.assertEqual([len(list(to.glob(p))) for p in ("good_*_triggers.csv", "bad_*_triggers.rejected.csv", "bad_*_docker_stats.rejected.csv")], [1, 1, 1])
        code, out, err = self.assay("export", "1", "--format", "radps", "--all", "--to", str(to))
        self.assertEqual(code, 2, out + err)

    def test_a_sweep_without_a_run_says_what_is_there(self):
        code, out, err = self.assay("run", self.write("h.yaml", SLEEPS + 'hooks: {before_sweep: {argv: [sh, -c, "echo no room; exit 4"], where: coordinator}}\n'))
        self.assertEqual(code, 1, out + err)
        self.assertIn("exited with 4; its output ends with: no room", out)
        self.assertIn("No run has ended.", out)
        report = pathlib.Path(out.split("Report: ")[1].split()[0]).read_text()
        self.assertIn("## Results\n\nNo run has ended.", report)
        self.assertIn("no room", report)
        code, out, err = self.assay("sweep", "show", "1", "--json")
        self.assertEqual(code, 0, err)
        end = json.loads(out)
        self.assertEqual((end["state"], end["cells"], end["accepted"]), ("failed", [], 0))
        code, out, err = self.assay("sweep", "list", "--json")
        self.assertEqual((code, json.loads(out)["state"]), (0, "failed"), err)
        for form in ("gust", "radps", "csv"):
            code, out, err = self.assay("export", "1", "--format", form, "--to", str(self.dir / "out"))
            self.assertEqual((code, err), (0, ""), out)

    def test_the_schema_document_is_made_from_the_comments(self):
        made = self.dir / "schema.md"
        done = subprocess.run([str(SOURCE / "docs" / "generate"), str(made)], capture_output=True, text=True, check=False, env={**os.environ, "ASSAY": ASSAY})
        self.assertEqual(done.returncode, 0, done.stderr)
        text = made.read_text()
        for name in ("run_summary", "cell_summary", "overhead", "container_usage", "comparison", "scaling", "flags", "progress", "trigger", "sample", "host_sample"):
            self.assertIn(f"### {name}\n", text)
        self.assertEqual([line for line in text.splitlines() if line.endswith("|  |")], [], "columns without a comment")

    def test_a_removed_sweep_is_gone(self):
        self.assertEqual(self.assay("run", self.write("s.yaml", SLEEPS))[0], 0)
        code, out, err = self.assay("sweep", "rm", "1")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.sql("select (select count(*) from trigger), (select count(*) from run), (select count(*) from sweep)"), [["0", "0", "0"]])
        self.assertNotEqual(self.assay("sweep", "show", "1")[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
