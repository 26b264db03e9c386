#include "storage/result_writer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/pqxx>

#include "storage/table.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ResultWriterTest : public StoreTest {
 protected:
  ResultWriterTest() : sweep_(MakeSweep(4, {{"t", "{}"}})), run_(StartedRun(sweep_, 0, 0, {a_}, 10)) { Open("s", a_); }

  v1::Batch Triggers(uint64_t first, uint64_t count) {
    v1::Batch batch = NextBatch("s", run_.run_id);
    for (uint64_t i = first; i < first + count; ++i) AddTrigger(batch, i, 0, 1, 2);
    return batch;
  }

  SweepRow sweep_;
  RunRow run_;
};

TEST_F(ResultWriterTest, StoresEveryFieldOfATrigger) {
  v1::Batch batch = NextBatch("s", run_.run_id);
  AddTrigger(batch, 0, -5, 3, 7);
  batch.mutable_triggers(0)->set_planned_ns(0);
  AddTrigger(batch, 1, 10, 11, 12, v1::FAILED);
  v1::TriggerRecord* process = batch.mutable_triggers(1);
  process->set_dispatched_ns(10);
  process->set_has_exit(true);
  process->set_exit_code(3);
  process->set_cpu_ns(1234);
  process->set_max_rss_bytes(64 << 20);
  process->set_output(std::string("\0\\\n\t\xff", 5));
  process->set_output_bytes(99999);
  process->set_error("exited with 3\tand \\N\r\n");
  AddTrigger(batch, 2, 20, 0, 0, v1::SKIPPED);
  AddTrigger(batch, 3, 30, 31, 32, v1::TIMEOUT);
  batch.mutable_triggers(3)->set_has_exit(true);
  batch.mutable_triggers(3)->set_signal(9);
  AddTrigger(batch, 4, 40, 41, 42, v1::CANCELLED);
  EXPECT_EQ(WriteOk({batch}).rows, 5u);

  const absl::StatusOr<Table> table = Query(
      connection_,
      "SELECT concat_ws('|', index, intended_ns, coalesce(started_ns::text, 'null'), coalesce(finished_ns::text, "
      "'null'), "
      "coalesce(planned_ns::text, 'null'), outcome, coalesce(exit_code::text, 'null'), coalesce(signal::text, 'null'), "
      "coalesce(cpu_ns::text, 'null'), coalesce(max_rss_bytes::text, 'null'), coalesce(output_bytes::text, 'null')) "
      "FROM trigger ORDER BY index");
  ASSERT_TRUE(table.ok()) << table.status();
  std::vector<std::string> rows;
  for (const auto& row : table->rows) rows.push_back(*row[0]);
  EXPECT_THAT(
      rows,
      ElementsAre("0|-5|3|7|0|ok|null|null|null|null|null", "1|10|11|12|null|failed|3|null|1234|67108864|99999",
                  "2|20|null|null|null|skipped|null|null|null|null|null", "3|30|31|32|null|timeout|null|9|null|null|0",
                  "4|40|41|42|null|cancelled|null|null|null|null|null"));
  EXPECT_EQ(Value("SELECT encode(output, 'hex') FROM trigger WHERE index = 1"), "005c0a09ff");
  EXPECT_EQ(Value("SELECT error FROM trigger WHERE index = 1"), "exited with 3\tand \\N\r\n");
  EXPECT_EQ(Value("SELECT error FROM trigger WHERE index = 0"), "null");
  EXPECT_EQ(Count("trigger WHERE sweep_id = " + std::to_string(sweep_.sweep_id) +
                  " AND run_id = " + std::to_string(run_.run_id) + " AND agent_id = " + std::to_string(a_)),
            5);
}

TEST_F(ResultWriterTest, StoresWhatIsKnownOfARequest) {
  v1::Batch batch = NextBatch("s", run_.run_id);
  AddTrigger(batch, 0, 0, 1, 9);
  v1::TriggerRecord* request = batch.mutable_triggers(0);
  request->set_status(200);
  request->set_connected_ns(2);
  request->set_secured_ns(3);
  request->set_first_byte_ns(0);
  request->set_sent_bytes(5);
  AddTrigger(batch, 1, 0, 1, 9);
  batch.mutable_triggers(1)->set_status(204);
  AddTrigger(batch, 2, 0, 1, 9, v1::FAILED);
  batch.mutable_triggers(2)->set_error("could not connect");
  AddTrigger(batch, 3, 0, 1, 9);
  batch.mutable_triggers(3)->set_status(0);  // OK of a gRPC call, with empty messages
  EXPECT_EQ(WriteOk({batch}).rows, 4u);
  EXPECT_EQ(
      Value("SELECT string_agg(concat_ws('|', coalesce(status::text, '-'), coalesce(connected_ns::text, '-'), "
            "coalesce(secured_ns::text, '-'), coalesce(first_byte_ns::text, '-'), coalesce(sent_bytes::text, '-'), "
            "coalesce(received_bytes::text, '-')), ' ' ORDER BY index) FROM trigger"),
      "200|2|3|0|5|0 204|-|-|-|0|0 -|-|-|-|-|- 0|-|-|-|0|0");
}

TEST_F(ResultWriterTest, StoresSamplesWithNullForWhatTheKernelHasNot) {
  v1::Batch batch = NextBatch("s", run_.run_id);
  v1::CgroupSample* sample = batch.add_cgroup_samples();
  sample->set_tick(4);
  sample->set_read_begin_ns(-100);
  sample->set_read_end_ns(-50);
  sample->set_cgroup("/a/b");
  sample->set_inode(77);
  sample->set_cpu_usage_ns(5);
  sample->set_memory_peak_bytes(-1);
  sample->set_io_full_us(6);
  v1::HostSample* host = batch.add_host_samples();
  host->set_tick(4);
  host->set_cpus(2);
  host->set_cpu_steal_ns(-1);
  host->set_sampler_cpu_ns(9);
  EXPECT_EQ(WriteOk({batch}).rows, 2u);
  EXPECT_EQ(Value("SELECT concat_ws('|', tick, read_begin_ns, read_end_ns, cgroup, inode, cpu_usage_ns, "
                  "coalesce(memory_peak_bytes::text, 'null'), io_full_us) FROM sample"),
            "4|-100|-50|/a/b|77|5|null|6");
  EXPECT_EQ(
      Value("SELECT concat_ws('|', tick, cpus, coalesce(cpu_steal_ns::text, 'null'), sampler_cpu_ns) FROM host_sample"),
      "4|2|null|9");
}

TEST_F(ResultWriterTest, StoresTasksWithNullForWhatTheirWitnessDoesNotTell) {
  v1::Batch batch = NextBatch("s", run_.run_id);
  v1::TaskRecord* told = batch.add_tasks();
  told->set_task("sleep-7");
  told->set_index(7);
  told->set_origin("driver");
  told->set_state("memory");
  told->set_outcome(v1::OK);
  told->set_created_ns(-5);
  told->set_started_ns(10);
  told->set_error_ns(3);
  told->set_cached(true);
  told->set_planned_ns(11);
  v1::TaskRecord* running = batch.add_tasks();
  running->set_task("t\t1");
  running->set_origin("postgres");
  running->set_state("Running");
  running->set_attempt(2);
  EXPECT_EQ(WriteOk({batch}).rows, 2u);
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('|', task, coalesce(index::text, '-'), origin, state, "
                  "coalesce(outcome::text, '-'), attempt, "
                  "cached, coalesce(created_ns::text, '-'), coalesce(started_ns::text, '-'), "
                  "coalesce(finished_ns::text, '-'), error_ns, coalesce(planned_ns::text, '-')), ' ' "
                  "ORDER BY origin) FROM task"),
            "sleep-7|7|driver|memory|ok|1|t|-5|10|-|3|11 t\t1|-|postgres|Running|-|2|f|-|-|-|0|-");
}

TEST_F(ResultWriterTest, StoresWhatIsFollowedToItsEnd) {
  v1::Batch batch = NextBatch("s", run_.run_id);
  v1::TriggerRecord* trigger = batch.add_triggers();
  trigger->set_outcome(v1::OK);
  trigger->set_cpu_ns(-1);
  trigger->set_remote_id("run-1");
  trigger->set_remote_state("success");
  trigger->set_accepted_ns(4);
  trigger->set_completed_ns(9);
  trigger->set_completed_error_ns(2);
  WriteOk({batch});
  EXPECT_EQ(
      Value(
          "SELECT concat_ws('|', remote_id, remote_state, accepted_ns, completed_ns, completed_error_ns) FROM trigger"),
      "run-1|success|4|9|2");
}

TEST_F(ResultWriterTest, StoresWhatADriverSaysOfItselfAndOfTheRun) {
  v1::Batch begin = NextBatch("s", run_.run_id);
  v1::DriverInfo& driver = *begin.mutable_share_start()->mutable_driver();
  driver.set_name("dask");
  driver.set_version("2026.8.0");
  driver.set_capacity(16);
  v1::Batch end = NextBatch("s", run_.run_id);
  v1::Span* span = end.mutable_share_end()->add_spans();
  span->set_name("gather");
  span->set_begun_ns(5);
  span->set_ended_ns(8);
  v1::Finding* finding = end.mutable_share_end()->add_findings();
  finding->set_code("driver_garbage");
  finding->set_count(3);
  finding->set_detail("line 4");
  WriteOk({begin, end});
  EXPECT_EQ(Value("SELECT concat_ws('|', driver, driver_version, capacity) FROM share WHERE driver IS NOT NULL"),
            "dask|2026.8.0|16");
  EXPECT_EQ(Value("SELECT concat_ws('|', name, begun_ns, ended_ns) FROM span"), "gather|5|8");
  EXPECT_EQ(Value("SELECT concat_ws('|', code, count, detail) FROM finding"), "driver_garbage|3|line 4");
}

TEST_F(ResultWriterTest, StoresOncePerSeriesWhatItsSamplesAreOf) {
  v1::Batch batch = NextBatch("s", run_.run_id);
  v1::CgroupSeries* series = batch.add_cgroup_series();
  series->set_cgroup("/docker/a");
  series->set_inode(77);
  series->set_container("w\"eb\xfe");
  series->set_container_id("aa");
  series->set_image("redis:7");
  (*series->mutable_labels())["role\n"] = "d\"b\xff";
  (*series->mutable_labels())["x"] = "";
  series->set_compose_project("shop");
  series->set_compose_service("db");
  v1::CgroupSeries* plain = batch.add_cgroup_series();
  plain->set_cgroup("/system.slice/x.service");
  plain->set_inode(1);
  plain->set_unit("x.service");
  WriteOk({batch});
  v1::Batch again = NextBatch("s", run_.run_id);
  *again.add_cgroup_series() = *series;
  again.mutable_cgroup_series(0)->set_started_ns(-5);
  WriteOk({again});
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(Value("SELECT concat_ws('|', sweep_id = (SELECT sweep_id FROM run), inode, container, container_id, image, "
                  "labels->>E'role\\n', compose_project, compose_service, coalesce(pod, 'null'), "
                  "coalesce(unit, 'null'), started_ns) FROM series WHERE cgroup = '/docker/a'"),
            "t|77|w\"eb" + mark + "|aa|redis:7|d\"b" + mark + "|shop|db|null|null|-5");
  EXPECT_EQ(Value("SELECT concat_ws('|', coalesce(container, 'null'), coalesce(labels::text, 'null'), unit, "
                  "coalesce(started_ns::text, 'null')) FROM series WHERE inode = 1"),
            "null|null|x.service|null");
}

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

TEST_F(ResultWriterTest, TextThatPostgresWouldRefuseDoesNotBlockTheBatch) {
  v1::Batch batch = NextBatch("s", run_.run_id);
  AddTrigger(batch, 0, 0, 1, 2, v1::FAILED);
  batch.mutable_triggers(0)->set_error(std::string("a\0b\xff\xc3(\xed\xa0\x80", 9));
  AddTrigger(batch, 1, 0, 1, 2);
  batch.add_cgroup_samples()->set_cgroup("/bad\xfe\tname\\");
  batch.mutable_share_end()->set_error("\xff");
  batch.mutable_share_end()->add_unmatched_cgroups("/x\"y\\z,{\xff}");
  EXPECT_EQ(WriteOk({batch}).rows, 3u);
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(Value("SELECT error FROM trigger WHERE index = 0"),
            "a" + mark + "b" + mark + mark + "(" + mark + mark + mark);
  EXPECT_EQ(Value("SELECT cgroup FROM sample"), "/bad" + mark + "\tname\\");
  EXPECT_EQ(Value("SELECT unmatched_cgroups[1] FROM share"), "/x\"y\\z,{" + mark + "}");
}

TEST_F(ResultWriterTest, AFloorIsKeptOnceAndNamedByEachShareItHeldFor) {
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

TEST_F(ResultWriterTest, TheLatestFloorIsOfItsContainerAndNoneThatFailedTakesItsPlace) {
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

TEST_F(ResultWriterTest, TheEndOfAShareClosesItWithItsFacts) {
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

TEST_F(ResultWriterTest, ACrashedShareHasNoClockAndNoFirstDispatch) {
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

TEST_F(ResultWriterTest, TheFirstEndOfAShareCounts) {
  v1::Batch proper = NextBatch("s", run_.run_id);
  proper.mutable_share_end()->set_fired(1);
  v1::Batch again = NextBatch("s", run_.run_id);
  again.mutable_share_end()->set_crashed(true);
  WriteOk({proper});
  WriteOk({again});
  EXPECT_EQ(Value("SELECT fired || ' ' || crashed || ' ' || state FROM share"), "1 false ended");
}

TEST_F(ResultWriterTest, LostTriggersGetRowsAndLateRowsTakeTheirPlace) {
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

TEST_F(ResultWriterTest, CrashedSharesLoseTheirRestAndDrainedOnesDoNot) {
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

TEST_F(ResultWriterTest, StridedSharesLoseTheIndicesThatWereTheirs) {
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
