"""A local stack that stays up, and the data directory that it leaves."""
import re
import signal
import unittest

from local_run import LONG, LocalRun, SLEEPS
from world import ASSAY, wait_for


class Stack(LocalRun):
    def test_a_data_directory_in_use(self):
        first = self.start([ASSAY, "run", self.write("l.yaml", LONG)], "first", env={"ASSAY_DATA": str(self.dir / "data")})
        wait_for(lambda: "triggers" in first.text() or not first.running(), "the first run shows progress")
        code, out, err = self.assay("sql", "-c", "select 1")
        self.assertEqual(code, 0, "psql may look in while a sweep runs: " + err)
        code, out, err = self.assay("sql", "-c", "select 'one'", "-c", "select 'two'")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, "(?s)one.*two")
        code, out, err = self.assay("sql", "select 1")
        self.assertEqual(code, 2, out + err)
        self.assertIn("behind -c", err)
        code, out, err = self.assay("run", self.write("s.yaml", SLEEPS))
        self.assertEqual(code, 1, out + err)
        self.assertIn("in use", err)
        self.assertIn("--data", err)
        first.type(signal.SIGINT)
        self.assertEqual(first.wait(), 130)

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
        code, out, err = self.assay("calibrate", "--select", "role=nope")
        self.assertEqual(code, 1, out + err)
        self.assertIn("no agent with role=nope is connected", err)
        self.assertNotIn("the sweep waits", out + err)
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
