// What others answer: JSON, and the instants in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/json_document.h"
#include "common/wall_instant.h"

namespace assay {
namespace {

using testing::HasSubstr;

TEST(JsonDocument, IsAskedByPointers) {
  const auto json = JsonDocument::Parse(R"({"a/b": {"c~d": [1, {"s": "x", "t": 2.5, "n": null, "b": true}]}})");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(*json->root().Text("/a~1b/c~0d/0"), "1");
  EXPECT_EQ(*json->root().Text("/a~1b/c~0d/1/s"), "x");
  EXPECT_EQ(*json->root().Text("/a~1b/c~0d/1/t"), "2.5");
  EXPECT_EQ(*json->root().Text("/a~1b/c~0d/1/b"), "true");
  EXPECT_EQ(json->root().Items("/a~1b/c~0d")->size(), 2U);
  EXPECT_EQ(*json->root().Items("/a~1b/c~0d")->at(1).Text("/s"), "x");
  EXPECT_EQ(*JsonDocument::Parse(" \"running\" ")->root().Text(""), "running");
}

TEST(JsonDocument, SaysWhyThereIsNothing) {
  const auto json = JsonDocument::Parse(R"({"a": [1], "n": null})");
  const auto why = [&](const std::string& pointer) {
    return std::string(json->root().Text(pointer).status().message());
  };
  EXPECT_THAT(why("/b"), HasSubstr("/b points nowhere"));
  EXPECT_THAT(why("/a/5"), HasSubstr("points nowhere"));
  EXPECT_THAT(why("/a/-"), HasSubstr("points nowhere"));
  EXPECT_THAT(why("/a/01"), HasSubstr("points nowhere"));
  EXPECT_THAT(why("/a"), HasSubstr("array"));
  EXPECT_THAT(why("/n"), HasSubstr("null"));
  EXPECT_THAT(why("b"), HasSubstr("no JSON pointer"));
  EXPECT_THAT(std::string(json->root().Items("/n").status().message()), HasSubstr("no list"));
  EXPECT_THAT(std::string(JsonDocument::Parse("<html>\n").status().message()), HasSubstr("begins with '<html>?'"));
  EXPECT_THAT(std::string(JsonDocument::Parse("").status().message()), HasSubstr("empty"));
  EXPECT_FALSE(JsonDocument::Parse("{} x").ok());
  EXPECT_FALSE(JsonDocument::Parse(std::string(100'000, '[')).ok());
}

TEST(WallInstant, HasTheResolutionOfItsText) {
  const auto expect = [](const std::string& text, int64_t unix_ns, int64_t resolution_ns) {
    const auto instant = WallInstant::Parse(text);
    ASSERT_TRUE(instant.ok()) << instant.status();
    EXPECT_EQ(instant->unix_ns, unix_ns) << text;
    EXPECT_EQ(instant->resolution_ns, resolution_ns) << text;
  };
  constexpr int64_t kSecond = 1'000'000'000;
  constexpr int64_t kBegin = 1'795'375'847 * kSecond;
  expect("2026-11-22T19:30:47Z", kBegin, kSecond);
  expect("2026-11-22 19:30:47+00", kBegin, kSecond);
  expect("2026-11-22T21:30:47.25+02:00", kBegin + kSecond / 4, kSecond / 100);
  expect("2026-11-22T19:30:47.123456Z", kBegin + 123'456'000, 1'000);
  expect("1795375847", kBegin, kSecond);
  expect("1795375847.5", kBegin + kSecond / 2, kSecond / 10);
  expect("1795375847123", kBegin + 123'000'000, 1'000'000);
  expect("1795375847123456", kBegin + 123'456'000, 1'000);
  expect("1795375847123456789", kBegin + 123'456'789, 1);
}

TEST(WallInstant, IsRefusedWithoutAZone) {
  EXPECT_THAT(std::string(WallInstant::Parse("2026-11-22T19:30:47").status().message()), HasSubstr("no time zone"));
  for (const char* text : {"", "soon", "12", "nan", "2026-11-22"})
    EXPECT_THAT(std::string(WallInstant::Parse(text).status().message()), HasSubstr("is no instant")) << text;
}

}  // namespace
}  // namespace assay
