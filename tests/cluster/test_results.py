"""What becomes of results: exports, the schema document, a sweep that is removed."""
import json
import os
import pathlib
import subprocess
import unittest

from local_run import LocalRun, SLEEPS
from world import ASSAY, SOURCE


class Results(LocalRun):
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
        self.assertEqual([(to / f"{name}.csv").exists() for name in ("task", "task_time", "task_instant", "task_wait")], [True, True, False, False])
        some = self.dir / "some"
        code, out, err = self.assay("export", "1", "--format", "csv", "--view", "cell_summary", "--view", "task_wait", "--to", str(some))
        self.assertEqual((code, sorted(path.name for path in some.iterdir())), (0, ["cell_summary.csv", "task_wait.csv"]), err)
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

    def test_the_schema_document_is_not_written_to_a_flag(self):
        for flag, code in (("--help", 0), ("-h", 0), ("--out", 2)):
            done = subprocess.run([str(SOURCE / "docs" / "generate"), flag], cwd=self.dir, capture_output=True, text=True, check=False, env={**os.environ, "ASSAY": ASSAY})
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn("usage: docs/generate [FILE]", done.stdout if code == 0 else done.stderr)
            self.assertFalse((SOURCE / flag).exists())

    def test_a_removed_sweep_is_gone(self):
        self.assertEqual(self.assay("run", self.write("s.yaml", SLEEPS))[0], 0)
        code, out, err = self.assay("sweep", "rm", "1")
        self.assertEqual(code, 0, err)
        self.assertEqual(self.sql("select (select count(*) from trigger), (select count(*) from run), (select count(*) from sweep)"), [["0", "0", "0"]])
        self.assertNotEqual(self.assay("sweep", "show", "1")[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
