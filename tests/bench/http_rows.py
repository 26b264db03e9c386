"""Rows of HTTP: a closed loop beside wrk and k6 against nginx, an open loop against a server that takes a second, and what
assay-mock serves as a target.

nginx has one worker and answers from memory. k6 is no Debian package: GOBIN=DIR go install go.k6.io/k6@v1.8.0, then
--k6 DIR/k6; without it its column stays empty.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request

from stack import BenchError, need, run
from table import Line

CONNECTIONS = 64  # of http-closed.yaml; wrk's too
PEER_S = 5
OPEN_RATE = 10_000  # of http-open.yaml
PEER_OPEN_RATE = 5000
OBJECT_BYTES = 64 << 10
OBJECT_RANGE = "bytes=0-1023"
NGINX = """
daemon off; worker_processes 1; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {scratch}; proxy_temp_path {scratch}; fastcgi_temp_path {scratch}; uwsgi_temp_path {scratch}; scgi_temp_path {scratch};
  server {{ listen 127.0.0.1:{port}; location / {{ default_type text/plain; return 200 "hello\\n"; }} }}
}}
"""
K6 = """
import http from "k6/http";
export const options = {{ discardResponseBodies: true, scenarios: {{ load: {load} }} }};
export default function () {{ http.get("{url}"); }}
"""


class Server:
    """A server on a free port, there once it takes connections."""

    def __init__(self, argv, port):
        self.port = port
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.close()
        raise BenchError(f"{argv[0]} does not serve: {self.process.stderr.read().decode()[-500:]}")

    def close(self):
        self.process.terminate()
        self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class HttpRows:
    """Each method is one repetition and yields (line, side, value)."""

    ROWS = {"http-closed": 200_000, "http-open": 100_000, "mock-objects": 0}  # 0: wrk goes by time
    LINES = {
        "http-closed": Line("req/s", ">= 0.5 x wrk, 3 x k6", lambda _, ratios: ratios.get("wrk -t1", 0.5) >= 0.5 and ratios.get("k6", 3) >= 3, "rate"),
        "http-open slip": Line("ms, p99", "< 1", lambda value, _: value < 1, "cost"),
        "http-open skipped": Line("%", "0", lambda value, _: value == 0, "cost"),
        "http-open agent": Line("MB", "< 100", lambda value, _: value < 100, "cost"),
        "mock req/s": Line("req/s", ">= 10,000/s", lambda value, _: value >= 10_000, "rate"),
    }

    def __init__(self, options, stack, scratch):
        self.options = options
        self.stack = stack
        self.scratch = scratch
        self.servers = []
        self.k6 = (options.k6 or shutil.which("k6")) if options.peers else None
        if "http-closed" in options.rows or (self.k6 and "http-open" in options.rows):
            need("nginx")
            port = free_port()
            with open(os.path.join(scratch, "nginx.conf"), "w", encoding="utf-8") as file:
                file.write(NGINX.format(scratch=scratch, port=port))
            self.nginx = self.serve(["nginx", "-e", os.path.join(scratch, "nginx.log"), "-c", os.path.join(scratch, "nginx.conf")], port)
        if ("http-closed" in options.rows and options.peers) or "mock-objects" in options.rows:
            need("wrk")
        if "http-open" in options.rows:
            port = free_port()
            self.slow = self.serve([os.path.join(options.build, "mock", "assay-mock"), "--listen", f"127.0.0.1:{port}", "--echo-delay", "1s"], port)
        if "mock-objects" in options.rows:
            port = free_port()
            self.objects = self.serve([os.path.join(options.build, "mock", "assay-mock"), "--listen", f"127.0.0.1:{port}"], port)

    def serve(self, argv, port):
        self.servers.append(Server(argv, port))
        return self.servers[-1]

    def close(self):
        for server in self.servers:
            server.close()

    def repetition(self, row):
        return {"http-closed": self.closed, "http-open": self.open, "mock-objects": self.mock_objects}[row](row)

    def closed(self, row):
        count = max(1000, int(self.ROWS[row] * self.options.scale))
        url = f"http://127.0.0.1:{self.nginx.port}/"
        facts = self.stack.sweep("http-closed.yaml", count, port=self.nginx.port)
        yield row, "assay", count / facts["makespan_s"]
        if self.options.peers:
            yield row, "wrk -t1", self.run_wrk(url)
        if self.k6:
            metrics, _ = self.run_k6(url, {"executor": "constant-vus", "vus": CONNECTIONS, "duration": f"{PEER_S}s"})
            yield row, "k6", metrics["http_reqs"]["rate"]

    def open(self, row):
        count = max(2 * OPEN_RATE, int(self.ROWS[row] * self.options.scale))
        facts = self.stack.sweep("http-open.yaml", count, all_ok=False, port=self.slow.port)
        slip_ms, skipped, memory = self.stack.query(f"""
            SELECT slip_p99_ms, skipped, (SELECT max(agent_memory_bytes) FROM host_sample h WHERE h.sweep_id = s.sweep_id AND h.run_id = s.run_id)
            FROM run_summary s WHERE run_id = {facts['run_id']}""")[0]
        yield "http-open slip", "assay", float(slip_ms)
        yield "http-open skipped", "assay", 100 * int(skipped) / count
        yield "http-open agent", "assay", int(memory) / 1e6
        if self.k6:
            # Half the rate, to a server that answers at once: with a second's wait it would need 10,000 virtual users.
            metrics, memory = self.run_k6(f"http://127.0.0.1:{self.nginx.port}/", {
                "executor": "constant-arrival-rate", "rate": PEER_OPEN_RATE, "timeUnit": "1s", "duration": "10s",
                "preAllocatedVUs": 500, "maxVUs": 2000})
            dropped = metrics.get("dropped_iterations", {}).get("count", 0)
            yield "http-open skipped", f"k6 at {PEER_OPEN_RATE}/s", 100 * dropped / (dropped + metrics["http_reqs"]["count"])
            yield "http-open agent", f"k6 at {PEER_OPEN_RATE}/s", memory / 1e6

    def mock_objects(self, _):
        """The target itself, under a load that is not ours: what it cannot serve, no run against it can show."""
        url = f"http://127.0.0.1:{self.objects.port}/bench/object"
        # Stored first, as the objects of an I/O library would be.
        with urllib.request.urlopen(urllib.request.Request(url, data=b"x" * OBJECT_BYTES, method="PUT")):
            pass
        yield "mock req/s", "assay", self.run_wrk(url, "-H", f"Range: {OBJECT_RANGE}")

    @staticmethod
    def run_wrk(url, *words):
        told = run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{PEER_S}s", *words, url])
        if fault := re.search(r"Non-2xx or 3xx responses.*|Socket errors.*", told):
            raise BenchError(f"wrk at {url}: {fault.group(0)}")
        return float(re.search(r"Requests/sec:\s*([\d.]+)", told).group(1))

    def run_k6(self, url, load):
        """Its metrics, and the most memory that it had, in bytes."""
        script, summary = os.path.join(self.scratch, "k6.js"), os.path.join(self.scratch, "k6.json")
        with open(script, "w", encoding="utf-8") as file:
            file.write(K6.format(url=url, load=json.dumps(load)))
        child = subprocess.Popen([self.k6, "run", "--quiet", "--no-usage-report", "--summary-export", summary, script],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        told = child.stderr.read().decode(errors="replace")
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise BenchError(f"k6 ended with {child.returncode}: {told[-500:]}")
        with open(summary, encoding="utf-8") as file:
            return json.load(file)["metrics"], usage.ru_maxrss * 1024
