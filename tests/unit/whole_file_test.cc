#include "common/whole_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class WholeFileTest : public testing::Test {
 protected:
  WholeFileTest() {
    directory_ = testing::TempDir() + "/assay-whole-XXXXXX";
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/file";
  }
  ~WholeFileTest() override { std::filesystem::remove_all(directory_); }

  std::string Content() const { return ReadWhole(path_); }

  std::string directory_;
  std::string path_;
};

TEST_F(WholeFileTest, Replaces) {
  EXPECT_TRUE(WriteWhole(path_, "a long first content\n").ok());
  EXPECT_TRUE(WriteWhole(path_, "second\n").ok());
  EXPECT_EQ(Content(), "second\n");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(WholeFileTest, KeepsTheOldContentWhenTheDiskIsFull) {
  EXPECT_TRUE(WriteWhole(path_, "old\n").ok());
  std::filesystem::create_symlink("/dev/full", path_ + ".new");
  const absl::Status status = WriteWhole(path_, "new\n");
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(path_), HasSubstr("No space left")));
  EXPECT_EQ(Content(), "old\n");
}

TEST_F(WholeFileTest, NamesTheDirectoryThatIsNotThere) {
  EXPECT_THAT(std::string(WriteWhole(directory_ + "/absent/file", "x").message()), HasSubstr("/absent/file"));
}

}  // namespace
}  // namespace assay
