#include "agent/host_limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/cgroups/cgroup_tree.h"

namespace assay {
namespace {

// A limit of this process while it lives.
class SoftLimit {
 public:
  SoftLimit(__rlimit_resource resource, rlim_t value) : resource_(resource) {
    EXPECT_EQ(getrlimit(resource, &before_), 0);
    rlimit lowered = before_;
    lowered.rlim_cur = value;
    EXPECT_EQ(setrlimit(resource, &lowered), 0);
  }
  ~SoftLimit() { setrlimit(resource_, &before_); }
  SoftLimit(const SoftLimit&) = delete;
  SoftLimit& operator=(const SoftLimit&) = delete;

 private:
  __rlimit_resource resource_;
  rlimit before_{};
};

// pid_max is far above the other limits here, and open files allow (1006 - 256) / 3 = 250.
class HostLimitsTest : public testing::Test {
 protected:
  void SetUp() override {
    tree_.Write("proc/sys/kernel/pid_max", "4194304\n");
    tree_.Write("proc/self/cgroup", "");
    tree_.Mkdir("cg");
  }
  HostLimits Read() { return HostLimits::Read(tree_.root() + "/proc", DetectCgroupLayout(tree_.root() + "/cg")); }

  CgroupTree tree_;
  SoftLimit open_files_{RLIMIT_NOFILE, 1006};
};

TEST_F(HostLimitsTest, OpenFilesThreeForEachProcess) {
  const HostLimits limits = Read();
  EXPECT_EQ(limits.open_files, 1006U);
  EXPECT_EQ(limits.pid_max, 4194304U);
  EXPECT_EQ(limits.cgroup_pids, HostLimits::kNone);
  EXPECT_EQ(limits.max_processes, 250U);
  EXPECT_EQ(limits.bound_by, "open files");
}

TEST_F(HostLimitsTest, TooFewOpenFilesStillAllowOne) {
  const SoftLimit few(RLIMIT_NOFILE, 256);
  EXPECT_EQ(Read().max_processes, 1U);
}

TEST_F(HostLimitsTest, ATenthOfPidMaxIsForOthers) {
  tree_.Write("proc/sys/kernel/pid_max", "200\n");
  EXPECT_EQ(Read().max_processes, 180U);
  EXPECT_EQ(Read().bound_by, "kernel.pid_max");
}

TEST_F(HostLimitsTest, TheSmallestPidsMaxFromTheCgroupUpwardsV2) {
  tree_.MountV2("cg", "cpu memory pids");
  tree_.Write("proc/self/cgroup", "0::/a/b\n");
  tree_.Write("cg/a/b/pids.max", "max\n");
  tree_.Write("cg/a/pids.max", "100\n");
  EXPECT_EQ(Read().cgroup_pids, 100U);
  EXPECT_EQ(Read().max_processes, 90U);
  EXPECT_EQ(Read().bound_by, "pids.max of the cgroup");
  tree_.Write("cg/a/b/pids.max", "50\n");
  EXPECT_EQ(Read().max_processes, 45U);
  tree_.Write("cg/pids.max", "20\n");  // seen from inside a container
  EXPECT_EQ(Read().max_processes, 18U);
}

TEST_F(HostLimitsTest, TheSmallestPidsMaxFromTheCgroupUpwardsV1) {
  tree_.MountV1("cg/pids");
  tree_.MountV1("cg/memory");
  tree_.Write("proc/self/cgroup", "5:memory:/m\n4:pids:/a/b\n0::/a\nnonsense\n");
  tree_.Write("cg/memory/m/pids.max", "1\n");  // of a hierarchy that does not count processes
  tree_.Write("cg/pids/a/b/pids.max", "150\n");
  tree_.Write("cg/pids/a/pids.max", "max\n");
  EXPECT_EQ(Read().cgroup_pids, 150U);
  EXPECT_EQ(Read().max_processes, 135U);
}

TEST_F(HostLimitsTest, WhatCannotBeReadIsNoLimit) {
  tree_.Remove("proc");
  const HostLimits limits = Read();
  EXPECT_EQ(limits.pid_max, HostLimits::kNone);
  EXPECT_EQ(limits.cgroup_pids, HostLimits::kNone);
  EXPECT_EQ(limits.max_processes, 250U);
}

TEST_F(HostLimitsTest, ProcessesOfAUserThatIsNotRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to see both sides";
  const SoftLimit processes(RLIMIT_NPROC, 70);
  EXPECT_EQ(Read().user_processes, HostLimits::kNone) << "it does not bind root";
  constexpr uid_t kSomebody = 54321;
  ASSERT_EQ(seteuid(kSomebody), 0);
  const HostLimits limits = HostLimits::Read("/nowhere", {});
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(limits.user_processes, 70U);
  EXPECT_EQ(limits.max_processes, 63U);
  EXPECT_EQ(limits.bound_by, "processes of this user");
}

}  // namespace
}  // namespace assay
