#include "common/arrivals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/nanoseconds.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

void AddSegment(v1::OpenLoop& load, double from_per_s, double to_per_s, int64_t for_ns) {
  v1::OpenLoop::Segment& segment = *load.mutable_rates()->add_segments();
  segment.set_from_per_s(from_per_s);
  segment.set_to_per_s(to_per_s);
  segment.set_for_ns(for_ns);
}

std::vector<int64_t> First(size_t n, const v1::OpenLoop& load, uint64_t key = 1) {
  std::vector<int64_t> instants_ns;
  Arrivals arrivals(load, key);
  while (instants_ns.size() < n) {
    const auto at_ns = arrivals.Next();
    if (!at_ns) break;
    instants_ns.push_back(*at_ns);
  }
  return instants_ns;
}

TEST(Arrivals, AConstantRateIsEvenlySpacedFromT0) {
  v1::OpenLoop load;
  AddSegment(load, 500, 500, 0);
  EXPECT_THAT(First(4, load), ElementsAre(0, 2 * kMs, 4 * kMs, 6 * kMs));
  EXPECT_EQ(First(1'000'001, load).back(), 2000 * kSecond) << "no error adds up";
}

TEST(Arrivals, StepsFollowOneAnotherAndEnd) {
  v1::OpenLoop load;
  AddSegment(load, 2, 2, kSecond);
  AddSegment(load, 0, 0, kSecond);  // a pause
  AddSegment(load, 4, 4, kSecond);
  EXPECT_THAT(First(100, load), ElementsAre(0, kSecond / 2, 2 * kSecond, 2 * kSecond + kSecond / 4,
                                            2 * kSecond + kSecond / 2, 2 * kSecond + 3 * kSecond / 4));
}

// The k-th arrival of a ramp from 0 to r over t lies where r x^2 / (2 t) = k.
TEST(Arrivals, ARampFollowsItsIntegral) {
  v1::OpenLoop load;
  AddSegment(load, 0, 100, 10 * kSecond);
  const std::vector<int64_t> instants_ns = First(1000, load);
  ASSERT_THAT(instants_ns, SizeIs(500)) << "the mean rate is 50/s";
  for (size_t k = 0; k < instants_ns.size(); ++k)
    EXPECT_NEAR(static_cast<double>(instants_ns[k]), std::sqrt(static_cast<double>(k) / 5) * 1e9, 1);
  v1::OpenLoop falling;
  AddSegment(falling, 100, 0, 10 * kSecond);
  EXPECT_THAT(First(1000, falling), SizeIs(500));
  EXPECT_LT(First(1000, falling).back(), 10 * kSecond);
}

TEST(Arrivals, AreCountedWithoutBeingDrawn) {
  v1::OpenLoop rates;
  AddSegment(rates, 0, 100, 10 * kSecond);
  AddSegment(rates, 30, 30, kSecond / 10);
  AddSegment(rates, 0.3, 0.3, 0);
  v1::OpenLoop waves;
  waves.mutable_waves()->set_every_ns(500 * kMs);
  waves.mutable_waves()->set_size(50);
  v1::OpenLoop trace;
  for (const int64_t gap_ns : {kSecond, int64_t{0}, kSecond}) trace.mutable_trace()->add_gap_ns(gap_ns);
  for (const v1::OpenLoop& load : {rates, waves, trace}) {
    for (const int64_t end_ns : {int64_t{1}, kSecond, kSecond + 1, 3 * kSecond, 10 * kSecond, 17 * kSecond}) {
      const std::vector<int64_t> instants_ns = First(10'000, load);
      EXPECT_EQ(ArrivalsBefore(load, end_ns),
                std::count_if(instants_ns.begin(), instants_ns.end(), [&](int64_t at_ns) { return at_ns < end_ns; }))
          << load.ShortDebugString() << " before " << end_ns;
    }
  }
  v1::OpenLoop uneven;
  AddSegment(uneven, 4.4, 4.4, 0);
  EXPECT_EQ(ArrivalsBefore(uneven, 12'500 * kMs), 55U) << "not 56 for the last bit of 4.4 times 12.5";
  v1::OpenLoop poisson;
  AddSegment(poisson, 300, 300, 0);
  poisson.mutable_rates()->set_poisson(true);
  EXPECT_EQ(ArrivalsBefore(poisson, 3 * kSecond), 900U);
}

TEST(Arrivals, PoissonArrivalsHaveTheRateAndTheSpreadOfUnitExponentials) {
  v1::OpenLoop load;
  AddSegment(load, 1000, 1000, 0);
  load.mutable_rates()->set_poisson(true);
  const std::vector<int64_t> instants_ns = First(100'000, load);
  double sum = 0;
  double squares = 0;
  int64_t last_ns = 0;
  size_t above_mean = 0;
  for (const int64_t at_ns : instants_ns) {
    const double gap = static_cast<double>(at_ns - last_ns) / 1e6;  // in means
    ASSERT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
    above_mean += gap > 1 ? 1 : 0;
    last_ns = at_ns;
  }
  // Over 100,000 draws: the mean is known to 0.3 %, e^-1 of the gaps are above it.
  EXPECT_NEAR(sum / 1e5, 1, 0.02);
  EXPECT_NEAR(squares / 1e5, 2, 0.1);
  EXPECT_NEAR(static_cast<double>(above_mean) / 1e5, std::exp(-1), 0.01);
}

TEST(Arrivals, PoissonArrivalsFollowTheStepsToo) {
  v1::OpenLoop load;
  AddSegment(load, 1000, 1000, 10 * kSecond);
  AddSegment(load, 100, 100, 10 * kSecond);
  load.mutable_rates()->set_poisson(true);
  const std::vector<int64_t> all = First(1'000'000, load, 3);
  const auto in_first = std::count_if(all.begin(), all.end(), [](int64_t at_ns) { return at_ns <= 10 * kSecond; });
  EXPECT_NEAR(static_cast<double>(in_first), 10'000, 500);
  EXPECT_NEAR(static_cast<double>(all.size()) - static_cast<double>(in_first), 1'000, 150);
}

TEST(Arrivals, TheSameKeyGivesTheSameInstants) {
  v1::OpenLoop load;
  AddSegment(load, 10, 10, 0);
  load.mutable_rates()->set_poisson(true);
  EXPECT_EQ(First(100, load, 5), First(100, load, 5));
  EXPECT_NE(First(100, load, 5), First(100, load, 6));
}

TEST(Arrivals, ABurstIsAllAtT0AndWavesRepeatIt) {
  v1::OpenLoop burst;
  burst.mutable_waves()->set_size(3);
  EXPECT_THAT(First(10, burst), ElementsAre(0, 0, 0));
  v1::OpenLoop waves;
  waves.mutable_waves()->set_size(2);
  waves.mutable_waves()->set_every_ns(300 * kSecond);
  EXPECT_THAT(First(5, waves), ElementsAre(0, 0, 300 * kSecond, 300 * kSecond, 600 * kSecond));
}

TEST(Arrivals, ATraceIsGapsAddedUp) {
  v1::OpenLoop load;
  for (const int64_t gap_ns : {5, 0, 7}) load.mutable_trace()->add_gap_ns(gap_ns);
  EXPECT_THAT(First(10, load), ElementsAre(5, 5, 12));
}

TEST(Arrivals, WhatNeverArrivesDoesNotHang) {
  v1::OpenLoop none;
  EXPECT_THAT(First(10, none), SizeIs(0));
  v1::OpenLoop silent;
  AddSegment(silent, 0, 0, kSecond);
  EXPECT_THAT(First(10, silent), SizeIs(0));
  v1::OpenLoop rare;
  AddSegment(rare, 1e-9, 1e-9, 0);
  EXPECT_THAT(First(10, rare), SizeIs(7)) << "the eighth is more than 200 years away";
}

}  // namespace
}  // namespace assay
