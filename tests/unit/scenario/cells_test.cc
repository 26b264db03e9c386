#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "coordinator/scenario/plan_text.h"
#include "coordinator/scenario/scenario_loader.h"
#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Scenario, ProductOfAxesAndZip) {
  const Plan plan = MustLoad(kBase + R"yaml(
grid:
  a: [1, 2]
  zip:
    workers: [1, 4]
    pool: [8, 32]
  b: [x, "y z"]
sample: {cgroups: ["/$(a)/$(workers)/$(pool)/$(b)"]}
)yaml");
  EXPECT_THAT(Labels(plan),
              ElementsAre("a=1 workers=1 pool=8 b=x", "a=1 workers=1 pool=8 b=y z", "a=1 workers=4 pool=32 b=x",
                          "a=1 workers=4 pool=32 b=y z", "a=2 workers=1 pool=8 b=x", "a=2 workers=1 pool=8 b=y z",
                          "a=2 workers=4 pool=32 b=x", "a=2 workers=4 pool=32 b=y z"));
  EXPECT_THAT(plan.cells[3].spec.sampling().cgroups(), ElementsAre("/1/4/32/y z"));
  for (uint32_t i = 0; i < plan.cells.size(); ++i) EXPECT_EQ(plan.cells[i].position, i);
}

TEST(Scenario, SlotsAreTheTargetsElseTheScenariosAndNoneOfSleeps) {
  const Plan plan = MustLoad(R"yaml(
name: t
load: {closed: {concurrency: 1}, triggers: 1}
trigger: {exec: {argv: [x]}, timeout: 1s}
grid: {workers: [2, 3]}
slots: 16
targets:
  all: {load: {closed: {concurrency: $(workers)}}}
  own: {slots: $(workers)}
  floor: {trigger: {sleep: {for: 1ms}}}
)yaml");
  std::vector<uint32_t> slots;
  for (const PlannedCell& cell : plan.cells) slots.push_back(cell.spec.slots());
  EXPECT_THAT(slots, ElementsAre(16, 16, 2, 3, 0, 0));
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("nothing tells of the tasks of target=all")));
  EXPECT_THAT(DescribePlanJson(plan, 1), HasSubstr("\"slots\": 16"));
  EXPECT_EQ(MustLoad(kProcess + "trigger: {exec: {argv: [x]}}\n").cells[0].spec.slots(), 0U);
  EXPECT_THAT(MustLoad(kBase + "slots: 16\n").warnings,
              ElementsAre(HasSubstr("slots is set, but every trigger is a sleep")));
  EXPECT_THAT(Refusal(kBase + "slots: 0\n"), HasSubstr("slots is out of range: 0"));
}

TEST(Scenario, TargetsHaveHooksOfTheirOwn) {
  const Plan plan = MustLoad(kBase + R"yaml(
targets:
  dask:
    setup: {argv: [up, $(target), $(agent)], where: {role: target}}
    teardown: {argv: [down], timeout: 5s, where: coordinator}
  plain:
  down: {teardown: {container: {stop: db}, where: {role: db}}}
)yaml");
  ASSERT_EQ(plan.spec.targets_size(), 2);
  const v1::TargetHooks& dask = plan.spec.targets(0);
  EXPECT_EQ(dask.target(), "dask");
  EXPECT_THAT(dask.setup().argv(), ElementsAre("up", "dask", "$(agent)"));
  EXPECT_EQ(dask.setup().where().labels().at("role"), "target");
  EXPECT_EQ(dask.setup().timeout_ns(), 600'000'000'000);
  EXPECT_EQ(dask.teardown().timeout_ns(), 5'000'000'000);
  EXPECT_TRUE(dask.teardown().on_coordinator());
  EXPECT_EQ(plan.spec.targets(1).target(), "down");
  EXPECT_FALSE(plan.spec.targets(1).has_setup());
  EXPECT_TRUE(plan.spec.targets(1).teardown().has_containers());
}

TEST(Scenario, TheKeyOfACellDoesNotDependOnItsPlace) {
  const std::string text = kBase + "sample: {cgroups: [\"/$(a)$(b)\"]}\n";
  const auto keys = [](const Plan& plan) {
    std::set<std::string> found;
    for (const PlannedCell& cell : plan.cells) found.insert(std::to_string(cell.spec.key()));
    return found;
  };
  const Plan small = MustLoad(text + "grid: {a: [1, 2], b: [3]}\n");
  const Plan turned = MustLoad(text + "grid: {b: [3], a: [2, 1]}\n");
  const Plan larger = MustLoad(text + "grid: {a: [9, 1, 2], b: [3, 4]}\n");
  EXPECT_EQ(keys(small), keys(turned));
  EXPECT_EQ(keys(larger).size(), 6);
  for (const std::string& key : keys(small)) EXPECT_TRUE(keys(larger).contains(key));
}

TEST(Scenario, ReferencesKeepTheirTypeAsAWholeAndAreTextInside) {
  const Plan plan = MustLoad(R"yaml(
name: t
grid:
  load: [{closed: {concurrency: 3}, triggers: 7}]
  command: [[tool, -v, "100%"]]
  n: [12]
  word: ["007"]
load: $(load)
trigger:
  exec:
    argv: $(command)
    env: {N: "$(n)", S: "n=$(n) w=$(word)", T: "$(target)/$(index)"}
  timeout: $(n)s
)yaml");
  ASSERT_EQ(plan.cells.size(), 1);
  const v1::CellSpec& cell = plan.cells[0].spec;
  EXPECT_EQ(cell.load().triggers(), 7);
  EXPECT_EQ(cell.load().closed().concurrency(), 3);
  EXPECT_THAT(cell.trigger().exec().argv(), ElementsAre("tool", "-v", "100%"));
  EXPECT_EQ(cell.trigger().timeout_ns(), 12'000'000'000);
  EXPECT_EQ(cell.trigger().exec().env().at("N"), "12");
  EXPECT_EQ(cell.trigger().exec().env().at("S"), "n=12 w=007");
  EXPECT_EQ(cell.trigger().exec().env().at("T"), "t/$(index)");
  EXPECT_THAT(plan.cells[0].params_json, HasSubstr(R"("n": 12, "word": "007")"));
}

TEST(Scenario, GridValuesAreLiteralAndEscapesStayForTheAgent) {
  const Plan plan = MustLoad(R"yaml(
name: t
about: a literal $$(x)
grid: {v: ["a$(index)b"]}
load: {closed: {concurrency: 1}, triggers: 1}
trigger: {exec: {argv: [echo, "$(v)", "<$(v)>", "$$(date)", "$(index)"]}, timeout: 1s}
sample: {cgroups: ["/$$(x)"]}
)yaml");
  EXPECT_EQ(plan.spec.about(), "a literal $(x)");
  EXPECT_THAT(plan.cells.at(0).spec.trigger().exec().argv(),
              ElementsAre("echo", "a$$(index)b", "<a$$(index)b>", "$$(date)", "$(index)"));
  EXPECT_THAT(plan.cells[0].spec.sampling().cgroups(), ElementsAre("/$(x)"));
  EXPECT_EQ(plan.cells[0].params_json, R"({"v": "a$(index)b"})");
}

TEST(Scenario, TargetsSayWhatDiffers) {
  const Plan plan = MustLoad(R"yaml(
name: t
grid: {tasks: [10, 20]}
load: {closed: {concurrency: 4}, triggers: $(tasks)}
trigger: {sleep: {for: 1ms}, timeout: 9s}
sample: {every: 1s, where: {role: target}}
hooks:
  before_sweep: {argv: [once]}
  before_run: {argv: [reset, "$(target)"], env: {A: "1", B: "2"}, where: {role: target}}
targets:
  same:
  process:
    trigger: {exec: {argv: [echo, "$(target)"]}}
    hooks: {before_run: {argv: [other], env: {B: "3"}, where: coordinator}, after_run: {argv: [tidy]}}
  slow:
    grid: {tasks: [5], wait: [1s]}
    load: {closed: {concurrency: 1}}
    trigger: {sleep: {for: $(wait)}}
    sample: {every: 2s}
)yaml");
  EXPECT_THAT(Labels(plan), ElementsAre("target=same tasks=10", "target=same tasks=20", "target=process tasks=10",
                                        "target=process tasks=20", "target=slow tasks=5 wait=1s"));
  const v1::CellSpec& same = plan.cells.at(0).spec;
  EXPECT_EQ(same.target(), "same");
  EXPECT_EQ(same.trigger().sleep().length().fixed_ns(), 1'000'000);
  EXPECT_THAT(same.before_run().argv(), ElementsAre("reset", "same"));
  const v1::CellSpec& process = plan.cells.at(3).spec;
  EXPECT_THAT(process.trigger().exec().argv(), ElementsAre("echo", "process"));
  EXPECT_EQ(process.trigger().timeout_ns(), 9'000'000'000);
  EXPECT_EQ(process.load().triggers(), 20);
  EXPECT_THAT(process.before_run().argv(), ElementsAre("other"));
  EXPECT_EQ(process.before_run().env().at("A"), "1");
  EXPECT_EQ(process.before_run().env().at("B"), "3");
  EXPECT_TRUE(process.before_run().on_coordinator());
  EXPECT_TRUE(process.has_after_run());
  EXPECT_FALSE(same.has_after_run());
  const v1::CellSpec& slow = plan.cells.at(4).spec;
  EXPECT_EQ(slow.load().closed().concurrency(), 1);
  EXPECT_EQ(slow.load().triggers(), 5);
  EXPECT_EQ(slow.sampling().every_ns(), 2'000'000'000);
  EXPECT_EQ(slow.sampling().where().labels().at("role"), "target");
}

// What is compared gets the same sleeps: a difference then is the targets' own.
TEST(Scenario, TargetsWithTheSameValuesGetTheSameWork) {
  const Plan plan =
      MustLoad(kBase + "grid: {n: [1, 2]}\ntargets:\n  a: {hooks: {after_run: {argv: [\"$(n)\"]}}}\n  b:\n");
  ASSERT_EQ(plan.cells.size(), 4U);
  EXPECT_EQ(plan.cells[0].spec.key(), plan.cells[2].spec.key());
  EXPECT_EQ(plan.cells[1].spec.key(), plan.cells[3].spec.key());
  EXPECT_NE(plan.cells[0].spec.key(), plan.cells[1].spec.key());
}

TEST(Scenario, OneAnchorMayServeSeveralPlaces) {
  const Plan plan = MustLoad(R"yaml(
name: t
load: &l {closed: {concurrency: 4}, triggers: 10}
targets:
  a: {load: *l, trigger: {sleep: {for: 1ms}}}
  b: {load: *l, trigger: {sleep: {for: 2ms}}}
)yaml");
  EXPECT_EQ(plan.cells.size(), 2);
}

TEST(Scenario, ATargetMayReplaceAClosedLoopByAnOpenOne) {
  const Plan plan = MustLoad(kBase + "targets:\n  a:\n  b: {load: {open: {rate: 5/s}}}\n");
  EXPECT_TRUE(plan.cells.at(0).spec.load().has_closed());
  EXPECT_EQ(plan.cells.at(1).spec.load().open().rates().segments(0).from_per_s(), 5);
  EXPECT_EQ(plan.cells.at(1).spec.load().triggers(), 10);
}

}  // namespace
}  // namespace assay
