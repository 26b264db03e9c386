#include "agent/cgroups/cgroup_glob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cgroups/cgroup_tree.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

CgroupGlob Glob(std::string_view pattern) { return CgroupGlob::Parse(pattern).value(); }
bool Match(std::string_view pattern, std::string_view path) { return Glob(pattern).Matches(path); }

TEST(CgroupGlob, Segments) {
  EXPECT_TRUE(Match("/a/*", "/a/b"));
  EXPECT_TRUE(Match("a/*/", "/a/b"));
  EXPECT_FALSE(Match("/a/*", "/a"));
  EXPECT_FALSE(Match("/a/*", "/a/b/c"));
  EXPECT_TRUE(Match("/system.slice/postgresql*", "/system.slice/postgresql@15-main.service"));
  EXPECT_TRUE(Match("/c[0-9]?", "/c42"));
  EXPECT_FALSE(Match("/c[0-9]?", "/cx2"));
  EXPECT_TRUE(Match("/", "/"));
  EXPECT_FALSE(Match("/", "/a"));
}

TEST(CgroupGlob, AnyDepth) {
  EXPECT_TRUE(Match("/a/**/x", "/a/x"));
  EXPECT_TRUE(Match("/a/**/x", "/a/b/c/x"));
  EXPECT_FALSE(Match("/a/**/x", "/a/b/c"));
  EXPECT_TRUE(Match("/a/**", "/a/b"));
  EXPECT_TRUE(Match("/a/**/**", "/a/b/c"));
  EXPECT_FALSE(Match("/a/**", "/a"));
  EXPECT_FALSE(Match("/**", "/"));
  EXPECT_TRUE(Match("/**/a/**/b", "/a/a/b"));
}

// systemd escapes a unit's "-" as "\x2d"; such a path is copied into a scenario as it stands.
TEST(CgroupGlob, BackslashesAndOddNamesAreLiteral) {
  EXPECT_TRUE(Match(R"(/system.slice/system-pg\x2dmain.slice)", R"(/system.slice/system-pg\x2dmain.slice)"));
  EXPECT_TRUE(Match(R"(/system-pg\x2d*)", R"(/system-pg\x2dmain.slice)"));
  EXPECT_TRUE(Match("/odd[name", "/odd[name"));
  EXPECT_TRUE(Match("/odd[1]", "/odd[1]"));
}

TEST(CgroupGlob, NothingLeadsOutOfTheRoot) {
  for (const char* pattern : {"", "..", "/a/../../etc", "/./a"}) {
    const auto glob = CgroupGlob::Parse(pattern);
    EXPECT_EQ(glob.status().code(), absl::StatusCode::kInvalidArgument) << pattern;
  }
  EXPECT_THAT(CgroupGlob::Parse("/a/../b").status().message(), ::testing::HasSubstr("/a/../b"));
  EXPECT_FALSE(CgroupGlob::Parse(std::string(5'000, 'a')).ok());
}

class Expand : public ::testing::Test {
 protected:
  CgroupTree tree_;
  GlobMatches Find(const std::vector<std::string>& patterns) {
    std::vector<CgroupGlob> globs;
    globs.reserve(patterns.size());
    for (const std::string& pattern : patterns) globs.push_back(Glob(pattern));
    return ExpandGlobs(globs, {tree_.At("cpu").string(), tree_.At("memory").string(), tree_.At("absent").string()});
  }
};

TEST_F(Expand, IsTheUnionOfTheHierarchies) {
  tree_.Mkdir("cpu/docker/a");
  tree_.Mkdir("memory/docker/b");
  tree_.Mkdir("memory/docker/a");
  tree_.Write("memory/docker/tasks", "");
  EXPECT_THAT(Find({"/docker/*"}).paths, ElementsAre("/docker/a", "/docker/b"));
  EXPECT_THAT(Find({"/"}).paths, ElementsAre("/"));
}

TEST_F(Expand, TellsWhichPatternsMatched) {
  tree_.Mkdir("cpu/a/b/c");
  const GlobMatches found = Find({"/a", "/x", "/a/**", "/**/c", "/a/b/c/d"});
  EXPECT_THAT(found.paths, ElementsAre("/a", "/a/b", "/a/b/c"));
  EXPECT_THAT(found.matched, ElementsAre(true, false, true, true, false));
}

TEST_F(Expand, FilesAndLinksAreNoCgroups) {
  tree_.Mkdir("cpu/a");
  tree_.Write("cpu/a/file", "");
  std::filesystem::create_directory_symlink("..", tree_.At("cpu/a/up"));
  EXPECT_THAT(Find({"/a/*", "/a/file", "/a/up", "/a/up/**"}).paths, IsEmpty());
}

TEST_F(Expand, ADeepTreeEnds) {
  std::string path = "cpu";
  for (int depth = 0; depth < 300; ++depth) path += "/d";
  tree_.Mkdir(path);
  const GlobMatches found = Find({"/**"});
  EXPECT_GE(found.paths.size(), 100U);
  EXPECT_LE(found.paths.size(), 300U);
}

}  // namespace
}  // namespace assay
