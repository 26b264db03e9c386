#include "agent/cgroups/cgroup_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/cgroups/own_cgroup.h"
#include "tests/unit/cgroups/cgroup_tree.h"

namespace assay {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(CgroupLayout, None) {
  const CgroupTree tree;
  tree.Mkdir("cpu");  // by its name a hierarchy, but it holds nothing
  const CgroupLayout layout = DetectCgroupLayout(tree.root());
  EXPECT_EQ(layout.Name(), "none");
  EXPECT_THAT(layout.Hierarchies(), IsEmpty());
  EXPECT_THAT(layout.Measures(), IsEmpty());
  EXPECT_FALSE(layout.genuine);
  EXPECT_EQ(DetectCgroupLayout(tree.root() + "/absent").Name(), "none");
}

TEST(CgroupLayout, V1WithCombinedMountsAndTheirLinks) {
  const CgroupTree tree;
  for (const char* name : {"cpu,cpuacct", "memory", "net_cls,net_prio", "systemd"}) tree.MountV1(name);
  std::filesystem::create_directory_symlink("cpu,cpuacct", tree.At("cpu"));
  std::filesystem::create_directory_symlink("cpu,cpuacct", tree.At("cpuacct"));
  const CgroupLayout layout = DetectCgroupLayout(tree.root());
  EXPECT_EQ(layout.Name(), "v1");
  EXPECT_THAT(layout.v1, UnorderedElementsAre(Pair("cpu", tree.At("cpu,cpuacct").string()),
                                              Pair("cpuacct", tree.At("cpu,cpuacct").string()),
                                              Pair("memory", tree.At("memory").string())));
  EXPECT_THAT(layout.Hierarchies(), ElementsAre(tree.At("cpu,cpuacct").string(), tree.At("memory").string()));
  EXPECT_THAT(layout.Measures(), ElementsAre("cpu usage", "throttling", "memory", "memory peak", "oom kills"));
  EXPECT_FALSE(layout.genuine);  // plain files
}

TEST(CgroupLayout, V1UnderAnotherNameIsToldByItsFiles) {
  const CgroupTree tree;
  tree.Write("mem/tasks", "");
  tree.Write("mem/memory.usage_in_bytes", "1\n");
  EXPECT_THAT(DetectCgroupLayout(tree.root()).v1, ElementsAre(Pair("memory", tree.At("mem").string())));
}

TEST(CgroupLayout, V2) {
  const CgroupTree tree;
  tree.MountV2("", "cpu memory pids");
  tree.AddV2("a");
  const CgroupLayout layout = DetectCgroupLayout(tree.root() + "/");
  EXPECT_EQ(layout.Name(), "v2");
  EXPECT_THAT(layout.v2_controllers, ElementsAre("cpu", "memory", "pids"));
  EXPECT_THAT(layout.Hierarchies(), ElementsAre(tree.root()));
  EXPECT_THAT(layout.Measures(),
              ElementsAre("cpu usage", "throttling", "memory", "memory peak", "oom kills", "pids", "pressure"));
}

TEST(CgroupLayout, Hybrid) {
  const CgroupTree tree;
  tree.MountAllV1();
  tree.MountV2("unified", "");
  tree.Write("unified/cpu.pressure", "");
  const CgroupLayout layout = DetectCgroupLayout(tree.root());
  EXPECT_EQ(layout.Name(), "hybrid");
  EXPECT_EQ(layout.v2, tree.At("unified").string());
  EXPECT_EQ(layout.Hierarchies().back(), layout.v2);
  EXPECT_THAT(layout.Measures(), Contains("pressure"));
}

TEST(CgroupLayout, V2BelowTheRootWithoutV1) {
  const CgroupTree tree;
  tree.MountV2("unified", "cpu");
  const CgroupLayout layout = DetectCgroupLayout(tree.root());
  EXPECT_EQ(layout.Name(), "v2");
  EXPECT_EQ(layout.v2, tree.At("unified").string());
  EXPECT_THAT(layout.Measures(), Not(Contains("pressure")));
}

TEST(OwnCgroups, AreNotEverywhereOfTheSamePath) {
  const CgroupTree tree;
  tree.MountAllV1();
  tree.MountV2("unified", "");
  tree.Mkdir("memory/a/b");
  tree.Mkdir("cpu,cpuacct/c");
  tree.Write(
      "proc/self/cgroup",
      "9:name=systemd:/x\n5:blkio:/host/path\n4:memory:/a/b\n3:pids:/../up\n2:cpu,cpuacct:/c\nnonsense\n0::/c\n");
  const std::map<std::string, std::string> own = OwnCgroups(DetectCgroupLayout(tree.root()), tree.At("proc"));
  EXPECT_THAT(own, UnorderedElementsAre(Pair(tree.At("blkio").string(), tree.At("blkio").string()),
                                        Pair(tree.At("memory").string(), tree.At("memory/a/b").string()),
                                        Pair(tree.At("cpu,cpuacct").string(), tree.At("cpu,cpuacct/c").string())));
}

TEST(OwnCgroups, OfV2) {
  const CgroupTree tree;
  tree.MountV2("cgroup", "cpu memory");
  tree.Mkdir("cgroup/a.service");
  tree.Write("proc/self/cgroup", "0::/a.service\n");
  EXPECT_THAT(OwnCgroups(DetectCgroupLayout(tree.At("cgroup")), tree.At("proc")),
              UnorderedElementsAre(Pair(tree.At("cgroup").string(), tree.At("cgroup/a.service").string())));
}

TEST(CgroupLayout, OfThisHost) {
  const CgroupLayout layout = DetectCgroupLayout("/sys/fs/cgroup");
  if (layout.kind == CgroupLayout::Kind::kNone) GTEST_SKIP() << "no cgroups are mounted here";
  EXPECT_FALSE(layout.Hierarchies().empty());
  EXPECT_FALSE(layout.Measures().empty());
}

}  // namespace
}  // namespace assay
