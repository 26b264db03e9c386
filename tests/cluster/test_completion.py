"""Triggers that start work in a target, through the command line: followed to its end, with secrets that stay in their files."""
import json
import pathlib
import unittest

from world import BUILD, World, wait_for

MOCK = str(BUILD / "mock" / "assay-mock")
LISTING = """
completion:
  http: {url: "$(secret:MOCK)/runs?offset=$(offset)&limit=$(limit)", items: /runs, id: /run_id, state: /state, finished: /finished, page: 50,
         headers: {X-Key: "$(secret:KEY)"}, done: [success], failed: [failed], every: 50ms}
  remote_id: /run_id
  timeout: 60s
"""


class Completion(World):
    def mock(self, *flags):
        process = self.start([MOCK, "--listen", "127.0.0.1:0", "--json", *flags], "mock")
        line = wait_for(lambda: process.text().split("\n")[0] if "\n" in process.text() else not process.running() and "none", "the mock listens")
        return json.loads(line)["http"]

    def secret(self, name, value):
        path = self.dir / "data" / "secrets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")

    def scenario(self, completion, trigger="", hooks=""):
        return self.write("runs.yaml", f"""
name: runs
agents: {{count: 2}}
load: {{closed: {{concurrency: 40}}, triggers: 120}}
trigger: {{http: {{method: POST, url: "$(secret:MOCK)/runs", headers: {{X-Key: "$(secret:KEY)"}}}}, timeout: 60s{trigger}}}
{completion}{hooks}""")

    def test_runs_are_followed_to_their_end_and_secrets_stay_where_they_are(self):
        where = self.mock("--run-delay", "700ms")
        self.secret("MOCK", f"http://{where}")
        self.secret("KEY", "hush-hush-4711")
        hooks = 'hooks: {after_run: {argv: [sh, -c, "echo got $(secret:KEY)"], where: coordinator}}\n'
        code, out, err = self.assay("run", self.scenario(LISTING, hooks=hooks))
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select outcome, remote_state, count(*), count(distinct remote_id) from trigger group by 1, 2"), [["ok", "success", "120", "120"]])
        self.assertEqual(self.sql("select count(*) from trigger where accepted_ns < first_byte_ns or completed_ns + 1000000 < started_ns + 700000000 "
                                  "or completed_ns > finished_ns or completed_error_ns > 1000000"), [["0"]],
                         "the run took its time, and the target tells when it ended, to the microsecond")
        self.assertEqual(self.sql("select convert_from(output, 'UTF8') from hook where kind = 'after_run'"), [["got ***"]])
        self.assertEqual(self.sql("select count(*) from finding"), [["0"]])

        self.assertEqual(self.sql("select count(*) from cell where position('hush-hush'::bytea in spec) > 0 or position('$(secret:KEY)'::bytea in spec) = 0"),
                         [["0"]], "the stored plan keeps the name")
        kept = [path for path in pathlib.Path(self.dir).rglob("*") if path.is_file() and path.parent.name != "secrets"]
        self.assertGreater(len(kept), 10)
        self.assertEqual([str(path) for path in kept if b"hush-hush" in path.read_bytes()], [], "neither spool, log nor database has it")

    def test_a_run_that_never_ends_is_a_timeout_with_its_last_state(self):
        self.secret("MOCK", f"http://{self.mock('--run-end', 'never')}")
        self.secret("KEY", "k")
        code, out, err = self.assay("run", self.scenario(LISTING.replace("60s", "5s")), "--set", "load.triggers=40")
        self.assertEqual(code, 3, out + err)
        self.assertEqual(self.sql("select outcome, remote_state, completed_ns is null, count(*) from trigger group by 1, 2, 3"), [["timeout", "running", "t", "40"]])
        self.assertEqual(self.sql("select distinct error from trigger"), [["what it started did not end within 5 s: its last state 'running' is none of "
                                                                           "done: success, failed: failed (they are compared letter by letter)"]])

    def test_a_pointer_to_no_instant_is_told_and_the_look_counts(self):
        self.secret("MOCK", f"http://{self.mock('--run-delay', '200ms')}")
        self.secret("KEY", "k")
        code, out, err = self.assay("run", self.scenario(LISTING.replace("finished: /finished", "finished: /end_time")), "--set", "load.triggers=40")
        self.assertEqual(code, 0, out + err)
        details = self.sql("select detail from flags where code = 'completion_errors'")
        self.assertGreater(len(details), 0)
        for detail, in details:
            self.assertIn("finished: /end_time points nowhere in it; it has finished, run_id, started, state: point it at the instant of the end", detail)
        self.assertEqual(self.sql("select count(*) from trigger where outcome = 'ok' and completed_ns = finished_ns and completed_error_ns > 0"), [["40"]])
        self.assertEqual(self.sql("select sum(count) from finding"), [["40"]])

    def test_a_missing_secret_refuses_the_run_and_says_where_it_could_be(self):
        self.secret("MOCK", "http://127.0.0.1:1")
        code, out, err = self.assay("run", self.scenario(LISTING))
        self.assertEqual(code, 3, out + err)
        detail = self.sql("select detail from flags where code = 'refused'")[0][0]
        self.assertIn(str(self.dir / "data" / "secrets" / "KEY"), detail)
        self.assertIn("ASSAY_SECRET_KEY", detail)

    def test_the_environment_gives_secrets_too(self):
        environment = {"ASSAY_SECRET_MOCK": f"http://{self.mock('--run-delay', '0')}", "ASSAY_SECRET_KEY": "k"}
        code, out, err = self.assay("run", self.scenario(LISTING), env=environment)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select count(*) from trigger where outcome = 'ok' and completed_ns is not null"), [["120"]])


if __name__ == "__main__":
    unittest.main()
