#include "cli/verbs/export_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "assay/v1/control.pb.h"
#include "common/whole_file.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::SizeIs;

TEST(ExportFilesTest, WritesChunksAndRefusesToLeaveTheDirectory) {
  const TempDir dir;
  ExportFiles files(dir.path() + "/to/");
  v1::ExportChunk chunk;
  chunk.set_file("a.csv");
  chunk.set_data("1,");
  ASSERT_TRUE(files.Take(chunk).ok());
  chunk.set_data("2\n");
  ASSERT_TRUE(files.Take(chunk).ok());
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/to/a.csv"));
  chunk.set_file("b.csv");
  ASSERT_TRUE(files.Take(chunk).ok());
  for (const char* bad : {"../c.csv", "/etc/x", "", ".hidden"}) {
    chunk.set_file(bad);
    EXPECT_EQ(files.Take(chunk).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  ASSERT_TRUE(files.Finish().ok());
  EXPECT_EQ(ReadWhole(dir.path() + "/to/a.csv"), "1,2\n");
  EXPECT_THAT(files.written(), SizeIs(2));
  EXPECT_EQ(files.written()[0].first, dir.path() + "/to/a.csv") << "as people write it";
}

TEST(ExportFilesTest, TheDirectoryIsMadeWithTheUsersUmask) {
  const TempDir dir;
  const mode_t before = umask(022);
  ExportFiles files(dir.path() + "/a/to");
  v1::ExportChunk chunk;
  chunk.set_file("a.csv");
  const absl::Status taken = files.Take(chunk);
  umask(before);
  ASSERT_TRUE(taken.ok()) << taken;
  for (const char* made : {"/a", "/a/to"}) {
    struct stat info {};
    ASSERT_EQ(stat((dir.path() + made).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0755) << made;
  }
}

TEST(ExportFilesTest, ABrokenExportLeavesNoHalfFile) {
  const TempDir dir;
  {
    ExportFiles files(dir.path());
    v1::ExportChunk chunk;
    chunk.set_file("a.csv");
    chunk.set_data("1,");
    ASSERT_TRUE(files.Take(chunk).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace assay
