// The agent's results link against a coordinator that is played by the test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/rpc.h"
#include "tests/cluster/link_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using ResultsLinkTest = LinkTest;

TEST_F(ResultsLinkTest, DeliversAllInOrderAndTrimsTheSpool) {
  auto spool = OpenSpool("one");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  for (uint64_t i = 0; i < 500; ++i) spool->Append(Record(1, i));
  ASSERT_TRUE(Eventually([&] { return spool->undelivered().batches == 0; }));
  ExpectInOrder(500);
  std::lock_guard lock(coordinator_.mutex);
  EXPECT_EQ(coordinator_.results_hellos.at(0).agent(), "a");
  EXPECT_EQ(coordinator_.results_hellos.at(0).protocol_version(), kProtocolVersion);
  EXPECT_EQ(coordinator_.results_hellos.at(0).streams(0), "one");
  EXPECT_EQ(coordinator_.duplicates, 0u);
}

TEST_F(ResultsLinkTest, DroppedConnectionsLoseAndDoubleNothing) {
  coordinator_.drop_results_after = 60;
  auto spool = OpenSpool("one");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  for (uint64_t i = 0; i < 300; ++i) spool->Append(Record(1, i));
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 300; }));
  ExpectInOrder(300);
  std::lock_guard lock(coordinator_.mutex);
  EXPECT_GE(coordinator_.results_hellos.size(), 5u);
  // Each connection began exactly behind what was committed.
  EXPECT_EQ(coordinator_.duplicates, 0u);
}

TEST_F(ResultsLinkTest, ACoordinatorThatIsRestartedGetsTheRest) {
  auto spool = OpenSpool("one");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  for (uint64_t i = 0; i < 100; ++i) spool->Append(Record(1, i));
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 100; }));
  coordinator_.Shutdown();
  for (uint64_t i = 100; i < 200; ++i) spool->Append(Record(1, i));
  coordinator_.Restart();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 200; }));
  ExpectInOrder(200);
}

TEST_F(ResultsLinkTest, WithoutAcksNoMoreThanTheWindowIsSentAndAllIsKept) {
  coordinator_.acks = false;
  auto spool = OpenSpool("one");
  ResultsLink::Options options = Options();
  options.max_in_flight_bytes = 100'000;
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, options);
  for (uint64_t i = 0; i < 100; ++i) spool->Append(Record(1, i, 10'000));
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.received_bytes >= 100'000; }));
  ASSERT_TRUE(spool->Flush().ok());
  EXPECT_EQ(spool->undelivered().batches, 100u);
  // The next connection commits: all comes again, from the first on.
  uint64_t received = 0;
  coordinator_.Set([&] {
    received = coordinator_.received_bytes;
    coordinator_.acks = true;
  });
  EXPECT_LT(received, 115'000u);
  coordinator_.Restart();
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 100; }));
  ExpectInOrder(100);
}

TEST_F(ResultsLinkTest, ARefusalIsLoggedAndTriedAgain) {
  coordinator_.results_refusal = "the database is being moved";
  auto spool = OpenSpool("one");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  spool->Append(Record(1, 0));
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.results_hellos.size() >= 3; }));
  EXPECT_EQ(spool->undelivered().batches, 1u);
  coordinator_.Set([&] { coordinator_.results_refusal.clear(); });
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 1; }));
  link.Stop();
  EXPECT_THAT(log_.Text(), HasSubstr("the database is being moved"));
  EXPECT_EQ(log_.Count("being moved"), 1) << "said once, not at every try";
}

TEST_F(ResultsLinkTest, AnEarlierIncarnationGoesFirst) {
  {
    auto spool = OpenSpool("early");
    for (uint64_t i = 0; i < 50; ++i) spool->Append(Record(1, i));
    ASSERT_TRUE(spool->Flush().ok());
  }
  coordinator_.watermark["early"] = 20;
  auto spool = OpenSpool("late");
  spool->Append(Record(2, 0));
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.batches.size() == 31; }));
  std::lock_guard lock(coordinator_.mutex);
  for (size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(coordinator_.batches[i].stream(), "early");
    EXPECT_EQ(coordinator_.batches[i].seq(), i + 21);
  }
  EXPECT_EQ(coordinator_.batches[30].stream(), "late");
}

TEST_F(ResultsLinkTest, ARefusedStreamIsKeptAndTheOthersGoOn) {
  {
    auto spool = OpenSpool("early");
    spool->Append(Record(1, 0));
    ASSERT_TRUE(spool->Flush().ok());
  }
  coordinator_.refused_streams["early"] = "start it with --name b";
  auto spool = OpenSpool("late");
  ResultsLink link(MakeChannel(coordinator_.address()), *spool, Options());
  for (uint64_t i = 0; i < 10; ++i) spool->Append(Record(2, i));
  ASSERT_TRUE(Eventually([&] { return spool->undelivered().batches == 1; }));
  link.Stop();
  const std::string kept = directory_ + "/cluster-a/early";
  EXPECT_FALSE(fs::is_empty(kept));
  EXPECT_THAT(log_.Text(), HasSubstr("results: those in " + kept +
                                     " stay there, not taken by the coordinator: start it "
                                     "with --name b"));
  std::lock_guard lock(coordinator_.mutex);
  for (const v1::Batch& batch : coordinator_.batches) EXPECT_EQ(batch.stream(), "late");
}

}  // namespace
}  // namespace assay
