"""Prefect and Airflow for real, small: their packages come from PyPI, all else is made here and gone at the end."""
import json
import unittest
import urllib.request

from target_world import TargetWorld
from world import BUILD, SOURCE, wait_for

SCENARIOS = SOURCE / "scenarios"


class WorkflowManager(TargetWorld):
    def measure(self, scenario, *sets, accepted=(0,)):
        words = [word for one in sets for word in ("--set", one)]
        code, out, err = self.assay("run", str(SCENARIOS / scenario), *words, patience_s=800)
        self.assertIn(code, accepted, out + err)
        return out

    def up(self, name):
        self.addCleanup(self.target, "down", name)
        self.must("up", name)
        self.assertEqual(self.listed(name)["state"], "up")
        self.assert_on_loopback(at_least=1)

    def down(self, name):
        self.must("down", name)
        self.assert_nothing_left(name)


class Prefect(WorkflowManager):
    def test_tasks_sub_flows_and_a_cache(self):
        self.up("prefect")
        self.measure("prefect-overhead.yaml", "blocks=1", "tasks=[20]")
        rows = self.sql("select target, origin, count(*), count(*) filter (where task.outcome = 'ok'), count(*) filter (where started_ns <= finished_ns) "
                        "from task join run using (run_id) join cell using (cell_id) group by 1, 2 order by 1, 2")
        self.assertEqual([row[:4] for row in rows], [[target, origin, "20", "20"] for target in ("dask", "flows", "flows-in-turn", "threads") for origin in ("driver", "postgres")])
        # Both are of the same tasks, and agree when each ended: the client stamps what the server records.
        apart = self.sql("select count(*), max(abs(one.finished_ns - other.finished_ns)) < 2e9 from task one join task other using (run_id, task) "
                         "where one.origin = 'driver' and other.origin = 'postgres'")
        self.assertEqual(apart, [["80", "t"]])
        # Enough that the client still has events to send when the flow run is over.
        many = (SCENARIOS / "prefect-overhead.yaml").read_text()
        many = many[:many.index("targets:")].replace("$(tasks)", "400").replace("./targets", f"{SCENARIOS}/targets")
        self.measure(self.write("many.yaml", many), "blocks=1")
        self.assertEqual(self.sql("select records, expected, unfinished from collection where run_id = (select max(run_id) from run)"), [["400", "400", "0"]])
        self.assertEqual(self.sql("select count(*) from span where name = 'event_flush' and run_id = (select max(run_id) from run)"), [["1"]])
        self.measure("prefect-cached.yaml", accepted=(3,))
        cached = "run_id = (select max(run_id) from run)"
        self.assertEqual(self.sql(f"select count(*) filter (where cached), count(*) from task where {cached} and origin = 'driver'"), [["19", "20"]])
        self.assertEqual(self.sql(f"select count(*) filter (where cached), count(*) from task where {cached} and origin = 'postgres'"), [["19", "20"]])
        flags = {row[0] for row in self.sql(f"select code from flag where {cached}")}
        self.assertLessEqual({"cached", "zero_variance"}, flags)
        self.down("prefect")


class Airflow(WorkflowManager):
    def test_mapped_tasks_by_two_witnesses_and_mock_io(self):
        self.up("airflow")
        self.measure("airflow-mapped.yaml", "blocks=1", "tasks=[10]")
        self.assertEqual(self.sql("select outcome, remote_state, accepted_ns < completed_ns, remote_id <> '' from trigger"), [["ok", "success", "t", "t"]])
        self.assertEqual(self.sql("select origin, count(*), count(*) filter (where outcome = 'ok' and started_ns <= finished_ns) from task group by 1 order by 1"),
                         [["http", "10", "10"], ["postgres", "10", "10"]])
        agree = self.sql("select count(*) from task one join task other using (task, remote_id) where one.origin = 'http' and other.origin = 'postgres' and "
                         "greatest(abs(one.scheduled_ns - other.scheduled_ns), abs(one.queued_ns - other.queued_ns), abs(one.started_ns - other.started_ns), "
                         "abs(one.finished_ns - other.finished_ns)) < 1e6")
        self.assertEqual(agree, [["10"]])
        self.assertEqual(self.sql("select count(*) from task where origin = 'postgres' and ready_ns = created_ns"), [["10"]])
        self.assertEqual(self.sql("select count(*) from task where origin = 'postgres' and started_ns <= body_started_ns and body_started_ns < body_finished_ns "
                                  "and body_finished_ns <= finished_ns"), [["10"]])
        # The nominal lengths are in what the tasks return, which REST does not have.
        self.assertEqual(self.sql("select planned_sum_s > 0.01 and planned_sum_s < 0.1, planned_min_s >= 0.001, task_sum_s > planned_sum_s from run_result"), [["t", "t", "t"]])
        mock = self.start([str(BUILD / "mock" / "assay-mock"), "--listen", "127.0.0.1:0", "--json", "--delay", "100ms"], "mock")
        line = wait_for(lambda: mock.text().split("\n")[0] if "\n" in mock.text() else "", "the mock listens")
        api = f"http://{json.loads(line)['http']}"
        self.measure("airflow-mock-io.yaml", "parallel=[2]", f"mock=[\"{api}\"]")
        with urllib.request.urlopen(api + "/stats", timeout=60) as answer:
            stats = json.load(answer)
        self.assertEqual((stats["requests"]["extract"], stats["requests"]["load"], stats["errors"]), (2, 2, 0), stats)
        last = "run_id = (select max(run_id) from run)"
        self.assertEqual(self.sql(f"select name, count(*) from task where {last} and outcome = 'ok' group by 1 order by 1"),
                         [["extract_data", "2"], ["load_data", "2"], ["transform_data", "2"]])
        # Each could have been run when the one before it in the chain had ended, the first when its DAG run was queued.
        needs = (f"select t.name, count(*), bool_and(t.ready_ns = coalesce(u.finished_ns, t.created_ns)), bool_and(w.since_ready_ms >= w.since_queued_ms), "
                 f"string_agg(distinct w.able_from, ' ') from task t join task_wait w using (run_id, task) left join task u on u.run_id = t.run_id and "
                 f"u.remote_id = t.remote_id and (u.name, t.name) in (('extract_data', 'transform_data'), ('transform_data', 'load_data')) where t.{last} group by 1 order by 1")
        self.assertEqual(self.sql(needs), [[name, "2", "t", "t", "ready"] for name in ("extract_data", "load_data", "transform_data")])
        self.down("airflow")


if __name__ == "__main__":
    unittest.main(verbosity=2)
