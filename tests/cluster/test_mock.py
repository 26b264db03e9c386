"""assay-mock through HTTP: the mock I/O API to the byte, serial and parallel loads, objects, errors, stalls."""
import concurrent.futures
import hashlib
import http.client
import json
import signal
import socket
import time
import unittest
import zlib

from world import BUILD, PATIENCE_S, World, children_of, wait_for

MOCK = str(BUILD / "mock" / "assay-mock")
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00",
          "x-amz-date": "20260101T000000Z", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}


def generated(name, offset, length):
    start = zlib.crc32(name.encode())
    return bytes(((start + i) % 1048573 * 2654435761 >> 24) & 255 for i in range(offset, offset + length))


class Mock(World):
    def mock(self, *flags, name="mock"):
        process = self.start([MOCK, "--listen", "127.0.0.1:0", "--json", *flags], name)
        line = wait_for(lambda: process.text().split("\n")[0] if "\n" in process.text() else not process.running() and "none", "the mock listens")
        process.where = json.loads(line)
        return process

    def ask(self, mock, path, method="GET", body=None, headers=None):
        """(status, headers, body) of one request on a connection of its own."""
        connection = http.client.HTTPConnection(mock.where["http"], timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def at_once(self, mock, count, *request):
        """Seconds that each of so many requests took, started together."""
        def one(_):
            begin = time.monotonic()
            self.assertEqual(self.ask(mock, *request)[0], 200)
            return time.monotonic() - begin
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            return sorted(pool.map(one, range(count)))

    def requests(self, mock):
        stats = json.loads(self.ask(mock, "/stats")[2])
        return {route: n for route, n in stats["requests"].items() if n and route != "stats"}, stats["errors"]

    def test_the_mock_io_api(self):
        mock = self.mock("--delay", "0", "--items", "40000")
        status, headers, body = self.ask(mock, "/health")
        self.assertEqual((status, headers["Content-Type"], body), (200, "application/json", b'{"ok":true}'))
        status, headers, body = self.ask(mock, "/extract")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        items = [{"id": i, "brand": ["Honda", "Toyota"][i % 2], "model": ["Civic", "Corolla"][i % 2], "year": 2020 + i % 5,
                  "price": 15000 + 7 * i % 40000, "mileage": 5000 + 13 * i % 120000} for i in range(40000)]
        self.assertEqual(body, json.dumps({"items": items, "count": 40000}, separators=(",", ":")).encode())
        self.assertEqual(self.ask(mock, "/load", "POST", body)[2], b'{"ok":true,"received":40000}')
        self.assertEqual(self.ask(mock, "/load", "POST", b"[")[0], 400)
        self.assertEqual(self.ask(mock, "/load", "GET")[0], 200, "a bucket may have this name")
        status, headers, body = self.ask(mock, "/echo", "POST", b"\0binary", {"Content-Type": "application/x-it"})
        self.assertEqual((status, headers["Content-Type"], body), (200, "application/x-it", b"\0binary"))
        self.assertEqual(self.ask(mock, "/", "POST")[0], 404)
        self.assertEqual(self.requests(mock), ({"health": 1, "extract": 1, "load": 2, "list": 1, "echo": 1, "unknown": 1}, 0))
        mock.send(signal.SIGTERM)
        self.assertEqual(mock.wait(), 0)
        self.assertEqual(json.loads(mock.text().splitlines()[-1])["requests"]["load"], 2)

    def test_runs_end_after_a_while(self):
        mock = self.mock("--run-delay", "1h")
        for n in range(3):
            self.assertEqual(json.loads(self.ask(mock, "/runs", "POST")[2]), {"run_id": f"run-{n}"})
        self.assertEqual(json.loads(self.ask(mock, "/runs/run-1")[2])["state"], "running")
        page = json.loads(self.ask(mock, "/runs?offset=1&limit=1")[2])
        self.assertEqual(([run["run_id"] for run in page["runs"]], page["total"]), (["run-1"], 3))
        self.assertEqual(len(json.loads(self.ask(mock, "/runs")[2])["runs"]), 3)
        self.assertEqual(self.ask(mock, "/runs/run-3")[0], 404)
        self.assertEqual(self.requests(mock), ({"run_start": 3, "run": 2, "run_list": 2}, 0))
        for how in ("failed", "success"):
            mock = self.mock("--run-delay", "0", "--run-end", how, name=how)
            self.ask(mock, "/runs", "POST")
            self.assertEqual(json.loads(self.ask(mock, "/runs/run-0")[2])["state"], how)

    def test_the_items_are_as_large_as_the_original_s(self):
        self.assertEqual(len(self.ask(self.mock("--delay", "0"), "/extract")[2]), 86029)

    def test_serial_loads_come_one_after_the_other(self):
        mock = self.mock("--delay", "200ms")
        begin = time.monotonic()
        self.at_once(mock, 8, "/load", "POST", b"{}")
        self.assertGreaterEqual(time.monotonic() - begin, 8 * 0.2)

    def test_health_is_not_answered_while_a_serial_load_sleeps(self):
        mock = self.mock("--delay", "5s")
        load = http.client.HTTPConnection(mock.where["http"], timeout=PATIENCE_S)
        self.addCleanup(load.close)
        begin = time.monotonic()
        load.request("POST", "/load", b"{}")
        time.sleep(3)  # for the load to arrive: nothing else can be asked without being held up behind it
        self.assertEqual(self.ask(mock, "/health")[0], 200)
        self.assertGreaterEqual(time.monotonic() - begin, 5)

    def test_parallel_loads_wait_side_by_side(self):
        mock = self.mock("--delay", "1s", "--load", "parallel")
        took = self.at_once(mock, 30, "/load", "POST", b"{}")
        self.assertGreaterEqual(took[0], 1)
        self.assertLess(took[-1], 15, "one after the other is 30 s")

    def test_forty_extracts_at_once_as_the_original(self):
        mock = self.mock("--delay", "1s")
        begin = time.monotonic()
        took = self.at_once(mock, 50, "/extract")
        self.assertGreaterEqual(took[0], 1)
        self.assertGreaterEqual(time.monotonic() - begin, 2, "the last ten had to wait for one of forty")
        self.assertLess(took[-1], 20, "one after the other is 50 s")

    def test_thousands_wait_at_once_and_may_leave(self):
        mock = self.mock("--delay", "3s", "--extracts-at-once", "0", "--items", "1")
        host, port = mock.where["http"].split(":")
        waiting = []
        self.addCleanup(lambda: [one.close() for one in waiting])
        count = 400  # each is a descriptor here too, and 1024 is a usual limit
        for _ in range(count):
            one = socket.create_connection((host, int(port)))
            one.sendall(b"GET /extract HTTP/1.1\r\nHost: x\r\n\r\n")
            waiting.append(one)
        for one in waiting[::2]:
            one.close()
        wait_for(lambda: self.requests(mock)[0].get("extract") == count, "all have come")
        for one in waiting[1::2]:
            one.settimeout(PATIENCE_S)
            self.assertTrue(one.recv(100).startswith(b"HTTP/1.1 200 OK"))
        self.assertTrue(mock.running())

    def test_without_a_free_descriptor_connections_wait(self):
        process = self.start(["prlimit", "--nofile=64:64", MOCK, "--listen", "127.0.0.1:0", "--json"], "few")
        process.where = json.loads(wait_for(lambda: process.text() if "\n" in process.text() else not process.running() and "none", "the mock listens"))
        host, port = process.where["http"].split(":")
        many = [socket.create_connection((host, int(port))) for _ in range(100)]
        self.addCleanup(lambda: [one.close() for one in many])
        many[0].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        many[-1].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(many[0].recv(100).startswith(b"HTTP/1.1 200 OK"))
        for one in many[:60]:
            one.close()
        many[-1].settimeout(PATIENCE_S)
        self.assertTrue(many[-1].recv(100).startswith(b"HTTP/1.1 200 OK"), "it was accepted when there was room again")

    def test_objects(self):
        mock = self.mock("--object-size", "3MB")
        for headers in ({}, SIGNED):
            status, got, body = self.ask(mock, "/bucket/some%20key", headers=headers)
            self.assertEqual((status, got["Content-Length"], got["Accept-Ranges"]), (200, "3000000", "bytes"))
            self.assertEqual(body, generated("bucket/some key", 0, 3000000))
        tag = got["ETag"]
        status, got, body = self.ask(mock, "/bucket/some%20key", "HEAD")
        self.assertEqual((status, got["Content-Length"], got["ETag"], body), (200, "3000000", tag, b""))
        for text, offset, length in (("1048570-1048579", 1048570, 10), ("2999990-", 2999990, 10), ("-5", 2999995, 5), ("2999999-9999999", 2999999, 1)):
            status, got, body = self.ask(mock, "/b/k", headers={"Range": f"bytes={text}"})
            self.assertEqual((status, body), (206, generated("b/k", offset, length)), text)
            self.assertEqual(got["Content-Range"], f"bytes {offset}-{offset + length - 1}/3000000")
        for text in ("3000000-", "0-1,4-5"):
            status, got, _ = self.ask(mock, "/b/k", headers={"Range": f"bytes={text}"})
            self.assertEqual((status, got["Content-Range"]), (416, "bytes */3000000"), text)
        self.assertEqual(self.ask(mock, "/b/k", headers={"Range": "bytes=x"})[0], 200)
        self.assertEqual(self.requests(mock)[0], {"object_get": 9, "object_head": 1})

    def test_objects_that_are_put(self):
        mock = self.mock("--objects", "2", "--object-size", "10B", "--store-limit", "1MiB")
        self.assertEqual(self.ask(mock, "/bench/1")[2], generated("bench/1", 0, 10))
        status, _, body = self.ask(mock, "/bench/2")
        self.assertEqual((status, b"<Code>NoSuchKey</Code>" in body), (404, True))
        content = bytes(range(256)) * 1000
        status, got, _ = self.ask(mock, "/bench/a%26b", "PUT", content, SIGNED)
        self.assertEqual((status, got["ETag"]), (200, '"' + hashlib.md5(content).hexdigest() + '"'))
        self.assertEqual(self.ask(mock, "/bench/a%26b")[2], content)
        self.assertEqual(self.ask(mock, "/bench/a%26b", headers={"Range": "bytes=255-256"})[2], b"\xff\0")
        chunked = b"5;chunk-signature=0\r\nhello\r\n0;chunk-signature=0\r\n\r\n"
        streaming = {**SIGNED, "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}
        self.assertEqual(self.ask(mock, "/bench/c", "PUT", chunked, streaming)[0], 200)
        self.assertEqual(self.ask(mock, "/bench/c")[2], b"hello")
        self.assertEqual(self.ask(mock, "/bench/d", "PUT", b"5\r\nhel", streaming)[0], 400)
        status, _, body = self.ask(mock, "/bench/d", "PUT", bytes(1 << 20))
        self.assertEqual((status, b"--store-limit" in body), (507, True))
        listing = self.ask(mock, "/bench?list-type=2&max-keys=3")[2].decode()
        self.assertIn("<KeyCount>3</KeyCount><MaxKeys>3</MaxKeys><IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b<", listing)
        self.assertIn("<Contents><Key>0</Key><Size>10</Size>", listing)
        rest = self.ask(mock, "/bench?list-type=2&continuation-token=a%26b")[2].decode()
        self.assertIn("<KeyCount>1</KeyCount>", rest)
        self.assertIn("<Key>c</Key><Size>5</Size>", rest)
        self.assertEqual(self.ask(mock, "/bench/c", "DELETE")[0], 204)
        self.assertEqual(self.ask(mock, "/bench/c", "HEAD")[0], 404)

    def test_a_connection_is_kept(self):
        mock = self.mock("--object-size", "1B")
        connection = http.client.HTTPConnection(mock.where["http"], timeout=PATIENCE_S)
        self.addCleanup(connection.close)
        connection.connect()
        own = connection.sock.getsockname()
        for method, path in (("GET", "/health"), ("HEAD", "/b/k"), ("GET", "/b/k"), ("DELETE", "/b/k"), ("GET", "/no-such/"), ("GET", "/health")):
            connection.request(method, path)
            connection.getresponse().read()
            self.assertEqual(connection.sock.getsockname(), own, path)

    def test_errors_at_a_rate(self):
        mock = self.mock("--error-rate", "20%", "--error-status", "500", "--delay", "0")
        statuses = [self.ask(mock, path)[0] for path in ("/b/k", "/echo") for _ in range(250)]
        self.assertEqual(set(statuses), {200, 500})
        self.assertEqual(self.requests(mock)[1], statuses.count(500))
        self.assertLess(abs(statuses.count(500) - 100), 54, "six standard deviations")
        self.assertEqual({self.ask(mock, "/health")[0] for _ in range(50)}, {200})

    def test_a_stall_lets_nothing_through(self):
        mock = self.mock("--stall", "1s every 3s")
        longest, begin = 0, time.monotonic()
        while time.monotonic() - begin < 8:
            sent = time.monotonic()
            self.assertEqual(self.ask(mock, "/health")[0], 200)
            longest = max(longest, time.monotonic() - sent)
        self.assertGreater(longest, 0.5)

    def test_bad_usage_and_a_port_that_is_taken(self):
        mock = self.mock()
        for words, code, said in ((["--listen", mock.where["http"]], 1, f"cannot listen on {mock.where['http']} (--listen): Address already in use"),
                                  (["--listen", "127.0.0.1:0", "--grpc-listen", mock.where["http"]], 1, "(--grpc-listen)"),
                                  (["--listen", "nowhere"], 2, "--listen: 'nowhere' has no port"),
                                  (["--listen", "no.such.host.invalid:1"], 1, "no address of this host"),
                                  (["--delay", "2"], 2, "--delay: '2' is not a duration"),
                                  (["--object-size", "9223372036854775807B"], 2, "--object-size"),
                                  (["--error-rate", "2"], 2, "--error-rate: '2' is not a fraction"),
                                  (["--stall", "2s every 1s"], 2, "--stall: "), (["--load", "wild"], 2, "wild"), (["--nonsense"], 2, "nonsense")):
            process = self.start([MOCK, *words], "bad")
            self.assertEqual(process.wait(), code, words)
            self.assertIn(said, process.text())
            process.log.unlink()

    def test_the_plain_line_names_both_addresses(self):
        process = self.start([MOCK, "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"], "plain")
        line = wait_for(lambda: process.text().split("\n")[0] if "\n" in process.text() else "", "the mock listens")
        self.assertRegex(line, r"^listening http=127\.0\.0\.1:\d+ grpc=127\.0\.0\.1:\d+$")
        process.type(signal.SIGINT)
        self.assertEqual(process.wait(), 0)
        self.assertEqual(children_of(process.pid), [])


if __name__ == "__main__":
    unittest.main()
