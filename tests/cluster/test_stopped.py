"""A local run that is interrupted, closed or killed: what it keeps, and that it leaves no process behind."""
import os
import pty
import re
import signal
import unittest

from local_run import LONG, LocalRun, children_named
from world import ASSAY, alive, children_of, wait_for


class Stopped(LocalRun):
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
        inside = wait_for(lambda: len(found := children_named(run.pid, "sleep")) == 8 and found, "all that may be are in flight")
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
        wait_for(lambda: not [p for p in inside if alive(p)], "what was killed is gone", 100)
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
            return re.search(rb"\n  [1-9]\S* triggers", shown) and re.search(rb"\x1b\[\d+F\x1b\[J", shown)
        wait_for(fires, "the live block shows that triggers are fired, and is drawn over and over in its place")
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
        below = children_of(run.pid)
        os.kill(int((self.dir / "data" / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        self.assertEqual(run.wait(), 1, run.text())
        self.assertIn("the private PostgreSQL server", run.text())
        self.assertIn("the local stack has broken down; what was measured is kept", run.text())
        self.assertEqual(self.leftovers(), [])
        wait_for(lambda: not [p for p in below if alive(p)], "the orphans of the database notice it: it starts only without them")
        self.assertEqual(self.sql("select state from sweep"), [["running"]])

    def test_killed_it_leaves_nothing_behind_and_the_data_is_usable(self):
        run = self.start([ASSAY, "run", self.write("l.yaml", LONG)], "run", env={"ASSAY_DATA": str(self.dir / "data")})
        # What is shown as fired may be on its way to the database still.
        self.wait_for_firing(run)
        wait_for(lambda: int(self.sql("select count(*) from trigger")[0][0]) > 0, "rows come in")
        below = children_of(run.pid)
        self.assertGreater(len(below), 3)
        run.kill()
        wait_for(lambda: not [p for p in below if alive(p)], "all its processes end")
        self.assertGreater(int(self.sql("select count(*) from trigger")[0][0]), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
