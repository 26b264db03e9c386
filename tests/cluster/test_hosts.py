"""A coordinator and its agents, as one uses them: sweeps, hooks, cancelling, and what is refused."""
import json
import os
import pathlib
import subprocess
import unittest

from hosts import Hosts
from world import ASSAY, COORDINATOR, alive, wait_for


class SeveralHosts(Hosts):
    def test_a_sweep_over_two_agents_from_the_command_line(self):
        self.database()
        coordinator = self.coordinator(flags=["--log-level", "warning"])
        for name, level in (("a", "warn"), ("b", "warning")):
            self.agent(coordinator.address, name, flags=["--log-level", level])
        code, out, err = self.assay("sweep", "start", self.scenario(triggers=500, blocks=2), "--coordinator", coordinator.address, "--watch")
        self.assertEqual(code, 0, out + err)
        self.assert_each_once(1, 500)
        agents = self.agents(coordinator.address)
        self.assertEqual(sorted(agents), ["a", "b"])
        for verb in (["sweep", "list"], ["sweep", "show", "1"], ["agents"], ["export", "1", "--format", "csv", "--to", str(self.dir / "out")]):
            code, out, err = self.assay(*verb, env={"ASSAY_COORDINATOR": coordinator.address})
            self.assertEqual(code, 0, err)
        code, out, err = self.assay("agents", "--coordinator", coordinator.address)
        self.assertRegex(out, r"B of \d")
        skew = self.psql("select max(start_skew_ms), max(start_skew_bound_ms) from assay.run_summary")[0]
        self.assertLess(float(skew[0]), 10000, "milliseconds, and no difference between two clocks")
        self.assertGreater(float(skew[1]), 0)

    def test_waits_for_agents_and_names_them(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        self.agent(coordinator.address, "other", labels=("role=target",))
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=100))
        watch = self.start([ASSAY, "sweep", "watch", str(sweep), "--coordinator", coordinator.address], "watch")
        wait_for(lambda: "waiting for 1 more agent with role=load" in watch.text(), "it says for whom it waits")
        self.agent(coordinator.address, "b")
        self.assertEqual(watch.wait(), 0, watch.text())

    def test_two_agents_of_one_name_and_of_one_spool(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        wait_for(lambda: "a" in self.agents(coordinator.address), "the first is connected")
        second = self.start([str(pathlib.Path(ASSAY).parents[1] / "agent" / "assay-agent"), "--coordinator", coordinator.address, "--name", "a", "--spool", str(self.dir / "other")], "second")
        wait_for(lambda: "--name" in second.text(), "the second is told to take another name")
        third = self.start([str(pathlib.Path(ASSAY).parents[1] / "agent" / "assay-agent"), "--coordinator", coordinator.address, "--name", "c", "--spool", str(self.dir / "spool-a")], "third")
        self.assertEqual(third.wait(), 1)
        self.assertIn("--spool", third.text())
        self.assertIn("in use", third.text())

    def test_an_address_that_is_a_url_is_refused(self):
        done = subprocess.run([COORDINATOR, "--database", "postgresql:///none", "--listen", "http://0.0.0.0:7420"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--listen 'http://0.0.0.0:7420' is a URL; give HOST:PORT without http://", done.stderr)

    def test_a_port_in_use_and_bad_flags(self):
        self.database()
        os.symlink("/dev/full", self.dir / "address.new")
        done = subprocess.run([COORDINATOR, "--database", self.url, "--listen", "127.0.0.1:0", "--announce", str(self.dir / "address")], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("--announce", done.stderr)
        self.assertIn("No space left", done.stderr)
        first = self.coordinator(name="first")
        self.psql("create database other")
        done = subprocess.run([COORDINATOR, "--database", self.url.replace("/postgres?", "/other?"), "--listen", first.address], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(first.address, done.stderr)
        self.assertIn("--listen", done.stderr)
        for flags in (["--listen"], ["--database", self.url, "--listen", "nonsense"], ["--database", self.url, "--lease-ttl", "never"], []):
            done = subprocess.run([COORDINATOR, *flags], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2, f"{flags}: {done.stderr}")

    def test_more_processes_than_an_agent_may_start(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "small", flags=["--max-processes", "4"])
        scenario = self.write("p.yaml", """
name: processes
load: {closed: {concurrency: 8}, triggers: 100}
trigger: {exec: {argv: ["true"]}, timeout: 60s}
""")
        code, out, err = self.assay("sweep", "start", scenario, "--coordinator", coordinator.address, "--watch")
        self.assertEqual(code, 3, out + err)
        self.assertEqual(self.psql("select verdict from assay.run"), [["rejected"]])
        detail = self.psql("select detail from assay.flag where code = 'refused' and severity = 'reject'")[0][0]
        for words in ("agent 'small' is asked for", "8 processes at once", "allow 4", "lower the concurrency"):
            self.assertIn(words, detail)
        self.assertIn(detail, out + err)
        self.assertEqual(self.psql("select count(*) from assay.trigger"), [["0"]])
        # Within the limit the same agent works.
        code, out, err = self.assay("sweep", "start", scenario, "--set", "load.closed.concurrency=4", "--coordinator", coordinator.address, "--watch")
        self.assertEqual(code, 0, out + err)

    def test_a_bad_scenario_is_refused_by_the_coordinator_with_its_place(self):
        self.database()
        coordinator = self.coordinator()
        path = self.write("bad.yaml", "name: x\nload: {closed: {concurrency: 1}, trigers: 5}\ntrigger: {sleep: {for: 1ms}}\n")
        for flags in ([], ["--watch"], ["--json"]):
            code, out, err = self.assay("sweep", "start", path, "--coordinator", coordinator.address, *flags)
            self.assertEqual(code, 2, out + err)
            self.assertIn(path + ":2:34: ", err)
            self.assertIn("triggers", err)
        self.assertEqual(self.psql("select count(*) from assay.sweep"), [["0"]])

    def test_no_coordinator(self):
        for verb in (["sweep", "list"], ["agents"], ["sweep", "start", self.scenario()]):
            code, out, err = self.assay(*verb, "--coordinator", "127.0.0.1:1")
            self.assertEqual(code, 1, out + err)
            self.assertIn("127.0.0.1:1", err)

    def test_hooks_run_and_a_failing_one_ends_the_sweep(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        mark = self.dir / "mark"
        text = f"""
name: hooks
agents: {{count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 10}}
trigger: {{sleep: {{for: 1ms}}}}
hooks:
  before_sweep: {{argv: [sh, -c, "echo before >> {mark}"]}}
  before_run: {{argv: [sh, -c, "echo run $(run) on $(agent) >> {mark}"]}}
  after_run: {{argv: [sh, -c, "echo after $(run) >> {mark}"], where: coordinator}}
  after_sweep: {{argv: [sh, -c, "echo end >> {mark}"], where: coordinator}}
"""
        sweep = self.start_sweep(coordinator.address, self.write("h.yaml", text))
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(mark.read_text().splitlines(), ["before", "run 1 on a", "after 1", "end"])
        bad = self.start_sweep(coordinator.address, self.write("b.yaml", text.replace("echo before >> ", "echo why not; exit 4; #")))
        self.assertEqual(self.wait_sweep(bad), "failed")
        self.assertIn("before_sweep", self.psql(f"select failure from assay.sweep where sweep_id = {bad}")[0][0])
        self.assertEqual(self.psql(f"select count(*) from assay.run where sweep_id = {bad}"), [["0"]])
        code, out, err = self.assay("sweep", "watch", str(bad), "--coordinator", coordinator.address)
        self.assertEqual(code, 1, out + err)
        self.assertIn("before_sweep hook on a: 'sh' exited with 4; its output ends with: why not", out)

    def test_a_target_is_set_up_and_torn_down_and_one_that_does_not_come_up_costs_its_own_runs(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        mark = self.dir / "mark"
        text = f"""
name: targets
blocks: 2
agents: {{count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 10}}
trigger: {{sleep: {{for: 1ms}}}}
targets:
  good:
    setup: {{argv: [sh, -c, "echo up $(target) on $(agent) >> {mark}"]}}
    hooks: {{after_run: {{argv: [sh, -c, "echo run >> {mark}"]}}}}
    teardown: {{argv: [sh, -c, "echo down $(target) >> {mark}"], where: coordinator}}
  bad:
    setup: {{argv: [sh, -c, "echo no port; exit 3"]}}
    teardown: {{argv: [sh, -c, "echo gone >> {mark}.bad"]}}
  plain:
"""
        sweep = self.start_sweep(coordinator.address, self.write("t.yaml", text))
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(mark.read_text().splitlines(), ["up good on a", "run", "run", "down good"])
        self.assertEqual((self.dir / "mark.bad").read_text().splitlines(), ["gone"])
        self.assertEqual(self.psql("select target, verdict, count(*) from assay.run_summary group by 1, 2 order by 1"),
                         [["bad", "rejected", "2"], ["good", "accepted", "2"], ["plain", "accepted", "2"]])
        self.assertEqual(self.psql("select distinct code, detail from assay.flags where target = 'bad' and severity = 'reject' and code = 'hook_failed'"),
                         [["hook_failed", "setup hook of bad on a: 'sh' exited with 3; its output ends with: no port"]])
        self.assertEqual(self.psql("select kind, target, state from assay.hook where kind in ('setup', 'teardown') order by 2, 1"),
                         [["setup", "bad", "failed"], ["teardown", "bad", "ok"], ["setup", "good", "ok"], ["teardown", "good", "ok"]])

    def test_a_sweep_of_more_runs_and_flags_than_one_message_holds_is_shown_whole(self):
        self.database()
        coordinator = self.coordinator()
        runs = 12000
        self.psql(f"""
            insert into assay.sweep (name, state, seed, blocks, scenario_yaml, spec, started_at, ended_at) values ('made', 'finished', 1, {runs}, '', '', now(), now());
            insert into assay.cell (sweep_id, position, label, target, params, spec) values (1, 0, 'n=1', 't', '{{"n": 1}}', '');
            insert into assay.run (sweep_id, cell_id, block, attempt, state, verdict, t0_ns, ended_at)
              select 1, 1, n, 1, 'ended', 'accepted', 1, now() from generate_series(1, {runs}) n;
            insert into assay.run_result (run_id, agents, slots, triggers, ok, failed, timeout, cancelled, skipped, lost, makespan_s)
              select run_id, 1, 1, 1, 1, 0, 0, 0, 0, 0, block from assay.run;
            insert into assay.flag select 1, run_id, 'cold', 'info', repeat('x', 1000) from assay.run""")
        code, out, err = self.assay("sweep", "show", "1", "--coordinator", coordinator.address, "--json")
        self.assertEqual(code, 0, err)
        end = json.loads(out.splitlines()[-1])
        self.assertEqual((end["cells"][0]["accepted"], end["cells"][0]["makespan_s"]["median"]), (runs, (runs + 1) / 2))
        self.assertIn(f"All {runs} runs were accepted", " ".join(end["meaning"]))
        code, out, err = self.assay("sweep", "watch", "1", "--coordinator", coordinator.address, "--json")
        self.assertEqual(code, 0, err)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([sum(line["type"] == kind for line in lines) for kind in ("run", "flag", "end")], [runs, runs, 1])

    def test_cancel_from_another_terminal(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=1000000, agents=1))
        behind = self.start_sweep(coordinator.address, self.scenario(triggers=100, agents=1))
        run = self.wait_run(sweep, "running")
        code, out, err = self.assay("sweep", "rm", str(sweep), "--coordinator", coordinator.address)
        self.assertEqual(code, 1)
        self.assertIn("cancel", err)
        code, out, err = self.assay("sweep", "cancel", str(sweep), "--coordinator", coordinator.address)
        self.assertEqual(code, 0, err)
        self.assertEqual(self.wait_sweep(sweep), "cancelled")
        self.assertEqual(self.psql(f"select (select sum(fired) from assay.share where run_id = {run}) = count(*) from assay.trigger where run_id = {run}"), [["t"]])
        self.assertEqual(self.wait_sweep(behind), "finished")

    def test_cancel_now_ends_a_hook_that_hangs(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "a")
        pid = self.dir / "pid"
        sweep = self.start_sweep(coordinator.address, self.write("hangs.yaml", f"""
name: hangs
agents: {{count: 1}}
load: {{closed: {{concurrency: 2}}, triggers: 10}}
trigger: {{sleep: {{for: 1ms}}}}
hooks:
  after_sweep: {{argv: [sh, -c, "trap : TERM; echo $$ > {pid}.new; mv {pid}.new {pid}; while :; do sleep 1; done"], timeout: 1h}}
"""))
        wait_for(pid.exists, "the hook runs")
        self.assertTrue(alive(int(pid.read_text())))
        code, out, err = self.assay("sweep", "cancel", str(sweep), "--now", "--coordinator", coordinator.address)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.wait_sweep(sweep), "cancelled")
        wait_for(lambda: not alive(int(pid.read_text())), "the hook is gone, which SIGTERM does not end")
        code, out, err = self.assay("sweep", "show", str(sweep), "--coordinator", coordinator.address)
        self.assertIn("after_sweep hook on a: ended by `assay sweep cancel --now`", out)
        self.assertEqual(self.psql("select verdict from assay.run"), [["accepted"]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
