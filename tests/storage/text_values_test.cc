#include "storage/text_values.h"

#include <gtest/gtest.h>

#include "storage/copy_text.h"

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

TEST(TextArray, QuotesItsElements) {
  EXPECT_EQ(TextArray({}), "{}");
  EXPECT_EQ(TextArray({"a", "b c", "", "q\"\\", "null", "{,}"}), R"({"a","b c","","q\"\\","null","{,}"})");
}

TEST(CopyText, SeparatesFieldsAndRowsAndEscapes) {
  CopyText rows;
  rows.Integer(-1);
  rows.IntegerOrNull(-1);
  rows.Text("a\tb\\N\r\n");
  rows.EndRow();
  rows.Bytes(std::string_view("\0\xfe", 2));
  rows.Word("ok");
  rows.Text("");
  rows.EndRow();
  EXPECT_EQ(rows.text(), "-1\t\\N\ta\\tb\\\\N\\r\\n\n\\\\x00fe\tok\t");
  rows.Clear();
  rows.Integer(7);
  EXPECT_EQ(rows.text(), "7");
}

}  // namespace
}  // namespace assay
