#include "common/percent_encoding.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(PercentEncoded, LeavesOnlyWhatNoUrlTakesForItsOwn) {
  EXPECT_EQ(PercentEncoded("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncoded("manual__2026-11-22T19:30:49+00:00/a b?&%"),
            "manual__2026-11-22T19%3A30%3A49%2B00%3A00%2Fa%20b%3F%26%25");
  EXPECT_EQ(PercentEncoded("\xc3\xa9\n"), "%C3%A9%0A");
}

}  // namespace
}  // namespace assay
