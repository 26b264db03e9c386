#!/usr/bin/env python3
"""Assay's driver for Prefect 3: all tasks of a run are submitted within one flow run, which is begun before T0.

Options (the scenario's `driver.options`):
  runner    threads: Prefect's ThreadPoolTaskRunner; dask: its DaskTaskRunner, on a cluster in this process; flows: every task is an async
            sub-flow, flows_in_turn: a sync one, which is over before the next begins (default threads)
  threads   that the runner has; for flows: how many run at once (default 16)
  cached    true: Prefect's default cache policy with persisted results, so that equal inputs are not run again (default false)

Environment: PREFECT_API_URL of the server, PREFECT_HOME of this client. A task's name is the id of its task run (of its flow run,
for sub-flows), by which scenarios/targets/prefect/tasks.sql finds its records. `finished` is the instant of its last state, as the
client stamped it; body is what the task itself saw.
"""
import asyncio
import os
import queue
import shutil
import sys
import tempfile
import threading
import time

# This file is called like Prefect's own package: that one must be found first.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != HERE] + [HERE]
for name, value in {"PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false", "DO_NOT_TRACK": "1",
                    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "warning"}.items():
    os.environ.setdefault(name, value)

try:
    import prefect
except ImportError:
    sys.exit("prefect.py: this Python has no `prefect`; `assay target up prefect` makes one that has it, for $(secret:PREFECT_PYTHON)")
from assay_driver import Driver, now  # noqa: E402
from prefect.cache_policies import DEFAULT, NO_CACHE  # noqa: E402
from prefect.events.worker import EventsWorker  # noqa: E402
from prefect.futures import wait  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402

OPTIONS = {"runner": "threads", "threads": 16, "cached": False}
RUNNERS = ("threads", "dask", "flows", "flows_in_turn")
BEGIN_PATIENCE_S = 120
WALL_ERROR_NS = 1_000_000  # the wall clock is steered between the instant and its being told


def slept(sleep_ns):
    """What every task does: when it began and ended, in Unix time, for it may run elsewhere."""
    begun = time.time_ns()
    time.sleep(sleep_ns / 1e9)
    return begun, time.time_ns()


class Prefect(Driver):
    name = "prefect"
    version = prefect.__version__
    scratch = None

    def prepare(self, options):
        unknown = set(options) - set(OPTIONS)
        if unknown:
            raise ValueError(f"no option is called {', '.join(sorted(unknown))}; there are {', '.join(OPTIONS)}")
        options = {**OPTIONS, **options}
        if options["runner"] not in RUNNERS:
            raise ValueError(f"runner: '{options['runner']}' is none; there are {', '.join(RUNNERS)}")
        if "PREFECT_API_URL" not in os.environ:
            raise ValueError("no PREFECT_API_URL in the environment: set it in the scenario's driver.env, to $(secret:PREFECT_API_URL)")
        self.threads = 1 if options["runner"] == "flows_in_turn" else options["threads"]
        self.given = queue.SimpleQueue()  # lists of Tasks; None: there are no more
        self.cancelled = False
        self.futures = []
        self.begun = threading.Event()
        self.failure = None
        cache = {"cache_policy": DEFAULT, "persist_result": True} if options["cached"] else {"cache_policy": NO_CACHE, "persist_result": False}
        self.work = prefect.task(slept, name="slept", **cache)
        loads = {"flows": self.sub_flows, "flows_in_turn": self.sub_flows_in_turn}
        load = loads.get(options["runner"], lambda: self.task_flow(options["runner"]))()
        self.flow = threading.Thread(target=self.run_flow, args=(load,), name="flow", daemon=True)
        self.flow.start()
        if not self.begun.wait(BEGIN_PATIENCE_S):
            raise TimeoutError(f"no flow run has begun after {BEGIN_PATIENCE_S} s; is {os.environ['PREFECT_API_URL']} Prefect's server?")
        if self.failure:
            raise self.failure
        return self.threads

    def run_flow(self, load):
        try:
            load()
        except Exception as error:  # whatever it is, prepare or the agent has to hear of it
            self.failure = error
            print(f"the flow run failed: {error!r}", file=sys.stderr)
            if self.begun.is_set():
                self.fail(f"the flow run failed: {error!r}")  # nobody would end what it was given
        self.begun.set()

    def __reduce__(self):
        # DaskTaskRunner sends the flow's function along with every task, and with it what that function refers to.
        return object, ()

    def runner(self, kind):
        if kind == "threads":
            return ThreadPoolTaskRunner(max_workers=self.threads)
        from prefect_dask import DaskTaskRunner
        import dask
        dask.config.set({"temporary-directory": self.make_scratch()})
        # Without a dashboard too each serves its state by HTTP, on every interface if it is not told better.
        return DaskTaskRunner(cluster_kwargs={"n_workers": 1, "threads_per_worker": self.threads, "processes": False, "dashboard_address": None,
                                              "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}, "worker_dashboard_address": "127.0.0.1:0"})

    def make_scratch(self):
        """A directory for Dask's scheduler and worker, gone at the end. In the home of this client, `down` finds it even if this is killed."""
        home = os.environ.get("PREFECT_HOME")
        if home:
            os.makedirs(home, exist_ok=True)
        self.scratch = tempfile.mkdtemp(prefix="assay-dask-", dir=home)
        return self.scratch

    def task_flow(self, kind):
        @prefect.flow(name=f"assay-{self.target}", task_runner=self.runner(kind))
        def load():
            # Connections, and what is imported late, are not what is measured. These have no trigger, so nobody asks for their records.
            wait([self.work.with_options(cache_policy=NO_CACHE, persist_result=False).submit(0) for _ in range(self.threads)])
            self.begun.set()
            futures = self.futures
            while (tasks := self.given.get()) is not None:
                for task in tasks:
                    if self.cancelled:
                        self.drop(task.index)
                        continue
                    future = self.work.submit(task.sleep_ns or 0)
                    self.event(task.index, "accepted", task=str(future.task_run_id))
                    future.add_done_callback(lambda done, index=task.index: self.task_done(index, done))
                    futures.append(future)
            wait([future for future in futures if not future.wrapped_future.cancelled()])

        return load

    def sub_flows(self):
        @prefect.flow(name="slept")
        async def child(sleep_ns):
            begun = time.time_ns()
            await asyncio.sleep(sleep_ns / 1e9)
            return str(prefect.runtime.flow_run.id), (begun, time.time_ns())

        @prefect.flow(name=f"assay-{self.target}")
        async def parent():
            await child(0)
            free = asyncio.Semaphore(self.threads)

            async def one(task):
                async with free:
                    if self.cancelled:
                        return self.drop(task.index)
                    state = await child(task.sleep_ns or 0, return_state=True)
                    flow_run, body = await state.aresult() if state.is_completed() else (None, None)
                    return self.done(task.index, now(), state, body, flow_run)

            self.begun.set()
            running = []
            while (tasks := await asyncio.to_thread(self.given.get)) is not None:
                running += [asyncio.create_task(one(task)) for task in tasks]
            await asyncio.gather(*running)

        return lambda: asyncio.run(parent())

    def sub_flows_in_turn(self):
        @prefect.flow(name="slept")
        def child(sleep_ns):
            return str(prefect.runtime.flow_run.id), slept(sleep_ns)

        @prefect.flow(name=f"assay-{self.target}")
        def parent():
            child(0)
            self.begun.set()
            while (tasks := self.given.get()) is not None:
                for task in tasks:
                    if self.cancelled:
                        self.drop(task.index)
                        continue
                    state = child(task.sleep_ns or 0, return_state=True)
                    flow_run, body = state.result() if state.is_completed() else (None, None)
                    self.done(task.index, now(), state, body, flow_run)

        return parent

    def submit(self, tasks):
        if not self.flow.is_alive():
            raise RuntimeError(f"the flow run is over: {self.failure!r}")
        self.given.put(tasks)

    def task_done(self, index, future):
        at = now()
        if future.wrapped_future.cancelled():
            self.drop(index)
            return
        future.wait()  # it has ended; without this its state would be asked for from the server
        self.done(index, at, future.state, future.result() if future.state.is_completed() else None)

    def done(self, index, at, state, body, task=None):
        facts = {"state": state.name, "clock": "wall", "at": round(state.timestamp.timestamp() * 1e9), "from_": "client",
                 "error_ns": WALL_ERROR_NS, "cached": True if state.name == "Cached" else None, "task": task}
        if state.is_completed():
            self.event(index, "finished", body=body, **facts)
        else:
            self.event(index, "cancelled" if state.is_cancelled() else "failed", error=state.message or state.name, **facts)
        self.event(index, "done", at=at)

    def drop(self, index):
        self.event(index, "cancelled", error="the run was cancelled")
        self.event(index, "done")

    def cancel(self):
        self.cancelled = True
        # What has begun goes on to its end.
        for future in list(self.futures):
            future.wrapped_future.cancel()

    def drain(self):
        self.given.put(None)
        with self.span("flow_end"):
            self.flow.join()
        # A process of Prefect's own sends what is left of its events before it exits. Task runs become records by them alone: without
        # this, records would be missing that the target never had a chance to write.
        with self.span("event_flush"):
            EventsWorker.drain_all()

    def close(self):
        if hasattr(self, "given"):
            self.given.put(None)
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)


if __name__ == "__main__":
    Prefect().run()
