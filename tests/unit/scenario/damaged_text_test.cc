#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/counter_random.h"
#include "common/whole_file.h"
#include "coordinator/scenario/scenario_loader.h"
#include "tests/unit/scenario/scenario_text.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(ScenarioErrors, ShowTheLineWithACaret) {
  EXPECT_EQ(Refusal("name: t\nload:\n  closed: {concurrency: 4}\n  trigers: 10\n"),
            "s.yaml:4:3: unknown key 'trigers' in load\n"
            "    trigers: 10\n"
            "    ^\n"
            "did you mean 'triggers'?");
  EXPECT_EQ(Refusal("name: t\r\nabout: \"\xc3\xa4\"\r\nblocks: 0\r\n"),
            "s.yaml:3:9: blocks is out of range: 0\n"
            "  blocks: 0\n"
            "          ^\n"
            "write a whole number from 1 to 10000");
}

TEST(ScenarioErrors, ShowOnlyAPartOfALongLine) {
  const std::string message =
      Refusal(kBase + "about: " + std::string(5'000, 'x') + "\nsample: {cgroups: [" + std::string(5'000, 'y') + "]}\n");
  EXPECT_LT(message.size(), 600);
  EXPECT_THAT(message, StartsWith("s.yaml:5:20: "));
}

TEST(ScenarioSize, AHugeFileIsRefusedAtOnce) {
  const std::string huge(100'000'000, '[');
  const auto begin = std::chrono::steady_clock::now();
  const std::string message = Refusal(huge);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_THAT(message,
              StartsWith("s.yaml:1:1: the file is longer than 1.0 MiB, which no scenario is\nis this the right file?"));
}

TEST(ScenarioSize, AHugeGridIsRefusedWithoutExpandingIt) {
  std::string values;
  for (int i = 0; i < 1'000; ++i) values += std::to_string(i) + ",";
  std::string yaml = kBase + "grid:\n";
  for (int axis = 0; axis < 10; ++axis) yaml += "  a" + std::to_string(axis) + ": [" + values + "]\n";
  EXPECT_THAT(Refusal(yaml), StartsWith("s.yaml:5:3: the grid has more than 2^64 cells, the limit is 500"));
  EXPECT_THAT(Refusal(yaml + "cells: {limit: 100000}\n"), HasSubstr("the limit is 100000"));
}

TEST(ScenarioSize, NastyInputTakesLittleTime) {
  // What a parser with a quadratic or recursive habit would choke on; each is as large as a file may be.
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& unit : {"[",   "{",    "- ",    "? ",   ": ", "a: ", "&a ", "!",   "'",  "\"",
                                  "|\n", "[a: ", "{a: [", "- - ", "#",  "a\n", "\n ", "*a ", ", ", "%"}) {
    const std::string text = "name: t\nload: " + Repeated(unit, (1 << 20) / unit.size() - 20);
    EXPECT_NE(Refusal(text), "accepted") << unit;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
}

// Damaged files: whatever comes out is a plan or a placed error, never a crash. The same damage in every run.
TEST(Damage, IsRefusedOrPlanned) {
  std::vector<std::string> seeds;
  for (const std::string& path : ShippedScenarios()) seeds.push_back(ReadWhole(path));
  const std::string letters = "[]{}:,-&*!|>'\"%@`$()#?~ \n\t0a\xff";
  uint64_t refused = 0;
  for (uint64_t round = 0; round < 3'000; ++round) {
    std::string text = seeds[DrawBits(1, round) % seeds.size()];
    for (uint64_t i = 0; i <= DrawBits(2, round) % 4; ++i) {
      const size_t at = DrawBits(3 + i, round) % text.size();
      const size_t kind = DrawBits(9 + i, round) % 3;
      if (kind == 0) text[at] = letters[DrawBits(17 + i, round) % letters.size()];
      if (kind == 1) text.erase(at, 1 + DrawBits(23 + i, round) % 20);
      if (kind == 2) text.insert(at, text.substr(DrawBits(31 + i, round) % text.size(), 30));
    }
    const absl::StatusOr<Plan> plan = Load(text);
    if (plan.ok()) continue;
    ++refused;
    EXPECT_THAT(std::string(plan.status().message()), StartsWith("s.yaml:")) << text;
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace assay
