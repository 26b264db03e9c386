"""Coordinators and databases that die, are replaced and come back. Rows stored = triggers fired, each once."""
import signal
import socket
import subprocess
import threading
import time
import unittest

from hosts import Hosts
from world import ASSAY, COORDINATOR, wait_for


class CoordinatorLoss(Hosts):
    def test_a_coordinator_waits_for_a_database_that_recovers(self):
        words = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def recover():
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                with link:
                    while (message := link.recv(1024)) and len(message) == 8:
                        link.sendall(b"N")  # neither TLS nor GSS
                    link.sendall(b"E" + (len(words) + 4).to_bytes(4, "big") + words)

        threading.Thread(target=recover, daemon=True).start()
        coordinator = self.start([COORDINATOR, "--database", f"postgresql://assay@127.0.0.1:{listener.getsockname()[1]}/assay", "--listen", "127.0.0.1:0"], "recovering")
        wait_for(lambda: "the database system is starting up; waiting for it" in coordinator.text(), "it says what it waits for")
        time.sleep(0.5)
        self.assertTrue(coordinator.running(), coordinator.text())
        coordinator.send(signal.SIGTERM)
        self.assertEqual(coordinator.wait(), 0)

    def test_the_coordinator_is_killed_in_mid_run_and_the_sweep_goes_on(self):
        self.database()
        coordinator = self.coordinator()
        port = coordinator.address
        for name in "ab":
            self.agent(port, name)
        sweep = self.start_sweep(port, self.scenario(triggers=15000, blocks=2))
        self.wait_run(sweep, "running")
        watch = self.start([ASSAY, "sweep", "watch", str(sweep), "--coordinator", port], "watch")
        for _ in range(3):
            time.sleep(0.7)
            coordinator.kill()
            time.sleep(0.5)
            coordinator = self.coordinator(listen=port, flags=())
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 15000)
        self.assertEqual(self.psql("select count(*) from assay.run where verdict = 'accepted'"), [["2"]])
        self.assertEqual(watch.wait(), 0, watch.text())

    def test_the_database_is_stopped_in_mid_run_and_everything_arrives_when_it_is_back(self):
        self.database()
        coordinator = self.coordinator()
        for name in "ab":
            self.agent(coordinator.address, name)
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=15000))
        self.wait_run(sweep, "running")
        time.sleep(0.5)
        self.pg.send(signal.SIGINT)
        self.pg.wait()
        wait_for(lambda: "trying on" in coordinator.text(), "the coordinator says that it cannot write")
        time.sleep(1)
        self.start_database()
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 15000)
        self.assertEqual(self.psql("select count(*) from assay.run"), [["1"]], "an absent database costs nothing")

    def test_backends_are_terminated_at_random(self):
        self.database()
        coordinator = self.coordinator()
        for name in "ab":
            self.agent(coordinator.address, name)
        sweep = self.start_sweep(coordinator.address, self.scenario(triggers=15000))
        self.wait_run(sweep, "running")
        for _ in range(25):
            time.sleep(0.1)
            self.psql("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'assay-coordinator%'")
        self.assertEqual(self.wait_sweep(sweep), "finished")
        self.assert_each_once(sweep, 15000)

    def test_a_second_coordinator_waits_and_takes_over(self):
        self.database()
        first = self.coordinator(name="first")
        announce = self.dir / "second.address"
        second = self.start([COORDINATOR, "--database", self.url, "--listen", "127.0.0.1:0", "--announce", str(announce)], "second")
        wait_for(lambda: "another coordinator holds" in second.text(), "the second says that it waits")
        self.assertIn(f"pid {first.pid}", second.text())
        first.send(signal.SIGTERM)
        self.assertEqual(first.wait(), 0)
        wait_for(announce.exists, "the second takes over")

    def test_a_paused_coordinator_cannot_write_after_it_was_replaced(self):
        self.database()
        first = self.coordinator(name="first")
        first.send(signal.SIGSTOP)
        self.addCleanup(first.send, signal.SIGCONT)
        self.coordinator(name="second")
        first.send(signal.SIGCONT)
        self.assertEqual(first.wait(), 1)
        self.assertIn("another one has taken", first.text())

    def test_databases_that_will_not_do(self):
        self.database()
        self.psql("create role poor login")
        cases = [
            ("postgresql://assay@127.0.0.1:1/assay", "cannot connect"),
            (self.url.replace("/postgres?", "/absent?"), "does not exist"),
            (self.url.replace("assay@", "nobody_here@"), "nobody_here"),
            (self.url.replace("assay@", "poor@"), "permission denied"),
            ("not a url at all", "postgresql://"),
        ]
        for url, words in cases:
            with self.subTest(url):
                done = subprocess.run([COORDINATOR, "--database", url, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(words, done.stderr)
        coordinator = self.coordinator()
        coordinator.send(signal.SIGTERM)
        self.assertEqual(coordinator.wait(), 0)
        self.psql("insert into assay.schema_migration (kind, position, name, checksum) values ('migration', 9999, '9999_future', '')")
        done = subprocess.run([COORDINATOR, "--database", self.url, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("newer", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
