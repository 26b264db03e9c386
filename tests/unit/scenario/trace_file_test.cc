#include "coordinator/scenario/trace_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/nanoseconds.h"
#include "coordinator/scenario/scenario_loader.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TraceFile : public ::testing::Test {
 protected:
  absl::StatusOr<Plan> Load(const std::string& load, const std::vector<std::string>& sets = {}) {
    const FileReader read = [this](const std::string& path) -> absl::StatusOr<std::string> {
      ++reads_;
      const auto found = files_.find(path);
      if (found == files_.end()) return absl::NotFoundError("cannot read it: No such file or directory");
      return found->second;
    };
    return LoadScenario("name: t\nload: {" + load + "}\ntrigger: {sleep: {for: 1ms}}\n", "some/where/s.yaml", sets,
                        read);
  }
  absl::StatusOr<Plan> Trace(const std::string& content, const std::string& more = "") {
    files_["some/where/t.csv"] = content;
    return Load("open: {trace: t.csv}" + more);
  }
  std::string Refusal(const std::string& content) {
    const absl::StatusOr<Plan> plan = Trace(content);
    return plan.ok() ? "accepted" : std::string(plan.status().message());
  }
  static std::vector<int64_t> Gaps(const Plan& plan) {
    const auto& gaps = plan.cells[0].spec.load().open().trace().gap_ns();
    return {gaps.begin(), gaps.end()};
  }

  std::map<std::string, std::string> files_;
  int reads_ = 0;
};

TEST_F(TraceFile, HasAnInstantPerLineInSecondsOrWithAUnit) {
  const absl::StatusOr<Plan> plan = Trace("# from the log of Monday\r\n0\n  0.25 # s\r\n\n250ms\n1e-00\n1.5 s\n2m");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(Gaps(*plan), ElementsAre(0, 250 * kMs, 0, 750 * kMs, 500 * kMs, 118'500 * kMs));
  EXPECT_EQ(plan->cells[0].spec.load().triggers(), 6U);
  EXPECT_EQ(plan->cells[0].spec.load().duration_ns(), 0);
}

TEST_F(TraceFile, FewerTriggersMayBeAskedForAndNoMoreThanItHas) {
  EXPECT_EQ(Trace("0\n1\n2\n", ", triggers: 2")->cells[0].spec.load().triggers(), 2U);
  EXPECT_EQ(Trace("0\n1\n2\n", ", triggers: 4")->cells[0].spec.load().triggers(), 3U);
  EXPECT_EQ(Trace("0\n1\n2\n", ", duration: 1500ms")->cells[0].spec.load().duration_ns(), 1500 * kMs);
}

TEST_F(TraceFile, IsReadOncePerPathAndMayBeAnAxis) {
  files_ = {{"some/where/a", "0\n1\n"}, {"/data/b", "0\n"}};
  const absl::StatusOr<Plan> plan = Load("open: {trace: $(trace)}, triggers: $(n)", {"trace=[a, /data/b]", "n=[1, 2]"});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->cells.size(), 4U);
  EXPECT_EQ(reads_, 2);
}

TEST_F(TraceFile, WhatIsWrongInItIsToldWithItsLine) {
  EXPECT_EQ(Refusal("0.5\n0.7\n0.6\n"),
            "some/where/t.csv:3:1: the trace runs backwards: '0.6' comes after '0.7' in line 2\n"
            "  0.6\n"
            "  ^\n"
            "sort the file by its instants");
  EXPECT_THAT(Refusal("0\n -1\n"), StartsWith("some/where/t.csv:2:2: '-1' lies before the start\n"));
  EXPECT_THAT(Refusal("seconds\n0\n"), StartsWith("some/where/t.csv:1:1: 'seconds' is not an instant\n"));
  EXPECT_THAT(Refusal("seconds\n0\n"), HasSubstr("before a heading write #"));
  for (const char* text : {"0,1", "1 2", "1x", "nan", "inf", "0x10", "1e999", "5n", "+", "\xff"})
    EXPECT_THAT(Refusal(text), HasSubstr("is not an instant")) << text;
  EXPECT_THAT(Refusal("1700000000.5\n"), HasSubstr("more than a year after the start"));
  EXPECT_THAT(Refusal(""), StartsWith("some/where/t.csv:1:1: the trace has no instants\n"));
  EXPECT_THAT(Refusal("# nothing\n\n"), HasSubstr("the trace has no instants"));
}

TEST_F(TraceFile, HasAtMostAMillionInstants) {
  std::string million;
  for (size_t i = 0; i < kMaxInstants; ++i) million += "7\n";
  const absl::StatusOr<Plan> plan = Trace(million);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(Gaps(*plan).size(), kMaxInstants);
  EXPECT_THAT(Refusal(million + "8\n9\n"), HasSubstr("the trace has 1,000,002 instants, the limit is 1,000,000"));
}

TEST_F(TraceFile, TheShortestTimeOfARunReachesItsLastInstant) {
  std::string late_end;
  for (int i = 0; i < 300'000; ++i) late_end += "0\n";
  const absl::StatusOr<Plan> plan = Trace(late_end + "100\n");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(ShortestRunNs(plan->cells[0].spec, 1), 100'000 * kMs);
}

TEST_F(TraceFile, OneThatCannotBeReadIsToldWhereTheScenarioNamesIt) {
  const absl::StatusOr<Plan> plan = Load("open: {trace: none.csv}");
  EXPECT_EQ(
      plan.status().message(),
      "some/where/s.yaml:2:22: load.open.trace: 'some/where/none.csv': cannot read it: No such file or directory\n"
      "  load: {open: {trace: none.csv}}\n"
      "                       ^\n"
      "the path of a trace is relative to the scenario's file");
}

TEST_F(TraceFile, GoesWithNothingThatSpacesArrivals) {
  files_["some/where/t.csv"] = "0\n";
  EXPECT_THAT(std::string(Load("open: {trace: t.csv, arrivals: poisson}").status().message()),
              HasSubstr("load.open.arrivals goes only with rate, ramp, steps"));
  EXPECT_THAT(std::string(Load("open: {trace: t.csv, size: 3}").status().message()),
              HasSubstr("load.open.size goes only with every"));
  EXPECT_FALSE(Load("open: {trace: t.csv, rate: 5/s}").ok());
}

}  // namespace
}  // namespace assay
