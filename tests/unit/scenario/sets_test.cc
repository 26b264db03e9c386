#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coordinator/scenario/scenario_loader.h"
#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(Sets, ReplaceAxes) {
  const std::string yaml =
      kBase + "grid: {tasks: [1, 2], zip: {a: [1], b: [2]}}\nsample: {cgroups: [\"/$(tasks)$(a)$(b)\"]}\n";
  EXPECT_THAT(Labels(MustLoad(yaml, {"tasks=[1000,100000]"})),
              ElementsAre("tasks=1000 a=1 b=2", "tasks=100000 a=1 b=2"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"tasks=7"})), ElementsAre("tasks=7 a=1 b=2"));
  EXPECT_THAT(
      Labels(MustLoad(
          "name: t\ngrid: {s: [1ms]}\nload: {closed: {concurrency: 1}, triggers: 1}\ntrigger: {sleep: {for: $(s)}}\n",
          {"s={uniform: [1ms, 2ms]}"})),
      ElementsAre("s=1ms..2ms"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"tasks=1", "a=[5,6]", "b=[7,8]"})),
              ElementsAre("tasks=1 a=5 b=7", "tasks=1 a=6 b=8"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"grid.tasks=7"})), ElementsAre("tasks=7 a=1 b=2"));
  EXPECT_THAT(Refusal(yaml, {"a=[5,6]"}), HasSubstr("in zip, 'b' has 1 values but 'a' has 2"));
}

TEST(Sets, AddAnAxisThatTheScenarioRefersTo) {
  const std::string yaml =
      "name: t\nload: {closed: {concurrency: 1}, triggers: $(tasks)}\ntrigger: {sleep: {for: 1ms}}\n";
  EXPECT_THAT(Refusal(yaml), HasSubstr("$(tasks) refers to nothing"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"tasks=[3,4]"})), ElementsAre("tasks=3", "tasks=4"));
}

TEST(Sets, ReplaceValuesByPath) {
  const Plan plan = MustLoad(kBase + "agents: {select: {a.b/c: x}}\n",
                             {"blocks=3", "sample.every=500ms", "load.closed.concurrency=32", "agents.select.a.b/c=y",
                              "name=other", "about=two words"});
  EXPECT_EQ(plan.spec.blocks(), 3);
  EXPECT_EQ(plan.spec.name(), "other");
  EXPECT_EQ(plan.spec.about(), "two words");
  EXPECT_EQ(plan.spec.agents().labels().at("a.b/c"), "y");
  EXPECT_EQ(plan.cells[0].spec.sampling().every_ns(), 500'000'000);
  EXPECT_EQ(plan.cells[0].spec.load().closed().concurrency(), 32);
}

TEST(Sets, ReachIntoTargets) {
  const std::string yaml = kBase +
                           "targets:\n  v1.2: {grid: {n: [1]}, load: {triggers: $(n)}}\n  b: {grid: {n: [2]}, load: "
                           "{triggers: $(n)}}\n  c: {}\n";
  EXPECT_THAT(Labels(MustLoad(yaml, {"n=[8,9]"})),
              ElementsAre("target=v1.2 n=8", "target=v1.2 n=9", "target=b n=8", "target=b n=9", "target=c"));
  EXPECT_THAT(Labels(MustLoad(yaml, {"targets.v1.2.grid.n=5"})),
              ElementsAre("target=v1.2 n=5", "target=b n=2", "target=c"));
  EXPECT_EQ(MustLoad(yaml, {"targets.c.load.triggers=77"}).cells.at(2).spec.load().triggers(), 77);
}

TEST(Sets, AnAxisWinsOverAKeyOfTheSameName) {
  const Plan plan = MustLoad(kBase + "grid: {blocks: [1, 2]}\nsample: {cgroups: [\"/$(blocks)\"]}\n", {"blocks=[5]"});
  EXPECT_THAT(Labels(plan), ElementsAre("blocks=5"));
  EXPECT_EQ(plan.spec.blocks(), 1);
}

struct BadSet {
  std::string set;
  std::string what;
  std::string mend;
};

TEST(Sets, ErrorsNameTheArgument) {
  const std::string yaml = kBase + "grid: {tasks: [1, 2]}\nsample: {cgroups: [\"/$(tasks)\"]}\n";
  const std::vector<BadSet> cases{
      {"taks=[1]", "no axis, key or reference called 'taks'", "did you mean 'tasks'?"},
      {"block=3", "called 'block'", "did you mean 'blocks'?"},
      {"sample.evry=1s", "unknown key 'evry' in sample", "did you mean 'every'?"},
      {"sample.every=1", "sample.every cannot be '1'", "a number with a unit"},
      {"tasks=[1,", "this is not YAML", "close the list with ]"},
      {"tasks=", "there is no value", "name=value"},
      {"tasks", "this sets nothing", "write name=value"},
      {"=1", "this sets nothing", "write name=value"},
      {"tasks=[]", "the axis 'tasks' needs a list", "tasks: ["},
      {"tasks=[1,1]", "stands twice", "remove one"},
      {"blocks.x=1", "there is no place for 'x'", "set the whole value"},
      {"sample..every=1s", "a name is missing here", "key.path=value"},
      {"load.open.rate=5", "load.open.rate cannot be '5': that is not a rate", "500/s"},
      {"sample.pods=x", "sample.pods cannot be 'x'", "write a list of 0 to 1000 values"},
      {"compare.margin=5%", "'compare' in the scenario is not supported by this version", "supported here"},
      {"seed=\xff", "is not UTF-8", "UTF-8"},
  };
  for (const BadSet& bad : cases) {
    const std::string message = Refusal(bad.set == "blocks.x=1" ? yaml + "blocks: 2\n" : yaml, {bad.set});
    EXPECT_THAT(message, StartsWith("--set " + bad.set + ": ")) << bad.set;
    EXPECT_THAT(message, HasSubstr(bad.what)) << bad.set;
    EXPECT_THAT(message, HasSubstr(bad.mend)) << bad.set;
  }
  EXPECT_EQ(Refusal(yaml, {"sample.every=1"}),
            "--set sample.every=1: sample.every cannot be '1': that is not a duration\n"
            "  sample.every=1\n"
            "               ^\n"
            "write a duration from 10ms to 1h, a number with a unit such as 250us, 10ms, 30s, 2m or 1h");
}

TEST(Warnings, WhatIsProbablyNotMeant) {
  EXPECT_THAT(
      MustLoad(kBase + "grid: {tasks: [1, 2]}\n").warnings,
      ElementsAre("s.yaml:4:8: nothing refers to the axis 'tasks': its cells differ in name only; use $(tasks)"));
  EXPECT_THAT(MustLoad(kProcess + "trigger: {exec: {argv: [\"true\"]}}\n").warnings,
              ElementsAre(HasSubstr("trigger.timeout is not set")));
  EXPECT_THAT(MustLoad(kBase + "sample: {run: true}\n").warnings,
              ElementsAre(HasSubstr("sample.run is set, but no trigger is an exec")));
  EXPECT_THAT(MustLoad(kProcess + "trigger: {exec: {argv: [\"true\"]}, timeout: 1s}\nsample: {run: true}\n").warnings,
              IsEmpty());
  EXPECT_THAT(MustLoad(kBase + "grid: {tasks: [1]}\n", {"tasks=[1,2]"}).warnings,
              ElementsAre(StartsWith("--set tasks=[1,2]: nothing refers")));
}

}  // namespace
}  // namespace assay
