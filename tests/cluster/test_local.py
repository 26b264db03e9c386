"""Local mode, as a first user meets it: one command, its output and its files."""
import json
import pathlib
import unittest

from local_run import LocalRun, SLEEPS
from world import SOURCE


class Local(LocalRun):
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
  stubborn: {trigger: {exec: {argv: [sh, -c, "trap '' TERM; sleep 300 & wait; sleep 300"]}, timeout: 2s}, load: {closed: {concurrency: 4}, triggers: 4}}
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
