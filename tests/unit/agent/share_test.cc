// Shares of sleeps: phases, pacing, bounds, ends.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/counter_random.h"
#include "executor_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(ExecutorTest, ClosedLoopKeepsItsSlotsAndRunsEveryIndexOnce) {
  v1::ShareSpec spec = SleepSpec(1, 300, 16, 0);
  auto& uniform = *spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_uniform();
  uniform.set_min_ns(kMs / 10);
  uniform.set_max_ns(2 * kMs);
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.size(), 300U);
  EXPECT_LE(MostInFlight(written), 16U);
  EXPECT_GE(MostInFlight(written), 8U);
  size_t at_t0 = 0;
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::OK);
    EXPECT_EQ(record.planned_ns(), DrawSleepNs(spec.trigger().sleep().length(), 99, record.index()));
    EXPECT_GE(record.finished_ns() - record.started_ns(), record.planned_ns());
    EXPECT_EQ(record.cpu_ns(), -1);
    EXPECT_FALSE(record.has_exit());
    if (record.intended_ns() == 0) ++at_t0;
  }
  EXPECT_EQ(at_t0, 16U);
  EXPECT_EQ(written.end->error(), "");
  EXPECT_EQ(written.end->clock_offset_ns(), kClock.offset_ns);
  EXPECT_EQ(written.end->clock_bound_ns(), kClock.bound_ns);
  EXPECT_FALSE(written.end->backpressured());
}

// What a slot's next trigger was meant for is the end of the one before it: with one slot the records form a chain.
TEST_F(ExecutorTest, IntendedIsTheInstantTheSlotBecameFree) {
  const Written written = Execute(SleepSpec(1, 20, 1, kMs));
  ASSERT_EQ(written.triggers.size(), 20U);
  for (size_t i = 1; i < written.triggers.size(); ++i) {
    EXPECT_EQ(written.triggers[i].intended_ns(), written.triggers[i - 1].finished_ns());
  }
}

TEST_F(ExecutorTest, IndicesGoByStride) {
  v1::ShareSpec spec = SleepSpec(1, 5, 2, 0);
  spec.set_first_index(7);
  spec.set_stride(10);
  const Written written = Execute(spec);
  std::vector<uint64_t> indices;
  for (const auto& record : written.triggers) indices.push_back(record.index());
  EXPECT_THAT(indices, testing::UnorderedElementsAre(7, 17, 27, 37, 47));
}

v1::ShareSpec Open(v1::ShareSpec spec, double per_s) {
  spec.mutable_open()->mutable_rates()->add_segments()->set_from_per_s(per_s);
  return spec;
}

// Response counts from the arrival, so what waits for a slot shows its wait: no coordinated omission.
TEST_F(ExecutorTest, AnOpenLoopFiresAtItsArrivalsAndOneThatWaitsKeepsItsInstant) {
  const Written written = Execute(Open(SleepSpec(1, 40, 1, 2 * kMs), 1000));
  ASSERT_EQ(written.triggers.size(), 40U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.intended_ns(), static_cast<int64_t>(record.index()) * kMs);
    EXPECT_GE(record.dispatched_ns(), record.intended_ns());
    EXPECT_EQ(record.outcome(), v1::OK);
    EXPECT_LE(record.waited_ns(), record.dispatched_ns() - record.intended_ns());
  }
  EXPECT_GE(written.triggers.back().waited_ns(), 38 * kMs) << "until the one before it had ended";
  // Two milliseconds of work come every millisecond to one slot: the last waits for at least half of it all.
  EXPECT_GE(written.triggers.back().started_ns() - written.triggers.back().intended_ns(), 39 * kMs);
  EXPECT_LE(MostInFlight(written), 1U);
}

TEST_F(ExecutorTest, WhatCannotStartByItsDeadlineIsARowWithItsWait) {
  v1::ShareSpec spec = Open(SleepSpec(1, 200, 1, 50 * kMs), 10'000);
  spec.mutable_open()->set_deadline_ns(20 * kMs);
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 200U);
  std::set<uint64_t> indices;
  size_t skipped = 0;
  for (const v1::TriggerRecord& record : written.triggers) {
    indices.insert(record.index());
    if (record.outcome() != v1::SKIPPED) continue;
    ++skipped;
    EXPECT_GT(record.dispatched_ns() - record.intended_ns(), 20 * kMs);
    EXPECT_EQ(record.error(), "not started within its deadline of 20 ms: in_flight was full");
    EXPECT_EQ(record.waited_ns(), 20 * kMs + 1);
  }
  EXPECT_EQ(indices.size(), 200U);
  EXPECT_GE(skipped, 190U) << "all come within 20 ms, and the first takes 50 ms";
  EXPECT_EQ(written.end->fired(), 200U);
  EXPECT_EQ(Status(1)->not_ok(), skipped);
}

TEST_F(ExecutorTest, TheEndTellsWhenTheFirstTriggerWasDue) {
  v1::ShareSpec spec = Open(SleepSpec(1, 3, 10, 0), 100);
  spec.set_first_index(1);
  spec.set_stride(2);
  const Written written = Execute(spec);
  EXPECT_EQ(written.end->first_intended_ns(), 10 * kMs);
  EXPECT_GE(written.end->first_dispatch_ns(), 10 * kMs);
}

// What is due is worked out when it is its turn and kept nowhere: half a million records at once would be 100 MB.
TEST_F(ExecutorTest, AnOpenLoopFarBeyondTheMachineIsSkippedRowsAndItsMemoryStaysFlat) {
  constexpr uint64_t kArrivals = 500'000;
  v1::ShareSpec spec = Open(SleepSpec(1, kArrivals, 10, 20 * kMs), 1e6);
  spec.mutable_open()->set_deadline_ns(kMs);
  sink_.keeps_triggers = false;
  Begin(spec);
  const size_t before = ResidentBytes();
  size_t most = before;
  WaitFor(1, [&](const v1::ShareStatus& status) {
    most = std::max(most, ResidentBytes());
    return status.phase() == v1::FIRED;
  });
  EXPECT_EQ(Finish(spec).end->fired(), kArrivals);
  std::map<v1::Outcome, uint64_t> outcomes = sink_.Outcomes();
  EXPECT_EQ(outcomes[v1::OK] + outcomes[v1::SKIPPED], kArrivals);
  EXPECT_GT(outcomes[v1::OK], 0U);
  EXPECT_GT(outcomes[v1::SKIPPED], kArrivals / 2);
#if !defined(__SANITIZE_ADDRESS__)  // which keeps for a while what was freed
  EXPECT_LT(most - before, size_t{32} << 20);
#endif
}

TEST_F(ExecutorTest, AnOpenLoopIsBoundedByItsDurationToo) {
  v1::ShareSpec spec = Open(SleepSpec(1, 0, 100, 0), 1000);
  spec.set_duration_ns(30 * kMs);
  EXPECT_EQ(Execute(spec).triggers.size(), 30U);
}

TEST_F(ExecutorTest, PhasesAndCounts) {
  const v1::ShareSpec spec = SleepSpec(1, 4, 2, 30 * kMs);
  Want(spec, v1::PREPARE);
  Exchange();
  EXPECT_EQ(WaitForPhase(1, v1::READY).fired(), 0U);
  EXPECT_TRUE(sink_.Of(1).start) << "the share's begin is spooled before it is ready";
  OnLoop([] {});  // the word of it comes one turn later
  const int changes = changes_;
  EXPECT_GE(changes, 1);
  Want(spec, v1::RUN).set_t0_ns(MonotonicNs() + 5 * kMs + kClock.offset_ns);
  Exchange();
  WaitFor(1, [](const v1::ShareStatus& s) { return s.phase() == v1::RUNNING && s.in_flight() == 2; });
  const v1::ShareStatus fired = WaitForPhase(1, v1::FIRED);
  EXPECT_EQ(fired.fired(), 4U);
  EXPECT_EQ(fired.in_flight(), 0U);
  EXPECT_EQ(fired.not_ok(), 0U);
  OnLoop([] {});
  EXPECT_GT(changes_, changes);
  EXPECT_FALSE(sink_.Of(1).end) << "it samples until it is told to end";
  const Written written = Finish(spec);
  EXPECT_EQ(written.triggers.size(), 4U);
  ExpectSound(written, spec);
}

TEST_F(ExecutorTest, FiresAtT0InTheCoordinatorsTime) {
  const v1::ShareSpec spec = SleepSpec(1, 3, 3, 0);
  Want(spec, v1::PREPARE);
  Exchange();
  WaitForPhase(1, v1::READY);
  const int64_t t0_ns = MonotonicNs() + 50 * kMs;
  const int64_t t0_wall_ns = WallNs() + (t0_ns - MonotonicNs());
  Want(spec, v1::RUN).set_t0_ns(t0_ns + kClock.offset_ns);
  Exchange();
  EXPECT_EQ(Status(1)->phase(), v1::RUNNING);
  WaitForPhase(1, v1::FIRED);
  EXPECT_GE(MonotonicNs(), t0_ns);
  const Written written = Finish(spec);
  EXPECT_NEAR(static_cast<double>(written.end->t0_wall_ns()), static_cast<double>(t0_wall_ns), 5e8);
  EXPECT_GE(written.end->first_dispatch_ns(), 0);
}

TEST_F(ExecutorTest, AT0ThatIsPastFiresAtOnceAndShowsTheDelay) {
  const v1::ShareSpec spec = SleepSpec(1, 3, 1, 0);
  Begin(spec, -3 * kSecond);
  WaitForPhase(1, v1::FIRED);
  const Written written = Finish(spec);
  EXPECT_EQ(written.triggers[0].intended_ns(), 0);
  EXPECT_GE(written.triggers[0].dispatched_ns(), 3 * kSecond);
}

TEST_F(ExecutorTest, DurationBoundsTheLoad) {
  v1::ShareSpec spec = SleepSpec(1, 0, 4, kMs);
  spec.set_duration_ns(60 * kMs);
  const Written written = Execute(spec);
  EXPECT_GE(written.triggers.size(), 4U);
  EXPECT_LE(MostInFlight(written), 4U);
  for (const auto& record : written.triggers) EXPECT_LE(record.dispatched_ns(), 60 * kMs);
  EXPECT_EQ(written.end->error(), "") << "it did all that it was asked";
}

TEST_F(ExecutorTest, NullTriggersAreBatchedAndKeepTheLoopFree) {
  const v1::ShareSpec spec = SleepSpec(1, 20'000, 8, 0);
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.size(), 20'000U);
  // Batches of 1,000, but where 50 ms passed first on a busy machine.
  EXPECT_GE(std::count(written.batch_sizes.begin(), written.batch_sizes.end(), 1000U), 5);
}

TEST_F(ExecutorTest, SlowRecordsDoNotWaitForAFullBatch) {
  v1::ShareSpec spec = SleepSpec(1, 2, 1, kMs);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_list()->add_ns(kMs);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_list()->add_ns(3600 * kSecond);
  Begin(spec);
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (sink_.Of(1).triggers.empty() && MonotonicNs() < deadline_ns) std::this_thread::yield();
  EXPECT_EQ(sink_.Of(1).triggers.size(), 1U);
}

TEST_F(ExecutorTest, ASleepLongerThanTheTimeoutTimesOut) {
  v1::ShareSpec spec = SleepSpec(1, 2, 2, 0);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_list()->add_ns(kMs);
  spec.mutable_trigger()->mutable_sleep()->mutable_length()->mutable_list()->add_ns(3600 * kSecond);
  spec.mutable_trigger()->set_timeout_ns(20 * kMs);
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers[0].outcome(), v1::OK);
  EXPECT_EQ(written.triggers[1].outcome(), v1::TIMEOUT);
  EXPECT_EQ(written.triggers[1].planned_ns(), 3600 * kSecond);
  EXPECT_GE(written.triggers[1].finished_ns() - written.triggers[1].started_ns(), 20 * kMs);
  EXPECT_THAT(written.triggers[1].error(), HasSubstr("20 ms"));
}

TEST_F(ExecutorTest, DrainLetsWhatIsInFlightEnd) {
  const v1::ShareSpec spec = SleepSpec(1, 1000, 2, 50 * kMs);
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 2; });
  Want(spec, v1::DRAIN);
  Exchange();
  WaitForPhase(1, v1::FIRED);
  const Written written = Finish(spec);
  ExpectSound(written, spec);
  EXPECT_LT(written.triggers.size(), 1000U);
  for (const auto& record : written.triggers) EXPECT_EQ(record.outcome(), v1::OK);
  EXPECT_THAT(written.end->error(), HasSubstr("drained; "));
  EXPECT_THAT(written.end->error(), HasSubstr("of 1000 triggers were not started"));
}

TEST_F(ExecutorTest, DrainBeforeT0FiresNothing) {
  const v1::ShareSpec spec = SleepSpec(1, 10, 2, 0);
  Begin(spec, 3600 * kSecond);
  Want(spec, v1::DRAIN);
  Exchange();
  WaitForPhase(1, v1::FIRED);
  const Written written = Finish(spec);
  EXPECT_EQ(written.end->fired(), 0U);
  EXPECT_THAT(written.end->error(), HasSubstr("10 of 10"));
}

TEST_F(ExecutorTest, CancelEndsSleepsAtOnce) {
  const v1::ShareSpec spec = SleepSpec(1, 100, 8, 3600 * kSecond);
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 8; });
  Want(spec, v1::CANCEL);
  Exchange();
  const v1::ShareStatus ended = WaitForPhase(1, v1::ENDED);
  EXPECT_EQ(ended.fired(), 8U);
  EXPECT_EQ(ended.not_ok(), 8U);
  const Written written = sink_.Of(1);
  ExpectSound(written, spec);
  for (const auto& record : written.triggers) EXPECT_EQ(record.outcome(), v1::CANCELLED);
  EXPECT_THAT(written.end->error(), HasSubstr("cancelled"));
}

TEST_F(ExecutorTest, CancelBeforeTheRunWritesAnEndToo) {
  const v1::ShareSpec spec = SleepSpec(1, 10, 1, 0);
  Want(spec, v1::PREPARE);
  Exchange();
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(1, v1::ENDED);
  ExpectSound(sink_.Of(1), spec);
  EXPECT_EQ(sink_.Of(1).end->fired(), 0U);
}

TEST_F(ExecutorTest, AShareThatIsNotListedIsCancelledEndedAndForgotten) {
  const v1::ShareSpec spec = SleepSpec(1, 100, 8, 3600 * kSecond);
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 8; });
  Unlist(1);
  Exchange();
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (Status(1) && MonotonicNs() < deadline_ns) std::this_thread::yield();
  EXPECT_FALSE(Status(1));
  const Written written = sink_.Of(1);
  ExpectSound(written, spec);
  EXPECT_EQ(written.triggers.size(), 8U);
  EXPECT_THAT(written.end->error(), HasSubstr("no longer"));
}

TEST_F(ExecutorTest, AnEndedShareThatIsListedAgainIsNotRunAgain) {
  const v1::ShareSpec spec = SleepSpec(1, 5, 1, 0);
  Execute(spec);
  EXPECT_EQ(Status(1)->phase(), v1::ENDED) << "reported while it is listed";
  Unlist(1);
  Exchange();
  EXPECT_FALSE(Status(1));
  for (const v1::SharePhase phase : {v1::PREPARE, v1::RUN}) {
    Want(spec, phase);
    Exchange();
    EXPECT_EQ(Status(1)->phase(), v1::ENDED);
    EXPECT_EQ(Status(1)->fired(), 5U);
  }
  EXPECT_EQ(sink_.Of(1).triggers.size(), 5U);
}

TEST_F(ExecutorTest, ARunThatWasNeverPreparedHereIsRefused) {
  Want(SleepSpec(1, 5, 1, 0), v1::RUN).set_t0_ns(MonotonicNs() + kClock.offset_ns);
  Exchange();
  EXPECT_EQ(Status(1)->phase(), v1::REFUSED);
  EXPECT_EQ(Status(1)->error(), "agent restarted");
  EXPECT_FALSE(sink_.Of(1).start);
}

TEST_F(ExecutorTest, TheSpecNeedsToComeOnlyOnce) {
  v1::DesiredShare& share = Want(SleepSpec(1, 4, 2, kMs), v1::PREPARE);
  const v1::ShareSpec spec = share.spec();
  share.clear_spec();
  Exchange();
  EXPECT_FALSE(Status(1)) << "without one there is nothing to prepare: the next answer will have it";
  *share.mutable_spec() = spec;
  Exchange();
  WaitForPhase(1, v1::READY);
  share.clear_spec();
  share.set_phase(v1::RUN);
  share.set_t0_ns(MonotonicNs() + 10 * kMs + kClock.offset_ns);
  Exchange();
  EXPECT_EQ(WaitForPhase(1, v1::FIRED).fired(), 4U);
}

TEST_F(ExecutorTest, WhatCannotBeDoneIsRefusedWithTheReason) {
  v1::ShareSpec no_kind = SleepSpec(1, 5, 1, 0);
  no_kind.clear_trigger();
  v1::ShareSpec no_bound = SleepSpec(2, 0, 1, 0);
  v1::ShareSpec no_slot = SleepSpec(3, 5, 0, 0);
  v1::ShareSpec no_stride = SleepSpec(4, 5, 1, 0);
  no_stride.set_stride(0);
  v1::ShareSpec no_program = ExecSpec(5, 5, 1, {});
  v1::ShareSpec no_length = SleepSpec(6, 5, 1, 0);
  no_length.mutable_trigger()->mutable_sleep()->clear_length();
  const std::map<int64_t, std::pair<v1::ShareSpec, std::string>> cases = {
      {1, {no_kind, "does not know"}},    {2, {no_bound, "bounds it"}},    {3, {no_slot, "no slot"}},
      {4, {no_stride, "do not advance"}}, {5, {no_program, "no program"}}, {6, {no_length, "no length"}}};
  for (const auto& [id, expected] : cases) Want(expected.first, v1::PREPARE);
  Exchange();
  for (const auto& [id, expected] : cases) {
    EXPECT_THAT(WaitForPhase(id, v1::REFUSED).error(), HasSubstr(expected.second));
    EXPECT_FALSE(sink_.Of(id).start);
  }
}

TEST_F(ExecutorTest, MoreProcessesThanTheHostAllowsAreRefused) {
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 10});
  Want(ExecSpec(1, 100, 11, {"true"}), v1::PREPARE);
  Want(ExecSpec(2, 10, 100, {"true"}), v1::PREPARE);  // 10 triggers never need more than 10 slots
  Exchange();
  EXPECT_THAT(WaitForPhase(1, v1::REFUSED).error(), HasSubstr("11 processes at once, but this host's limits allow 10"));
  WaitForPhase(2, v1::READY);
}

TEST_F(ExecutorTest, ASpoolThatCannotKeepTheBeginRefusesTheShare) {
  sink_.broken = true;
  Want(SleepSpec(1, 5, 1, 0), v1::PREPARE);
  Exchange();
  EXPECT_THAT(WaitForPhase(1, v1::REFUSED).error(), HasSubstr("disk full"));
  EXPECT_TRUE(sink_.Of(1).end) << "a begin that may have reached the disk has its end";
}

TEST_F(ExecutorTest, AFullSpoolStopsFiringAndIsCounted) {
  sink_.full_after = 50;
  const v1::ShareSpec spec = SleepSpec(1, 200, 2, kMs / 2);
  Begin(spec);
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (!sink_.full && MonotonicNs() < deadline_ns) std::this_thread::yield();
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 0; });
  const uint64_t fired = Status(1)->fired();
  std::this_thread::sleep_for(std::chrono::milliseconds(40));
  EXPECT_EQ(Status(1)->fired(), fired);
  EXPECT_EQ(Status(1)->phase(), v1::RUNNING);
  sink_.full = false;
  WaitForPhase(1, v1::FIRED);
  const Written written = Finish(spec);
  ExpectSound(written, spec);
  EXPECT_EQ(written.triggers.size(), 200U);
  EXPECT_TRUE(written.end->backpressured());
  EXPECT_GE(written.end->backpressured_ns(), 40 * kMs);
  EXPECT_EQ(written.end->error(), "");
}

TEST_F(ExecutorTest, AFullSpoolDoesNotKeepADurationFromEnding) {
  sink_.full = true;
  v1::ShareSpec spec = SleepSpec(1, 0, 2, kMs);
  spec.set_duration_ns(50 * kMs);
  Begin(spec);
  WaitForPhase(1, v1::FIRED);
  const Written written = Finish(spec);
  EXPECT_EQ(written.end->fired(), 0U);
  EXPECT_TRUE(written.end->backpressured());
  EXPECT_GE(written.end->backpressured_ns(), 40 * kMs);
}

TEST_F(ExecutorTest, AfterTheLeaseNothingStartsAndTheShareEndsItself) {
  lease_ns_ = 300 * kMs;
  const v1::ShareSpec spec = SleepSpec(1, 100'000, 4, 5 * kMs);
  Begin(spec);
  const int64_t granted_ns = MonotonicNs();
  WaitForPhase(1, v1::ENDED);
  EXPECT_GE(MonotonicNs(), granted_ns + 250 * kMs);
  const Written written = sink_.Of(1);
  ExpectSound(written, spec);
  EXPECT_LT(written.triggers.size(), 100'000U);
  EXPECT_GT(written.triggers.size(), 0U);
  for (const auto& record : written.triggers) EXPECT_EQ(record.outcome(), v1::OK) << "what is in flight ends normally";
  EXPECT_THAT(written.end->error(), HasSubstr("lease ran out: no word from the coordinator for "));
  EXPECT_THAT(written.end->error(), HasSubstr("of 100000 triggers were not started"));
  EXPECT_TRUE(written.end->interrupted());
}

TEST_F(ExecutorTest, ARenewedLeaseGoesOn) {
  lease_ns_ = 2 * kSecond;
  const v1::ShareSpec spec = SleepSpec(1, 40, 1, 100 * kMs);  // 4 s at least: longer than one lease
  Begin(spec);
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (Status(1)->phase() == v1::RUNNING && MonotonicNs() < deadline_ns) {
    Exchange();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(Status(1)->phase(), v1::FIRED);
  EXPECT_EQ(Finish(spec).end->error(), "");
}

TEST_F(ExecutorTest, AFiredShareOfASilentCoordinatorCoolsDownAndEndsItself) {
  lease_ns_ = 300 * kMs;
  const v1::ShareSpec spec = SleepSpec(1, 5, 1, 0);
  Begin(spec);
  WaitForPhase(1, v1::ENDED);
  EXPECT_EQ(sink_.Of(1).triggers.size(), 5U);
  EXPECT_EQ(sink_.Of(1).end->error(), "") << "all was fired";
  EXPECT_FALSE(sink_.Of(1).end->interrupted());
}

TEST_F(ExecutorTest, AReadyShareOfASilentCoordinatorEnds) {
  lease_ns_ = 100 * kMs;
  const v1::ShareSpec spec = SleepSpec(1, 5, 1, 0);
  Want(spec, v1::PREPARE);
  Exchange();
  WaitForPhase(1, v1::ENDED);
  EXPECT_THAT(sink_.Of(1).end->error(), HasSubstr("lease ran out"));
}

TEST_F(ExecutorTest, NothingStartsBeforeALeaseIsGranted) {
  const v1::ShareSpec spec = SleepSpec(1, 5, 1, 0);
  const auto reconcile = [&] { OnLoop([&] { executor_->Reconcile(desired_, kClock); }); };
  Want(spec, v1::PREPARE);
  reconcile();
  WaitForPhase(1, v1::READY);
  Want(spec, v1::RUN).set_t0_ns(MonotonicNs() + kClock.offset_ns);
  reconcile();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(Status(1)->phase(), v1::RUNNING);
  EXPECT_EQ(Status(1)->fired() + Status(1)->in_flight(), 0U);
  Exchange();
  WaitForPhase(1, v1::FIRED);
}

TEST_F(ExecutorTest, WithoutAClockAShareStaysReady) {
  const v1::ShareSpec spec = SleepSpec(1, 5, 1, 0);
  Want(spec, v1::PREPARE);
  Exchange();
  WaitForPhase(1, v1::READY);
  Want(spec, v1::RUN).set_t0_ns(MonotonicNs() + kClock.offset_ns);
  OnLoop([&] { executor_->Reconcile(desired_, std::nullopt); });
  EXPECT_EQ(Status(1)->phase(), v1::READY);
  Exchange();
  WaitForPhase(1, v1::FIRED);
}

TEST_F(ExecutorTest, ARefusalSaysNothingAboutShares) {
  const v1::ShareSpec spec = SleepSpec(1, 1, 1, 3600 * kSecond);
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 1; });
  v1::Desired refusal;
  refusal.set_refusal("another agent has this name");
  OnLoop([&] { executor_->Reconcile(refusal, kClock); });
  EXPECT_EQ(Status(1)->phase(), v1::RUNNING);
}

TEST_F(ExecutorTest, SamplesReachFromBeforeT0ToTheCooldownsEnd) {
  v1::ShareSpec spec = SleepSpec(1, 5, 1, 10 * kMs);
  spec.mutable_sampling()->set_every_ns(10 * kMs);
  spec.mutable_sampling()->set_host(true);
  spec.mutable_sampling()->add_cgroups("/no/such/cgroup/of/assay");
  Begin(spec, 100 * kMs);
  WaitForPhase(1, v1::FIRED);
  const Written written = Finish(spec, 60 * kMs);
  ExpectSound(written, spec);
  ASSERT_GE(written.hosts.size(), 3U);
  EXPECT_LT(written.hosts.front().read_begin_ns(), 0) << "sampling begins with prepare";
  EXPECT_GT(written.hosts.front().read_begin_ns(), -kPatience) << "rebased to T0";
  EXPECT_GT(written.hosts.back().read_begin_ns(), written.triggers.back().finished_ns());
  EXPECT_EQ(written.end->sampler_ticks(), written.hosts.size());
  EXPECT_LE(written.end->sampled_until_ns(), written.hosts.back().read_begin_ns());
  EXPECT_GT(written.end->sampled_until_ns(), written.triggers.back().finished_ns());
  EXPECT_THAT(written.end->unmatched_cgroups(), ElementsAre("/no/such/cgroup/of/assay"));
}

TEST_F(ExecutorTest, AShareWithoutSlotsOnlySamples) {
  v1::ShareSpec spec = SleepSpec(1, 0, 0, 0);
  spec.clear_trigger();
  spec.mutable_sampling()->set_every_ns(5 * kMs);
  spec.mutable_sampling()->set_host(true);
  const Written written = Execute(spec);
  EXPECT_TRUE(written.triggers.empty());
  EXPECT_FALSE(written.hosts.empty());
  EXPECT_EQ(written.end->error(), "");
}

TEST_F(ExecutorTest, SeveralSharesAtOnceDoNotMix) {
  for (int64_t id = 1; id <= 5; ++id) Want(SleepSpec(id, 50, 3, kMs), v1::PREPARE);
  Exchange();
  for (int64_t id = 1; id <= 5; ++id) {
    WaitForPhase(id, v1::READY);
    Want(SleepSpec(id, 50, 3, kMs), v1::RUN).set_t0_ns(MonotonicNs() + kClock.offset_ns);
  }
  Exchange();
  for (int64_t id = 1; id <= 5; ++id) {
    WaitForPhase(id, v1::FIRED);
    const v1::ShareSpec spec = SleepSpec(id, 50, 3, kMs);
    const Written written = Finish(spec);
    ExpectSound(written, spec);
    EXPECT_EQ(written.triggers.size(), 50U);
  }
}

TEST_F(ExecutorTest, StopDrainsAndThenTells) {
  const v1::ShareSpec spec = SleepSpec(1, 1000, 2, 30 * kMs);
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 2; });
  std::promise<void> ended;
  OnLoop([&] { executor_->Stop(false, [&] { ended.set_value(); }); });
  Want(SleepSpec(2, 5, 1, 0), v1::PREPARE);
  Exchange();
  EXPECT_EQ(WaitForPhase(2, v1::REFUSED).error(), "the agent is stopping");
  ended.get_future().wait();
  const Written written = sink_.Of(1);
  ExpectSound(written, spec);
  for (const auto& record : written.triggers) EXPECT_EQ(record.outcome(), v1::OK);
  EXPECT_THAT(written.end->error(), HasSubstr("told to stop"));
}

TEST_F(ExecutorTest, StopNowCutsADrainShort) {
  const v1::ShareSpec spec = SleepSpec(1, 10, 2, 3600 * kSecond);
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 2; });
  std::promise<void> drained;
  std::promise<void> ended;
  OnLoop([&] { executor_->Stop(false, [&] { drained.set_value(); }); });
  OnLoop([&] { executor_->Stop(true, [&] { ended.set_value(); }); });
  drained.get_future().wait();
  ended.get_future().wait();
  for (const auto& record : sink_.Of(1).triggers) EXPECT_EQ(record.outcome(), v1::CANCELLED);
  EXPECT_EQ(sink_.Of(1).end->fired(), 2U);
}

TEST_F(ExecutorTest, StopOfAnIdleAgentTellsAtOnce) {
  std::promise<void> ended;
  OnLoop([&] { executor_->Stop(false, [&] { ended.set_value(); }); });
  ended.get_future().wait();
}

TEST_F(ExecutorTest, TenThousandSleepsAtOnce) {
  const v1::ShareSpec spec = SleepSpec(1, 10'000, 10'000, 200 * kMs);
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.size(), 10'000U);
}

}  // namespace
}  // namespace assay
