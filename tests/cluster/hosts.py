"""What the tests over several agents share."""
from world import World, wait_for

SLEEPS = """
name: sleeps
blocks: {blocks}
agents: {{select: {{role: load}}, count: {agents}}}
load: {{closed: {{concurrency: 16}}, triggers: {triggers}}}
trigger: {{sleep: {{for: {{uniform: [1ms, 10ms]}}}}}}
sample: {{every: 100ms, cooldown: 200ms, host: true}}
on_agent_loss: {on_loss}
"""


class Hosts(World):
    def scenario(self, triggers=4000, agents=2, blocks=1, on_loss="{repeat: 2}"):
        return self.write("s.yaml", SLEEPS.format(triggers=triggers, agents=agents, blocks=blocks, on_loss=on_loss))

    def wait_rows(self, sweep, more_than=0):
        """A run is in state running a while before T0: waits until rows of it have come."""
        wait_for(lambda: int(self.psql(f"select count(*) from assay.trigger where sweep_id = {sweep}")[0][0]) > more_than, "rows come in")

    def assert_each_once(self, sweep, planned):
        """All accepted runs hold every planned index exactly once, and no run holds one twice."""
        rows = self.psql(f"select r.run_id, count(*), count(distinct index), count(*) filter (where outcome = 'ok') from assay.run r join assay.trigger t using (run_id) "
                         f"where r.sweep_id = {sweep} and verdict = 'accepted' group by 1")
        self.assertTrue(rows)
        for run, count, distinct, ok in rows:
            self.assertEqual([int(count), int(distinct), int(ok)], [planned] * 3, f"run {run}")
        self.assertEqual(self.psql(f"select count(*) from (select 1 from assay.trigger where sweep_id = {sweep} group by run_id, index having count(*) > 1) x"), [["0"]])

    def flags(self, sweep):
        return {tuple(r) for r in self.psql(f"select code, severity from assay.flag where sweep_id = {sweep}")}
