#include "collect/instant_text.h"

#include <gtest/gtest.h>

#include "common/units.h"

namespace assay {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

struct Case {
  const char* text;
  const char* utc;
  int64_t resolution_ns;
};

TEST(InstantText, ReadsIsoAndNumbersWithTheResolutionThatTheyShow) {
  for (const Case& one : {
           Case{"2026-11-22T19:30:49.5Z", "2026-11-22 19:30:49.500000Z", 100'000'000},
           Case{"2026-11-22 19:30:49.123456+00", "2026-11-22 19:30:49.123456Z", 1'000},
           Case{"2026-11-22 19:30:49+00", "2026-11-22 19:30:49.000000Z", kSecond},
           Case{"2026-11-22T21:30:49.123456789+02:00", "2026-11-22 19:30:49.123456Z", 1},
           Case{"2026-11-22T11:30:49,250-0800", "2026-11-22 19:30:49.250000Z", 1'000'000},
           Case{"2026-11-22T19:30Z", "2026-11-22 19:30:00.000000Z", 60 * kSecond},
           Case{"2024-02-29 00:00:00 UTC", "2024-02-29 00:00:00.000000Z", kSecond},
           Case{"1795375849", "2026-11-22 19:30:49.000000Z", kSecond},
           Case{"1795375849.5", "2026-11-22 19:30:49.500000Z", 100'000'000},
           Case{"1795375849123", "2026-11-22 19:30:49.123000Z", 1'000'000},
           Case{"1795375849123456", "2026-11-22 19:30:49.123456Z", 1'000},
           Case{"1795375849123.25", "2026-11-22 19:30:49.123250Z", 10'000},
           Case{"1795375849123456789", "2026-11-22 19:30:49.123456Z", 1},
       }) {
    const absl::StatusOr<ToldInstant> told = ReadInstant(one.text, std::nullopt, 0);
    ASSERT_TRUE(told.ok()) << one.text << ": " << told.status();
    EXPECT_EQ(UtcText(told->unix_ns, ' '), one.utc) << one.text;
    EXPECT_EQ(told->resolution_ns, one.resolution_ns) << one.text;
  }
}

TEST(InstantText, ATimeWithoutAZoneNeedsADeclaredOne) {
  const char* const text = "2026-07-01 12:00:00.25";
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadInstant(text, std::nullopt, 0).status()));
  const auto berlin = ReadZone("Europe/Berlin");
  ASSERT_TRUE(berlin.ok()) << berlin.status();
  EXPECT_EQ(UtcText(ReadInstant(text, *berlin, 0)->unix_ns, ' '), "2026-07-01 10:00:00.250000Z");
  EXPECT_EQ(UtcText(ReadInstant(text, *ReadZone("UTC"), 0)->unix_ns, ' '), "2026-07-01 12:00:00.250000Z");
  EXPECT_EQ(UtcText(ReadInstant("2026-07-01 12:00:00+00", *berlin, 0)->unix_ns, ' '), "2026-07-01 12:00:00.000000Z")
      << "a zone in the text comes first";
  const absl::Status unknown = ReadZone("Europe/Nowhere").status();
  EXPECT_NE(std::string(unknown.message()).find("Europe/Nowhere"), std::string::npos);
}

TEST(InstantText, AnHourThatCameTwiceIsTheOneNearTheRun) {
  const auto berlin = ReadZone("Europe/Berlin");
  ASSERT_TRUE(berlin.ok()) << berlin.status();
  const int64_t first = ReadInstant("2026-10-25T00:30:00Z", std::nullopt, 0)->unix_ns;
  const int64_t second = first + 3600 * kSecond;
  EXPECT_EQ(ReadInstant("2026-10-25 02:30:00", *berlin, first)->unix_ns, first);
  EXPECT_EQ(ReadInstant("2026-10-25 02:30:00", *berlin, second)->unix_ns, second);
}

TEST(InstantText, WhatIsNoInstantIsRefused) {
  for (const char* text :
       {"", "n/a", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-22", "2026-11-22T25:00:00Z",
        "2026-11-22T19:30:49X", "2026-11-22T19:30:49+99", "12:30", "17.5.3", "1e9", "0x1", "99999999999999999999"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadInstant(text, absl::UTCTimeZone(), 0).status())) << text;
  }
}

}  // namespace
}  // namespace assay
