// Shares of sleeps under load: arrivals, bounds, batches, a full spool.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "executor_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

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
  // An agent that is late for the first, as on a busy machine, would skip that one too, for another reason.
  v1::ShareSpec spec = Open(SleepSpec(1, 200, 1, 2 * kSecond), 10'000);
  spec.mutable_open()->set_deadline_ns(kSecond);
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 200U);
  std::set<uint64_t> indices;
  size_t skipped = 0;
  for (const v1::TriggerRecord& record : written.triggers) {
    indices.insert(record.index());
    if (record.outcome() != v1::SKIPPED) continue;
    ++skipped;
    EXPECT_GT(record.dispatched_ns() - record.intended_ns(), kSecond);
    EXPECT_EQ(record.error(), "not started within its deadline of 1 s: in_flight was full");
    EXPECT_EQ(record.waited_ns(), kSecond + 1);
  }
  EXPECT_EQ(indices.size(), 200U);
  EXPECT_GE(skipped, 190U) << "all come within 20 ms, and the first takes 2 s";
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

TEST_F(ExecutorTest, DurationBoundsTheLoad) {
  v1::ShareSpec spec = SleepSpec(1, 0, 4, kMs);
  spec.set_duration_ns(kSecond);
  const Written written = Execute(spec);
  EXPECT_GE(written.triggers.size(), 4U);
  EXPECT_LE(MostInFlight(written), 4U);
  for (const auto& record : written.triggers) EXPECT_LE(record.dispatched_ns(), kSecond);
  EXPECT_EQ(written.end->error(), "") << "it did all that it was asked";
}

TEST_F(ExecutorTest, NullTriggersAreBatchedAndKeepTheLoopFree) {
  const v1::ShareSpec spec = SleepSpec(1, 20'000, 8, 0);
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.size(), 20'000U);
  // Batches of 1,000, but where 50 ms passed first on a busy machine, and the last; the share's begin and end have
  // none.
  const auto partial = std::count_if(written.batch_sizes.begin(), written.batch_sizes.end(),
                                     [](size_t size) { return size > 0 && size < 1000; });
  EXPECT_LE(partial, written.triggers.back().finished_ns() / (50 * kMs) + 2);
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
  spec.set_duration_ns(kSecond);
  Begin(spec);
  WaitForPhase(1, v1::FIRED);
  const Written written = Finish(spec);
  EXPECT_EQ(written.end->fired(), 0U);
  EXPECT_TRUE(written.end->backpressured());
  EXPECT_GE(written.end->backpressured_ns(), 40 * kMs);
}

}  // namespace
}  // namespace assay
