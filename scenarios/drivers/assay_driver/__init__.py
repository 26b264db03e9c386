"""A driver for Assay in 20 lines of Python: subclass Driver, say run().

    import concurrent.futures, time
    from assay_driver import Driver, now

    class Threads(Driver):
        name = "threads"

        def prepare(self, options):                      # connect, start workers, warm up
            threads = options.get("threads", 16)
            self.pool = concurrent.futures.ThreadPoolExecutor(threads)
            return threads                               # capacity: tasks that it can run at once

        def submit(self, tasks):                         # give them to the target and come back
            for task in tasks:
                self.pool.submit(self.work, task)
                self.event(task.index, "accepted")

        def work(self, task):
            begun = now()
            time.sleep(task.sleep_ns / 1e9)
            self.event(task.index, "done", started=begun, finished=now())

    Threads().run()

docs/driver.md has the protocol that this speaks. Only the standard library is used. Whatever is printed goes to stderr,
which the agent keeps for its messages: stdout belongs to the protocol.
"""
import contextlib
import json
import os
import queue
import sys
import threading
import time
import traceback

__all__ = ["Driver", "Task", "now", "monotonic_ns_of"]

PROTOCOL = 1
INSTANTS = ("accepted", "created", "scheduled", "queued", "ready", "started", "finished")
MOST_LINE_BYTES = 256 * 1024  # of a line of events, roughly; the agent refuses lines of more than 1 MiB
MOST_TEXT = 2000              # characters of an error
PATIENCE_S = 2                # for close() when the agent is gone

now = time.monotonic_ns  # the clock of all instants


def monotonic_ns_of(wall_s):
    """The instant of the clock `now` for one in Unix time, in seconds (float) as time.time() gives it."""
    return round(wall_s * 1e9) - time.time_ns() + time.monotonic_ns()


class Task:
    """What Assay wants done."""

    __slots__ = ("index", "sleep_ns", "json")

    def __init__(self, index, sleep_ns=None, json=None):  # noqa: A002 (named as the scenario's key)
        self.index = index        # by which all events about it are told
        self.sleep_ns = sleep_ns  # its nominal length; None: the scenario gives none
        self.json = json          # the scenario's task.json; None: it gives none


class Driver:
    """Override name, version, prepare and submit; and cancel, drain, close where there is something to do.

    `prepare`, `submit`, `drain` and `close` are called one after another on the main thread, `cancel` on another one.
    `event`, `span`, `tell_span` and `fail` may be called from any thread.
    """

    name = "driver"
    version = ""  # of the target; may be set by prepare

    run_id = 0    # from prepare on: the run, its target, and its number of tasks (0: a duration bounds it)
    target = ""
    tasks = 0

    # -- to override

    def prepare(self, options):
        """Makes the target ready, outside of what is measured. Returns its capacity (tasks at once); None: not known."""

    def submit(self, tasks):
        """Gives these Tasks to the target, in this order, and returns without waiting for them.

        Each must get a `done` event later. An exception here ends the driver, and with it what is in flight.
        """
        raise NotImplementedError("a driver needs submit(tasks)")

    def cancel(self):
        """Ends what is in flight, soon: its events still count. Called on a thread of its own."""

    def drain(self):
        """Called when every task is over, or none will come: tell what is still to be told (spans, late events)."""

    def close(self):
        """Stops what prepare started."""

    # -- to call

    def event(self, index, event, at=None, **fields):
        """Tells what became of task `index`: accepted, created, scheduled, queued, ready, started, finished, failed,
        cancelled, or done, which ends Assay's trigger.

        `at`: now() unless told. Further instants by their names (started=..., finished=...), so that one event says
        all. Other fields: task (the target's name for it), worker, name, attempt, cached, state, error, ok,
        body=(begun, ended), error_ns, from_ (where the instants come from), clock="wall" (they are Unix nanoseconds).
        """
        if at is None:
            at = time.time_ns() if fields.get("clock") == "wall" else time.monotonic_ns()
        if not fields:
            self._out.put('{"index":%d,"event":"%s","at":%d}' % (index, event, at))
            return
        told = {"index": index, "event": event, "at": at}
        instants = {}
        for key, value in fields.items():
            if value is None:
                continue
            if key in INSTANTS:
                instants[key] = value
            elif key == "error":
                told[key] = str(value)[:MOST_TEXT]
            else:
                told["from" if key == "from_" else key] = value
        if instants:
            told["instants"] = instants
        self._out.put(json.dumps(told, separators=(",", ":")))

    @contextlib.contextmanager
    def span(self, name):
        """A phase of the client that is no task: `with self.span("gather"): ...`"""
        begun = now()
        try:
            yield
        finally:
            self.tell_span(name, begun, now())

    def tell_span(self, name, begun, ended):
        """The same with instants that are known already."""
        self._out.put({"type": "span", "name": name, "begun": begun, "ended": ended})

    def fail(self, error):
        """Tells that the target is gone for good: what is in flight fails with these words, and the driver is ended."""
        self._out.put({"type": "failed", "error": str(error)[:MOST_TEXT]})

    def run(self):
        """Speaks with the agent until it says bye, then ends the process: 0, or 1 if something failed."""
        code = 1
        try:
            code = self._serve()
        except BaseException:  # noqa: B902 (whatever it is, the agent has to see it)
            traceback.print_exc()
        self._out.put(None)
        self._writer.join()
        sys.stderr.flush()
        # Threads of the target's client may never end.
        os._exit(code)

    # -- the protocol

    def __new__(cls, *args, **kwargs):
        # Here, so that a subclass may have an __init__ of its own and need not call ours.
        self = super().__new__(cls)
        self._out = queue.SimpleQueue()  # events as text, other lines as dicts, None: the end
        self._in = queue.SimpleQueue()
        self._writer = None
        return self

    def _serve(self):
        # A library that prints must not get between the lines.
        stdout = os.dup(1)
        os.dup2(2, 1)
        self._writer = threading.Thread(target=self._write, args=(stdout,), name="assay-stdout", daemon=True)
        self._writer.start()
        threading.Thread(target=self._read, name="assay-stdin", daemon=True).start()
        while True:
            line = self._in.get()
            kind = line["type"]
            if kind == "hello":
                if line["protocol"] != PROTOCOL:
                    return self._failed("this driver speaks protocol %d, the agent %s" % (PROTOCOL, line["protocol"]))
                self._out.put({"type": "hello", "protocol": PROTOCOL, "name": self.name, "version": self.version})
            elif kind == "prepare":
                self.run_id, self.target, self.tasks = line["run"], line["target"], line["tasks"]
                try:
                    capacity = self.prepare(line["options"])
                except Exception as error:  # noqa: B902 (the agent is told, whatever it is)
                    traceback.print_exc()
                    return self._failed("prepare: %s: %s" % (type(error).__name__, error))
                self._out.put({"type": "ready", "capacity": capacity or 0, "version": self.version})
            elif kind == "tasks":
                self.submit([Task(task["index"], task.get("sleep_ns"), task.get("task")) for task in line["tasks"]])
            elif kind == "drain":
                try:
                    self.drain()
                except Exception as error:  # noqa: B902
                    traceback.print_exc()
                    return self._failed("drain: %s: %s" % (type(error).__name__, error))
                self._out.put({"type": "drained"})
            elif kind == "bye":
                self.close()
                return 0

    def _failed(self, error):
        self.fail(error)
        try:
            self.close()
        except Exception:  # noqa: B902 (it was not ready; the first error is the one to tell)
            traceback.print_exc()
        return 1

    def _read(self):
        # Not sys.stdin.buffer: a read-ahead there could hold a line back.
        with open(0, "rb", closefd=False) as lines:
            for text in lines:
                line = json.loads(text)
                if line["type"] == "cancel":
                    threading.Thread(target=self.cancel, name="assay-cancel", daemon=True).start()
                    continue
                self._in.put(line)
                if line["type"] == "bye":
                    return  # the agent says how long close() may take
        self._in.put({"type": "bye"})
        time.sleep(PATIENCE_S)
        os._exit(1)

    def _write(self, stdout):
        """While a line is being written, further events gather for the next one: no waiting, and no line each."""
        out, events, size = self._out, [], 0

        def flush():
            nonlocal events, size
            if events:
                send('{"type":"events","events":[%s]}\n' % ",".join(events))
                events, size = [], 0

        def send(text):
            data = memoryview(text.encode())
            while data:
                data = data[os.write(stdout, data):]

        try:
            while True:
                told = [out.get()]
                told += [out.get() for _ in range(out.qsize())]
                for line in told:
                    if type(line) is str:
                        events.append(line)
                        size += len(line)
                        if size >= MOST_LINE_BYTES:
                            flush()
                        continue
                    flush()
                    if line is None:
                        return
                    send(json.dumps(line, separators=(",", ":")) + "\n")
                flush()
        except BrokenPipeError:
            os._exit(1)  # the agent is gone
