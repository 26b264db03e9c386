// What is stored of a trigger, a sample, a task, a driver.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/table.h"
#include "tests/storage/result_writer_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using StoredRecordsTest = ResultWriterTest;

TEST_F(StoredRecordsTest, StoresEveryFieldOfATrigger) {
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

TEST_F(StoredRecordsTest, StoresWhatIsKnownOfARequest) {
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

TEST_F(StoredRecordsTest, StoresSamplesWithNullForWhatTheKernelHasNot) {
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

TEST_F(StoredRecordsTest, StoresTasksWithNullForWhatTheirWitnessDoesNotTell) {
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

TEST_F(StoredRecordsTest, StoresWhatIsFollowedToItsEnd) {
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

TEST_F(StoredRecordsTest, StoresWhatADriverSaysOfItselfAndOfTheRun) {
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

TEST_F(StoredRecordsTest, StoresOncePerSeriesWhatItsSamplesAreOf) {
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

TEST_F(StoredRecordsTest, TextThatPostgresWouldRefuseDoesNotBlockTheBatch) {
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

}  // namespace
}  // namespace assay
