"""Loads and kinds of trigger through the command line, with a target of this test."""
import asyncio
import json
import os
import signal
import subprocess
import threading
import time
import unittest

from world import AGENT, ASSAY, BUILD, SOURCE, World, wait_for


class StallingServer:
    """HTTP/1.1 on a free port. A second after the first request for a path, whatever asks for it waits until three seconds are over."""

    def __init__(self):
        self.begun = {}
        self.port = 0
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()

    def run(self, ready):
        async def serve():
            server = await asyncio.start_server(self.answer, "127.0.0.1", 0, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    async def answer(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1]
                age = time.monotonic() - self.begun.setdefault(path, time.monotonic())
                if 1 <= age < 3:
                    await asyncio.sleep(3 - age)
                status = b"503 No" if b"refuse" in path else b"200 OK"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\nhello")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Loads(World):
    def setUp(self):
        super().setUp()
        self.server = StallingServer()
        self.addCleanup(self.server.stop)

    def test_a_stall_shows_in_an_open_loop_and_hides_in_a_closed_one(self):
        code, out, err = self.assay("run", self.write("stall.yaml", f"""
name: stall
agents: {{count: 2}}
targets:
  open: {{load: {{open: {{rate: 200/s, arrivals: poisson}}}}}}
  closed: {{load: {{closed: {{concurrency: 2}}}}}}
load: {{duration: 5s}}
trigger: {{http: {{url: "http://127.0.0.1:{self.server.port}/$(target)"}}, timeout: 60s}}
limits: {{slip_p99: 60s}}
"""))
        self.assertEqual(code, 0, out + err)
        rows = {r[0]: r[1:] for r in self.sql("select target, response_p99_ms, triggers, slots is null, overhead_percent is null from run_summary")}
        self.assertGreater(float(rows["open"][0]), 500, "two of five triggers came while it stalled")
        self.assertLess(float(rows["closed"][0]), 500, "two of thousands met the stall")
        # Poisson, 200/s over 5 s: 1000, give or take six standard deviations.
        self.assertLess(abs(int(rows["open"][1]) - 1000), 190)
        self.assertEqual(rows["open"][2:], ["t", "t"], "in an open loop nothing is scheduled on slots")
        self.assertEqual(rows["closed"][2:], ["f", "f"])
        self.assertEqual(self.sql("select distinct status, received_bytes from trigger"), [["200", "5"]])
        self.assertEqual(self.sql("select count(*) from trigger_time where first_byte_ms is null or first_byte_ms > service_ms"), [["0"]])

    def test_far_more_than_can_be_started_is_rows_that_say_skipped(self):
        code, out, err = self.assay("run", self.write("flood.yaml", """
name: flood
load: {open: {rate: 50000/s, in_flight: 10, deadline: 50ms}, duration: 2s}
trigger: {sleep: {for: 100ms}}
sample: {every: 100ms, cooldown: 0s}
"""))
        self.assertEqual(code, 3, out + err)
        counts = dict(self.sql("select outcome, count(*) from trigger group by 1"))
        self.assertEqual(sum(int(n) for n in counts.values()), 100000, "each arrival is a row")
        self.assertGreater(int(counts["skipped"]), 99000)
        self.assertEqual(self.sql("select count(*) from trigger where outcome = 'skipped' and (dispatched_ns - intended_ns <= 50000000 or started_ns is not null)"), [["0"]])
        flags = {code: (severity, detail) for code, severity, detail in self.sql("select code, severity, detail from flags where code in ('failures', 'in_flight_full')")}
        self.assertEqual({code: severity for code, (severity, _) in flags.items()}, {"failures": "reject", "in_flight_full": "warning"})
        self.assertRegex(flags["failures"][1], r" of 100000 triggers were not ok: \d{5,} skipped ")
        self.assertRegex(out, "(?m)^.*failures.*in_flight_full", "the table's last column")
        # 100,000 rows that waited in memory would be 30 MB and more.
        self.assertEqual(self.sql("select agent_id, max(agent_memory_bytes) - min(agent_memory_bytes) from host_sample group by 1 "
                                  "having max(agent_memory_bytes) - min(agent_memory_bytes) > 16000000"), [], "an agent's memory stays flat")
        self.assertIn("not started within its deadline of 50 ms: ", out)
        self.assertLessEqual(int(self.sql("select count(distinct error) from trigger where outcome = 'skipped'")[0][0]), 2, "one text per cause")
        self.assertRegex(flags["in_flight_full"][1], r"for room among the 10 in flight: .*; 50,000/s were due, \d+/s ran; raise load.open.in_flight")
        self.assertEqual(self.sql("select round(offered_per_s) from run_summary"), [["50000"]])
        self.assertEqual(self.sql("select response_p50_ms > 100 and response_p50_ms > (select max(response_ms) from trigger_time) - 0.001 from run_summary"), [["t"]], "most were skipped")

    def test_what_waits_for_the_target_is_neither_slip_nor_skew(self):
        code, out, err = self.assay("run", self.write("full.yaml", f"""
name: full
agents: {{count: 2}}
targets:
  full: {{load: {{open: {{rate: 100/s, in_flight: 4}}, duration: 4s}}}}
  slow: {{load: {{open: {{rate: 36/m}}, triggers: 4}}}}
trigger: {{http: {{url: "http://127.0.0.1:{self.server.port}/$(target)"}}, timeout: 60s}}
limits: {{slip_p99: 1300ms, start_skew: 1300ms}}
"""))
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.sql("select target, severity from flags where code not in ('cold', 'at_floor', 'no_floor')"), [["full", "warning"]])
        self.assertEqual(self.sql("select severity from flags where code = 'in_flight_full'"), [["warning"]])
        self.assertEqual(self.sql("select target, max(started_at - intended_at) > interval '1300 ms' from trigger_time group by 1 order by 1"),
                         [["full", "t"], ["slow", "f"]], "two seconds' stall, and of slow the second agent's first is due 1.7 s late")
        self.assertIn("due per s", out)

    def test_an_answer_that_was_not_expected_is_a_failure_with_its_text(self):
        code, out, err = self.assay("run", self.write("refused.yaml", f"""
name: refused
load: {{open: {{burst: 20}}}}
trigger: {{http: {{url: "http://127.0.0.1:{self.server.port}/refuse"}}, timeout: 10s}}
"""))
        self.assertEqual(code, 3, out + err)
        self.assertIn("answered with status 503; its output ends with: hello", out)
        self.assertEqual(self.sql("select count(*), min(intended_ns), max(intended_ns), max(status) from trigger where outcome = 'failed'"), [["20", "0", "0", "503"]])


class Demonstration(World):
    def test_the_shipped_scenario_shows_a_stall_in_the_open_loop_and_not_in_the_closed_one(self):
        mock = self.start([str(BUILD / "mock" / "assay-mock"), "--listen", "127.0.0.1:0", "--echo-delay", "2ms", "--stall", "1s every 4s"], "mock")
        line = wait_for(lambda: mock.text().split("\n")[0] if "\n" in mock.text() else "", "the mock listens")
        address = line.split()[1].split("=")[1]
        code, out, err = self.assay("run", SOURCE / "scenarios" / "http-open-loop.yaml", "--set", f"server=http://{address}", "--set", "blocks=1",
                                    "--set", "load.duration=8s")
        self.assertEqual(code, 0, out + err)
        slow = {target: float(share) for target, share in self.sql(
            "select c.target, avg((t.finished_ns - t.intended_ns > 300000000)::int) from trigger t join run r using (run_id) join cell c using (cell_id) group by 1")}
        self.assertGreater(slow["open"], 0.05, "0.7 of the stalled quarter of the time")
        self.assertLess(slow["closed"], 0.02, "two at every stall, of thousands")


class Engines(World):
    """What a user without a container engine reads."""

    def test_a_socket_that_is_missing_refuses_the_run_and_names_agent_socket_and_mend(self):
        missing = self.dir / "no.sock"
        code, out, err = self.assay("run", "--agents", "1", self.write("c.yaml", f"""
name: missing
agents: {{count: 1}}
load: {{closed: {{concurrency: 2}}, triggers: 10}}
trigger: {{container: {{name: web, argv: ["true"], socket: {missing}}}, timeout: 60s}}
"""))
        self.assertEqual(code, 3, out + err)
        self.assertEqual(self.sql("select count(*) from trigger"), [["0"]])
        (severity, detail), = self.sql("select severity, detail from flags where code = 'refused'")
        self.assertEqual(severity, "reject")
        for text in (detail, out + err):
            self.assertRegex(text, f"(?<!agent local-1: )agent '[^']+': no container engine answers on {missing}: No such file or directory; is it running, and may this user open the socket")

    def test_a_hook_on_a_socket_that_is_missing_names_it(self):
        missing = self.dir / "no.sock"
        code, out, err = self.assay("run", "--agents", "1", self.write("c.yaml", f"""
name: missing
agents: {{count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 1}}
trigger: {{sleep: {{for: 1ms}}}}
hooks: {{before_run: {{compose: {{restart: shop, socket: {missing}}}}}}}
"""))
        self.assertEqual(code, 3, out + err)
        self.assertIn(f"no container engine answers on {missing}", out + err)
        self.assertEqual(self.sql("select count(*) from flags where code = 'hook_failed' and severity = 'reject'"), [["1"]])

    def test_samples_that_cannot_be_had_are_a_flag_with_the_reason_and_the_run_counts(self):
        missing = self.dir / "no.sock"
        code, out, err = self.assay("run", "--agents", "1", self.write("c.yaml", f"""
name: missing
agents: {{count: 1}}
load: {{closed: {{concurrency: 1}}, triggers: 1}}
trigger: {{sleep: {{for: 1ms}}}}
sample: {{every: 100ms, cooldown: 0s, containers: [no-such-container], socket: {missing}}}
"""))
        self.assertEqual(code, 0, out + err)
        (severity, detail), = self.sql("select severity, detail from flags where code = 'cgroup_missing'")
        self.assertEqual(severity, "warning")
        self.assertIn(f"no cgroup matched 'containers: no-such-container'; no container engine answers on {missing}: No such file or directory; is it running", detail)


class Floors(World):
    """What the harness itself costs, beside what is measured."""

    def test_runs_near_the_floor_say_so_and_it_is_measured_once(self):
        mock = self.start([str(BUILD / "mock" / "assay-mock"), "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--echo-delay", "100ms"], "mock")
        line = wait_for(lambda: mock.text().split("\n")[0] if "\n" in mock.text() else "", "the mock listens")
        http, grpc = (word.split("=")[1] for word in line.split()[1:])
        code, out, err = self.assay("run", self.write("floors.yaml", f"""
name: floors
blocks: 2
agents: {{count: 2}}
targets:
  trues: {{trigger: {{exec: {{argv: ["true"]}}}}, load: {{triggers: 1000}}}}
  sleeps: {{trigger: {{sleep: {{for: 50ms}}}}}}
  slow: {{trigger: {{http: {{url: "http://{http}/echo"}}}}}}
  calls: {{trigger: {{grpc: {{target: "{grpc}", method: assay.mock.v1.Echo/Call}}}}}}
load: {{closed: {{concurrency: 4}}, triggers: 60}}
trigger: {{timeout: 60s}}
"""), "--json")
        self.assertEqual(code, 0, out + err)
        # Two agents, four kinds, and two runs of each.
        self.assertEqual(self.sql("select kind, count(*), min(concurrency), max(concurrency), bool_and(latest and error = '') from floors group by 1 order by 1"),
                         [[kind, "2", "2", "2", "t"] for kind in ("exec", "grpc", "http", "sleep")])
        self.assertEqual(self.sql("select count(*) from floors where rate_per_s <= 0 or service_p50_ms < 0 or service_p99_ms < service_p50_ms"), [["0"]])
        self.assertEqual(self.sql("select count(*), count(floor_id) from share"), [["16", "16"]])
        flagged = dict(self.sql("select target, count(*) from run_summary where 'at_floor' = any(flags) group by 1"))
        self.assertEqual(set(flagged), {"trues"})  # in both runs, where nothing else of this machine's falls into one of them
        detail = self.sql("select detail from flags where code = 'at_floor' limit 1")[0][0]
        self.assertRegex(detail, "a median of .* exec triggers that do nothing have .*/s here")
        self.assertEqual(self.sql("select count(*) from run_summary where floor_per_s is null or floor_p50_ms is null or floor_p99_ms is null"), [["0"]])
        end = next(one for one in map(json.loads, out.splitlines()) if one["type"] == "end")
        for cell in end["cells"]:
            self.assertGreater(cell["floor_per_s"]["median"], 0)
            self.assertLess(cell["floor_p50_ms"]["median"], 100 if cell["target"] != "trues" else 1e9)
        self.assertEqual(self.sql("select count(*) from trigger"), [["2360"]], "null triggers are no rows")

    def floors(self, *words):
        """What `assay calibrate` says, by agent and kind, and how it ends."""
        code, out, err = self.assay("calibrate", "--json", *words)
        lines = [json.loads(line) for line in out.splitlines()]
        return {(one["agent"], one["kind"]): one for one in lines if one["type"] == "floor"}, code, out + err

    def test_floors_can_be_measured_by_themselves_and_anew(self):
        kinds = ("sleep", "exec", "http", "grpc", "driver")
        floors, code, said = self.floors("--concurrency", "4")
        self.assertEqual(code, 0, said)
        self.assertEqual(sorted(kind for _, kind in floors), sorted(kinds * 2), "two local agents")
        for floor in floors.values():
            self.assertEqual((floor["concurrency"], floor["error"]), (4, None))
            self.assertGreater(floor["rate_per_s"], 0)
            self.assertGreaterEqual(floor["service_p99_ms"], floor["service_p50_ms"])
            self.assertRegex(floor["measured_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual(self.sql("select count(*), bool_and(latest) from floors"), [["10", "t"]])
        self.assertEqual(self.sql("select count(*) from sweep"), [["0"]], "its runs are none of anybody's results")
        code, out, err = self.assay("calibrate", "--kinds", "exec,sleep", "--concurrency", "4")
        self.assertEqual(code, 0, out + err)
        table = out[out.index("\nagent"):].split("\n")
        self.assertRegex(table[1], r"^agent +kind +in flight +per s +p50 ms +p99 ms +measured \(UTC\)")
        self.assertEqual(len([line for line in table if " exec " in line or " sleep " in line]), 4, out)

    def test_agents_of_a_cluster_are_chosen_and_those_without_a_floor_are_told(self):
        self.database()
        coordinator = self.coordinator()
        to = ("--coordinator", coordinator.address)
        _, code, said = self.floors(*to)
        self.assertEqual(code, 1, said)
        self.assertIn("no agent is connected", said)
        for name, flags in (("quick", ["--calibrate", "50ms"]), ("plain", ["--calibrate", "0"]), ("hasty", ["--calibrate", "1ns"])):
            self.agent(coordinator.address, name, flags=flags, labels=(f"is={name}",))
        wait_for(lambda: all(a["state"] == "connected" for a in self.agents(coordinator.address).values()) and len(self.agents(coordinator.address)) == 3,
                 "the agents are there")
        _, code, said = self.floors(*to, "--select", "is=slow")
        self.assertEqual(code, 1, said)
        self.assertIn("no agent with is=slow is connected", said)
        first, code, said = self.floors(*to, "--select", "is=quick", "--kinds", "exec")
        self.assertEqual(code, 0, said)
        self.assertEqual(list(first), [("quick", "exec")])
        floors, code, said = self.floors(*to, "--kinds", "exec")
        self.assertEqual(code, 3, said)
        self.assertGreater(floors["quick", "exec"]["measured_at"], first["quick", "exec"]["measured_at"], "known, but measured anew")
        self.assertEqual(floors["quick", "exec"]["concurrency"], 16)
        self.assertIn("--calibrate 0", floors["plain", "exec"]["error"])
        self.assertIsNone(floors["plain", "exec"]["rate_per_s"])
        self.assertEqual(floors["hasty", "exec"]["error"], "not one null trigger was fired")

    def test_an_interrupt_ends_it_and_leaves_no_sweep(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "slow", flags=["--calibrate", "3s"])
        wait_for(lambda: self.agents(coordinator.address), "the agent is there")
        calibrate = self.start([ASSAY, "calibrate", "--coordinator", coordinator.address], "calibrate")
        wait_for(lambda: self.psql("select 1 from assay.run"), "it has begun")
        calibrate.send(signal.SIGINT)
        self.assertEqual(calibrate.wait(), 130, calibrate.text())
        self.assertEqual(self.psql("select count(*) from assay.sweep"), [["0"]])

    def test_a_floor_that_cannot_be_measured_is_told_and_rejects_nothing(self):
        self.database()
        coordinator = self.coordinator()
        self.agent(coordinator.address, "hasty", flags=["--calibrate", "1ns"])
        self.agent(coordinator.address, "plain", flags=["--calibrate", "0"])
        sweep = self.start_sweep(coordinator.address, self.write("both.yaml", """
name: both
agents: {count: 2}
load: {closed: {concurrency: 4}, triggers: 40}
trigger: {exec: {argv: ["true"]}, timeout: 60s}
"""))
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(self.psql("select verdict, floor_per_s is null from assay.run_summary"), [["accepted", "t"]])
        self.assertEqual(self.psql("select agent, kind, error from assay.floors"), [["hasty", "exec", "not one null trigger was fired"]])
        self.assertEqual(self.psql("select severity, detail from assay.flags where code like '%floor'"),
                         [["info", "agent hasty: what exec triggers cost by themselves is not known: not one null trigger was fired"]])
        agent = self.start([AGENT, "--calibrate", "1h"], "wrong")
        self.assertEqual(agent.wait(), 2)
        self.assertIn("--calibrate 1h", agent.text())


class Traces(World):
    SCENARIO = """
name: trace
load: {open: {trace: days/arrivals.csv, in_flight: 500}}
trigger: {sleep: {for: 1ms}}
limits: {slip_p99: 10s}
"""

    def setUp(self):
        super().setUp()
        (self.dir / "days").mkdir()
        self.scenario = self.write("trace.yaml", self.SCENARIO)

    def due(self, read):
        return [int(row[0]) for row in read("select intended_ns from assay.trigger order by index")]

    def test_triggers_are_due_at_the_instants_of_a_file(self):
        instants = sorted(n % 7 * 100 + n % 3 for n in range(200))  # milliseconds
        self.write("days/arrivals.csv", "# ms\n" + "".join(f"{n}ms\n" for n in instants))
        code, out, err = self.assay("run", self.scenario)
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.due(self.sql), [n * 1000000 for n in instants])

    def test_a_restarted_coordinator_needs_neither_the_file_nor_who_sent_it(self):
        trace = self.write("days/arrivals.csv", "0\n0.1\n0.1\n0.3\n")
        self.database()
        coordinator = self.coordinator()
        sweep = self.start_sweep(coordinator.address, self.scenario)
        coordinator.kill()
        os.unlink(trace)
        coordinator = self.coordinator(name="second")
        self.agent(coordinator.address)
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assertEqual(self.due(self.psql), [0, 100000000, 100000000, 300000000])

    def test_a_million_instants_reach_the_agents(self):
        """More than fits in a message of the size that gRPC takes by default."""
        self.write("days/arrivals.csv", "".join(f"{n}ms\n" for n in range(0, 2000, 2)) + "".join(f"{n}.123456789\n" for n in range(3600, 1002600)))
        code, out, err = self.assay("run", self.scenario, "--set", "load.triggers=1000")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(self.due(self.sql), [n * 1000000 for n in range(0, 2000, 2)])

    def test_what_is_wrong_with_it_is_told_before_anything_runs(self):
        code, out, err = self.assay("check", self.scenario)
        self.assertEqual(code, 2, out + err)
        self.assertIn(f"trace.yaml:3:22: load.open.trace: '{self.dir}/days/arrivals.csv': cannot read it: No such file or directory", err)
        self.write("days/arrivals.csv", "5\n4\n")
        for verb in (["check"], ["run"], ["sweep", "start", "--coordinator", "127.0.0.1:1"]):
            code, out, err = self.assay(*verb, self.scenario)
            self.assertEqual(code, 2, out + err)
            self.assertIn("days/arrivals.csv:2:1: the trace runs backwards: '4' comes after '5' in line 1", err)
        self.write("days/arrivals.csv", "0\n" * (13 << 20))
        code, out, err = self.assay("check", self.scenario)
        self.assertEqual(code, 2, out + err)
        self.assertIn("it has 26.0 MiB; at most 24.0 MiB of traces and queries go with a scenario", err)


class Calls(World):
    """gRPC, with the echo service of the unit tests as a process of its own."""

    def setUp(self):
        super().setUp()
        self.server = subprocess.Popen([BUILD / "tests" / "targets" / "grpc_echo_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(self.stop_server)
        self.port = int(self.server.stdout.readline())

    def stop_server(self):
        self.server.stdin.close()
        self.server.wait(60)
        self.server.stdout.close()

    def test_calls_by_the_name_of_their_method(self):
        code, out, err = self.assay("run", self.write("g.yaml", f"""
name: calls
agents: {{count: 2}}
load: {{closed: {{concurrency: 8}}, triggers: 200}}
trigger: {{grpc: {{target: "127.0.0.1:{self.port}", method: assay.test.Echo/Call, metadata: {{x-agent: "$(agent)"}}}}, timeout: 60s}}
targets:
  json: {{trigger: {{grpc: {{json: {{text: "t $(index)", number: "$(index)"}}}}}}}}
  bytes: {{trigger: {{grpc: {{bytes: CgNyYXc=}}}}}}
  errors: {{trigger: {{grpc: {{json: {{code: 5, text: "no such cow"}}}}}}}}
  expected: {{trigger: {{grpc: {{json: {{code: 5}}, expect: {{status: NOT_FOUND}}}}}}}}
  silent: {{load: {{triggers: 10}}, trigger: {{grpc: {{json: {{never_answer: true}}}}, timeout: 2s}}}}
"""))
        self.assertEqual(code, 3, out + err)
        rows = {r[0]: r[1:] for r in self.sql(
            "select c.target, count(*), string_agg(distinct t.outcome::text, ' '), string_agg(distinct t.status::text, ' '), max(t.error), "
            "bool_and(t.sent_bytes > 0 and t.connected_ns is null) from trigger t join run r using (run_id) join cell c using (cell_id) group by 1")}
        self.assertEqual(rows["json"], ["200", "ok", "0", "", "t"])
        self.assertEqual(rows["bytes"], ["200", "ok", "0", "", "t"])
        self.assertEqual(rows["errors"], ["200", "failed", "5", "NOT_FOUND: no such cow", "t"])
        self.assertEqual(rows["expected"], ["200", "ok", "5", "", "t"])
        self.assertEqual(rows["silent"], ["10", "timeout", "4", "took longer than 2 s", "t"])

    def test_a_method_that_is_not_there_fires_nothing(self):
        code, out, err = self.assay("run", self.write("g.yaml", f"""
name: calls
load: {{closed: {{concurrency: 2}}, triggers: 10}}
trigger: {{grpc: {{target: "127.0.0.1:{self.port}", method: assay.test.Echo/Cal, json: {{}}}}, timeout: 60s}}
"""))
        self.assertNotEqual(code, 0, out + err)
        self.assertIn("did you mean assay.test.Echo/Call?", out + err)
        self.assertEqual(self.sql("select count(*) from trigger"), [["0"]])


if __name__ == "__main__":
    unittest.main()
