// What a spool gives back of an agent that died, and of files that are damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "agent/spool/spool.h"
#include "tests/unit/spool/spool_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;
using SpoolRecoveryTest = SpoolTest;

TEST_F(SpoolRecoveryTest, ACrashedIncarnationIsDeliveredFirstAndItsOpenSharesAreClosed) {
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

TEST_F(SpoolRecoveryTest, ACrashMarkIsWrittenOnceHoweverOftenItsWriterDies) {
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
TEST_F(SpoolRecoveryTest, AnOpenShareIsRememberedWhenItsStartIsGone) {
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
TEST_F(SpoolRecoveryTest, TheCrashMarkComesBehindWhatTheCoordinatorHas) {
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

TEST_F(SpoolRecoveryTest, ATornEndIsCutOff) {
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

TEST_F(SpoolRecoveryTest, ADamagedBatchIsReplacedByAnEmptyOneAndTheRestIsDelivered) {
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

TEST_F(SpoolRecoveryTest, AnySpoolFileCutOrDamagedAnywhereIsRecoveredFrom) {
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

}  // namespace
}  // namespace assay
