#include <gtest/gtest.h>

#include "tests/unit/verdict/verdict_fixture.h"

namespace assay {
namespace {

TEST(Verdict, ARunNearItsFloorSaysSo) {
  Fixture f;
  // 100 triggers in 45 ms are 2,222/s.
  f.facts.service_p50_ns = 5'000'000;
  const auto set = [&f](double rate_per_s, double p50_ms) {
    for (RunFacts::Share& share : f.facts.shares)
      share.floor = RunFloor{
          .kind = "exec", .concurrency = 8, .triggers = 20, .rate_per_s = rate_per_s, .service_p50_ms = p50_ms};
  };
  set(10'000, 1);
  EXPECT_EQ(f.Flags(), Codes{});
  set(10'000, 2.499);
  EXPECT_EQ(f.Flags(), Codes{});
  set(10'000, 2.5);
  EXPECT_EQ(f.Flags(), Codes{"at_floor:warning"});
  EXPECT_EQ(f.Judged().verdict, "accepted");
  const std::string detail = f.Judged().flags.at(0).detail;
  EXPECT_NE(detail.find("5 ms and 2,222/s; exec triggers that do nothing have 2.5 ms and 20,000/s"), std::string::npos)
      << detail;
  set(1390, 1);  // twice that is 2,780/s, and 80 % of it 2,224/s
  EXPECT_EQ(f.Flags(), Codes{});
  set(1388, 1);
  EXPECT_EQ(f.Flags(), Codes{"at_floor:warning"});
  f.cell.mutable_load()->mutable_open();
  EXPECT_EQ(f.Flags(), Codes{}) << "an open loop's rate is the scenario's own";
  f.cell.mutable_load()->mutable_closed();
  f.facts.shares[1].floor.reset();
  EXPECT_EQ(f.Flags(), Codes{}) << "one agent's floor says nothing about both";
}

TEST(Verdict, OfFewOrFailedTriggersNothingIsSaidBesideTheFloor) {
  Fixture f;
  for (RunFacts::Share& share : f.facts.shares)
    share.floor = RunFloor{.kind = "exec", .concurrency = 8, .triggers = 20, .rate_per_s = 1, .service_p50_ms = 100};
  EXPECT_EQ(f.Flags(), Codes{"at_floor:warning"});
  f.facts.shares[0].floor->triggers = 19;
  EXPECT_EQ(f.Flags(), Codes{"no_floor:info"}) << "a handful of null triggers is no floor";
  f.facts.shares[0].floor->triggers = 20;
  f.facts.failed = 101;
  f.sweep.mutable_limits()->set_failures_fraction(1);
  EXPECT_EQ(f.Flags(), Codes{"failures:info"});
  f.facts.failed = 0;
  f.facts.ok = f.facts.planned_rows = 19;
  EXPECT_EQ(f.Flags(), Codes{});
}

TEST(Verdict, AFloorThatCouldNotBeMeasuredIsTold) {
  Fixture f;
  f.facts.shares[1].floor = RunFloor{.kind = "container", .concurrency = 8, .error = "no `true` in the image"};
  EXPECT_EQ(f.Flags(), Codes{"no_floor:info"});
  EXPECT_NE(f.Judged().flags.at(0).detail.find("agent b: what container triggers cost"), std::string::npos);
}

}  // namespace
}  // namespace assay
