// What is stored of a share: its floor, its end, what is lost of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/result_writer_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using StoredSharesTest = ResultWriterTest;

TEST_F(StoredSharesTest, AFloorIsKeptOnceAndNamedByEachShareItHeldFor) {
  v1::Batch begin = NextBatch("s", run_.run_id);
  v1::Floor& floor = *begin.mutable_share_start()->mutable_floor();
  floor.set_kind("exec");
  floor.set_concurrency(2);
  floor.set_triggers(300);
  floor.set_rate_per_s(1500.5);
  floor.set_service_p50_ns(1'250'000);
  floor.set_service_p99_ns(4'000'000);
  floor.set_measured_wall_ns(kT0Ns);
  WriteOk({begin});
  v1::Batch again = NextBatch("s", run_.run_id);
  *again.mutable_share_start() = begin.share_start();
  WriteOk({again});
  EXPECT_EQ(Count("floor"), 1);
  EXPECT_EQ(
      Value("SELECT concat_ws('|', agent, kind, concurrency, rate_per_s, service_p50_ms, service_p99_ms, triggers, "
            "measured_at AT TIME ZONE 'UTC', latest, f.error) FROM share JOIN floors f USING (floor_id)"),
      "a|exec|2|1500.5|1.25|4|300|2023-11-14 22:13:20|t|");
  EXPECT_EQ(Value("SELECT concat_ws('|', agent, slots > 0, kind, concurrency, rate_per_s, error) FROM run_floors WHERE "
                  "kind IS NOT NULL"),
            "a|t|exec|2|1500.5|");
  v1::Batch unknown = NextBatch("s", run_.run_id);
  unknown.mutable_share_start()->mutable_floor()->set_kind("container");
  unknown.mutable_share_start()->mutable_floor()->set_concurrency(2);
  unknown.mutable_share_start()->mutable_floor()->set_container("web");
  unknown.mutable_share_start()->mutable_floor()->set_error("no \xff true");
  WriteOk({unknown});
  EXPECT_EQ(
      Value("SELECT concat_ws('|', kind, rate_per_s IS NULL, service_p50_ms IS NULL, service_p99_ms IS NULL, f.error) "
            "FROM share JOIN floors f USING (floor_id)"),
      "container|t|t|t|no \xEF\xBF\xBD true");
}

TEST_F(StoredSharesTest, TheLatestFloorIsOfItsContainerAndNoneThatFailedTakesItsPlace) {
  const auto measured = [this](const std::string& container, int64_t second, const std::string& error) {
    v1::Batch batch = NextBatch("s", run_.run_id);
    v1::Floor& floor = *batch.mutable_share_start()->mutable_floor();
    floor.set_kind("container");
    floor.set_container(container);
    floor.set_concurrency(1);
    floor.set_triggers(30);
    floor.set_rate_per_s(20);
    floor.set_measured_wall_ns(kT0Ns + second * 1000 * kMs);
    floor.set_error(error);
    WriteOk({batch});
  };
  measured("web", 0, "");
  measured("web", 1, "");
  measured("web", 2, "no answer");
  measured("db", 3, "");
  measured("gone", 4, "no such container");
  EXPECT_EQ(Value("SELECT string_agg(concat_ws(' ', container, extract(second FROM measured_at)::int - 20), ', ' ORDER "
                  "BY measured_at) FROM floors WHERE latest"),
            "web 1, db 3, gone 4");
}

TEST_F(StoredSharesTest, TheEndOfAShareClosesItWithItsFacts) {
  v1::Batch begin = NextBatch("s", run_.run_id);
  begin.mutable_share_start();
  WriteOk({begin});
  EXPECT_EQ(Value("SELECT begun_at IS NOT NULL FROM share"), "t");
  v1::Batch batch = Triggers(0, 10);
  v1::ShareEnd* end = batch.mutable_share_end();
  end->set_fired(10);
  end->set_sampler_ticks(7);
  end->set_missed_ticks(1);
  end->set_backpressured(true);
  end->set_backpressured_ns(5);
  end->set_clock_offset_ns(-6);
  end->set_clock_bound_ns(8);
  end->set_first_dispatch_ns(9);
  end->set_first_intended_ns(4);
  end->set_sampled_until_ns(11);
  end->set_t0_wall_ns(kT0Ns + kMs);
  const ResultWriter::Written written = WriteOk({batch});
  ASSERT_EQ(written.ended_shares.size(), 1u);
  EXPECT_EQ(written.ended_shares[0].run_id, run_.run_id);
  EXPECT_EQ(written.ended_shares[0].agent_id, a_);
  EXPECT_EQ(written.ended_shares[0].end.fired(), 10u);
  EXPECT_EQ(Value("SELECT concat_ws('|', state, fired, crashed, sampler_ticks, missed_ticks, backpressured, "
                  "backpressured_ns, clock_offset_ns, clock_bound_ns, "
                  "first_dispatch_ns, first_intended_ns, sampled_until_ns, error) FROM share"),
            "ended|10|f|7|1|t|5|-6|8|9|4|11|");
  EXPECT_EQ(Value("SELECT wall_offset_ms FROM agent_clock"), "1");
  EXPECT_FALSE(*store_.LoseShare(run_.run_id, a_, "too late")) << "its end had been committed";
}

TEST_F(StoredSharesTest, ACrashedShareHasNoClockAndNoFirstDispatch) {
  const RunRow run = StartedRun(sweep_, 0, 1, {a_, b_}, 1);
  Open("t", b_);
  v1::Batch whole = NextBatch("s", run.run_id);
  AddTrigger(whole, 0, 0, 7 * kMs, 8 * kMs);
  whole.mutable_share_end()->set_fired(1);
  whole.mutable_share_end()->set_first_dispatch_ns(7 * kMs);
  whole.mutable_share_end()->set_clock_bound_ns(kMs);
  v1::Batch crashed = NextBatch("t", run.run_id);
  AddTrigger(crashed, 1, 0, 1, 2);
  crashed.mutable_share_end()->set_fired(1);
  crashed.mutable_share_end()->set_crashed(true);
  WriteOk({whole, crashed});
  EXPECT_EQ(Value("SELECT num_nulls(clock_offset_ns, clock_bound_ns, first_dispatch_ns, first_intended_ns) FROM share "
                  "WHERE crashed"),
            "4");
  ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "rejected", .flags = {}, .list_schedule_s = 1, .error = ""}),
            absl::OkStatus());
  EXPECT_EQ(Value("SELECT start_skew_ms || ' ' || start_skew_bound_ms FROM run_summary WHERE run_id = " +
                  std::to_string(run.run_id)),
            "0 0")
      << "one clock alone";
}

TEST_F(StoredSharesTest, TheFirstEndOfAShareCounts) {
  v1::Batch proper = NextBatch("s", run_.run_id);
  proper.mutable_share_end()->set_fired(1);
  v1::Batch again = NextBatch("s", run_.run_id);
  again.mutable_share_end()->set_crashed(true);
  WriteOk({proper});
  WriteOk({again});
  EXPECT_EQ(Value("SELECT fired || ' ' || crashed || ' ' || state FROM share"), "1 false ended");
}

TEST_F(StoredSharesTest, LostTriggersGetRowsAndLateRowsTakeTheirPlace) {
  const RunRow run = StartedRun(sweep_, 0, 1, {a_, b_}, 5);
  Open("t", b_);
  v1::Batch a = NextBatch("s", run.run_id);
  for (uint64_t i = 0; i < 5; ++i) AddTrigger(a, i, 0, 1, 2);
  a.mutable_share_end()->set_fired(5);
  v1::Batch b_first = NextBatch("t", run.run_id);
  AddTrigger(b_first, 5, 0, 1, 2);
  WriteOk({a, b_first});
  EXPECT_TRUE(*store_.LoseShare(run.run_id, b_, "no report"));
  const SweepStore::Ending rejected = {
      .verdict = "rejected", .flags = {{"agent_lost", "reject", "b"}}, .list_schedule_s = 1, .error = ""};
  ASSERT_EQ(store_.EndRun(run.run_id, rejected), absl::OkStatus());
  EXPECT_EQ(Value("SELECT concat_ws('|', triggers, ok, lost, verdict, flags) FROM run_summary WHERE run_id = " +
                  std::to_string(run.run_id)),
            "10|6|4|rejected|{agent_lost}");
  EXPECT_EQ(
      Value("SELECT string_agg(index || ':' || agent_id, ' ' ORDER BY index) FROM trigger WHERE outcome = 'lost'"),
      "6:" + std::to_string(b_) + " 7:" + std::to_string(b_) + " 8:" + std::to_string(b_) + " 9:" + std::to_string(b_));

  v1::Batch b_late = NextBatch("t", run.run_id);
  AddTrigger(b_late, 6, 0, 1, 2);
  AddTrigger(b_late, 7, 0, 1, 2);
  b_late.mutable_share_end()->set_fired(3);
  b_late.mutable_share_end()->set_error("its lease ran out");
  const ResultWriter::Written written = WriteOk({b_late});
  EXPECT_THAT(written.late_runs, ElementsAre(run.run_id));
  EXPECT_EQ(Value("SELECT state || fired FROM share WHERE agent_id = " + std::to_string(b_) +
                  " AND run_id = " + std::to_string(run.run_id)),
            "lost3");
  ASSERT_EQ(store_.EndRun(run.run_id, rejected), absl::OkStatus());
  ASSERT_EQ(store_.EndRun(run.run_id, rejected), absl::OkStatus()) << "may be repeated";
  EXPECT_EQ(
      Value("SELECT concat_ws('|', triggers, ok, lost) FROM run_summary WHERE run_id = " + std::to_string(run.run_id)),
      "10|8|2");
  EXPECT_EQ(Value("SELECT count(DISTINCT index) FROM trigger WHERE run_id = " + std::to_string(run.run_id)), "10");
  EXPECT_EQ(Count("flag"), 1);
}

TEST_F(StoredSharesTest, CrashedSharesLoseTheirRestAndDrainedOnesDoNot) {
  const RunRow run = StartedRun(sweep_, 0, 1, {a_, b_}, 5);
  Open("t", b_);
  v1::Batch drained = NextBatch("s", run.run_id);
  AddTrigger(drained, 0, 0, 1, 2);
  drained.mutable_share_end()->set_fired(1);
  drained.mutable_share_end()->set_error("drained");
  v1::Batch crashed = NextBatch("t", run.run_id);
  AddTrigger(crashed, 7, 0, 1, 2);
  crashed.mutable_share_end()->set_fired(1);
  crashed.mutable_share_end()->set_crashed(true);
  WriteOk({drained, crashed});
  ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "rejected", .flags = {}, .list_schedule_s = 1, .error = ""}),
            absl::OkStatus());
  EXPECT_EQ(Value("SELECT string_agg(index::text, ' ' ORDER BY index) FROM trigger WHERE outcome = 'lost'"), "5 6 8 9");
}

TEST_F(StoredSharesTest, StridedSharesLoseTheIndicesThatWereTheirs) {
  RunRow run = MakeRun(sweep_, 0, 1, {a_}, 0);
  ASSERT_EQ(
      Execute("UPDATE share SET first_index = 1, stride = 3, count = 4 WHERE run_id = " + std::to_string(run.run_id)),
      absl::OkStatus());
  ASSERT_EQ(store_.StartRun(run.run_id, kT0Ns), absl::OkStatus());
  ASSERT_EQ(store_.EndRun(run.run_id, {.verdict = "rejected", .flags = {}, .list_schedule_s = 1, .error = ""}),
            absl::OkStatus());
  EXPECT_EQ(Value("SELECT string_agg(index::text, ' ' ORDER BY index) FROM trigger WHERE run_id = " +
                  std::to_string(run.run_id)),
            "1 4 7 10")
      << "a share that is still leased when its run ends is lost";
}

}  // namespace
}  // namespace assay
