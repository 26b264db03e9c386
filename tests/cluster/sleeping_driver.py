"""A driver whose target is threads that sleep."""
import time
from concurrent.futures import ThreadPoolExecutor

from assay_driver import Driver, now


class Sleeping(Driver):
    name = "sleeping"
    version = "1"

    def prepare(self, options):
        self.pool = ThreadPoolExecutor(options.get("threads", 16))
        return options.get("threads", 16)

    def submit(self, tasks):
        for task in tasks:
            self.event(task.index, "accepted", task="sleep-%d" % task.index)
            self.pool.submit(self.work, task)

    def work(self, task):
        begun = now()
        time.sleep(task.sleep_ns / 1e9)
        self.event(task.index, "finished", started=begun, worker="threads", state="slept")
        self.event(task.index, "done")

    def drain(self):
        with self.span("gather"):
            self.pool.shutdown()


Sleeping().run()
