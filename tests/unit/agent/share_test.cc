// Shares of sleeps: phases, slots, what is refused, samples.
#include <gmock/gmock.h>

#include <map>

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

TEST_F(ExecutorTest, PhasesAndCounts) {
  const v1::ShareSpec spec = SleepSpec(1, 4, 2, kSecond);  // long enough to be seen between two looks
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
  const int64_t t0_ns = MonotonicNs() + kSecond;
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

TEST_F(ExecutorTest, SamplesReachFromBeforeT0ToTheCooldownsEnd) {
  v1::ShareSpec spec = SleepSpec(1, 5, 1, 10 * kMs);
  spec.mutable_sampling()->set_every_ns(10 * kMs);
  spec.mutable_sampling()->set_host(true);
  spec.mutable_sampling()->add_cgroups("/no/such/cgroup/of/assay");
  Begin(spec, kSecond);
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

TEST_F(ExecutorTest, TenThousandSleepsAtOnce) {
  const v1::ShareSpec spec = SleepSpec(1, 10'000, 10'000, 200 * kMs);
  const Written written = Execute(spec);
  EXPECT_EQ(written.triggers.size(), 10'000U);
}

}  // namespace
}  // namespace assay
