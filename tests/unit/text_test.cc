// What every program does with text.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "common/built_in_names.h"
#include "common/json_text.h"
#include "common/nearest_name.h"
#include "common/utf8.h"

namespace assay {
namespace {

TEST(Nearest, FindsTypingErrorsOnly) {
  EXPECT_EQ(EditDistance("trigers", "triggers"), 1);
  EXPECT_EQ(EditDistance("ab", "ba"), 1);
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(NearestName("conccurency", {"count", "concurrency"}), "concurrency");
  EXPECT_EQ(NearestName("trigger", {"timeout", "triggers"}), "triggers");
  EXPECT_EQ(NearestName("xyz", {"abc", "def"}), std::nullopt);
  EXPECT_EQ(NearestName("1", {"auto", "1.1", "2"}), std::nullopt) << "every word of one letter is near every other";
  EXPECT_EQ(NearestName("", {"a"}), std::nullopt);
  EXPECT_EQ(NearestName("get", {"PUT", "GET"}), "GET");
  EXPECT_EQ(NearestName("h2", {"auto", "1.1", "2"}), "2");
}

TEST(JsonString, EscapesWhatJsonCannotHold) {
  EXPECT_EQ(JsonString("a\\\x01"), "\"a\\\\\\u0001\"");
  EXPECT_EQ(JsonString("\"\n\xC3\xA4"), "\"\\\"\\n\xC3\xA4\"");
  EXPECT_EQ(JsonString(""), "\"\"");
}

TEST(Utf8, LengthOfTheFirstCharacter) {
  EXPECT_EQ(Utf8Length("ab"), 1U);
  EXPECT_EQ(Utf8Length("\xC3\xA4x"), 2U);
  EXPECT_EQ(Utf8Length("\xE2\x82\xAC"), 3U);
  EXPECT_EQ(Utf8Length("\xF4\x8F\xBF\xBF"), 4U);
  for (const std::string text :
       {"", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xBF"})
    EXPECT_EQ(Utf8Length(text), 0U) << text.size();
}

TEST(BuiltInNames, AreThoseOfTheirPlace) {
  const BuiltInNames names{"a", 7, 2, "dask"};
  EXPECT_EQ(names.Expand("$(agent) $(run) $(block) $(target) $(index)", 5), "a 7 2 dask 5");
  EXPECT_EQ(names.Expand("$(index) $$(agent) $(other)"), "$(index) $(agent) $(other)");
}

}  // namespace
}  // namespace assay
