#include "common/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace assay {
namespace {

constexpr char kMark[] = "\xEF\xBF\xBD";

TEST(ValidText, KeepsTextAndMarksWhatIsNone) {
  EXPECT_EQ(ValidText("plain, \xC3\xA4, \xE2\x82\xAC and \xF0\x9F\x98\x80"),
            "plain, \xC3\xA4, \xE2\x82\xAC and \xF0\x9F\x98\x80");
  EXPECT_EQ(ValidText(std::string_view("a\0b", 3)), std::string("a") + kMark + "b");
  EXPECT_EQ(ValidText("\xC0\xAF"), std::string(kMark) + kMark) << "overlong";
  EXPECT_EQ(ValidText("\xE0\x80\x80x"), std::string(kMark) + kMark + kMark + "x") << "overlong";
  EXPECT_EQ(ValidText("\xED\xA0\x80"), std::string(kMark) + kMark + kMark) << "surrogate";
  EXPECT_EQ(ValidText("\xF4\x90\x80\x80"), std::string(kMark) + kMark + kMark + kMark) << "beyond Unicode";
  EXPECT_EQ(ValidText("x\xE2\x82"), std::string("x") + kMark + kMark) << "cut off";
  EXPECT_EQ(ValidText("\xF4\x8F\xBF\xBF"), "\xF4\x8F\xBF\xBF");
}

TEST(PlainText, IsCutBetweenCharactersAndHasNoControls) {
  EXPECT_EQ(PlainText("a\tb\xC3\xA4", 300), "a?b\xC3\xA4");
  EXPECT_EQ(PlainText("\xC3\xA4\xC3\xA4", 3), "\xC3\xA4\xC3\xA4");
  EXPECT_EQ(PlainText("\xC3\xA4\xC3\xA4", 2), "\xC3\xA4...");
}

}  // namespace
}  // namespace assay
