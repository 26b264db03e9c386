#include "common/counter_random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assay {
namespace {

TEST(CounterRandom, UniformSleepsFillTheirRangeEvenly) {
  v1::SleepLength length;
  length.mutable_uniform()->set_min_ns(1'000'000);
  length.mutable_uniform()->set_max_ns(10'000'000);
  const uint64_t key = RunKey(42, StableHash("cell"), 1);
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 100'000;
  for (uint64_t i = 0; i < kDraws; ++i) {
    const int64_t ns = DrawSleepNs(length, key, i);
    ASSERT_GE(ns, 1'000'000);
    ASSERT_LT(ns, 10'000'000);
    sum += static_cast<double>(ns);
    squares += static_cast<double>(ns) * static_cast<double>(ns);
  }
  const double mean = sum / kDraws;
  // Uniform[a, b]: mean (a+b)/2, variance (b-a)^2/12; five standard errors of room.
  EXPECT_NEAR(mean, 5.5e6, 5 * 2.6e6 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws - mean * mean, 81e12 / 12, 0.02 * 81e12 / 12);
}

TEST(CounterRandom, ExponentialAndListAndFixed) {
  v1::SleepLength length;
  length.set_exponential_mean_ns(2'000'000);
  double sum = 0;
  for (uint64_t i = 0; i < 100'000; ++i) sum += static_cast<double>(DrawSleepNs(length, 9, i));
  EXPECT_NEAR(sum / 1e5, 2e6, 5 * 2e6 / std::sqrt(1e5));
  length.mutable_list()->add_ns(5);
  length.mutable_list()->add_ns(7);
  EXPECT_EQ(DrawSleepNs(length, 9, 3), 7);
  length.set_fixed_ns(11);
  EXPECT_EQ(DrawSleepNs(length, 9, 3), 11);
}

TEST(CounterRandom, KeysBlocksAndIndicesAllMatterAndNothingElseDoes) {
  EXPECT_EQ(DrawBits(RunKey(1, 2, 3), 4), DrawBits(RunKey(1, 2, 3), 4));
  EXPECT_NE(DrawBits(RunKey(1, 2, 3), 4), DrawBits(RunKey(2, 2, 3), 4));
  EXPECT_NE(DrawBits(RunKey(1, 2, 3), 4), DrawBits(RunKey(1, 3, 3), 4));
  EXPECT_NE(DrawBits(RunKey(1, 2, 3), 4), DrawBits(RunKey(1, 2, 4), 4));
  EXPECT_NE(DrawBits(RunKey(1, 2, 3), 4), DrawBits(RunKey(1, 2, 3), 5));
}

}  // namespace
}  // namespace assay
