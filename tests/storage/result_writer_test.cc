// What a flush does: once, whole or not at all, in order.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/pqxx>

#include "tests/storage/result_writer_fixture.h"

namespace assay {
namespace {

using ::testing::IsEmpty;

TEST_F(ResultWriterTest, DuplicatesAreSkippedAndGapsReported) {
  const v1::Batch one = Triggers(0, 2);
  const v1::Batch two = Triggers(2, 2);
  const v1::Batch three = Triggers(4, 2);
  ResultWriter::Written written = WriteOk({one, one});
  EXPECT_EQ(written.rows, 2u);
  ASSERT_EQ(written.streams.size(), 1u);
  EXPECT_EQ(written.streams[0].through_seq, 1u);
  EXPECT_FALSE(written.streams[0].gap);

  written = WriteOk({three});
  EXPECT_TRUE(written.streams[0].gap);
  EXPECT_EQ(written.streams[0].through_seq, 1u);
  EXPECT_EQ(written.rows, 0u);

  written = WriteOk({one, two, three});
  EXPECT_EQ(written.rows, 4u);
  EXPECT_EQ(written.streams[0].through_seq, 3u);
  EXPECT_EQ(Count("trigger"), 6);
  EXPECT_EQ(Value("SELECT count(DISTINCT index) FROM trigger"), "6");
  EXPECT_EQ(writer_.OpenStream("s", a_).value(), 3u) << "where an agent goes on after a reconnect";
}

TEST_F(ResultWriterTest, RefusesStreamsItDoesNotKnow) {
  v1::Batch batch = NextBatch("nobody's", run_.run_id);
  EXPECT_EQ(writer_.Write({batch}).status().code(), absl::StatusCode::kNotFound);
  const absl::Status foreign = writer_.OpenStream("s", b_).status();
  EXPECT_EQ(foreign.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(foreign.message().find("--name a"), std::string::npos) << foreign;
  EXPECT_EQ(*writer_.AgentId("b"), b_);
  EXPECT_EQ(writer_.AgentId("nobody").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(writer_.OpenStream("", a_).status().code(), absl::StatusCode::kInvalidArgument);
}

// A trigger on the watermark's table kills the writer's backend at the moment that is named; the retry must store every
// row once.
TEST_F(ResultWriterTest, ABackendKilledBeforeTheCommitStoresNothingAndTheRetryAll) {
  ASSERT_EQ(
      Execute("CREATE TABLE public.killed (n int);"
              "CREATE FUNCTION public.kill_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
              "IF nextval('public.kills') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN "
              "NULL; END $$;"
              "CREATE SEQUENCE public.kills;"
              "CREATE CONSTRAINT TRIGGER kill_at_commit AFTER UPDATE ON assay.delivery DEFERRABLE INITIALLY DEFERRED "
              "FOR EACH ROW EXECUTE FUNCTION public.kill_once()"),
      absl::OkStatus());
  const v1::Batch batch = Triggers(0, 10);
  EXPECT_EQ(writer_.Write({batch}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Count("trigger"), 0);
  EXPECT_EQ(WriteOk({batch}).rows, 10u);
  EXPECT_EQ(Count("trigger"), 10);
}

TEST_F(ResultWriterTest, ABackendKilledInTheMiddleOfTheCopyStoresNothingAndTheRetryAll) {
  ASSERT_EQ(Execute(fmt::format(
                "CREATE SEQUENCE public.rows;"
                "CREATE FUNCTION public.kill_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "IF nextval('public.rows') = 7000 THEN PERFORM pg_terminate_backend(pg_backend_pid()); "
                "END IF; RETURN NEW; END $$;"
                "CREATE TRIGGER kill_in_copy BEFORE INSERT ON assay_partitions.trigger_{} FOR EACH ROW EXECUTE "
                "FUNCTION public.kill_once()",
                sweep_.sweep_id)),
            absl::OkStatus());
  const v1::Batch batch = Triggers(0, 20'000);
  EXPECT_EQ(writer_.Write({batch}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Count("trigger"), 0);
  EXPECT_EQ(WriteOk({batch}).rows, 20'000u);
  EXPECT_EQ(Value("SELECT count(DISTINCT index) FROM trigger"), "20000");
}

TEST_F(ResultWriterTest, ARowThatIsRefusedTakesTheWholeFlushWithIt) {
  ASSERT_EQ(Execute(fmt::format("ALTER TABLE assay_partitions.trigger_{} ADD CONSTRAINT no_nine CHECK (index <> 9)",
                                sweep_.sweep_id)),
            absl::OkStatus());
  const v1::Batch batch = Triggers(0, 10);
  const absl::Status refused = writer_.Write({batch}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(refused.message()), ::testing::HasSubstr("no_nine"));
  EXPECT_EQ(Count("trigger"), 0) << "the destructor of a COPY ends it; nothing may be committed then";
  EXPECT_EQ(writer_.OpenStream("s", a_).value(), 0u);
  ASSERT_EQ(Execute(fmt::format("ALTER TABLE assay_partitions.trigger_{} DROP CONSTRAINT no_nine", sweep_.sweep_id)),
            absl::OkStatus());
  EXPECT_EQ(WriteOk({batch}).rows, 10u);
}

TEST_F(ResultWriterTest, ABackendKilledAfterTheCommitMakesTheRetryADuplicate) {
  const v1::Batch batch = Triggers(0, 10);
  WriteOk({batch});
  Connection killer(url_, "killer");
  ASSERT_EQ(killer.Transact([](pqxx::transaction_base& transaction) {
    transaction.exec(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'test' AND datname = "
        "current_database()");
    return absl::OkStatus();
  }),
            absl::OkStatus());
  // The answer to the commit was lost: the caller offers the same batch again, at first on the broken connection.
  EXPECT_EQ(writer_.Write({batch}).status().code(), absl::StatusCode::kUnavailable);
  const ResultWriter::Written again = WriteOk({batch});
  EXPECT_EQ(again.rows, 0u);
  EXPECT_EQ(again.streams[0].through_seq, 1u);
  EXPECT_EQ(Count("trigger"), 10);
}

TEST_F(ResultWriterTest, TheInstantOfTheCommitLiesBehindTheCommit) {
  ASSERT_TRUE(Execute("CREATE TABLE committing (at timestamptz);"
                      "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
                      "$$ BEGIN INSERT INTO committing VALUES (clock_timestamp()); RETURN NULL; END $$;"
                      "CREATE CONSTRAINT TRIGGER note AFTER UPDATE ON delivery DEFERRABLE INITIALLY DEFERRED "
                      "FOR EACH ROW EXECUTE FUNCTION note()")
                  .ok());
  v1::Batch batch = NextBatch("s", run_.run_id);
  AddTrigger(batch, 0, 0, 1, 2);
  batch.mutable_share_end()->set_fired(1);
  WriteOk({batch});
  EXPECT_EQ(Value("SELECT ended_at <= at AND at <= committed_at FROM share, committing"), "t");
  ASSERT_EQ(store_.EndRun(run_.run_id, {.verdict = "rejected", .flags = {}, .list_schedule_s = 1, .error = ""}),
            absl::OkStatus());
  EXPECT_EQ(Value("SELECT r.committed_at = s.committed_at FROM run_summary r JOIN share s USING (run_id)"), "t");
}

TEST_F(ResultWriterTest, RowsOfARemovedSweepAreDiscardedAndAcknowledged) {
  ASSERT_EQ(store_.SetSweepState(sweep_.sweep_id, "cancelled", ""), absl::OkStatus());
  ASSERT_EQ(store_.RemoveSweep(sweep_.sweep_id), absl::OkStatus());
  v1::Batch batch = Triggers(0, 3);
  batch.mutable_share_end()->set_fired(3);
  const ResultWriter::Written written = WriteOk({batch});
  EXPECT_EQ(written.rows, 0u);
  EXPECT_EQ(written.discarded_rows, 3u);
  EXPECT_EQ(written.streams[0].through_seq, 1u);
  EXPECT_THAT(written.ended_shares, IsEmpty());
  EXPECT_EQ(Count("trigger"), 0);
}

TEST_F(ResultWriterTest, SeveralStreamsAndSweepsInOneFlush) {
  const SweepRow other = MakeSweep(1, {{"t", "{}"}});
  const RunRow other_run = StartedRun(other, 0, 0, {b_}, 3);
  Open("t", b_);
  v1::Batch theirs = NextBatch("t", other_run.run_id);
  for (uint64_t i = 0; i < 3; ++i) AddTrigger(theirs, i, 0, 1, 2);
  std::vector<v1::Batch> batches = {Triggers(0, 2), theirs, Triggers(2, 2)};
  const ResultWriter::Written written = WriteOk(batches);
  EXPECT_EQ(written.rows, 7u);
  ASSERT_EQ(written.streams.size(), 2u);
  EXPECT_EQ(Count("trigger WHERE sweep_id = " + std::to_string(sweep_.sweep_id)), 4);
  EXPECT_EQ(Count("trigger WHERE sweep_id = " + std::to_string(other.sweep_id)), 3);
}

TEST_F(ResultWriterTest, LargeFlushesGoOutInSeveralChunks) {
  constexpr uint64_t kMany = 20'000;
  const RunRow run = StartedRun(sweep_, 0, 1, {a_}, kMany);
  v1::Batch batch = NextBatch("s", run.run_id);
  for (uint64_t i = 0; i < kMany; ++i) {
    AddTrigger(batch, i, 0, 1, 2);
    if (i % 2 == 0) batch.mutable_triggers(static_cast<int>(i))->set_error("line\nline");
  }
  EXPECT_EQ(WriteOk({batch}).rows, kMany);
  EXPECT_EQ(Value("SELECT concat_ws('|', count(*), count(DISTINCT index), sum(index), count(error)) FROM trigger WHERE "
                  "run_id = " +
                  std::to_string(run.run_id)),
            "20000|20000|199990000|10000");
}

}  // namespace
}  // namespace assay
