#include "agent/cgroups/cgroup_reader.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <limits>
#include <thread>

#include "common/clock.h"
#include "tests/unit/cgroups/cgroup_tree.h"

namespace assay {
namespace {

using Result = CgroupReader::Result;

class CgroupReaderTest : public ::testing::Test {
 protected:
  std::unique_ptr<CgroupReader> Open(const std::string& path) {
    auto reader = CgroupReader::Open(DetectCgroupLayout(tree_.root()), path, budget_);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }
  Result Read(CgroupReader& reader) { return reader.Read(buffer_, devices_, sample_); }

  void ExpectAllFigures() {
    EXPECT_EQ(sample_.throttled_ns(), 70'000);
    EXPECT_EQ(sample_.nr_throttled(), 3);
    EXPECT_EQ(sample_.memory_current_bytes(), 8'192'000);
    EXPECT_EQ(sample_.memory_anon_bytes(), 4'096'000);
    EXPECT_EQ(sample_.memory_inactive_file_bytes(), 1'024'000);
    EXPECT_EQ(sample_.memory_peak_bytes(), 9'999'000);
    EXPECT_EQ(sample_.oom_kills(), 1);
    EXPECT_EQ(sample_.io_read_bytes(), 100);
    EXPECT_EQ(sample_.io_write_bytes(), 200);
    EXPECT_EQ(sample_.io_read_ops(), 3);
    EXPECT_EQ(sample_.io_write_ops(), 4);
    EXPECT_EQ(sample_.pids(), 7);
  }
  void ExpectPressure(bool offered) {
    EXPECT_EQ(sample_.cpu_some_us(), offered ? 11 : -1);
    EXPECT_EQ(sample_.memory_some_us(), offered ? 22 : -1);
    EXPECT_EQ(sample_.memory_full_us(), offered ? 21 : -1);
    EXPECT_EQ(sample_.io_some_us(), offered ? 32 : -1);
    EXPECT_EQ(sample_.io_full_us(), offered ? 31 : -1);
  }

  CgroupTree tree_;
  DescriptorBudget budget_{1'000};
  TextBuffer buffer_;
  BlockDevices devices_{"/nowhere"};
  v1::CgroupSample sample_;
};

TEST_F(CgroupReaderTest, OneWithAPathOfItsOwnInEachHierarchy) {
  tree_.MountAllV1();
  tree_.MountV2("unified", "");
  for (const char* path : {"/a/b", "/run"}) tree_.AddV1(path);
  tree_.Write("memory/elsewhere/run/memory.max_usage_in_bytes", "77\n");
  tree_.Write("unified/run/cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
  const auto reader = CgroupReader::Open(DetectCgroupLayout(tree_.root()), "run",
                                         {{tree_.At("cpu,cpuacct").string(), tree_.At("cpu,cpuacct/a/b").string()},
                                          {tree_.At("memory").string(), tree_.At("memory/elsewhere/run").string()}},
                                         budget_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ(Read(**reader), Result::kRead);
  EXPECT_EQ(sample_.cgroup(), "run");
  EXPECT_EQ(sample_.cpu_usage_ns(), 1'500'000'123);
  EXPECT_EQ(sample_.memory_peak_bytes(), 77);
  EXPECT_EQ(sample_.pids(), -1) << "a hierarchy that it is not in";
  EXPECT_EQ(sample_.cpu_some_us(), -1) << "likewise";
}

TEST_F(CgroupReaderTest, V2) {
  tree_.MountV2("", "cpu memory io pids");
  tree_.AddV2("a/b");
  const auto reader = Open("/a/b");
  const int64_t before_ns = MonotonicNs();
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.cgroup(), "/a/b");
  EXPECT_NE(sample_.inode(), 0U);
  EXPECT_LE(before_ns, sample_.read_begin_ns());
  EXPECT_LE(sample_.read_begin_ns(), sample_.read_end_ns());
  EXPECT_LE(sample_.read_end_ns(), MonotonicNs());
  EXPECT_EQ(sample_.cpu_usage_ns(), 1'500'000'000);
  EXPECT_EQ(sample_.cpu_user_ns(), 1'000'000'000);
  EXPECT_EQ(sample_.cpu_system_ns(), 500'000'000);
  ExpectAllFigures();
  ExpectPressure(true);
}

TEST_F(CgroupReaderTest, HeldFilesShowNewText) {
  tree_.MountV2("", "cpu");
  tree_.AddV2("a");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  tree_.Write("a/memory.current", "5\n");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.memory_current_bytes(), 5);
}

TEST_F(CgroupReaderTest, WhatIsMissingOrCutIsNotOffered) {
  tree_.MountV2("", "cpu");
  tree_.Write("a/cpu.stat", "usage_usec 5\nuser_usec 4");
  tree_.Write("a/memory.current", "max\n");
  tree_.Write("a/memory.stat", "garbage\n\nanon x\ninactive_file 99999999999999999999999\n");
  tree_.Write("a/pids.current", "");
  tree_.Mkdir("a/memory.peak");  // not even a file
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.cpu_usage_ns(), 5'000);
  EXPECT_EQ(sample_.cpu_user_ns(), -1);
  EXPECT_EQ(sample_.memory_current_bytes(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(sample_.memory_anon_bytes(), -1);
  EXPECT_EQ(sample_.memory_inactive_file_bytes(), -1);
  EXPECT_EQ(sample_.memory_peak_bytes(), -1);
  EXPECT_EQ(sample_.oom_kills(), -1);
  EXPECT_EQ(sample_.io_read_bytes(), -1);
  EXPECT_EQ(sample_.pids(), -1);
  ExpectPressure(false);
}

TEST_F(CgroupReaderTest, AFileLongerThanTheBufferIsReadWhole) {
  tree_.MountV2("", "cpu");
  std::string text;
  for (int line = 0; line < 10'000; ++line) text += "filler_" + std::to_string(line) + " 1\n";
  tree_.Write("a/memory.stat", text + "anon 77\n");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.memory_anon_bytes(), 77);
}

TEST_F(CgroupReaderTest, TheRootsMemoryStatIsLeftAlone) {
  tree_.MountV2("", "cpu memory");
  tree_.Write("memory.stat", "anon 5\ninactive_file 6\n");
  const auto reader = Open("/");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.cgroup(), "/");
  EXPECT_EQ(sample_.cpu_usage_ns(), 1'000);
  EXPECT_EQ(sample_.memory_anon_bytes(), -1);
}

TEST_F(CgroupReaderTest, V1) {
  tree_.MountAllV1();
  tree_.AddV1("/a");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  const int64_t ns_per_tick = 1'000'000'000 / sysconf(_SC_CLK_TCK);
  EXPECT_EQ(sample_.cpu_usage_ns(), 1'500'000'123);
  EXPECT_EQ(sample_.cpu_user_ns(), 100 * ns_per_tick);
  EXPECT_EQ(sample_.cpu_system_ns(), 50 * ns_per_tick);
  ExpectAllFigures();
  ExpectPressure(false);
}

TEST_F(CgroupReaderTest, V1WithoutRecursiveBlkio) {
  tree_.MountAllV1();
  tree_.Write("blkio/a/blkio.throttle.io_service_bytes", "8:0 Read 1\n8:0 Write 2\n");
  tree_.Write("blkio/a/blkio.throttle.io_serviced", "8:0 Read 3\n8:0 Write 4\n");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.io_read_bytes(), 1);
  EXPECT_EQ(sample_.io_write_ops(), 4);
  EXPECT_EQ(sample_.cpu_usage_ns(), -1);  // only blkio has it
}

TEST_F(CgroupReaderTest, V1BlkioThatCountsNothingIsNoZero) {
  tree_.MountAllV1();
  tree_.Write("blkio/blkio.throttle.io_service_bytes_recursive", "Total 0\n");
  tree_.Write("blkio/blkio.throttle.io_serviced_recursive", "8:0 Read 3\nTotal 3\n");  // not even asked
  const auto reader = Open("/");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.io_read_bytes(), -1);
  EXPECT_EQ(sample_.io_write_bytes(), -1);
  EXPECT_EQ(sample_.io_read_ops(), -1);
  EXPECT_EQ(sample_.io_write_ops(), -1);
}

TEST_F(CgroupReaderTest, V1HierarchiesThatFollowLaterJoin) {
  tree_.MountAllV1();
  tree_.Write("memory/a/memory.usage_in_bytes", "5\n");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.pids(), -1);
  const uint64_t inode = sample_.inode();
  tree_.Write("pids/a/pids.current", "3\n");
  tree_.Write("cpu,cpuacct/a/cpuacct.usage", "9\n");
  reader->OpenMissing();
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.pids(), 3);
  EXPECT_EQ(sample_.cpu_usage_ns(), 9);
  EXPECT_EQ(sample_.inode(), inode);  // the same series
}

TEST_F(CgroupReaderTest, HybridAddsPressure) {
  tree_.MountAllV1();
  tree_.MountV2("unified", "");
  tree_.AddV1("/a");
  tree_.AddV2("unified/a");
  tree_.Write("unified/a/cgroup.events", "populated 1\nfrozen 0\n");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.cpu_usage_ns(), 1'500'000'123);  // v1's own
  ExpectAllFigures();
  ExpectPressure(true);
}

TEST_F(CgroupReaderTest, HybridWithoutTheV2DirectoryIsFine) {
  tree_.MountAllV1();
  tree_.MountV2("unified", "");
  tree_.AddV1("/a");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  ExpectAllFigures();
  ExpectPressure(false);
}

// Docker on some hosts puts the processes into v1 only, and leaves an empty v2 cgroup that would report zeros.
TEST_F(CgroupReaderTest, HybridDoesNotBelieveAnEmptyShell) {
  tree_.MountAllV1();
  tree_.MountV2("unified", "");
  tree_.AddV1("/a");
  tree_.AddV2("unified/a");
  tree_.Write("unified/a/cgroup.events", "populated 0\n");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  ExpectPressure(false);
  tree_.Write("pids/a/pids.current", "0\n");  // all ended: the totals are true
  ASSERT_EQ(Read(*reader), Result::kRead);
  ExpectPressure(true);
}

TEST_F(CgroupReaderTest, HybridAsksOnlyOnceForProcesses) {
  tree_.MountAllV1();
  tree_.MountV2("unified", "");
  tree_.AddV1("/a");
  tree_.AddV2("unified/a");
  tree_.Write("unified/a/cgroup.events", "populated 1\n");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  ExpectPressure(true);
  tree_.Write("unified/a/cgroup.events", "populated 0\n");
  ASSERT_EQ(Read(*reader), Result::kRead);
  ExpectPressure(true);
}

TEST_F(CgroupReaderTest, HybridTakesCpuFromV2WhereV1HasNone) {
  tree_.MountV1("memory");
  tree_.MountV2("unified", "cpu");
  tree_.Write("memory/a/memory.usage_in_bytes", "5\n");
  tree_.AddV2("unified/a");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.cpu_usage_ns(), 1'500'000'000);
  EXPECT_EQ(sample_.cpu_user_ns(), 1'000'000'000);
  EXPECT_EQ(sample_.memory_current_bytes(), 5);
}

TEST_F(CgroupReaderTest, WhatOnlyItsProcessesChangeIsKeptWhileTheyRest) {
  tree_.MountV2("", "cpu");
  tree_.AddV2("a");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  const auto kills_after = [&](const std::string& changed, const std::string& text) {
    tree_.Write("a/memory.events", "oom_kill " + std::to_string(sample_.oom_kills() + 1) + "\n");
    if (!changed.empty()) tree_.Write(changed, text);
    EXPECT_EQ(Read(*reader), Result::kRead);
    return sample_.oom_kills();
  };
  EXPECT_EQ(kills_after("", ""), 1);
  EXPECT_EQ(kills_after("a/pids.current", "8\n"), 1);
  EXPECT_EQ(sample_.pids(), 8) << "others may change that";
  EXPECT_EQ(kills_after("a/cpu.stat", "usage_usec 1500001\n"), 2);
  EXPECT_EQ(kills_after("", ""), 2);
  EXPECT_EQ(kills_after("a/memory.current", "5\n"), 3);
  EXPECT_EQ(kills_after("", ""), 3);
  reader->AskAll();
  EXPECT_EQ(kills_after("", ""), 4);
  EXPECT_EQ(kills_after("", ""), 4);
}

// A process that waits uses no CPU.
TEST_F(CgroupReaderTest, AStallThatGoesOnIsFollowed) {
  tree_.MountV2("", "cpu");
  tree_.AddV2("a");
  const auto reader = Open("/a");
  const auto stalled = [&](int64_t us) {
    tree_.Write("a/io.pressure", "some avg10=0.00 total=" + std::to_string(us) + "\n");
    EXPECT_EQ(Read(*reader), Result::kRead);
    return sample_.io_some_us();
  };
  for (const int64_t us : {40, 50, 60, 60}) EXPECT_EQ(stalled(us), us);
  EXPECT_EQ(stalled(70), 60);
}

TEST_F(CgroupReaderTest, ThrottlingIsReadWhereThereIsALimit) {
  tree_.MountAllV1();
  tree_.AddV1("/a");
  const auto reader = Open("/a");
  const auto throttled = [&](int periods, int times) {
    tree_.Write("cpu,cpuacct/a/cpu.stat", "nr_periods " + std::to_string(periods) + "\nnr_throttled " +
                                              std::to_string(times) + "\nthrottled_time 70000\n");
    EXPECT_EQ(Read(*reader), Result::kRead);
    return sample_.nr_throttled();
  };
  EXPECT_EQ(throttled(9, 3), 3);
  EXPECT_EQ(throttled(9, 4), 4);
  EXPECT_EQ(throttled(0, 0), 0);
  EXPECT_EQ(throttled(1, 1), 0);
  reader->AskAll();
  EXPECT_EQ(throttled(2, 1), 1);
  EXPECT_EQ(throttled(3, 2), 2);
}

class CgroupLife : public CgroupReaderTest, public ::testing::WithParamInterface<int> {
 protected:
  void SetUp() override { budget_.left = GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(HeldAndNot, CgroupLife, ::testing::Values(1'000, 0),
                         [](const auto& info) { return info.param > 0 ? "Held" : "OpenedEachTime"; });

TEST_P(CgroupLife, BudgetIsKeptAndGivenBack) {
  tree_.MountV2("", "cpu");
  tree_.AddV2("a");
  {
    const auto reader = Open("/a");
    ASSERT_EQ(Read(*reader), Result::kRead);
    ExpectAllFigures();
    EXPECT_GE(budget_.left, 0);
    EXPECT_EQ(budget_.left<GetParam(), GetParam()> 0);
  }
  EXPECT_EQ(budget_.left, GetParam());
}

TEST_P(CgroupLife, VanishedIsGone) {
  tree_.MountAllV1();
  tree_.AddV1("/a");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  for (const char* mount : {"cpu,cpuacct", "memory", "blkio", "pids"}) tree_.Remove(std::string(mount) + "/a");
  EXPECT_EQ(Read(*reader), Result::kGone);
  EXPECT_EQ(Read(*reader), Result::kGone);
}

// Taken away and made anew as often as the system lets it while it is read: what a reader gives is its own
// incarnation's figures, or none.
TEST_P(CgroupLife, OneThatVanishesInMidReadIsGoneOrAnotherAndNeverHalfOfEach) {
  tree_.MountV2("", "cpu memory");
  const auto add = [this](int incarnation) {
    tree_.Write("new/cpu.stat", "usage_usec " + std::to_string(incarnation) + "\nuser_usec 1\nsystem_usec 0\n");
    tree_.Write("new/memory.current", std::to_string(incarnation) + "\n");
    std::filesystem::rename(tree_.At("new"), tree_.At("a"));
  };
  add(0);
  constexpr int kIncarnations = 100;
  std::atomic<int> now = 0;
  std::atomic<int> looks = 0;
  std::thread others([&] {
    while (now < kIncarnations) {
      for (const int seen = looks; looks == seen;) std::this_thread::yield();
      // Moved, not removed, so that no file system can give the same inode again.
      std::filesystem::rename(tree_.At("a"), tree_.At("old" + std::to_string(now)));
      add(now + 1);
      ++now;
    }
  });
  int lost = 0;
  while (now < kIncarnations) {
    ++looks;
    auto reader = CgroupReader::Open(DetectCgroupLayout(tree_.root()), "/a", budget_);
    if (!reader.ok()) continue;  // between two
    int64_t memory = -1;
    Result result = Result::kRead;
    while ((result = Read(**reader)) == Result::kRead && now < kIncarnations) {
      ++looks;
      if (memory < 0) memory = sample_.memory_current_bytes();
      EXPECT_EQ(sample_.memory_current_bytes(), memory);
      EXPECT_EQ(sample_.cpu_usage_ns(), memory * 1000);
    }
    EXPECT_THAT(result, testing::AnyOf(Result::kRead, Result::kGone, Result::kRecreated));
    if (result != Result::kRead) ++lost;
  }
  others.join();
  EXPECT_GT(lost, 0);
}

TEST_P(CgroupLife, RecreatedIsAnother) {
  tree_.MountV2("", "cpu");
  tree_.AddV2("a");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  // Moved, not removed, so that no file system can give the same inode again.
  std::filesystem::rename(tree_.At("a"), tree_.At("old"));
  tree_.AddV2("a");
  reader->OpenMissing();
  EXPECT_EQ(Read(*reader), Result::kRecreated);
}

TEST_F(CgroupReaderTest, AbsentIsNotFound) {
  tree_.MountAllV1();
  const auto reader = CgroupReader::Open(DetectCgroupLayout(tree_.root()), "/absent", budget_);
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(budget_.left, 1'000);
}

TEST_F(CgroupReaderTest, StackedDevicesAreToldBySysfs) {
  const CgroupTree sys;
  sys.Mkdir("dev/block/253:0/slaves/sda");
  sys.Mkdir("dev/block/8:0/slaves");
  devices_ = BlockDevices(sys.root());
  tree_.MountV2("", "io");
  tree_.Write("a/io.stat", "253:0 rbytes=100 wbytes=0 rios=1 wios=0\n8:0 rbytes=100 wbytes=0 rios=1 wios=0\n");
  const auto reader = Open("/a");
  ASSERT_EQ(Read(*reader), Result::kRead);
  EXPECT_EQ(sample_.io_read_bytes(), 100);
}

}  // namespace
}  // namespace assay
