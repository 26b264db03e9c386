#include "storage/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/pqxx>
#include <thread>

#include "tests/storage/postgres_fixture.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kLongMs = 600'000;

class LeaseTest : public StoreTest {
 protected:
  Connection other_{url_, "other"};
};

TEST_F(LeaseTest, ASecondOneWaitsAndIsTold) {
  Lease first(connection_, "first:1", kLongMs);
  Lease second(other_, "second:2", kLongMs);
  const auto mine = first.TryAcquire();
  ASSERT_TRUE(mine.ok() && mine->acquired) << mine.status();
  EXPECT_EQ(mine->term, 1);
  const auto theirs = second.TryAcquire();
  ASSERT_TRUE(theirs.ok()) << theirs.status();
  EXPECT_FALSE(theirs->acquired);
  EXPECT_EQ(theirs->other_holder, "first:1");
  EXPECT_GT(theirs->other_expires_in_ms, 0);
  EXPECT_LE(theirs->other_expires_in_ms, kLongMs);
  EXPECT_EQ(first.Renew(), absl::OkStatus());
  EXPECT_EQ(second.Renew().code(), absl::StatusCode::kFailedPrecondition) << "it never had one";

  EXPECT_EQ(first.Release(), absl::OkStatus());
  const auto after = second.TryAcquire();
  ASSERT_TRUE(after.ok() && after->acquired) << after.status();
  EXPECT_EQ(after->term, 2);
}

TEST_F(LeaseTest, AfterATakeoverTheOldHolderCanWriteNothing) {
  Lease first(connection_, "first", kLongMs);
  connection_.FenceWith(first.TryAcquire()->term);
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});

  ASSERT_EQ(Execute("UPDATE coordinator SET expires_at = now() - interval '1 second'"), absl::OkStatus());
  EXPECT_EQ(first.Renew(), absl::OkStatus()) << "expired, but nobody took it";
  ASSERT_EQ(Execute("UPDATE coordinator SET expires_at = now() - interval '1 second'"), absl::OkStatus());
  Lease second(other_, "second", kLongMs);
  const auto taken = second.TryAcquire();
  ASSERT_TRUE(taken.ok() && taken->acquired);
  EXPECT_EQ(taken->term, 2);

  const absl::Status write = store_.SetSweepState(sweep.sweep_id, "running", "");
  EXPECT_EQ(write.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(write.message()), HasSubstr("term 1 is over"));
  EXPECT_EQ(writer_.OpenStream("s", a_).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(first.Renew().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(first.Release().code(), absl::StatusCode::kFailedPrecondition) << "must not let go of what is another's";

  other_.FenceWith(2);
  SweepStore theirs(other_);
  EXPECT_EQ(theirs.SetSweepState(sweep.sweep_id, "running", ""), absl::OkStatus());
}

TEST_F(LeaseTest, TheSameHolderMayTakeItAgain) {
  Lease lease(connection_, "me", kLongMs);
  EXPECT_EQ(lease.TryAcquire()->term, 1);
  const auto again = lease.TryAcquire();
  ASSERT_TRUE(again.ok() && again->acquired);
  EXPECT_EQ(again->term, 2);
}

TEST_F(LeaseTest, ATakeoverWaitsForAFencedTransactionAndARenewalDoesNot) {
  Lease first(connection_, "first", kLongMs);
  const int64_t term = first.TryAcquire()->term;
  Connection writer(url_, "writer");
  writer.FenceWith(term);
  const absl::Status written = writer.Transact([&](pqxx::transaction_base& transaction) {
    transaction.exec("INSERT INTO agent (name, host) VALUES ('c', 'in time')");
    EXPECT_EQ(first.Renew(), absl::OkStatus());
    EXPECT_EQ(Execute("UPDATE coordinator SET expires_at = now() - interval '1 second'"), absl::OkStatus());
    Lease second(other_, "second", kLongMs);
    const auto attempt = second.TryAcquire();
    EXPECT_EQ(attempt.status().code(), absl::StatusCode::kUnavailable) << "it gives up for now";
    return absl::OkStatus();
  });
  EXPECT_EQ(written, absl::OkStatus());
  EXPECT_EQ(Count("agent WHERE host = 'in time'"), 1);
  Lease second(other_, "second", kLongMs);
  EXPECT_TRUE(second.TryAcquire()->acquired);
}

}  // namespace
}  // namespace assay
