#include "common/wall_instant.h"

#include <gtest/gtest.h>

#include "common/nanoseconds.h"
#include "common/units.h"

namespace assay {
namespace {

struct Case {
  const char* text;
  const char* utc;
  int64_t resolution_ns;
};

TEST(WallInstant, ReadsIsoAndNumbersWithTheResolutionThatTheyShow) {
  for (const Case& one : {
           Case{"2026-11-22T19:30:49.5Z", "2026-11-22 19:30:49.500000Z", 100'000'000},
           Case{"2026-11-22 19:30:49.123456+00", "2026-11-22 19:30:49.123456Z", 1'000},
           Case{"2026-11-22 19:30:49+00", "2026-11-22 19:30:49.000000Z", kSecond},
           Case{"2026-11-22T21:30:49.123456789+02:00", "2026-11-22 19:30:49.123456Z", 1},
           Case{"2026-11-22T11:30:49,250-0800", "2026-11-22 19:30:49.250000Z", 1'000'000},
           Case{"2026-11-22T19:30Z", "2026-11-22 19:30:00.000000Z", 60 * kSecond},
           Case{"2024-02-29 00:00:00 UTC", "2024-02-29 00:00:00.000000Z", kSecond},
           Case{"2026-11-22T21:30:49.25+02:00", "2026-11-22 19:30:49.250000Z", 10'000'000},
           Case{"1795375849", "2026-11-22 19:30:49.000000Z", kSecond},
           Case{"1795375849.5", "2026-11-22 19:30:49.500000Z", 100'000'000},
           Case{"1795375849123", "2026-11-22 19:30:49.123000Z", 1'000'000},
           Case{"1795375849123456", "2026-11-22 19:30:49.123456Z", 1'000},
           Case{"1795375849123.25", "2026-11-22 19:30:49.123250Z", 10'000},
           Case{"1795375849123456789", "2026-11-22 19:30:49.123456Z", 1},
       }) {
    const absl::StatusOr<WallInstant> told = WallInstant::Parse(one.text);
    ASSERT_TRUE(told.ok()) << one.text << ": " << told.status();
    EXPECT_EQ(UtcText(told->unix_ns, ' '), one.utc) << one.text;
    EXPECT_EQ(told->resolution_ns, one.resolution_ns) << one.text;
  }
}

TEST(WallInstant, ATimeWithoutAZoneNeedsADeclaredOne) {
  const char* const text = "2026-07-01 12:00:00.25";
  EXPECT_TRUE(absl::IsFailedPrecondition(WallInstant::Parse(text).status()));
  const auto berlin = ReadZone("Europe/Berlin");
  ASSERT_TRUE(berlin.ok()) << berlin.status();
  EXPECT_EQ(UtcText(WallInstant::Parse(text, *berlin)->unix_ns, ' '), "2026-07-01 10:00:00.250000Z");
  EXPECT_EQ(UtcText(WallInstant::Parse(text, *ReadZone("UTC"))->unix_ns, ' '), "2026-07-01 12:00:00.250000Z");
  EXPECT_EQ(UtcText(WallInstant::Parse("2026-07-01 12:00:00+00", *berlin)->unix_ns, ' '), "2026-07-01 12:00:00.000000Z")
      << "a zone in the text comes first";
  const absl::Status unknown = ReadZone("Europe/Nowhere").status();
  EXPECT_NE(std::string(unknown.message()).find("Europe/Nowhere"), std::string::npos);
}

TEST(WallInstant, AnHourThatCameTwiceIsTheOneNearTheRun) {
  const auto berlin = ReadZone("Europe/Berlin");
  ASSERT_TRUE(berlin.ok()) << berlin.status();
  const int64_t first = WallInstant::Parse("2026-10-25T00:30:00Z")->unix_ns;
  const int64_t second = first + 3600 * kSecond;
  EXPECT_EQ(WallInstant::Parse("2026-10-25 02:30:00", *berlin, first)->unix_ns, first);
  EXPECT_EQ(WallInstant::Parse("2026-10-25 02:30:00", *berlin, second)->unix_ns, second);
}

TEST(WallInstant, WhatIsNoInstantIsRefused) {
  for (const char* text :
       {"", "n/a", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-22", "2026-11-22T25:00:00Z",
        "2026-11-22T19:30:49X", "2026-11-22T19:30:49+99", "12:30", "17.5.3", "1e9", "0x1", "99999999999999999999",
        "soon", "nan", "0", "12", "-1795375849", "20000000000"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(WallInstant::Parse(text, absl::UTCTimeZone()).status())) << text;
  }
}

}  // namespace
}  // namespace assay
