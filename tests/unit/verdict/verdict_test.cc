#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/verdict/verdict_fixture.h"

namespace assay {
namespace {

TEST(Verdict, ACleanRunIsAcceptedWithoutFlags) {
  const Fixture f;
  EXPECT_EQ(f.Judged().verdict, "accepted");
  EXPECT_EQ(f.Flags(), Codes{});
}

TEST(Verdict, FailuresBelowTheLimitInformAboveItReject) {
  Fixture f;
  f.facts.ok = 99;
  f.facts.planned_rows = 99;
  f.facts.failed = 1;
  f.facts.first_error = "exited with 1";
  EXPECT_EQ(f.Flags(), Codes{"failures:info"});
  EXPECT_NE(f.Judged().flags.at(0).detail.find("exited with 1"), std::string::npos);
  f.facts.timeout = 1;
  EXPECT_EQ(f.Flags(), Codes{"failures:reject"});
  f.facts.skipped = 3;
  EXPECT_NE(
      f.Judged().flags.at(0).detail.find("5 of 104 triggers were not ok: 1 failed, 1 timeout, 3 skipped (4.81 %, limit "
                                         "1.00 %; limits: {failures: ...} sets it)"),
      std::string::npos)
      << f.Judged().flags.at(0).detail;
  f.facts.skipped = 0;
  f.sweep.mutable_limits()->set_failures_fraction(0.5);
  EXPECT_EQ(f.Flags(), Codes{"failures:info"});
  f.facts.ok = f.facts.planned_rows = 0;
  EXPECT_EQ(f.Flags(), Codes{"all_failed:reject"});
  EXPECT_EQ(f.Judged().verdict, "rejected");
  f.facts.failed = f.facts.timeout = 0;
  EXPECT_EQ(f.Flags()[0], "no_triggers:reject");
}

TEST(Verdict, ALostAgentRejectsUnlessTheScenarioAcceptsIt) {
  Fixture f;
  f.facts.shares[1].lost = true;
  f.facts.shares[1].rows = 20;
  EXPECT_EQ(f.Flags(), Codes{"agent_lost:reject"});
  f.sweep.set_on_agent_loss(v1::SweepSpec::ACCEPT);
  EXPECT_EQ(f.Flags(), Codes{"agent_lost:warning"});
  EXPECT_EQ(f.Judged().verdict, "accepted");
  f.facts.shares[1].lost = false;
  f.facts.shares[1].crashed = true;
  f.sweep.set_on_agent_loss(v1::SweepSpec::REPEAT);
  EXPECT_EQ(f.Flags(), Codes{"agent_lost:reject"});
}

TEST(Verdict, WhatAnAgentFoundWhileItFiredIsAFlag) {
  Fixture f;
  f.facts.shares[1].findings.push_back({.code = "driver_garbage", .count = 3, .detail = "line 7: no JSON: {"});
  EXPECT_EQ(f.Flags(), Codes{"driver_garbage:warning"});
  EXPECT_EQ(f.Judged().verdict, "accepted");
  EXPECT_EQ(f.Judged().flags.at(0).detail, "agent b: line 7: no JSON: { (the first of 3)");
  f.facts.shares[0].findings.push_back({.code = "driver_failed", .count = 1, .detail = "its driver exited with 3"});
  EXPECT_EQ(f.Flags(), (Codes{"driver_failed:reject", "driver_garbage:warning"}));
  EXPECT_EQ(f.Judged().verdict, "rejected");
  EXPECT_EQ(f.Judged().flags.at(0).detail, "agent a: its driver exited with 3");
}

TEST(Verdict, BackpressureAndMissingRowsAndUnfiredTriggersReject) {
  Fixture f;
  f.facts.shares[0].backpressured = true;
  EXPECT_EQ(f.Flags(), Codes{"backpressured:reject"});
  f.facts.shares[0].backpressured = false;
  f.facts.shares[0].rows = 49;
  EXPECT_EQ(f.Flags(), Codes{"rows_missing:reject"});
  f.facts.shares[0].fired = 49;
  f.facts.shares[0].error = "lease ran out";
  EXPECT_EQ(f.Flags(), Codes{"incomplete:reject"});
  EXPECT_NE(f.Judged().flags.at(0).detail.find("lease ran out"), std::string::npos);
  f.facts.shares[0].interrupted = true;
  EXPECT_EQ(f.Flags(), Codes{"interrupted:reject"});
  f.facts.shares[0].planned = 0;
  EXPECT_EQ(f.Flags(), Codes{"interrupted:reject"}) << "bounded by a duration";
  f.sweep.set_on_agent_loss(v1::SweepSpec::ACCEPT);
  EXPECT_EQ(f.Flags(), Codes{"interrupted:warning"});
  f.trouble = {"cancelled", "the sweep was cancelled"};
  EXPECT_EQ(f.Flags(), Codes{"cancelled:reject"});
}

TEST(Verdict, OfTriggersAndADurationTheFirstThatIsReachedEndsTheRun) {
  Fixture f;
  f.facts.shares[0].fired = f.facts.shares[0].rows = 20;
  EXPECT_EQ(f.Flags(), Codes{"incomplete:reject"});
  f.cell.mutable_load()->set_duration_ns(500 * kMs);
  EXPECT_EQ(f.Flags(), Codes{});
  f.facts.shares[0].error = "cannot begin: no such file";
  EXPECT_EQ(f.Flags(), Codes{"incomplete:reject"});
}

TEST(Verdict, WhatAUserCancelledIsNoFailureOfTheTarget) {
  Fixture f;
  f.facts.ok = f.facts.planned_rows = 0;
  f.facts.cancelled = 100;
  EXPECT_EQ(f.Flags(), Codes{"all_failed:reject"});
  f.trouble = {"cancelled", "the sweep was cancelled"};
  EXPECT_EQ(f.Flags(), Codes{"cancelled:reject"});
}

TEST(Verdict, SlipAndSkewWarnByDefaultAndRejectWhenTheScenarioSetsTheLimit) {
  Fixture f;
  f.facts.slip_p99_ns = 6 * kMs;
  f.facts.shares[1].first_dispatch_ns = 30 * kMs;
  EXPECT_EQ(f.Flags(), (Codes{"slip:warning", "start_skew:warning"}));
  EXPECT_EQ(f.Judged().verdict, "accepted");
  EXPECT_THAT(f.Detail("slip"), testing::HasSubstr("of 100 triggers, one stall of a host is enough"));
  f.facts.ok = 1'000;
  EXPECT_THAT(f.Detail("slip"), testing::HasSubstr("the agents were saturated"));
  f.facts.ok = 100;
  f.sweep.mutable_limits()->set_slip_p99_ns(5 * kMs);
  f.sweep.mutable_limits()->set_start_skew_ns(20 * kMs);
  EXPECT_EQ(f.Flags(), (Codes{"slip:reject", "start_skew:reject"}));
  f.sweep.mutable_limits()->set_slip_p99_ns(7 * kMs);
  f.sweep.mutable_limits()->set_start_skew_ns(40 * kMs);
  EXPECT_EQ(f.Flags(), Codes{});
}

TEST(Verdict, OfAnOpenLoopTheSkewIsThatOfHowLateTheFirstTriggersWere) {
  Fixture f;
  f.sweep.mutable_limits()->set_start_skew_ns(20 * kMs);
  f.facts.shares[1].first_intended_ns = 200 * kMs;
  f.facts.shares[1].first_dispatch_ns = 200 * kMs + 150'000;
  EXPECT_EQ(f.Flags(), Codes{}) << "5/s over two agents";
  f.facts.shares[1].first_dispatch_ns = 230 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"start_skew:reject"});
  EXPECT_NE(
      f.Judged().flags.at(0).detail.find("29.9 ms apart, each counted from when its first trigger was due (limit"),
      std::string::npos)
      << f.Judged().flags.at(0).detail;
}

TEST(Verdict, TheWaitForInFlightIsTheTargetsDoingAndNeverRejects) {
  Fixture f;
  f.sweep.mutable_limits()->set_slip_p99_ns(1 * kMs);
  f.facts.waited = 40;
  f.facts.waited_max_ns = 480 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"in_flight_full:warning"});
  EXPECT_EQ(f.Judged().flags.at(0).detail,
            "40 of 100 triggers waited up to 480 ms for room among the 16 in flight: what they are fired at did not "
            "keep up; raise load.open.in_flight if it should be given more at once");
  f.facts.waited_max_ns = 5 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"in_flight_full:info"});
  f.cell.mutable_trigger()->mutable_container()->set_in_flight(3);
  EXPECT_NE(f.Judged().flags.at(0).detail.find("the 6 in flight"), std::string::npos);
  EXPECT_NE(f.Judged().flags.at(0).detail.find("raise trigger.container.in_flight if"), std::string::npos);
}

TEST(Verdict, AnOpenLoopThatFallsBehindNamesBothRates) {
  Fixture f;
  f.facts.slip_p99_ns = 6 * kMs;
  f.facts.waited = 1;
  f.facts.waited_max_ns = kMs;
  f.facts.offered_per_s = 1e6;
  const auto names_both = [&f](size_t flag) {
    return f.Judged().flags.at(flag).detail.find("; 1,000,000/s were due, 2,222/s ran") != std::string::npos;
  };
  EXPECT_FALSE(names_both(0)) << "a closed loop's instants follow its target";
  f.cell.mutable_load()->mutable_open();
  EXPECT_EQ(f.Flags(), (Codes{"in_flight_full:info", "slip:warning"}));
  EXPECT_TRUE(names_both(0)) << f.Judged().flags.at(0).detail;
  EXPECT_TRUE(names_both(1)) << f.Judged().flags.at(1).detail;
  f.facts.offered_per_s = 2300;
  EXPECT_EQ(f.Judged().flags.at(0).detail.find("were due"), std::string::npos) << "as much as its end allows";
}

TEST(Verdict, ASkewThatTheClocksCannotProveIsAWarning) {
  Fixture f;
  f.facts.shares[0].clock_bound_ns = 30 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"start_skew:warning"});
  f.facts.shares.pop_back();
  f.facts.shares[0].slots = 16;
  EXPECT_EQ(f.Flags(), Codes{}) << "one agent alone has no skew";
}

TEST(Verdict, TheFirstRunOfATargetIsColdAndAccepted) {
  Fixture f;
  f.facts.first_of_target = true;
  EXPECT_EQ(f.Flags(), Codes{"cold:info"});
  EXPECT_EQ(f.Judged().verdict, "accepted");
}

TEST(Verdict, AMakespanThatEndsWithALateLookIsToldOf) {
  Fixture f;
  f.cell.mutable_trigger()->mutable_completion()->set_every_ns(500 * kMs);
  f.facts.makespan_ns = 10'000 * kMs;
  f.facts.makespan_error_ns = 300 * kMs;
  EXPECT_TRUE(f.Flags().empty()) << "3 %";
  f.facts.makespan_error_ns = 301 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"makespan_error:warning"});
  EXPECT_THAT(f.Detail("makespan_error"),
              testing::HasSubstr("the makespan of 10 s may be 301 ms too long (3.0 %): it ends when the completion saw "
                                 "that the last work had ended, and it looks every 500 ms"));
  EXPECT_EQ(f.Judged().verdict, "accepted");
}

}  // namespace
}  // namespace assay
