#include "common/clock_offset.h"

#include <gtest/gtest.h>

#include <random>

namespace assay {
namespace {

TEST(ClockOffset, NothingBeforeTheFirstExchange) { EXPECT_FALSE(ClockOffset().At(0).has_value()); }

TEST(ClockOffset, SymmetricExchangeIsExact) {
  ClockOffset clock;
  clock.Add(1000, 501'100, 501'200, 1300);
  const auto estimate = clock.At(1300);
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->offset_ns, 500'000);
  EXPECT_EQ(estimate->bound_ns, 100);
}

TEST(ClockOffset, TheTruthIsWithinTheBoundWhateverTheAsymmetry) {
  std::mt19937_64 random(7);
  std::uniform_int_distribution<int64_t> delay(1'000, 5'000'000);
  const int64_t truth = -123'456'789;
  ClockOffset clock;
  int64_t now = 0;
  for (int i = 0; i < 1000; ++i) {
    const int64_t out = delay(random);
    const int64_t hold = delay(random);
    const int64_t back = delay(random);
    const int64_t sent = now;
    clock.Add(sent, sent + out + truth, sent + out + hold + truth, sent + out + hold + back);
    now = sent + out + hold + back + delay(random);
    const auto estimate = clock.At(now);
    ASSERT_TRUE(estimate);
    EXPECT_LE(std::abs(estimate->offset_ns - truth), estimate->bound_ns);
  }
  EXPECT_LT(clock.At(now)->bound_ns, 2'000'000);
}

TEST(ClockOffset, ImpossibleExchangesAndResetLeaveNothing) {
  ClockOffset clock;
  clock.Add(1000, 5000, 4000, 2000);
  clock.Add(2000, 1, 2, 1000);
  EXPECT_FALSE(clock.At(2000).has_value());
  clock.Add(1000, 501'100, 501'200, 1300);
  clock.Reset();
  EXPECT_FALSE(clock.At(2000).has_value());
}

}  // namespace
}  // namespace assay
