#!/usr/bin/env python3
"""Assay's driver for Dask: each task is a sleep of its nominal length on a cluster of `distributed`.

Options (the scenario's `driver.options`):
  threads    slots of each worker (default 16)
  workers    how many (default 1)
  processes  true: each worker is a process of its own; false: threads of this one (default true)
  address    of a scheduler that is there already, tcp://HOST:PORT, with the workers it has; the three above are then its own business
  agents     how many agents give tasks to that scheduler: the driver of each then tells its part of the threads as capacity (default 1)

Instants, each with where it comes from: created and scheduled by a plugin in the scheduler, queued and ready by one in the worker,
stamped as they happen; started and finished are Dask's own `startstops`; body is what the task itself saw. Fetching the results is
the span `gather`: the client has no result in hand before, only the word that it is there.

A worker shifts its startstops to what it believes to be the scheduler's clock, by half a round trip, which errs by milliseconds
while it is busy. It is made not to. Where all run on this host there is one clock; else each instant is of the wall clock of where it
was taken, and right to within what prepare() saw that clock to differ from this host's.

During the load nothing is told but each task's `done`; all else waits for the drain, so that telling does not slow Dask down.
"""
import contextlib
import logging
import os
import shutil
import sys
import tempfile
import time

# This file is called like Dask's own package: that one must be found first, here and in the workers, which import this file too.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != HERE] + [HERE]

try:
    import dask
    import distributed
except ImportError:
    sys.exit("dask.py: this Python has no `distributed`; `assay target up dask` makes one that has it, for $(secret:DASK_PYTHON); Debian: "
             "apt-get install python3-distributed")
from assay_driver import Driver, now  # noqa: E402

OPTIONS = {"threads": 16, "workers": 1, "processes": True, "address": "", "agents": 1}
STARTSTOPS_ERROR_NS = 1000  # they are floats in Unix time, and the wall clock is steered
CLOCK_LOOKS = 10
PATIENCE_S = 60
# Without a dashboard too each serves its state by HTTP, on every interface if it is not told better.
LOOPBACK = {"dashboard_address": None, "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}, "worker_dashboard_address": "127.0.0.1:0"}


def host():
    """What only processes with the same monotonic clock have in common."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def scratch_directory():
    """For what scheduler and workers write. A target's Python has it in its home, where `down` finds what a driver that was killed has left."""
    home = os.path.dirname(sys.prefix)
    ours = os.path.exists(os.path.join(home, "state.json")) and os.access(home, os.W_OK)
    return tempfile.mkdtemp(prefix="assay-dask-", dir=home if ours else None)


def monotonic_from_wall_ns():
    """What the two clocks differ by. Another thread may run between two reads, so the closest of many counts."""
    def read():
        before, wall, after = now(), time.time_ns(), now()
        return after - before, (before + after) // 2 - wall
    return min(read() for _ in range(50))[1]


def is_of(prefix, key):
    """Whether it is a task of this run. Others of a shared cluster may have keys that are no texts: an array's are tuples."""
    return isinstance(key, str) and key.startswith(prefix)


def wall_ns():
    return time.time_ns()


def sleep_monotonic(nanoseconds):
    begun = time.monotonic_ns()
    time.sleep(nanoseconds / 1e9)
    return begun, time.monotonic_ns()


def sleep_wall(nanoseconds):
    begun = time.time_ns()
    time.sleep(nanoseconds / 1e9)
    return begun, time.time_ns()


class SchedulerStamps(distributed.SchedulerPlugin):
    """[key, created, scheduled, (started, finished), worker] of this run's tasks; Dask tells a plugin what happens, but not when."""

    def __init__(self, prefix, clock):
        self.name = prefix + "scheduler"
        self.prefix, self.clock = prefix, clock
        self.stamps = {}

    def transition(self, key, start, finish, *args, stimulus_id=None, **facts):
        if not is_of(self.prefix, key):
            return
        stamps = self.stamps.get(key)
        if stamps is None:
            stamps = self.stamps[key] = [self.clock(), None, None, None]
        if finish == "processing":
            stamps[1] = self.clock()
        elif finish == "memory":
            for one in facts.get("startstops") or ():
                if one["action"] == "compute":
                    stamps[2] = one["start"], one["stop"]
            stamps[3] = facts.get("worker")


class WorkerStamps(distributed.WorkerPlugin):
    """[queued, ready] of this run's tasks in one worker."""

    def __init__(self, prefix, clock):
        self.name = prefix + "worker"
        self.prefix, self.clock = prefix, clock
        self.stamps = {}

    def setup(self, worker):
        kind = type(worker)
        if not hasattr(kind, "assay_plugins"):
            no_delay = property(lambda _: 0.0, lambda _, delay: None)  # every heartbeat would set it
            worker.__class__ = type(kind.__name__, (kind,), {"scheduler_delay": no_delay, "assay_plugins": set()})
        worker.assay_plugins.add(self.name)

    def teardown(self, worker):
        worker.assay_plugins.discard(self.name)
        if not worker.assay_plugins:  # other drivers' runs may go on
            worker.__class__ = type(worker).__mro__[1]

    def transition(self, key, start, finish, **_):
        if not is_of(self.prefix, key):
            return
        stamps = self.stamps.setdefault(key, [None, None])
        if start == "released":
            stamps[0] = self.clock()
        if finish == "ready":
            stamps[1] = self.clock()


def scheduler_host(dask_scheduler=None):
    return host()


def scheduler_stamps(name, dask_scheduler=None):
    return dask_scheduler.plugins[name].stamps


def worker_stamps(name, dask_worker=None):
    return dask_worker.plugins[name].stamps


def remove_scheduler_stamps(name, dask_scheduler=None):
    dask_scheduler.remove_plugin(name=name)


class TellingClient(distributed.Client):
    """Tells of each end as the client learns of it. Its public way, a callback for each future, costs a coroutine and a thread's turn
    per task, which is more than a twentieth of what Dask itself takes."""

    on_done = staticmethod(lambda key: None)

    def _handle_key_in_memory(self, key=None, type=None, workers=None):  # noqa: A002 (Dask's name)
        super()._handle_key_in_memory(key=key, type=type, workers=workers)
        self.on_done(key)

    def _handle_task_erred(self, key=None, exception=None, traceback=None):
        super()._handle_task_erred(key=key, exception=exception, traceback=traceback)
        self.on_done(key)


class Dask(Driver):
    name = "dask"
    version = distributed.__version__
    begun = submitted = 0  # the first and the last call of submit

    def __init__(self):
        self.leaving = contextlib.ExitStack()  # what close() undoes, each whatever becomes of the others

    def prepare(self, options):
        unknown = set(options) - set(OPTIONS)
        if unknown:
            raise ValueError(f"no option is called {', '.join(sorted(unknown))}; there are {', '.join(OPTIONS)}")
        options = {**OPTIONS, **options}
        if options["agents"] < 1:
            raise ValueError("agents: at least 1")
        # Drivers of one run may share a cluster: each has tasks and plugins of its own.
        self.prefix = f"assay-{self.run_id}-{os.urandom(4).hex()}-"
        self.futures = {}  # by key
        self.over = set()  # keys of tasks whose end has been told
        if options["address"]:
            self.client = TellingClient(options["address"], timeout=PATIENCE_S)
        else:
            scratch = scratch_directory()
            self.leaving.callback(shutil.rmtree, scratch, ignore_errors=True)
            dask.config.set({"temporary-directory": scratch})
            cluster = distributed.LocalCluster(n_workers=options["workers"], threads_per_worker=options["threads"], processes=options["processes"],
                                               **LOOPBACK)
            self.leaving.callback(cluster.close)
            self.client = TellingClient(cluster)
        self.leaving.callback(self.client.close)
        self.client.wait_for_workers(1 if options["address"] else options["workers"], timeout=PATIENCE_S)
        threads = sum(self.client.nthreads().values())
        hosts = {self.client.run_on_scheduler(scheduler_host), *self.client.run(host).values()}
        self.here = hosts == {host()}
        self.sleep = sleep_monotonic if self.here else sleep_wall
        # Imports and connections are not what is measured.
        self.client.gather(self.client.map(self.sleep, [1_000_000] * threads * 4, pure=False))
        clock = time.monotonic_ns if self.here else time.time_ns
        # Dask's older versions have one method for each kind.
        register = getattr(self.client, "register_plugin", None)
        (register or self.client.register_scheduler_plugin)(SchedulerStamps(self.prefix, clock), name=self.prefix + "scheduler")
        if options["address"]:
            # The cluster stays, and what this run leaves in it goes. Older versions have nothing by which a client takes a scheduler's plugin back.
            self.leaving.callback(self.client.run_on_scheduler, remove_scheduler_stamps, self.prefix + "scheduler")
            self.leaving.callback(self.client.unregister_worker_plugin, self.prefix + "worker")
        (register or self.client.register_worker_plugin)(WorkerStamps(self.prefix, clock), name=self.prefix + "worker")
        self.client.on_done = self.done
        self.clock_error_ns = {} if self.here else self.clock_errors()
        if threads % options["agents"]:
            raise ValueError(f"the cluster's {threads} threads cannot be shared evenly by {options['agents']} agents")
        return threads // options["agents"]

    def clock_errors(self):
        """What the wall clocks of the workers, by address, and of the scheduler, by "", differ from this host's at most: the offset that
        is seen, and half the round trip that it takes to see it."""
        least = {}
        for _ in range(CLOCK_LOOKS):
            for ask in (lambda: {"": self.client.run_on_scheduler(wall_ns)}, lambda: self.client.run(wall_ns)):
                before, told, after = wall_ns(), ask(), wall_ns()
                for where, at in told.items():
                    least[where] = min(abs(at - (before + after) // 2) + (after - before) // 2, least.get(where, sys.maxsize))
        return least

    def submit(self, tasks):
        keys = [f"{self.prefix}{task.index}" for task in tasks]
        self.begun = self.begun or now()
        futures = self.client.map(self.sleep, [task.sleep_ns or 0 for task in tasks], key=keys, pure=False)
        self.futures.update(zip(keys, futures))
        self.submitted = now()
        for task in tasks:
            self.event(task.index, "accepted", at=self.submitted)

    def done(self, key):
        """On the client's own thread."""
        at = now()
        if not is_of(self.prefix, key) or key in self.over:
            return
        self.over.add(key)
        index = int(key[len(self.prefix):])
        state = self.client.futures[key]
        if state.status == "finished":
            self.event(index, "done", at=at)
            return
        self.event(index, "failed", at=at, state=state.status, error=repr(state.exception))
        self.event(index, "done", at=at)

    def cancel(self):
        left = [key for key in list(self.futures) if key not in self.over]
        self.client.cancel([self.futures[key] for key in left], force=True)
        for key in left:
            if key not in self.over:
                self.over.add(key)
                self.event(int(key[len(self.prefix):]), "cancelled", error="the run was cancelled")
                self.event(int(key[len(self.prefix):]), "done")

    def drain(self):
        if self.submitted:
            self.tell_span("submit", self.begun, self.submitted)
        finished = {key: future for key, future in self.futures.items() if future.status == "finished"}
        with self.span("gather"):
            bodies = self.client.gather(finished, errors="skip")
        shift_ns = monotonic_from_wall_ns() if self.here else 0
        of_workers = {}
        for stamps in self.client.run(worker_stamps, self.prefix + "worker").values():
            of_workers.update(stamps)
        for key, (created, scheduled, compute, worker) in self.client.run_on_scheduler(scheduler_stamps, self.prefix + "scheduler").items():
            self.tell_later(key, "created", created, task=key, scheduled=scheduled, worker=worker, error_ns=self.clock_error_ns.get(""), from_="scheduler")
            # Of a worker that came later nothing is known but that it is no better than the worst.
            error_ns = None if self.here else self.clock_error_ns.get(worker, max(self.clock_error_ns.values()))
            queued, ready = of_workers.get(key, (None, None))
            if queued or ready:
                self.tell_later(key, "queued", queued or ready, ready=ready, error_ns=error_ns, from_="worker")
            if compute:
                # In Unix time, also on this host.
                started, finished = (round(seconds * 1e9) + shift_ns for seconds in compute)
                self.tell_later(key, "finished", finished, started=started, body=bodies.get(key),
                                error_ns=STARTSTOPS_ERROR_NS + (error_ns or 0), from_="startstops")

    def tell_later(self, key, event, at, **fields):
        self.event(int(key[len(self.prefix):]), event, at=at, clock=None if self.here else "wall", **fields)

    def close(self):
        # A worker that is in the middle of a heartbeat complains when its scheduler goes.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self.futures = {}
        self.leaving.close()


if __name__ == "__main__":
    Dask().run()
