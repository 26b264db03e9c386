#include "agent/load/pacer.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "common/nanoseconds.h"

namespace assay {
namespace {

struct Plan {
  uint64_t first_index = 0;
  uint64_t count = 0;
  uint64_t stride = 1;
  uint32_t slots = 0;
  int64_t duration_ns = 0;
};

v1::ShareSpec Spec(const Plan& plan) {
  v1::ShareSpec spec;
  spec.set_first_index(plan.first_index);
  spec.set_count(plan.count);
  spec.set_stride(plan.stride);
  spec.set_slots(plan.slots);
  spec.set_duration_ns(plan.duration_ns);
  return spec;
}

// One arrival every millisecond.
v1::ShareSpec OpenSpec(const Plan& plan, int64_t deadline_ns = 0) {
  v1::ShareSpec spec = Spec(plan);
  spec.mutable_open()->mutable_rates()->add_segments()->set_from_per_s(1000);
  spec.mutable_open()->set_deadline_ns(deadline_ns);
  return spec;
}

TEST(Pacer, TheFirstAreIntendedAtT0AndLaterOnesWhenASlotBecomesFree) {
  Pacer pacer(Spec({.first_index = 10, .count = 4, .stride = 3, .slots = 2, .duration_ns = 0}));
  EXPECT_FALSE(pacer.Next(-1));
  EXPECT_EQ(pacer.NextDueNs(), 0);
  const auto first = pacer.Next(50);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->index, 10U);
  EXPECT_EQ(first->intended_ns, 0);
  EXPECT_EQ(pacer.Next(60)->index, 13U);
  EXPECT_FALSE(pacer.Next(70)) << "both slots are taken";
  EXPECT_EQ(pacer.NextDueNs(), Pacer::kNever);
  pacer.Ended(100);
  pacer.Ended(120);
  EXPECT_EQ(pacer.NextDueNs(), 100);
  const auto third = pacer.Next(130);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->index, 16U);
  EXPECT_EQ(third->intended_ns, 100);
  EXPECT_FALSE(pacer.Exhausted(130));
  EXPECT_EQ(pacer.Next(130)->intended_ns, 120);
  EXPECT_TRUE(pacer.Exhausted(130));
  pacer.Ended(140);
  EXPECT_FALSE(pacer.Next(150));
}

TEST(Pacer, NothingIsDueAtTheEndOfTheDurationOrLater) {
  Pacer pacer(Spec({.first_index = 0, .count = 0, .stride = 1, .slots = 1, .duration_ns = 1000}));
  EXPECT_TRUE(pacer.Next(0));
  pacer.Ended(999);
  EXPECT_TRUE(pacer.Next(999));
  pacer.Ended(1000);
  EXPECT_FALSE(pacer.Next(1000));
  EXPECT_TRUE(pacer.Exhausted(1000));
}

TEST(Pacer, StopEndsIt) {
  Pacer pacer(Spec({.first_index = 0, .count = 100, .stride = 1, .slots = 10, .duration_ns = 0}));
  EXPECT_TRUE(pacer.Next(5));
  pacer.Stop();
  EXPECT_FALSE(pacer.Next(6));
  EXPECT_TRUE(pacer.Exhausted(6));
  EXPECT_EQ(pacer.taken(), 1U);
}

TEST(Pacer, WithoutSlotsItIsExhaustedFromTheBeginning) {
  const Pacer pacer(Spec({.first_index = 0, .count = 0, .stride = 1, .slots = 0, .duration_ns = 1000}));
  EXPECT_TRUE(pacer.Exhausted(0));
}

// Random services: never more than the slots at once, every index once, and intended is the end that freed the slot.
TEST(Pacer, RandomServices) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const Plan plan{.first_index = random() % 100,
                    .count = 1 + random() % 500,
                    .stride = 1 + random() % 4,
                    .slots = 1 + static_cast<uint32_t>(random() % 20),
                    .duration_ns = 0};
    Pacer pacer(Spec(plan));
    std::multiset<int64_t> in_flight;
    std::multiset<int64_t> unused_ends;
    std::set<uint64_t> indices;
    int64_t now_ns = static_cast<int64_t>(random() % 10);
    while (!pacer.Exhausted(now_ns) || !in_flight.empty()) {
      while (const auto due = pacer.Next(now_ns)) {
        EXPECT_TRUE(indices.insert(due->index).second);
        if (indices.size() > plan.slots) {
          ASSERT_TRUE(unused_ends.contains(due->intended_ns));
          unused_ends.erase(unused_ends.find(due->intended_ns));
        } else {
          EXPECT_EQ(due->intended_ns, 0);
        }
        in_flight.insert(now_ns + 1 + static_cast<int64_t>(random() % 1000));
        ASSERT_LE(in_flight.size(), plan.slots);
      }
      if (in_flight.empty()) break;
      now_ns = *in_flight.begin();
      in_flight.erase(in_flight.begin());
      unused_ends.insert(now_ns);
      pacer.Ended(now_ns);
      now_ns += static_cast<int64_t>(random() % 3);
    }
    EXPECT_EQ(indices.size(), plan.count);
    EXPECT_EQ(*indices.begin(), plan.first_index);
    EXPECT_EQ(*indices.rbegin(), plan.first_index + (plan.count - 1) * plan.stride);
  }
}

TEST(OpenPacer, TriggersAreIntendedAtTheirArrivalsWhateverIsInFlight) {
  Pacer pacer(OpenSpec({.count = 3, .slots = 10}));
  EXPECT_EQ(pacer.NextDueNs(), 0);
  EXPECT_EQ(pacer.Next(5)->intended_ns, 0);
  EXPECT_FALSE(pacer.Next(kMs - 1));
  EXPECT_EQ(pacer.NextDueNs(), kMs);
  // Late: it is intended when it arrived all the same.
  const auto late = pacer.Next(5 * kMs);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->index, 1U);
  EXPECT_EQ(late->intended_ns, kMs);
  EXPECT_FALSE(late->skipped);
  EXPECT_FALSE(pacer.Exhausted(5 * kMs));
  EXPECT_EQ(pacer.Next(5 * kMs)->intended_ns, 2 * kMs);
  EXPECT_TRUE(pacer.Exhausted(5 * kMs));
}

TEST(OpenPacer, AnAgentTakesEveryStridethArrival) {
  Pacer pacer(OpenSpec({.first_index = 2, .count = 2, .stride = 5, .slots = 10}));
  const auto first = pacer.Next(kMs * 100);
  EXPECT_EQ(first->index, 2U);
  EXPECT_EQ(first->intended_ns, 2 * kMs);
  const auto second = pacer.Next(kMs * 100);
  EXPECT_EQ(second->index, 7U);
  EXPECT_EQ(second->intended_ns, 7 * kMs);
}

TEST(OpenPacer, WithoutAFreeSlotOneWaitsAndKeepsItsInstant) {
  Pacer pacer(OpenSpec({.count = 10, .slots = 1}));
  EXPECT_TRUE(pacer.Next(0));
  EXPECT_FALSE(pacer.Next(3 * kMs));
  EXPECT_EQ(pacer.NextDueNs(), Pacer::kNever);
  pacer.Ended(4 * kMs);
  EXPECT_EQ(pacer.NextDueNs(), kMs);
  EXPECT_EQ(pacer.Next(4 * kMs)->intended_ns, kMs);
  EXPECT_FALSE(pacer.Next(4 * kMs));
}

// What a trigger waited for the others to end is told apart from what the agent was late.
TEST(OpenPacer, TheWaitForASlotEndsWhenOneBecameFreeHoweverLateItIsTaken) {
  Pacer pacer(OpenSpec({.count = 6, .slots = 2}));
  EXPECT_EQ(pacer.Next(0)->waited_ns, 0);
  EXPECT_EQ(pacer.Next(5 * kMs)->waited_ns, 0) << "the agent was late: a slot was free all along";
  pacer.Ended(6 * kMs);
  pacer.Ended(9 * kMs);
  EXPECT_EQ(pacer.Next(20 * kMs)->waited_ns, 4 * kMs) << "due at 2 ms, and the first slot was free at 6";
  EXPECT_EQ(pacer.Next(20 * kMs)->waited_ns, 6 * kMs) << "due at 3 ms, and the second was free at 9";
  EXPECT_FALSE(pacer.Next(20 * kMs));
  pacer.Ended(21 * kMs);
  EXPECT_EQ(pacer.Next(21 * kMs)->waited_ns, 17 * kMs);
  Pacer idle(OpenSpec({.count = 2, .slots = 1}));
  EXPECT_TRUE(idle.Next(0));
  idle.Ended(kMs / 2);
  EXPECT_EQ(idle.Next(3 * kMs)->waited_ns, 0) << "its slot was free before it was due";
}

TEST(OpenPacer, OneThatWaitsLongerThanItsDeadlineIsSkippedAndTakesNoSlot) {
  Pacer pacer(OpenSpec({.count = 4, .slots = 1}, 2 * kMs));
  EXPECT_FALSE(pacer.Next(0)->skipped);
  EXPECT_EQ(pacer.NextDueNs(), 3 * kMs + 1) << "the instant it is skipped at, with no slot free";
  EXPECT_FALSE(pacer.Next(3 * kMs)) << "its deadline is not past yet";
  const auto skipped = pacer.Next(3 * kMs + 1);
  ASSERT_TRUE(skipped);
  EXPECT_TRUE(skipped->skipped);
  EXPECT_EQ(skipped->intended_ns, kMs);
  EXPECT_EQ(skipped->waited_ns, 2 * kMs + 1) << "for a slot, all the time";
  pacer.Ended(4 * kMs);
  const auto waited = pacer.Next(4 * kMs);
  EXPECT_FALSE(waited->skipped) << "it waited for just its deadline";
  EXPECT_EQ(waited->intended_ns, 2 * kMs);
  // Late with a slot free, as a generator that cannot keep up is.
  pacer.Ended(20 * kMs);
  EXPECT_TRUE(pacer.Next(20 * kMs)->skipped);
  EXPECT_TRUE(pacer.Exhausted(20 * kMs));
  Pacer late(OpenSpec({.count = 1, .slots = 1}, 2 * kMs));
  EXPECT_TRUE(late.Next(3 * kMs)->skipped);
  Pacer freed(OpenSpec({.count = 2, .slots = 1}, 2 * kMs));
  EXPECT_TRUE(freed.Next(0));
  freed.Ended(2 * kMs);
  EXPECT_EQ(freed.Next(9 * kMs)->waited_ns, kMs) << "skipped though a slot was free in time";
}

TEST(OpenPacer, WhatWaitsForTheCapOfItsKindIsSkippedAtItsDeadlineToo) {
  v1::ShareSpec spec = OpenSpec({.count = 3, .slots = 1000}, 2 * kMs);
  spec.mutable_trigger()->mutable_container()->set_in_flight(1);
  Pacer pacer(spec);
  EXPECT_FALSE(pacer.Next(0)->skipped);
  EXPECT_FALSE(pacer.Next(2 * kMs)) << "the only one that the container may have in flight is in flight";
  EXPECT_TRUE(pacer.Next(3 * kMs + 1)->skipped);
  v1::ShareSpec closed = Spec({.count = 3, .slots = 3});
  closed.mutable_trigger()->mutable_container()->set_in_flight(1);
  Pacer all(closed);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(all.Next(0)) << "in a closed loop the wait is slip";
}

TEST(OpenPacer, WhatArrivesWithinTheDurationIsFiredEvenLater) {
  Pacer pacer(OpenSpec({.slots = 1, .duration_ns = 2 * kMs + 1}));
  EXPECT_TRUE(pacer.Next(0));
  pacer.Ended(10 * kMs);
  EXPECT_TRUE(pacer.Next(10 * kMs));
  EXPECT_FALSE(pacer.Exhausted(10 * kMs));
  pacer.Ended(20 * kMs);
  EXPECT_EQ(pacer.Next(20 * kMs)->intended_ns, 2 * kMs);
  EXPECT_TRUE(pacer.Exhausted(20 * kMs));
}

// 1,000 a second for 3 ms are 3.
TEST(OpenPacer, WhatArrivesAtTheEndOfTheDurationIsNotFired) {
  Pacer pacer(OpenSpec({.slots = 10, .duration_ns = 3 * kMs}));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pacer.Next(i * kMs));
  EXPECT_FALSE(pacer.Next(3 * kMs));
  EXPECT_TRUE(pacer.Exhausted(3 * kMs));
}

TEST(OpenPacer, WithoutSlotsOrAfterAStopNothingIsDue) {
  EXPECT_TRUE(Pacer(OpenSpec({.slots = 0, .duration_ns = kMs})).Exhausted(0));
  Pacer pacer(OpenSpec({.count = 100, .slots = 10}));
  EXPECT_TRUE(pacer.Next(5));
  pacer.Stop();
  EXPECT_FALSE(pacer.Next(kMs));
  EXPECT_EQ(pacer.NextDueNs(), Pacer::kNever);
}

// Whatever the agents' number, together they fire every index at the same instant as one agent alone would.
TEST(OpenPacer, TheWorkloadIsTheSameWhateverTheNumberOfAgents) {
  v1::ShareSpec alone = OpenSpec({.count = 1000, .slots = 1000});
  alone.mutable_open()->mutable_rates()->set_poisson(true);
  alone.set_random_key(7);
  std::map<uint64_t, int64_t> wanted;
  for (Pacer pacer(alone); const auto due = pacer.Next(Pacer::kNever - 1);) wanted[due->index] = due->intended_ns;
  EXPECT_EQ(wanted.size(), 1000U);
  std::map<uint64_t, int64_t> shared;
  for (uint64_t agent = 0; agent < 7; ++agent) {
    v1::ShareSpec spec = alone;
    spec.set_first_index(agent);
    spec.set_stride(7);
    spec.set_count(1000 / 7 + (agent < 1000 % 7 ? 1 : 0));
    for (Pacer pacer(spec); const auto due = pacer.Next(Pacer::kNever - 1);) shared[due->index] = due->intended_ns;
  }
  EXPECT_EQ(shared, wanted);
}

}  // namespace
}  // namespace assay
