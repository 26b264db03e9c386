#include "agent/spool/spool.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "common/clock.h"
#include "tests/unit/captured_log.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr char kCluster[] = "cluster-a";

v1::Batch Records(int64_t run_id, int count, size_t output_bytes = 0) {
  v1::Batch batch;
  batch.set_run_id(run_id);
  for (int i = 0; i < count; ++i) {
    v1::TriggerRecord* record = batch.add_triggers();
    record->set_index(static_cast<uint64_t>(i));
    record->set_outcome(v1::OK);
    record->set_output(std::string(output_bytes, 'x'));
  }
  return batch;
}

v1::Batch Start(int64_t run_id) {
  v1::Batch batch;
  batch.set_run_id(run_id);
  batch.mutable_share_start();
  return batch;
}

v1::Batch End(int64_t run_id) {
  v1::Batch batch;
  batch.set_run_id(run_id);
  batch.mutable_share_end()->set_fired(1);
  return batch;
}

class SpoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<Spool> OpenSpool(const std::string& incarnation, uint64_t limit_bytes = 1 << 30,
                                   const std::string& cluster = kCluster) {
    auto spool = Spool::Open({.directory = directory_, .limit_bytes = limit_bytes, .incarnation = incarnation});
    EXPECT_TRUE(spool.ok()) << spool.status();
    if (!spool.ok()) return nullptr;
    const absl::Status status = (*spool)->UseCluster(cluster);
    EXPECT_TRUE(status.ok()) << status;
    return *std::move(spool);
  }

  std::string StreamDirectory(const std::string& incarnation, const std::string& cluster = kCluster) const {
    return directory_ + "/" + cluster + "/" + incarnation;
  }

  std::vector<std::string> Segments(const std::string& incarnation) const {
    std::vector<std::string> paths;
    for (const auto& file : fs::directory_iterator(StreamDirectory(incarnation))) {
      if (file.path().extension() == ".seg") paths.push_back(file.path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  // A process that appends and is gone without a word, as after SIGKILL.
  void AppendAndDie(const std::string& incarnation, std::vector<v1::Batch> batches, uint64_t limit_bytes = 1 << 30,
                    uint64_t acked = 0) {
    const pid_t pid = fork();
    if (pid == 0) {
      auto spool = Spool::Open({.directory = directory_, .limit_bytes = limit_bytes, .incarnation = incarnation});
      if (!spool.ok() || !(*spool)->UseCluster(kCluster).ok()) _exit(1);
      for (v1::Batch& batch : batches) {
        (*spool)->Append(std::move(batch));
        if (!(*spool)->Flush().ok()) _exit(2);
      }
      if (acked > 0) {
        if ((*spool)->Offer().back() != incarnation || !(*spool)->Resume(incarnation, acked).ok()) _exit(3);
        if (!(*spool)->Flush().ok()) _exit(4);
      }
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ASSERT_EQ(status, 0);
  }

  static v1::Batch Take(Spool& spool) {
    const auto next = spool.Next(20s);
    v1::Batch batch;
    EXPECT_TRUE(next.has_value());
    if (!next.has_value()) return batch;
    EXPECT_TRUE(batch.ParseFromString(next->bytes));
    EXPECT_EQ(batch.stream(), next->stream);
    EXPECT_EQ(batch.seq(), next->seq);
    return batch;
  }

  const TempDir temp_;
  const std::string directory_ = temp_.path();
  CapturedLog log_;
};

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

TEST_F(SpoolTest, ACrashedIncarnationIsDeliveredFirstAndItsOpenSharesAreClosed) {
  AppendAndDie("old", {Start(1), Records(1, 3), End(1), Start(2), Records(2, 4), Records(2, 5)});
  auto spool = OpenSpool("new");
  spool->Append(Records(9, 1));
  ASSERT_TRUE(spool->Flush().ok());
  EXPECT_THAT(spool->Offer(), ElementsAre("old", "new"));
  ASSERT_TRUE(spool->Resume("old", 2).ok());
  ASSERT_TRUE(spool->Resume("new", 0).ok());
  for (uint64_t seq = 3; seq <= 6; ++seq) {
    const v1::Batch batch = Take(*spool);
    EXPECT_EQ(batch.stream(), "old");
    EXPECT_EQ(batch.seq(), seq);
    EXPECT_FALSE(batch.share_end().crashed());
  }
  const v1::Batch mark = Take(*spool);
  EXPECT_EQ(mark.stream(), "old");
  EXPECT_EQ(mark.seq(), 7u);
  EXPECT_EQ(mark.run_id(), 2);
  EXPECT_TRUE(mark.share_end().crashed());
  EXPECT_EQ(mark.share_end().fired(), 9u);
  const v1::Batch own = Take(*spool);
  EXPECT_EQ(own.stream(), "new");
  EXPECT_EQ(own.seq(), 1u);
  spool->Acked("old", 7);
  EXPECT_FALSE(fs::exists(StreamDirectory("old")));
  EXPECT_THAT(spool->Offer(), ElementsAre("new"));
}

TEST_F(SpoolTest, ACrashMarkIsWrittenOnceHoweverOftenItsWriterDies) {
  AppendAndDie("old", {Start(2), Records(2, 4)});
  for (int i = 0; i < 3; ++i) {
    auto spool = OpenSpool("next" + std::to_string(i));
    spool->Offer();
    ASSERT_TRUE(spool->Resume("old", 0).ok());
    ASSERT_TRUE(spool->Flush().ok());
    EXPECT_EQ(spool->undelivered().batches, 3u);
  }
}

// The segment with the ShareStart is acknowledged and deleted: the share is still known to be open.
TEST_F(SpoolTest, AnOpenShareIsRememberedWhenItsStartIsGone) {
  std::vector<v1::Batch> batches{Start(3)};
  for (int i = 0; i < 30; ++i) batches.push_back(Records(3, 10, 8000));
  AppendAndDie("old", std::move(batches), 1 << 20, /*acked=*/30);
  EXPECT_EQ(Segments("old").size(), 1u);
  auto spool = OpenSpool("new");
  spool->Offer();
  ASSERT_TRUE(spool->Resume("old", 30).ok());
  EXPECT_EQ(Take(*spool).seq(), 31u);
  const v1::Batch mark = Take(*spool);
  EXPECT_EQ(mark.seq(), 32u);
  EXPECT_EQ(mark.share_end().fired(), 300u);
}

// After a power failure the coordinator may have more than the disk: the mark takes the first number that is free
// there.
TEST_F(SpoolTest, TheCrashMarkComesBehindWhatTheCoordinatorHas) {
  AppendAndDie("old", {Start(2), Records(2, 4)});
  auto spool = OpenSpool("new");
  spool->Offer();
  ASSERT_TRUE(spool->Resume("old", 20).ok());
  const v1::Batch mark = Take(*spool);
  EXPECT_EQ(mark.seq(), 21u);
  EXPECT_TRUE(mark.share_end().crashed());
  ASSERT_TRUE(spool->Flush().ok());
  spool.reset();
  spool = OpenSpool("newer");
  spool->Offer();
  ASSERT_TRUE(spool->Resume("old", 20).ok());
  EXPECT_EQ(Take(*spool).seq(), 21u);
}

TEST_F(SpoolTest, ATornEndIsCutOff) {
  AppendAndDie("old", {Records(1, 1), Records(1, 2), Records(1, 3)});
  const std::string path = Segments("old").back();
  fs::resize_file(path, fs::file_size(path) - 5);
  auto spool = OpenSpool("new");
  EXPECT_THAT(log_.Text(), HasSubstr("ends in the middle of a batch"));
  spool->Offer();
  ASSERT_TRUE(spool->Resume("old", 0).ok());
  EXPECT_EQ(Take(*spool).triggers_size(), 1);
  EXPECT_EQ(Take(*spool).triggers_size(), 2);
  EXPECT_FALSE(spool->Next(0ms).has_value());
}

TEST_F(SpoolTest, ADamagedBatchIsReplacedByAnEmptyOneAndTheRestIsDelivered) {
  AppendAndDie("old", {Start(4), Records(4, 1, 100), Records(4, 2, 100), Records(4, 3, 100)});
  const std::string path = Segments("old").back();
  {
    // The middle of the third record.
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const size_t at = content.find(std::string(100, 'x'), content.find(std::string(100, 'x')) + 100);
    file.clear();
    file.seekp(static_cast<std::streamoff>(at));
    file.write("damage", 6);
  }
  auto spool = OpenSpool("new");
  spool->Offer();
  ASSERT_TRUE(spool->Resume("old", 0).ok());
  EXPECT_TRUE(Take(*spool).has_share_start());
  EXPECT_EQ(Take(*spool).triggers_size(), 1);
  const v1::Batch empty = Take(*spool);
  EXPECT_EQ(empty.seq(), 3u);
  EXPECT_EQ(empty.run_id(), 4);
  EXPECT_EQ(empty.triggers_size(), 0);
  EXPECT_EQ(Take(*spool).triggers_size(), 3);
  EXPECT_TRUE(Take(*spool).share_end().crashed());
  EXPECT_THAT(log_.Text(), HasSubstr("its records are lost"));
}

TEST_F(SpoolTest, AnySpoolFileCutOrDamagedAnywhereIsRecoveredFrom) {
  AppendAndDie("old", {Start(4), Records(4, 5, 20), Records(4, 2, 100), End(4)});
  const std::string path = Segments("old").back();
  std::ifstream in(path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  std::mt19937 random(1);
  for (size_t i = 0; i < 300; ++i) {
    std::string content = whole;
    if (i % 2 == 0) content.resize(random() % (whole.size() + 1));
    if (i % 3 != 0 && !content.empty()) content[random() % content.size()] ^= static_cast<char>(1 + random() % 255);
    const std::string directory = directory_ + "/damaged";
    fs::create_directory(directory);
    std::ofstream(directory + "/00000001.seg", std::ios::binary) << content;
    auto stream = SpoolStream::Recover(directory, "old");
    if (stream.ok() && (*stream)->Resume((*stream)->acked_seq()).ok()) {
      uint64_t next = (*stream)->acked_seq() + 1;
      while ((*stream)->CanSend(true)) {
        const auto location = (*stream)->TakeNext();
        ASSERT_EQ(location.seq, next++);
        ASSERT_TRUE(location.record != nullptr || location.segment != nullptr);
      }
    }
    fs::remove_all(directory);
  }
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
