// What a spool takes, keeps, gives back and forgets.
#include "agent/spool/spool.h"

#include <absl/cleanup/cleanup.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/unit/spool/spool_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST_F(SpoolTest, GivesBackWhatWasAppendedInOrderAndForgetsWhatIsAcked) {
  auto spool = OpenSpool("one");
  EXPECT_THAT(spool->Offer(), ElementsAre("one"));
  ASSERT_TRUE(spool->Resume("one", 0).ok());
  for (int i = 1; i <= 100; ++i) spool->Append(Records(7, i));
  for (uint64_t i = 1; i <= 100; ++i) {
    const v1::Batch batch = Take(*spool);
    ASSERT_EQ(batch.seq(), i);
    ASSERT_EQ(batch.triggers_size(), static_cast<int>(i));
    ASSERT_EQ(batch.run_id(), 7);
  }
  EXPECT_GT(spool->Status().bytes(), 0u);
  EXPECT_EQ(spool->undelivered().batches, 100u);
  spool->Acked("one", 100);
  EXPECT_EQ(spool->Status().bytes(), 0u);
  EXPECT_EQ(spool->undelivered().batches, 0u);
  spool.reset();
  EXPECT_FALSE(fs::exists(StreamDirectory("one"))) << "all is delivered: nothing may be left";
}

TEST_F(SpoolTest, SendsNothingBeforeTheCoordinatorHasSaidWhereToGoOn) {
  auto spool = OpenSpool("one");
  spool->Append(Records(1, 1));
  ASSERT_TRUE(spool->Flush().ok());
  spool->Offer();
  EXPECT_FALSE(spool->Next(0ms).has_value());
  ASSERT_TRUE(spool->Resume("one", 0).ok());
  EXPECT_TRUE(spool->Next(0ms).has_value());
}

TEST_F(SpoolTest, ANewConnectionGoesOnBehindWhatIsCommitted) {
  auto spool = OpenSpool("one");
  for (int i = 1; i <= 10; ++i) spool->Append(Records(1, i));
  spool->Offer();
  ASSERT_TRUE(spool->Resume("one", 0).ok());
  for (int i = 0; i < 7; ++i) Take(*spool);
  spool->Acked("one", 3);
  spool->Offer();
  ASSERT_TRUE(spool->Resume("one", 5).ok());
  EXPECT_EQ(Take(*spool).seq(), 6u);
  // What was acknowledged may be gone from the disk: going back is impossible, and said so.
  spool->Offer();
  const absl::Status back = spool->Resume("one", 2);
  EXPECT_TRUE(absl::IsFailedPrecondition(back));
  EXPECT_THAT(std::string(back.message()), HasSubstr("restored from a backup"));
  EXPECT_TRUE(absl::IsFailedPrecondition(spool->Resume("one", 11)));
}

TEST_F(SpoolTest, ManySegmentsAreReadThroughAndDeletedOnceAcked) {
  auto spool = OpenSpool("one", 4 << 20);
  spool->Offer();
  ASSERT_TRUE(spool->Resume("one", 0).ok());
  for (int i = 0; i < 40; ++i) {
    spool->Append(Records(1, 10, 8000));
    ASSERT_TRUE(spool->Flush().ok());
  }
  const size_t before = Segments("one").size();
  EXPECT_GT(before, 3u);
  for (uint64_t i = 1; i <= 40; ++i) ASSERT_EQ(Take(*spool).seq(), i);
  spool->Acked("one", 39);
  EXPECT_EQ(Segments("one").size(), 1u);
  EXPECT_EQ(spool->undelivered().batches, 1u);
}

TEST_F(SpoolTest, AnOversizedBatchIsSplitWithItsStartInFrontAndItsEndBehind) {
  auto spool = OpenSpool("one");
  spool->Offer();
  ASSERT_TRUE(spool->Resume("one", 0).ok());
  v1::Batch batch = Records(5, 1000, 8192);
  batch.mutable_share_start();
  batch.mutable_share_end();
  spool->Append(std::move(batch));
  ASSERT_TRUE(spool->Flush().ok());
  const uint64_t parts = spool->undelivered().batches;
  EXPECT_GT(parts, 16u);
  uint64_t index = 0;
  for (uint64_t i = 1; i <= parts; ++i) {
    const v1::Batch part = Take(*spool);
    EXPECT_LE(part.ByteSizeLong(), 512u << 10);
    EXPECT_EQ(part.run_id(), 5);
    EXPECT_EQ(part.has_share_start(), i == 1);
    EXPECT_EQ(part.has_share_end(), i == parts);
    for (const auto& record : part.triggers()) ASSERT_EQ(record.index(), index++);
  }
  EXPECT_EQ(index, 1000u);
}

TEST_F(SpoolTest, FullFromTheHighMarkUntilTheLowMark) {
  constexpr uint64_t kLimit = 1 << 20;
  auto spool = OpenSpool("one", kLimit);
  spool->Offer();
  ASSERT_TRUE(spool->Resume("one", 0).ok());
  uint64_t seq = 0;
  while (!spool->Full()) {
    spool->Append(Records(1, 1, 10'000));
    ASSERT_TRUE(spool->Flush().ok());
    ASSERT_LT(++seq, 1000u);
  }
  EXPECT_GE(spool->Status().bytes(), kLimit / 10 * 8);
  EXPECT_LT(spool->Status().bytes(), kLimit);
  EXPECT_THAT(log_.Text(), HasSubstr("no triggers are started"));
  // Taken all the same: full means "fire no more", never "lose".
  spool->Append(Records(1, 1, 10'000));
  ASSERT_TRUE(spool->Flush().ok());
  ++seq;
  uint64_t acked = 0;
  while (spool->Status().bytes() >= kLimit / 2) {
    EXPECT_TRUE(spool->Full());
    spool->Acked("one", ++acked);
  }
  EXPECT_FALSE(spool->Full());
  EXPECT_LT(acked, seq);
}

// A file size limit stands for a full disk: it can be set and lifted without being root.
TEST_F(SpoolTest, WithTheDiskFullNothingIsLostAndItRecovers) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto spool = OpenSpool("one");
  spool->Offer();
  ASSERT_TRUE(spool->Resume("one", 0).ok());
  spool->Append(Start(1));
  ASSERT_TRUE(spool->Flush().ok());
  EXPECT_EQ(Take(*spool).seq(), 1u);

  rlimit small = before;
  small.rlim_cur = 20'000;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  for (int i = 0; i < 10; ++i) spool->Append(Records(1, i + 1, 4000));
  const absl::Status flushed = spool->Flush();
  EXPECT_TRUE(absl::IsResourceExhausted(flushed)) << flushed;
  EXPECT_THAT(spool->Status().error(), HasSubstr("give this agent a --spool on another disk"));
  EXPECT_THAT(spool->Status().error(), HasSubstr(directory_));
  EXPECT_TRUE(spool->Full());
  // Delivery goes on from memory: that is what frees the disk.
  for (uint64_t seq = 2; seq <= 4; ++seq) EXPECT_EQ(Take(*spool).seq(), seq);
  spool->Acked("one", 4);

  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(Eventually([&] { return spool->Status().error().empty(); }));
  EXPECT_FALSE(spool->Full());
  for (uint64_t seq = 5; seq <= 11; ++seq) {
    const v1::Batch batch = Take(*spool);
    EXPECT_EQ(batch.seq(), seq);
    EXPECT_EQ(batch.triggers_size(), static_cast<int>(seq) - 1);
  }
  ASSERT_TRUE(spool->Flush().ok());
  const auto size_before = spool->Status().bytes();
  spool.reset();
  spool = OpenSpool("two");
  EXPECT_EQ(spool->Status().bytes(), size_before);
}

TEST_F(SpoolTest, WhatIsDeliveredDoesNotKeepASmallDiskFull) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to mount a small disk";
  const std::string disk = directory_ + "/disk";
  fs::create_directory(disk);
  if (mount("none", disk.c_str(), "tmpfs", 0, "size=256k") != 0) GTEST_SKIP() << "cannot mount a small disk here";
  const absl::Cleanup unmount = [&] { umount2(disk.c_str(), MNT_DETACH); };
  auto opened = Spool::Open({.directory = disk, .limit_bytes = 1 << 30, .incarnation = "one"});
  ASSERT_TRUE(opened.ok()) << opened.status();
  Spool& spool = **opened;
  ASSERT_EQ(spool.UseCluster(kCluster), absl::OkStatus());
  spool.Offer();
  ASSERT_EQ(spool.Resume("one", 0), absl::OkStatus());
  spool.Append(Start(1));
  uint64_t last = 1;
  do {
    spool.Append(Records(1, 4, 4000));
    ASSERT_LT(++last, 100u);
  } while (spool.Flush().ok());
  // What was measured since the disk is full goes on to come, so that there is always something to be written.
  for (uint64_t seq = 1; seq < last; ++seq) EXPECT_EQ(Take(spool).seq(), seq);
  spool.Acked("one", last - 1);
  EXPECT_EQ(spool.Flush(), absl::OkStatus());
  EXPECT_EQ(spool.Status().error(), "");
  EXPECT_FALSE(spool.Full());
  EXPECT_EQ(Take(spool).seq(), last);
  // The share that was begun in the file that is gone is still known.
  opened->reset();
  auto next = Spool::Open({.directory = disk, .limit_bytes = 1 << 30, .incarnation = "two"});
  ASSERT_TRUE(next.ok()) << next.status();
  ASSERT_EQ((*next)->UseCluster(kCluster), absl::OkStatus());
  (*next)->Offer();
  ASSERT_EQ((*next)->Resume("one", last), absl::OkStatus());
  const v1::Batch end = Take(**next);
  EXPECT_TRUE(end.share_end().crashed());
  EXPECT_EQ(end.share_end().fired(), (last - 1) * 4);
}

TEST_F(SpoolTest, TwoAgentsCannotShareASpool) {
  auto spool = OpenSpool("one");
  const auto second = Spool::Open({.directory = directory_, .limit_bytes = 1 << 20, .incarnation = "two"});
  ASSERT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("in use by another assay-agent (pid " + std::to_string(getpid()) + ")"));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(directory_));
  spool.reset();
  EXPECT_TRUE(Spool::Open({.directory = directory_, .limit_bytes = 1 << 20, .incarnation = "two"}).ok());
}

TEST_F(SpoolTest, ADirectoryThatCannotBeMadeIsNamed) {
  std::ofstream(directory_ + "/file") << "x";
  const auto spool =
      Spool::Open({.directory = directory_ + "/file/spool", .limit_bytes = 1 << 20, .incarnation = "one"});
  EXPECT_FALSE(spool.ok());
  EXPECT_THAT(std::string(spool.status().message()), HasSubstr("/file/spool"));
  EXPECT_THAT(std::string(spool.status().message()), HasSubstr("--spool"));
}

TEST_F(SpoolTest, BatchesForAnotherDatabaseAreKeptAndReportedNotSent) {
  AppendAndDie("old", {Records(1, 1), Records(1, 2)});
  {
    auto spool = OpenSpool("new", 1 << 30, "cluster-b");
    EXPECT_THAT(spool->Offer(), ElementsAre("new"));
    EXPECT_THAT(log_.Text(), HasSubstr("holds 2 batches for another Assay database (cluster-a)"));
    EXPECT_EQ(spool->undelivered().batches, 0u);
    EXPECT_TRUE(absl::IsFailedPrecondition(spool->UseCluster(kCluster)));
  }
  auto spool = OpenSpool("newer");
  EXPECT_THAT(spool->Offer(), ElementsAre("old", "newer"));
  EXPECT_EQ(spool->undelivered().batches, 2u);
}

TEST_F(SpoolTest, ADatabaseIdThatIsNoFileNameIsRefused) {
  auto spool = Spool::Open({.directory = directory_, .limit_bytes = 1 << 20, .incarnation = "one"});
  ASSERT_TRUE(spool.ok());
  EXPECT_TRUE(absl::IsInvalidArgument((*spool)->UseCluster("../../etc")));
  EXPECT_TRUE(absl::IsFailedPrecondition((*spool)->Flush()));
}

TEST_F(SpoolTest, AnIdleSpoolLeavesNothingBehind) {
  OpenSpool("one").reset();
  EXPECT_TRUE(fs::is_empty(directory_ + "/" + kCluster));
}

// Writers, a reader that is cut off at random and slow acknowledgements, all at once: each batch once and in order.
TEST_F(SpoolTest, ManyThreadsAndACutConnection) {
  auto spool = OpenSpool("one", 2 << 20);
  constexpr int kThreads = 3;
  constexpr int kBatches = 400;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kBatches; ++i) {
        v1::Batch batch = Records(t + 1, 1, 500);
        batch.mutable_triggers(0)->set_index(static_cast<uint64_t>(i));
        spool->Append(std::move(batch));
        if (i % 50 == 0) EXPECT_TRUE(spool->Flush().ok());
      }
    });
  }
  std::mt19937 random(7);
  std::map<int64_t, uint64_t> next_index;
  uint64_t committed = 0;
  while (committed < kThreads * kBatches) {
    spool->Offer();
    ASSERT_TRUE(spool->Resume("one", committed).ok());
    for (uint64_t left = random() % 100; left > 0 && committed < kThreads * kBatches; --left) {
      const v1::Batch batch = Take(*spool);
      ASSERT_EQ(batch.seq(), committed + 1);
      ASSERT_EQ(batch.triggers(0).index(), next_index[batch.run_id()]++);
      ++committed;
      if (random() % 3 == 0) spool->Acked("one", committed - random() % 2);
    }
  }
  for (std::thread& thread : threads) thread.join();
  spool->Acked("one", committed);
  EXPECT_EQ(spool->undelivered().batches, 0u);
}

}  // namespace
}  // namespace assay
