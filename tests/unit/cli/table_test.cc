#include "cli/table.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assay {
namespace {

TEST(TextTableTest, NumbersAreRightAlignedAndWordsLeft) {
  TextTable table({"cell", "runs", "time s"});
  table.AddRow({"tasks=1000", "2", "1.02 [0.98..1.1]"});
  table.AddRow({"b", "12", "-"});
  EXPECT_EQ(table.Plain(),
            "cell        runs            time s\n"
            "----------  ----  ----------------\n"
            "tasks=1000     2  1.02 [0.98..1.1]\n"
            "b             12                 -\n");
}

TEST(TextTableTest, NoBlanksAtLineEndsAndMissingCellsAreBlank) {
  TextTable table({"a", "long title"});
  table.AddRow({"x"});
  EXPECT_EQ(table.Plain(), "a  long title\n-  ----------\nx\n");
}

TEST(TextTableTest, MarkdownEscapesBars) {
  TextTable table({"what", "n"});
  table.AddRow({"a|b\nc", "1"});
  EXPECT_EQ(table.Markdown(), "| what | n |\n| --- | ---: |\n| a\\|b c | 1 |\n");
}

TEST(FormatTest, Numbers) {
  EXPECT_EQ(FormatNumber(0), "0");
  EXPECT_EQ(FormatNumber(0.012345), "0.0123");
  EXPECT_EQ(FormatNumber(1.5), "1.50");
  EXPECT_EQ(FormatNumber(12345.6), "12346");
  EXPECT_EQ(FormatNumber(-2.345), "-2.35");
  EXPECT_EQ(FormatNumber(std::nan("")), "-");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
  EXPECT_EQ(FormatRate(0.375), "0.375") << "not 0/s";
  EXPECT_EQ(FormatRate(5735.4), "5,735");
}

TEST(FormatTest, ShortenKeepsCharactersWhole) {
  EXPECT_EQ(Shorten("hello", 5), "hello");
  EXPECT_EQ(Shorten("hello!", 5), "he...");
  EXPECT_EQ(Shorten("aa\xC3\xA9zzzz", 6), "aa...");
}

}  // namespace
}  // namespace assay
