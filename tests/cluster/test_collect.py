"""Collectors through the command line: a database, files and servers of this test are the target."""
import http.server
import json
import re
import threading
import time
import unittest
import urllib.parse

from world import SOURCE, World, wait_for


class Target(http.server.BaseHTTPRequestHandler):
    """A workflow manager's REST pages of tasks, and a Prometheus server, in one."""

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        if url.path == "/tasks":
            offset, limit = int(query["offset"]), int(query["limit"])
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
            answer = {"tasks": [{"id": f"t{i}", "state": "success", "end": at} for i in range(7)][offset:offset + limit]}
        else:
            start, end, step = (float(query[key]) for key in ("start", "end", "step"))
            values = [[start + i * step, str(i)] for i in range(int((end - start) / step) + 1)]
            answer = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"pod": "a"}, "values": values}]}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Collect(World):
    def serve(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(lambda: (server.shutdown(), thread.join(), server.server_close()))
        return f"http://127.0.0.1:{server.server_address[1]}"

    def flags(self):
        return {code: (severity, detail) for code, severity, detail in self.sql("select code, severity, detail from flags")}

    def test_records_that_come_late_are_waited_for_and_those_that_never_come_are_told(self):
        url = self.database()
        self.psql("create table inbox (id int, began timestamptz); create table task_instance (id int, state text, began timestamptz, done timestamptz, later timestamp)")
        over = threading.Event()

        def record():  # as a target does that writes its records behind its work: two are lost, one is never ended
            while not over.is_set():
                self.psql("with late as (delete from inbox where began < clock_timestamp() - interval '1.5 s' returning *) insert into task_instance "
                          "select id, case when id = 3 then 'running' else 'success' end, began, case when id <> 3 then began - case when id = 5 then interval '1 s' else "
                          "interval '0' end + interval '10 ms' end, began at time zone 'Europe/Berlin' from late where id > 1")
                time.sleep(0.1)
        writer = threading.Thread(target=record)
        writer.start()
        self.addCleanup(lambda: (over.set(), writer.join()))
        self.write("tasks.sql", "SELECT id AS task, id AS index, state, began AS started, done AS finished, later AS created FROM task_instance WHERE began >= $2")
        scenario = self.write("late.yaml", f"""
name: late
load: {{closed: {{concurrency: 2}}, triggers: 10}}
trigger: {{exec: {{argv: [psql, -X, -q, "{url}", -c, "insert into inbox values ($(index), clock_timestamp())"]}}, timeout: 60s}}
collect: {{postgres: {{url: "{url}", query_file: tasks.sql}}, zone: Europe/Berlin, every: 100ms, deadline: 12s}}
""")
        code, out, err = self.assay("run", scenario)
        self.assertEqual(code, 0, out + err)
        self.assertRegex(out + err, r"collecting records: \d+ of 10, .*, deadline ")
        self.assertEqual(self.sql("select count(*), count(distinct index), count(*) filter (where outcome = 'ok'), bool_and(agent_id is null), bool_and(started_ns = created_ns), "
                                  "bool_and(started_ns > 0 and recorded_ns > started_ns + 1000000000), max(error_ns) from task"), [["8", "8", "7", "t", "t", "t", "1000"]])
        self.assertEqual(self.sql("select place, origin, records, expected, unfinished, negative, quiet, error, record_lag_s > 0.2 from collection"),
                         [["coordinator", "postgres", "8", "10", "1", "1", "f", "", "t"]])
        self.assertEqual(self.sql("select count(*) from trigger where outcome = 'ok'"), [["10"]])
        flags = self.flags()
        self.assertEqual({code: severity for code, (severity, _) in flags.items() if code.startswith("record")},
                         {"records_missing": "warning", "records_unfinished": "warning", "record_lag": "info"})
        self.assertIn("collector postgres on coordinator: 2 of 10 task records never came (20.0 %)", flags["records_missing"][1])
        self.assertEqual(self.sql("select kind, state from hook"), [["collect", "ok"]])

    def test_what_cannot_be_read_leaves_the_run_as_it_is(self):
        code, out, err = self.assay("run", self.write("bad.yaml", """
name: bad
load: {closed: {concurrency: 2}, triggers: 10}
trigger: {sleep: {for: 1ms}}
collect:
  - {postgres: {url: "postgresql://127.0.0.1:1/none?password=hidden", query: "SELECT 1 AS task, 'done' AS state"}, deadline: 2s}
  - {csv: {files: /nowhere/*.csv}, deadline: 2s}
  - {csv: {files: /nowhere/*.csv}, where: {role: nobody}}
"""))
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select verdict, ok from run_summary"), [["accepted", "10"]])
        details = [row[0] for row in self.sql("select detail from flags where code = 'records_missing' order by detail")]
        self.assertEqual(len(details), 3, details)
        self.assertIn("no file on this host matches /nowhere/*.csv", details[0])
        self.assertIn("127.0.0.1:1/none", details[1])
        self.assertIn("no connected agent has role=nobody", details[2])
        self.assertNotIn("hidden", "".join(details))

    def test_pages_of_json_and_metrics(self):
        server = self.serve()
        code, out, err = self.assay("run", self.write("http.yaml", f"""
name: http
load: {{closed: {{concurrency: 2}}, triggers: 7}}
trigger: {{sleep: {{for: 300ms}}}}
collect:
  - http: {{url: "{server}/tasks?offset=$(offset)&limit=$(limit)", items: /tasks, page: 3, fields: {{task: /id, state: /state, finished: /end}}}}
    zone: UTC
    quiet: 0
  - {{prometheus: {{url: "{server}", queries: {{load: up}}, step: 250ms}}, quiet: 0}}
"""))
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select string_agg(task, ' ' order by task), min(error_ns), count(distinct origin) from task"), [["t0 t1 t2 t3 t4 t5 t6", "1000000000", "1"]])
        self.assertEqual(self.sql("select name, labels ->> 'pod', count(*) >= 5, min(abs(at_s)) < 0.01, bool_and(place = 'coordinator') from target_metric group by 1, 2"),
                         [["load", "a", "t", "t", "t"]])
        self.assertNotIn("records_missing", self.flags())

    def test_the_documented_example_runs_as_it_stands(self):
        text = (SOURCE / "docs" / "own-system.md").read_text()
        scenario = re.search(r"^```yaml\n(name: own-records\n.*?)^```$", text, re.M | re.S).group(1)
        self.assertEqual(scenario.count("/tmp/"), 4)
        code, out, err = self.assay("run", self.write("own.yaml", scenario.replace("/tmp/", f"{self.dir}/")))
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select tasks, tasks_from, slots from run_summary"), [["40", "csv", "4"]])
        self.assertEqual(self.sql("select count(*), count(distinct index) from task_time where run_ms >= 50 and outcome = 'ok'"), [["40", "40"]])
        self.assertEqual(self.sql("select records, expected, missing, unfinished from collections"), [["40", "40", "0", "0"]])
        self.assertEqual(self.sql("select gap from truth_gap"), [])

    def test_an_agent_reads_its_files_and_a_cancel_ends_it_soon(self):
        self.database()
        coordinator = self.coordinator()
        for name in ("a", "b"):
            self.agent(coordinator.address, name, labels=("role=load", f"disk={name}"))
        wait_for(lambda: len(self.agents(coordinator.address)) == 2, "both agents are connected")
        records = self.dir / "records-$(run).csv"
        scenario = self.write("files.yaml", f"""
name: files
agents: {{count: 2}}
load: {{closed: {{concurrency: 2}}, triggers: 6}}
trigger: {{exec: {{argv: [sh, -c, "echo $(index),done,$$(date +%s.%N) >> {records}"]}}, timeout: 60s}}
hooks: {{before_run: {{argv: [sh, -c, "echo task,state,finished > {records}"], where: coordinator}}}}
collect: {{csv: {{files: "{records}"}}, where: {{disk: b}}, quiet: 200ms, every: 100ms}}
""")
        sweep = self.start_sweep(coordinator.address, scenario)
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(self.psql("select a.name, count(*), bool_and(finished_ns + error_ns > 0), bool_and(error_ns > 1) from assay.task join assay.agent a using (agent_id) group by 1"),
                         [["b", "6", "t", "t"]], "the records travel with b's results, with the error of its clock")
        self.assertEqual(self.psql("select place, records, expected, quiet, error from assay.collection"), [["b", "6", "6", "t", ""]])
        self.assertEqual(self.psql("select count(*) from assay.flag where severity <> 'info' and code like 'record%'"), [["0"]])
        self.assertEqual(self.psql("select bool_and(verdict = 'accepted') from assay.run"), [["t"]])

        sweep = self.start_sweep(coordinator.address, scenario, "collect.expect=1000", "collect.deadline=1h")
        wait_for(lambda: self.psql(f"select 1 from assay.hook where sweep_id = {sweep} and kind = 'collect'"), "it collects")
        code, out, err = self.assay("sweep", "cancel", str(sweep), "--coordinator", coordinator.address)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.wait_sweep(sweep), "cancelled")
        verdict = f"select verdict from assay.run where sweep_id = {sweep}"
        self.assertEqual(self.psql(verdict), [["rejected"]], "all of it was fired, but nobody tells what became of it")
        wait_for(lambda: self.psql(f"select 1 from assay.flag where sweep_id = {sweep} and code = 'records_missing' and detail like '%stopped%'"), "what it had read comes late")
        self.assertEqual(self.psql(verdict), [["rejected"]])

    def test_the_next_coordinator_reads_again(self):
        url = self.database()
        self.psql("create table seen (id int)")
        coordinator = self.coordinator()
        self.agent(coordinator.address)
        scenario = self.write("again.yaml", f"""
name: again
load: {{closed: {{concurrency: 2}}, triggers: 4}}
trigger: {{sleep: {{for: 1ms}}}}
collect: {{postgres: {{url: "{url}", query: "SELECT id AS task, 'done' AS state FROM public.seen"}}, expect: 1, quiet: 0, every: 50ms, deadline: 1h}}
""")
        sweep = self.start_sweep(coordinator.address, scenario)
        wait_for(lambda: self.psql(f"select 1 from assay.hook where sweep_id = {sweep} and kind = 'collect'"), "it collects")
        coordinator.kill()
        self.psql("insert into seen values (1)")
        self.coordinator(listen=coordinator.address, name="next")
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(self.psql("select count(*) from assay.task"), [["1"]])
        self.assertEqual(self.psql("select count(*), min(records), bool_and(quiet) from assay.collection"), [["1", "1", "t"]])
        self.assertEqual(self.psql("select verdict from assay.run"), [["accepted"]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
