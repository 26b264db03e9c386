#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "coordinator/scenario/scenario_loader.h"
#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Scenario, EveryCoreKeyArrives) {
  const Plan plan = MustLoad(R"yaml(
name: all
about: every key
seed: 7
blocks: 5
grid:
  tasks: [1000]
  sleep: [{uniform: [1ms, 10ms]}]
cells: {limit: 10}
agents: {select: {role: load, zone: "1"}, count: 2}
load: {closed: {concurrency: 16}, triggers: $(tasks), duration: 60s}
trigger: {sleep: {for: $(sleep)}, timeout: 30s}
hooks:
  before_sweep: {argv: [./prepare, "$(agent)"], where: {role: target}, timeout: 5s}
  after_sweep: {argv: [./done], where: coordinator}
  before_run: {argv: [./reset, "$(run)", "$(tasks)"], env: {A: "$(block)"}, cwd: /tmp, where: coordinator}
  after_run: {argv: [./tidy, "$(run)"], where: coordinator}
sample: {every: 250ms, cooldown: 2s, host: false, run: true, where: {role: target}, cgroups: ["/system.slice/*", "@postgres"],
  containers: [web, "db-*", 4], compose: [shop, shop/db], labels: {com.example.role: db}, units: ["user@*.service"], pods: [prod/api-*], socket: /run/podman.sock}
on_agent_loss: {repeat: 3}
limits: {failures: 1%, slip_p99: 5ms, start_skew: 20ms}
)yaml");
  EXPECT_EQ(plan.spec.name(), "all");
  EXPECT_EQ(plan.spec.about(), "every key");
  EXPECT_EQ(plan.spec.seed(), 7);
  EXPECT_EQ(plan.spec.blocks(), 5);
  EXPECT_EQ(plan.spec.agents_min(), 2);
  EXPECT_EQ(plan.spec.agents().labels().at("zone"), "1");
  EXPECT_EQ(plan.spec.before_sweep().where().labels().at("role"), "target");
  EXPECT_FALSE(plan.spec.before_sweep().on_coordinator());
  EXPECT_EQ(plan.spec.before_sweep().timeout_ns(), 5'000'000'000);
  EXPECT_THAT(plan.spec.before_sweep().argv(), ElementsAre("./prepare", "$(agent)"));
  EXPECT_TRUE(plan.spec.after_sweep().on_coordinator());
  EXPECT_EQ(plan.spec.after_sweep().timeout_ns(), 60'000'000'000);
  EXPECT_EQ(plan.spec.on_agent_loss(), v1::SweepSpec::REPEAT);
  EXPECT_EQ(plan.spec.repeat_limit(), 3);
  EXPECT_DOUBLE_EQ(plan.spec.limits().failures_fraction(), 0.01);
  EXPECT_EQ(plan.spec.limits().slip_p99_ns(), 5'000'000);
  EXPECT_EQ(plan.spec.limits().start_skew_ns(), 20'000'000);
  ASSERT_EQ(plan.cells.size(), 1);
  const v1::CellSpec& cell = plan.cells[0].spec;
  EXPECT_EQ(plan.cells[0].label, "tasks=1000 sleep=1ms..10ms");
  EXPECT_EQ(plan.cells[0].params_json, R"({"tasks": 1000, "sleep": {"uniform": ["1ms", "10ms"]}})");
  EXPECT_EQ(cell.target(), "all");
  EXPECT_EQ(cell.load().closed().concurrency(), 16);
  EXPECT_EQ(cell.load().triggers(), 1000);
  EXPECT_EQ(cell.load().duration_ns(), 60'000'000'000);
  EXPECT_EQ(cell.trigger().timeout_ns(), 30'000'000'000);
  EXPECT_EQ(cell.trigger().sleep().length().uniform().min_ns(), 1'000'000);
  EXPECT_EQ(cell.trigger().sleep().length().uniform().max_ns(), 10'000'000);
  EXPECT_THAT(cell.before_run().argv(), ElementsAre("./reset", "$(run)", "1000"));
  EXPECT_EQ(cell.before_run().env().at("A"), "$(block)");
  EXPECT_EQ(cell.before_run().cwd(), "/tmp");
  EXPECT_TRUE(cell.after_run().on_coordinator());
  EXPECT_EQ(cell.sampling().every_ns(), 250'000'000);
  EXPECT_EQ(cell.sampling().cooldown_ns(), 2'000'000'000);
  EXPECT_TRUE(cell.sampling().run());
  EXPECT_FALSE(cell.sampling().host());
  EXPECT_EQ(cell.sampling().where().labels().at("role"), "target");
  EXPECT_THAT(cell.sampling().cgroups(), ElementsAre("/system.slice/*", "@postgres"));
  EXPECT_THAT(cell.sampling().containers(), ElementsAre("web", "db-*", "4"));
  EXPECT_THAT(cell.sampling().compose(), ElementsAre("shop", "shop/db"));
  EXPECT_EQ(cell.sampling().labels().at("com.example.role"), "db");
  EXPECT_THAT(cell.sampling().units(), ElementsAre("user@*.service"));
  EXPECT_THAT(cell.sampling().pods(), ElementsAre("prod/api-*"));
  EXPECT_EQ(cell.sampling().socket(), "/run/podman.sock");
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("sample.run is set, but no trigger is an exec")));
}

TEST(Scenario, DefaultsAreThoseOfTheReference) {
  const Plan plan = MustLoad(kBase + "sample: {}\n");
  EXPECT_EQ(plan.spec.seed(), 1);
  EXPECT_EQ(plan.spec.blocks(), 1);
  EXPECT_EQ(plan.spec.agents_min(), 1);
  EXPECT_EQ(plan.spec.on_agent_loss(), v1::SweepSpec::REPEAT);
  EXPECT_EQ(plan.spec.repeat_limit(), 2);
  EXPECT_LT(plan.spec.limits().failures_fraction(), 0);
  EXPECT_LT(plan.spec.limits().slip_p99_ns(), 0);
  EXPECT_LT(plan.spec.limits().start_skew_ns(), 0);
  ASSERT_EQ(plan.cells.size(), 1);
  EXPECT_EQ(plan.cells[0].label, "t");
  EXPECT_EQ(plan.cells[0].params_json, "{}");
  EXPECT_EQ(plan.cells[0].spec.sampling().every_ns(), 1'000'000'000);
  EXPECT_EQ(plan.cells[0].spec.sampling().cooldown_ns(), 5'000'000'000);
  EXPECT_FALSE(plan.cells[0].spec.sampling().run());
  EXPECT_TRUE(plan.cells[0].spec.sampling().host());
  EXPECT_FALSE(plan.cells[0].spec.sampling().has_where());
  EXPECT_FALSE(MustLoad(kBase).cells[0].spec.has_sampling());
}

TEST(Scenario, AgentLossPolicies) {
  EXPECT_EQ(MustLoad(kBase + "on_agent_loss: fail\n").spec.on_agent_loss(), v1::SweepSpec::FAIL);
  EXPECT_EQ(MustLoad(kBase + "on_agent_loss: accept\n").spec.on_agent_loss(), v1::SweepSpec::ACCEPT);
  EXPECT_EQ(MustLoad(kBase + "on_agent_loss: {repeat: 0}\n").spec.repeat_limit(), 0);
}

TEST(Scenario, SleepLengths) {
  const auto length = [](const std::string& text) {
    return MustLoad("name: t\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {sleep: {for: " + text + "}}\n")
        .cells.at(0)
        .spec.trigger()
        .sleep()
        .length();
  };
  EXPECT_EQ(length("250us").fixed_ns(), 250'000);
  EXPECT_EQ(length("0").fixed_ns(), 0);
  EXPECT_EQ(length("{exponential: 5ms}").exponential_mean_ns(), 5'000'000);
  EXPECT_THAT(length("{list: [1ms, 2ms, 0]}").list().ns(), ElementsAre(1'000'000, 2'000'000, 0));
  EXPECT_EQ(length("{uniform: [5ms, 5ms]}").uniform().max_ns(), 5'000'000);
}

TEST(Scenario, DriversArriveWithWhatTheirProgramGets) {
  const Plan plan = MustLoad(R"yaml(
name: t
grid: {threads: [16]}
load: {closed: {concurrency: 4}, triggers: 10}
trigger:
  driver:
    argv: [python3, ./drivers/dask.py, "$(agent)"]
    env: {RUN: "$(run)"}
    cwd: /srv
    options: {threads: $(threads), address: "tcp://$(target)", deep: {on: true}}
    sleep: {uniform: [1ms, 10ms]}
    task: {json: {n: $(index), "of": [1]}}
    batch: 50
    prepare_timeout: 2m
  timeout: 30s
)yaml");
  const v1::DriverTrigger& driver = plan.cells.at(0).spec.trigger().driver();
  EXPECT_THAT(driver.argv(), ElementsAre("python3", "./drivers/dask.py", "$(agent)"));
  EXPECT_EQ(driver.env().at("RUN"), "$(run)");
  EXPECT_EQ(driver.cwd(), "/srv");
  EXPECT_EQ(driver.options(), R"({"threads": 16, "address": "tcp://t", "deep": {"on": true}})");
  EXPECT_EQ(driver.sleep().uniform().max_ns(), 10'000'000);
  EXPECT_EQ(driver.task(), R"({"n": $(index), "of": [1]})");
  EXPECT_EQ(driver.batch(), 50);
  EXPECT_EQ(driver.prepare_timeout_ns(), 120'000'000'000);
  EXPECT_EQ(plan.cells.at(0).spec.trigger().timeout_ns(), 30'000'000'000);

  const v1::Trigger least = MustLoad(R"yaml(
name: t
load: {closed: {concurrency: 4}, triggers: 10}
trigger: {driver: {argv: [x]}}
)yaml")
                                .cells.at(0)
                                .spec.trigger();
  EXPECT_EQ(least.driver().batch(), 500);
  EXPECT_EQ(least.driver().prepare_timeout_ns(), 60'000'000'000);
  EXPECT_FALSE(least.driver().has_sleep());
  EXPECT_EQ(least.driver().options(), "");
  EXPECT_EQ(least.driver().task(), "");
}

TEST(Scenario, HooksOnContainers) {
  const Plan plan = MustLoad(kBase + R"yaml(
hooks:
  before_sweep: {container: {stop: box, socket: /run/podman.sock}, where: {role: target}}
  before_run: {compose: {restart: "stack-$(target)", wait: healthy}, timeout: 5m}
  after_run: {container: {start: "$(agent)-$(run)", wait: running}}
)yaml");
  const v1::ContainerAction& stop = plan.spec.before_sweep().containers();
  EXPECT_EQ(stop.action(), v1::ContainerAction::STOP);
  EXPECT_EQ(stop.container(), "box");
  EXPECT_EQ(stop.socket(), "/run/podman.sock");
  EXPECT_EQ(stop.wait(), v1::ContainerAction::NONE);
  EXPECT_EQ(plan.spec.before_sweep().where().labels().at("role"), "target");
  const v1::Hook& before = plan.cells.at(0).spec.before_run();
  EXPECT_EQ(before.containers().action(), v1::ContainerAction::RESTART);
  EXPECT_EQ(before.containers().compose_project(), "stack-t");
  EXPECT_EQ(before.containers().container(), "");
  EXPECT_EQ(before.containers().socket(), "/var/run/docker.sock");
  EXPECT_EQ(before.containers().wait(), v1::ContainerAction::HEALTHY);
  EXPECT_EQ(before.timeout_ns(), 300'000'000'000);
  EXPECT_EQ(plan.cells.at(0).spec.after_run().containers().container(), "$(agent)-$(run)");
  EXPECT_EQ(plan.cells.at(0).spec.after_run().containers().wait(), v1::ContainerAction::RUNNING);
}

}  // namespace
}  // namespace assay
