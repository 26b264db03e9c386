#include "coordinator/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace assay {
namespace {

constexpr int64_t kMs = 1'000'000;

// A clean run of 100 sleeps of 1 to 10 ms on 16 slots of two agents, sampled every 100 ms with a cool-down of 1 s.
struct Fixture {
  RunFacts facts;
  v1::CellSpec cell;
  v1::SweepSpec sweep;
  RunTrouble trouble;

  Fixture() {
    for (const char* name : {"a", "b"}) {
      RunFacts::Share share;
      share.agent = name;
      share.planned = share.rows = share.fired = 50;
      share.slots = 8;
      share.samples = true;
      share.first_dispatch_ns = 100'000;
      share.clock_bound_ns = 200'000;
      share.sampled_until_ns = 1050 * kMs;
      share.sampler_ticks = 12;
      facts.shares.push_back(share);
    }
    facts.ok = 100;
    facts.makespan_ns = 45 * kMs;
    facts.last_finished_ns = 45 * kMs;
    facts.slip_p99_ns = kMs;
    facts.planned_sum_ns = 550 * kMs;
    facts.planned_max_ns = 10 * kMs;
    facts.planned_rows = 100;
    facts.planned_stddev_ns = 2.6e6;
    facts.service_mean_ns = 5.6e6;
    facts.service_stddev_ns = 2.6e6;
    facts.distinct_services = 100;
    cell.set_target("dask");
    cell.mutable_sampling()->set_every_ns(100 * kMs);
    cell.mutable_sampling()->set_cooldown_ns(1000 * kMs);
    sweep.mutable_limits()->set_failures_fraction(-1);
    sweep.mutable_limits()->set_slip_p99_ns(-1);
    sweep.mutable_limits()->set_start_skew_ns(-1);
  }

  Verdict Judged() const { return Judge(facts, cell, sweep, trouble); }
  std::string Detail(const std::string& code) const {
    for (const Flag& flag : Judged().flags) {
      if (flag.code == code) return flag.detail;
    }
    return "";
  }
  // "code:severity" of all flags, sorted.
  std::vector<std::string> Flags() const {
    std::vector<std::string> all;
    for (const Flag& flag : Judged().flags) all.push_back(flag.code + ":" + flag.severity);
    std::sort(all.begin(), all.end());
    return all;
  }
};

using Codes = std::vector<std::string>;

TEST(Verdict, ACleanRunIsAcceptedWithoutFlags) {
  const Fixture f;
  EXPECT_EQ(f.Judged().verdict, "accepted");
  EXPECT_EQ(f.Flags(), Codes{});
}

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
  const std::string detail = f.Judged().flags[0].detail;
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
  EXPECT_NE(f.Judged().flags[0].detail.find("agent b: what container triggers cost"), std::string::npos);
}

TEST(Verdict, FailuresBelowTheLimitInformAboveItReject) {
  Fixture f;
  f.facts.ok = 99;
  f.facts.planned_rows = 99;
  f.facts.failed = 1;
  f.facts.first_error = "exited with 1";
  EXPECT_EQ(f.Flags(), Codes{"failures:info"});
  EXPECT_NE(f.Judged().flags[0].detail.find("exited with 1"), std::string::npos);
  f.facts.timeout = 1;
  EXPECT_EQ(f.Flags(), Codes{"failures:reject"});
  f.facts.skipped = 3;
  EXPECT_NE(
      f.Judged().flags[0].detail.find("5 of 104 triggers were not ok: 1 failed, 1 timeout, 3 skipped (4.81 %, limit "
                                      "1.00 %; limits: {failures: ...} sets it)"),
      std::string::npos)
      << f.Judged().flags[0].detail;
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
  EXPECT_NE(f.Judged().flags[0].detail.find("lease ran out"), std::string::npos);
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
  EXPECT_NE(f.Judged().flags[0].detail.find("29.9 ms apart, each counted from when its first trigger was due (limit"),
            std::string::npos)
      << f.Judged().flags[0].detail;
}

TEST(Verdict, TheWaitForInFlightIsTheTargetsDoingAndNeverRejects) {
  Fixture f;
  f.sweep.mutable_limits()->set_slip_p99_ns(1 * kMs);
  f.facts.waited = 40;
  f.facts.waited_max_ns = 480 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"in_flight_full:warning"});
  EXPECT_EQ(f.Judged().flags[0].detail,
            "40 of 100 triggers waited up to 480 ms for room among the 16 in flight: what they are fired at did not "
            "keep up; raise load.open.in_flight if it should be given more at once");
  f.facts.waited_max_ns = 5 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"in_flight_full:info"});
  f.cell.mutable_trigger()->mutable_container()->set_in_flight(3);
  EXPECT_NE(f.Judged().flags[0].detail.find("the 6 in flight"), std::string::npos);
  EXPECT_NE(f.Judged().flags[0].detail.find("raise trigger.container.in_flight if"), std::string::npos);
}

TEST(Verdict, AnOpenLoopThatFallsBehindNamesBothRates) {
  Fixture f;
  f.facts.slip_p99_ns = 6 * kMs;
  f.facts.waited = 1;
  f.facts.waited_max_ns = kMs;
  f.facts.offered_per_s = 1e6;
  const auto names_both = [&f](size_t flag) {
    return f.Judged().flags[flag].detail.find("; 1,000,000/s were due, 2,222/s ran") != std::string::npos;
  };
  EXPECT_FALSE(names_both(0)) << "a closed loop's instants follow its target";
  f.cell.mutable_load()->mutable_open();
  EXPECT_EQ(f.Flags(), (Codes{"in_flight_full:info", "slip:warning"}));
  EXPECT_TRUE(names_both(0)) << f.Judged().flags[0].detail;
  EXPECT_TRUE(names_both(1)) << f.Judged().flags[1].detail;
  f.facts.offered_per_s = 2300;
  EXPECT_EQ(f.Judged().flags[0].detail.find("were due"), std::string::npos) << "as much as its end allows";
}

TEST(Verdict, ASkewThatTheClocksCannotProveIsAWarning) {
  Fixture f;
  f.facts.shares[0].clock_bound_ns = 30 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"start_skew:warning"});
  f.facts.shares.pop_back();
  f.facts.shares[0].slots = 16;
  EXPECT_EQ(f.Flags(), Codes{}) << "one agent alone has no skew";
}

TEST(Verdict, SamplingGapsAndAnEarlyEndAreSeen) {
  Fixture f;
  f.facts.shares[0].missed_ticks = 3;
  EXPECT_EQ(f.Flags(), Codes{"sampler_gap:warning"});
  f.facts.shares[0].sampler_ticks = 10'000;
  EXPECT_EQ(f.Flags(), Codes{"sampler_gap:info"});
  f.facts.shares[0].missed_ticks = 0;
  f.facts.shares[1].sampled_until_ns = 900 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"sampling_ended_early:warning"});
  f.facts.shares[1].sampled_until_ns = 1050 * kMs;
  f.facts.shares[1].unmatched_cgroups = {"/docker/*"};
  EXPECT_EQ(f.Flags(), Codes{"cgroup_missing:warning"});
  f.facts.shares[1].unmatched_cgroups = {"@postgres"};
  EXPECT_NE(f.Judged().flags[0].detail.find("start it with --cgroup postgres=PATH"), std::string::npos);
  f.facts.shares[1].unmatched_cgroups = {"containers: web; no engine answers"};
  EXPECT_NE(f.Judged().flags[0].detail.find("no cgroup matched 'containers: web'; no engine answers"),
            std::string::npos);
  f.facts.shares[1].unmatched_cgroups = {"run; cannot make /x/assay"};
  EXPECT_THAT(f.Judged().flags[0].detail,
              testing::EndsWith("not all that the run's processes used is counted as 'run'; cannot make /x/assay"));
  for (RunFacts::Share& share : f.facts.shares) share.samples = false;
  EXPECT_EQ(f.Flags(), Codes{"not_sampled:warning"});
}

TEST(Verdict, AContainerThatWasSampledByNameAndNotThereAllTheTimeIsAWarning) {
  Fixture f;
  f.facts.last_finished_ns = 5000 * kMs;
  f.facts.shares[0].sampled_until_ns = f.facts.shares[1].sampled_until_ns = 6100 * kMs;
  f.facts.shares[0].lives = {
      {"web", true, -9000 * kMs, -2000 * kMs},                                            // stopped by a hook
      {"web", true, -1000 * kMs, 3200 * kMs},     {"web", true, 3900 * kMs, 5500 * kMs},  // in the cool-down
      {"db", true, -1000 * kMs, std::nullopt},    {"late", true, 4000 * kMs, std::nullopt},
      {"x.service", false, -1000 * kMs, 10 * kMs}};
  EXPECT_EQ(f.Flags(), Codes{}) << "only a pattern matches them";
  f.cell.mutable_sampling()->add_containers("*");
  EXPECT_EQ(f.Flags(), Codes{"container_absent:warning"});
  EXPECT_THAT(f.Judged().flags[0].detail,
              testing::EndsWith("agent a: not all that is sampled by name was there from T0 to the last finish: 'late' "
                                "was not there before 4 s; 'web' ended at 3.2 s and was started again at 3.9 s"));
  f.cell.mutable_sampling()->clear_containers();
  f.cell.mutable_sampling()->add_units("x");
  EXPECT_THAT(f.Judged().flags.at(0).detail, testing::EndsWith(": 'x.service' ended at 10 ms"));
}

TEST(Verdict, CachedResultsAreRejected) {
  Fixture f;
  f.facts.service_stddev_ns = 1000;
  EXPECT_EQ(f.Flags(), Codes{"zero_variance:reject"});
  f.facts.planned_rows = 0;
  f.facts.planned_stddev_ns = 0;
  f.facts.planned_sum_ns = 0;
  EXPECT_EQ(f.Flags(), Codes{});
  f.facts.distinct_services = 1;
  EXPECT_EQ(f.Flags(), Codes{"zero_variance:reject"});
}

TEST(Verdict, AMakespanBelowTheBoundIsImpossible) {
  Fixture f;
  f.facts.makespan_ns = 30 * kMs;  // 550 ms of sleep on 16 slots need 34.4 ms
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  f.facts.planned_max_ns = 50 * kMs;
  f.facts.makespan_ns = 45 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
}

TEST(Verdict, AMakespanBelowTheMeasuredBoundIsImpossibleWithoutAPlan) {
  Fixture f;
  f.facts.planned_rows = 0;
  f.facts.planned_sum_ns = f.facts.planned_max_ns = 0;
  f.facts.planned_stddev_ns = 0;
  f.facts.service_sum_ns = 16 * 45 * kMs;
  f.facts.service_max_ns = 45 * kMs;
  EXPECT_EQ(f.Flags(), Codes{}) << "every slot was always taken";
  f.facts.service_sum_ns += 16 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  f.facts.service_sum_ns = f.facts.service_max_ns = 46 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  f.facts.service_sum_ns = f.facts.service_max_ns = 800;
  f.facts.makespan_ns = 0;
  EXPECT_EQ(f.Flags(), Codes{}) << "less than a clock tells";
}

TEST(Verdict, TasksAreBoundedByTheSlotsThatTheirDriversTell) {
  Fixture f;
  f.facts.planned_sum_ns = 0;
  f.facts.planned_max_ns = 0;
  f.facts.tasks.witness = "driver";
  f.facts.tasks.least_sum_ns = 40'001 * kMs;
  // All were given to the target at once, so the triggers' own lengths bound nothing on its slots.
  f.facts.service_sum_ns = 100 * 45 * kMs;
  EXPECT_EQ(f.Flags(), Codes{}) << "how many run at once is not known";
  f.facts.shares[0].capacity = 444;
  EXPECT_EQ(f.Flags(), Codes{}) << "b's driver does not tell it";
  f.facts.shares[1].capacity = 445;
  EXPECT_EQ(f.Flags(), Codes{}) << "45 ms";
  f.facts.shares[1].capacity = 440;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  EXPECT_NE(f.Judged().flags[0].detail.find("that its tasks need on 884 slots by their measured lengths"),
            std::string::npos)
      << f.Judged().flags[0].detail;
}

TEST(Verdict, TheScenariosSlotsCountWhereNoDriverTellsThem) {
  Fixture f;
  f.facts.planned_sum_ns = 0;
  f.facts.planned_max_ns = 0;
  f.facts.tasks.witness = "postgres";
  f.facts.tasks.least_sum_ns = 40'001 * kMs;
  f.cell.set_slots(889);
  EXPECT_EQ(f.Flags(), Codes{}) << "45 ms";
  f.cell.set_slots(884);
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"});
  f.facts.shares[0].capacity = 889;
  EXPECT_EQ(f.Flags(), Codes{"impossible:reject"}) << "b's driver does not tell it";
  f.facts.shares[1].capacity = 1;
  EXPECT_EQ(f.Flags(), Codes{"slots_differ:warning"});
  EXPECT_NE(
      f.Judged().flags[0].detail.find("runs 884 tasks at once, its driver 890: the figures are of the driver's 890"),
      std::string::npos)
      << f.Judged().flags[0].detail;
  f.cell.set_slots(890);
  EXPECT_EQ(f.Flags(), Codes{});
}

TEST(Verdict, TasksTellOfCachedResultsInPlaceOfTheTriggers) {
  Fixture f;
  f.facts.service_stddev_ns = 0;
  EXPECT_EQ(f.Flags(), Codes{"zero_variance:reject"});
  f.facts.tasks.witness = "postgres";
  EXPECT_EQ(f.Flags(), Codes{});
  f.facts.tasks.cached = f.facts.tasks.cached_of = 100;
  EXPECT_EQ(f.Flags(), Codes{"cached:reject"});
}

TEST(Verdict, TheFirstRunOfATargetIsColdAndAccepted) {
  Fixture f;
  f.facts.first_of_target = true;
  EXPECT_EQ(f.Flags(), Codes{"cold:info"});
  EXPECT_EQ(f.Judged().verdict, "accepted");
}

TEST(Verdict, WhatCollectorsFoundIsToldAndNeverRejects) {
  Fixture f;
  RunFacts::Collection& c = f.facts.collections.emplace_back();
  c.place = "coordinator";
  c.origin = "postgres";
  c.records = c.expected = 1000;
  c.quiet = true;
  c.record_lag_s = 39;
  c.elapsed_s = 41;
  EXPECT_THAT(f.Flags(), testing::ElementsAre("record_lag:info"));
  EXPECT_THAT(f.Detail("record_lag"),
              testing::HasSubstr("the last of 1000 records was there 39 s after the last finish"));
  c.records = 890;
  c.unfinished = 9;
  c.quiet = false;
  EXPECT_THAT(f.Flags(),
              testing::ElementsAre("record_lag:info", "records_missing:warning", "records_unfinished:warning"));
  EXPECT_THAT(
      f.Detail("records_missing"),
      testing::HasSubstr(
          "collector postgres on coordinator: 110 of 1000 task records never came (11.0 %), looked for over 41 s"));
  EXPECT_THAT(f.Detail("records_unfinished"), testing::HasSubstr("9 of 890"));
  EXPECT_EQ(f.Judged().verdict, "accepted");
}

TEST(Verdict, ACollectorThatCouldNotReadSaysWhy) {
  Fixture f;
  RunFacts::Collection& c = f.facts.collections.emplace_back();
  c.place = "db-1";
  c.error = "the agent was restarted while the hook ran";
  EXPECT_THAT(f.Flags(), testing::ElementsAre("records_missing:warning"));
  EXPECT_EQ(f.Detail("records_missing"), "the collector on db-1: the agent was restarted while the hook ran");
  c.origin = "csv";
  c.error.clear();
  EXPECT_TRUE(f.Flags().empty()) << "none were expected, none came";
}

}  // namespace
}  // namespace assay
