#include "cli/shell_words.h"

#include <gmock/gmock.h>

namespace assay {
namespace {

TEST(ShellWords, AreQuotedWhereAShellWouldReadThemOtherwise) {
  EXPECT_EQ(ShellWord("/opt/assay-1.0/data"), "/opt/assay-1.0/data");
  EXPECT_EQ(ShellWord("my data"), "'my data'");
  EXPECT_EQ(ShellWord("it's $HOME"), "'it'\\''s $HOME'");
  EXPECT_EQ(ShellWord(""), "''");
}

TEST(ShellWords, ADirectoryIsNamedOnlyWhereAFlagChoseIt) {
  EXPECT_EQ(DataFlag("/d", ""), "");
  EXPECT_EQ(DataFlag("/my data", "my data"), " --data '/my data'");
}

}  // namespace
}  // namespace assay
