#include "agent/pacer.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace assay {
namespace {

TEST(Pacer, TheFirstAreIntendedAtT0AndLaterOnesWhenASlotBecomesFree) {
  Pacer pacer({.first_index = 10, .count = 4, .stride = 3, .slots = 2, .duration_ns = 0});
  EXPECT_FALSE(pacer.Next(-1));
  EXPECT_EQ(pacer.NextIntendedNs(), 0);
  const auto first = pacer.Next(50);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->index, 10U);
  EXPECT_EQ(first->intended_ns, 0);
  EXPECT_EQ(pacer.Next(60)->index, 13U);
  EXPECT_FALSE(pacer.Next(70)) << "both slots are taken";
  EXPECT_EQ(pacer.NextIntendedNs(), Pacer::kNever);
  pacer.Ended(100);
  pacer.Ended(120);
  EXPECT_EQ(pacer.NextIntendedNs(), 100);
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

TEST(Pacer, NothingIsDueAfterTheDuration) {
  Pacer pacer({.first_index = 0, .count = 0, .stride = 1, .slots = 1, .duration_ns = 1000});
  EXPECT_TRUE(pacer.Next(0));
  pacer.Ended(1000);
  EXPECT_TRUE(pacer.Next(1000));
  pacer.Ended(1001);
  EXPECT_FALSE(pacer.Next(1001));
  EXPECT_TRUE(pacer.Exhausted(1001));
}

TEST(Pacer, StopEndsIt) {
  Pacer pacer({.first_index = 0, .count = 100, .stride = 1, .slots = 10, .duration_ns = 0});
  EXPECT_TRUE(pacer.Next(5));
  pacer.Stop();
  EXPECT_FALSE(pacer.Next(6));
  EXPECT_TRUE(pacer.Exhausted(6));
  EXPECT_EQ(pacer.started(), 1U);
}

TEST(Pacer, WithoutSlotsItIsExhaustedFromTheBeginning) {
  const Pacer pacer({.first_index = 0, .count = 0, .stride = 1, .slots = 0, .duration_ns = 1000});
  EXPECT_TRUE(pacer.Exhausted(0));
}

// Random services: never more than the slots at once, every index once, and intended is the end that freed the slot.
TEST(Pacer, RandomServices) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const Pacer::Plan plan{.first_index = random() % 100,
                           .count = 1 + random() % 500,
                           .stride = 1 + random() % 4,
                           .slots = 1 + static_cast<uint32_t>(random() % 20),
                           .duration_ns = 0};
    Pacer pacer(plan);
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

}  // namespace
}  // namespace assay
