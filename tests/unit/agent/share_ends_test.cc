// How shares end: drained, cancelled, without a lease, with their agent.
#include <gmock/gmock.h>

#include "executor_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

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

TEST_F(ExecutorTest, AfterTheLeaseNothingStartsAndTheShareEndsItself) {
  lease_ns_ = 2 * kSecond;
  const v1::ShareSpec spec = SleepSpec(1, 100'000, 4, 5 * kMs);
  const int64_t granted_ns = MonotonicNs();
  Begin(spec);
  WaitForPhase(1, v1::ENDED);
  EXPECT_GE(MonotonicNs(), granted_ns + lease_ns_);
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
  lease_ns_ = 2 * kSecond;
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

}  // namespace
}  // namespace assay
