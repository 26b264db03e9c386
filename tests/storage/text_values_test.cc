#include "storage/text_values.h"

#include <gtest/gtest.h>

#include "storage/copy_text.h"

namespace assay {
namespace {

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
