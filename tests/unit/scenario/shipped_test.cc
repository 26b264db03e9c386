#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "common/whole_file.h"
#include "coordinator/scenario/plan_text.h"
#include "coordinator/scenario/scenario_loader.h"
#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using testing::UnorderedElementsAre;

TEST(Shipped, EveryScenarioLoads) {
  const FileReader read = [](const std::string& path) -> absl::StatusOr<std::string> { return ReadWhole(path); };
  for (const std::string& path : ShippedScenarios()) {
    const absl::StatusOr<Plan> plan = LoadScenario(ReadWhole(path), path, {}, read);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_FALSE(plan->cells.empty());
    EXPECT_THAT(plan->warnings, IsEmpty()) << path;
  }
  EXPECT_GE(ShippedScenarios().size(), 5U);
}

TEST(Shipped, TheExampleOfTheReferenceLoads) {
  const std::string page = ReadWhole(std::filesystem::path(ASSAY_SOURCE_DIR) / "docs/scenario.md");
  const size_t begin = page.find("```yaml\n") + 8;
  const Plan plan = MustLoad(page.substr(begin, page.find("```", begin) - begin));
  EXPECT_EQ(plan.cells.size(), 6);
  EXPECT_EQ(plan.spec.blocks(), 5);
}

TEST(Shipped, TheQuickstartCoversItsSizesInUnderAMinute) {
  const std::filesystem::path path = std::filesystem::path(ASSAY_SOURCE_DIR) / "scenarios/quickstart.yaml";
  const Plan plan = MustLoad(ReadWhole(path));
  EXPECT_THAT(Labels(plan), UnorderedElementsAre("target=sleeps tasks=1000", "target=sleeps tasks=4000",
                                                 "target=sleeps tasks=16000", "target=processes processes=300"));
  int64_t shortest_ns = 0;
  for (const PlannedCell& cell : plan.cells) shortest_ns += ShortestRunNs(cell.spec, 1) * plan.spec.blocks();
  EXPECT_LT(shortest_ns, 30'000'000'000);
}

TEST(Shipped, TheFullGridOfTheOverheadStudyIsOneSetAway) {
  const std::filesystem::path path = std::filesystem::path(ASSAY_SOURCE_DIR) / "scenarios/scheduler-overhead.yaml";
  const Plan plan = MustLoad(
      ReadWhole(path),
      {"tasks=[1000,2000,4000,8000,16000,32000,64000,80000,100000,128000]",
       "sleep=[{uniform: [1ms, 10ms]}, {uniform: [10ms, 100ms]}, {uniform: [30ms, 300ms]}, {uniform: [100ms, 1s]}]"});
  ASSERT_EQ(plan.cells.size(), 40);
  EXPECT_EQ(plan.cells.back().spec.load().triggers(), 128'000);
}

// JSON as far as brackets and quotes go.
TEST(Schema, IsWellFormedAndNamesEveryKey) {
  const std::string schema = ScenarioSchema();
  EXPECT_THAT(schema, StartsWith(R"({"$schema": "https://json-schema.org/draft/2020-12/schema")"));
  for (const std::string key : {"name", "blocks", "grid", "concurrency", "uniform", "argv", "before_sweep", "cgroups",
                                "on_agent_loss", "slip_p99", "targets"}) {
    EXPECT_THAT(schema, HasSubstr("\"" + key + "\": {")) << key;
  }
  EXPECT_THAT(schema, Not(HasSubstr("\"compare\"")));
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < schema.size(); ++i) {
    if (quoted && schema[i] == '\\') {
      ++i;
    } else if (schema[i] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      depth += schema[i] == '{' || schema[i] == '[' ? 1 : schema[i] == '}' || schema[i] == ']' ? -1 : 0;
      ASSERT_GE(depth, 0);
    }
  }
  EXPECT_EQ(depth, 0);
  EXPECT_FALSE(quoted);
}

}  // namespace
}  // namespace assay
