"""A driver whose tasks are done as they come: two events each, as a real one has at least."""
from assay_driver import Driver, now


class Null(Driver):
    name = "null"

    def submit(self, tasks):
        for task in tasks:
            self.event(task.index, "accepted")
        for task in tasks:
            at = now()
            self.event(task.index, "done", started=at, finished=at)


Null().run()
