#include "coordinator/export.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "coordinator/docker_display.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;

class ExportTest : public StoreTest {
 protected:
  ExportSink Sink() {
    return [this](const std::string& file, std::string_view bytes) {
      files_[file] += bytes;
      return true;
    };
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, text] : files_) names.push_back(name);
    return names;
  }
  absl::Status End(int64_t run_id, const std::string& verdict) {
    return store_.EndRun(run_id, {.verdict = verdict, .flags = {}, .list_schedule_s = 1, .error = ""});
  }

  std::map<std::string, std::string> files_;
};

TEST_F(ExportTest, GustTriggersAreTheLivebooksRows) {
  const SweepRow sweep = MakeSweep(1, {{"gust", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 6);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  AddTrigger(batch, 0, 0, 1 * kMs, 3'900'000);
  batch.mutable_triggers(0)->set_has_exit(true);
  batch.mutable_triggers(0)->set_output(std::string(" a\nb,\"\xC3\xA9\" \\033 \xFF \\") + "\n");
  AddTrigger(batch, 1, 0, 1 * kMs, 3 * kMs, v1::FAILED);
  batch.mutable_triggers(1)->set_has_exit(true);
  batch.mutable_triggers(1)->set_exit_code(7);
  batch.mutable_triggers(1)->set_error("exited with 7");
  AddTrigger(batch, 2, 0, 1 * kMs, 3 * kMs, v1::TIMEOUT);
  batch.mutable_triggers(2)->set_has_exit(true);
  batch.mutable_triggers(2)->set_signal(9);
  batch.mutable_triggers(2)->set_output(std::string("x\0y", 3));
  AddTrigger(batch, 3, 0, 1 * kMs, 1 * kMs, v1::FAILED);
  batch.mutable_triggers(3)->set_error("no program 'nothing' in PATH");
  AddTrigger(batch, 4, 0, 1 * kMs, 3 * kMs);
  batch.mutable_share_end()->set_fired(5);
  batch.mutable_share_end()->set_crashed(true);
  WriteOk({batch});
  ASSERT_EQ(End(run.run_id, "accepted"), absl::OkStatus());

  ASSERT_EQ(ExportGust(connection_, sweep.sweep_id, false, Sink()), absl::OkStatus());
  const std::string name = "gust_2023-11-14T22-13-20-000000Z";
  EXPECT_THAT(Names(), ElementsAre(name + "_docker_stats.csv", name + "_triggers.csv",
                                   fmt::format("sweep-{}_runs.csv", sweep.sweep_id)));
  const std::string begin = "2023-11-14 22:13:20.001000Z,2023-11-14 22:13:20.003000Z";
  EXPECT_EQ(files_[name + "_triggers.csv"],
            "run_id,target,trigger_number,started_at,finished_at,duration_ms,exit_code,output\r\n" +
                fmt::format("{0},gust,1,2023-11-14 22:13:20.001000Z,2023-11-14 22:13:20.003900Z,2,0,\"a b,\"\"\xC3\xA9"
                            "\"\" \\033 \xEF\xBF\xBD \\\"\r\n"
                            "{0},gust,2,{1},2,7,exited with 7\r\n"
                            "{0},gust,3,{1},2,137,x y\r\n"
                            "{0},gust,4,2023-11-14 22:13:20.001000Z,2023-11-14 22:13:20.001000Z,0,-1,no program "
                            "'nothing' in PATH\r\n"
                            "{0},gust,5,{1},2,0,\r\n"
                            "{0},gust,6,,,,-1,\r\n",
                            name, begin));
}

TEST_F(ExportTest, GustFilesOfRejectedRunsAreApartAndTheIndexTellsThemAll) {
  const SweepRow sweep = MakeSweep(4, {{"gust", R"({"n": 50})"}});
  std::vector<int64_t> runs;
  for (uint32_t block = 0; block < 2; ++block) runs.push_back(StartedRun(sweep, 0, block, {a_}, 0).run_id);
  ASSERT_EQ(Execute(fmt::format("UPDATE assay.run SET t0_ns = t0_ns + 1000000000 WHERE run_id = {}", runs[1])),
            absl::OkStatus());
  runs.push_back(MakeRun(sweep, 0, 2, {a_}, 0).run_id);
  ASSERT_EQ(End(runs[0], "accepted"), absl::OkStatus());
  ASSERT_EQ(store_.EndRun(runs[1], {.verdict = "rejected", .flags = {{"slip", "reject", ""}, {"cold", "info", ""}}}),
            absl::OkStatus());
  ASSERT_EQ(store_.EndRun(runs[2], {.verdict = "rejected", .flags = {}, .error = "a refused"}), absl::OkStatus());
  runs.push_back(StartedRun(sweep, 0, 3, {a_}, 0).run_id);

  ASSERT_EQ(ExportGust(connection_, sweep.sweep_id, false, Sink()), absl::OkStatus());
  const std::string index = fmt::format("sweep-{}_runs.csv", sweep.sweep_id);
  const std::string good = "gust_2023-11-14T22-13-20-000000Z";
  const std::string bad = "gust_2023-11-14T22-13-21-000000Z";
  EXPECT_THAT(Names(), ElementsAre(good + "_docker_stats.csv", good + "_triggers.csv", index));
  const std::string cell = CsvField(Value("SELECT label FROM cell"));
  const auto row = [&](const std::string& name, size_t run, const char* verdict, const char* flags,
                       const std::string& files) {
    return fmt::format("{},{},{},1,gust,{},\"{{\"\"n\"\": 50}}\",{},{},{}\r\n", name, runs[run], run, cell, verdict,
                       flags, files);
  };
  const std::string head =
      "run_id,assay_run_id,block,attempt,target,cell,params,verdict,flags,docker_stats_file,triggers_file\r\n";
  const std::string accepted = row(good, 0, "accepted", "", fmt::format("{0}_docker_stats.csv,{0}_triggers.csv", good));
  EXPECT_EQ(files_[index],
            head + accepted + row(bad, 1, "rejected", "cold slip", ",") + row("", 2, "rejected", "", ","));
  EXPECT_EQ(LeftOutNote(connection_, sweep.sweep_id, false).value(),
            fmt::format("left out: 1 rejected run ({}), 1 never started run ({}), 1 unfinished run ({})", runs[1],
                        runs[2], runs[3]));

  files_.clear();
  ASSERT_EQ(ExportGust(connection_, sweep.sweep_id, true, Sink()), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre(good + "_docker_stats.csv", good + "_triggers.csv",
                                   bad + "_docker_stats.rejected.csv", bad + "_triggers.rejected.csv", index));
  EXPECT_EQ(files_[index], head + accepted +
                               row(bad, 1, "rejected", "cold slip",
                                   fmt::format("{0}_docker_stats.rejected.csv,{0}_triggers.rejected.csv", bad)) +
                               row("", 2, "rejected", "", ","));
  EXPECT_EQ(LeftOutNote(connection_, sweep.sweep_id, true).value(),
            fmt::format("left out: 1 never started run ({}), 1 unfinished run ({})", runs[2], runs[3]));
}

TEST_F(ExportTest, ASweepWithoutRunsIsAnIndexWithAHeader) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  ASSERT_EQ(ExportGust(connection_, sweep.sweep_id, true, Sink()), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre(fmt::format("sweep-{}_runs.csv", sweep.sweep_id)));
  EXPECT_EQ(LeftOutNote(connection_, sweep.sweep_id, false).value(), "");
}

TEST_F(ExportTest, GustStatsAreDockersDisplayStrings) {
  const SweepRow sweep = MakeSweep(1, {{"gust", "{}"}});
  const int64_t twin = store_.UpsertAgent("twin", "host-a", "{}", "{}").value();
  const RunRow run = StartedRun(sweep, 0, 0, {a_, twin}, 0);
  const std::string id(64, 'b');
  for (const auto& [stream, agent] : {std::pair{"s", a_}, std::pair{"t", twin}}) {
    Open(stream, agent);
    v1::Batch batch = NextBatch(stream, run.run_id);
    batch.add_host_samples()->set_memory_total_bytes(int64_t{4} << 30);
    v1::CgroupSeries* series = batch.add_cgroup_series();
    series->set_cgroup("/system.slice/docker-" + id + ".scope");
    series->set_inode(7);
    series->set_container("db, the first");
    for (int64_t tick = 0; tick < 3; ++tick) {
      v1::CgroupSample* sample = batch.add_cgroup_samples();
      sample->set_tick(static_cast<uint64_t>(tick));
      sample->set_read_end_ns(tick * 1000 * kMs);
      sample->set_cgroup("/system.slice/docker-" + id + ".scope");
      sample->set_inode(7);
      sample->set_cpu_usage_ns(tick == 2 ? 0 : tick * 1234 * kMs);  // the last ran backwards
      sample->set_memory_current_bytes(3 << 20);
      sample->set_memory_inactive_file_bytes(1 << 20);
      sample->set_io_read_bytes(12'345 * tick);
      sample->set_io_write_bytes(tick == 0 ? -1 : 0);
      sample->set_net_rx_bytes(tick == 0 ? -1 : 2000);
      sample->set_net_tx_bytes(tick == 0 ? -1 : 10);
      sample->set_pids(-1);
    }
    WriteOk({batch});
  }
  ASSERT_EQ(End(run.run_id, "accepted"), absl::OkStatus());
  ASSERT_EQ(ExportGust(connection_, sweep.sweep_id, false, Sink()), absl::OkStatus());
  EXPECT_EQ(files_["gust_2023-11-14T22-13-20-000000Z_docker_stats.csv"],
            fmt::format("run_id,target,captured_at,container_id,container_name,cpu_perc,mem_usage,mem_perc,net_io,"
                        "block_io,pids\r\n"
                        "{0},gust,2023-11-14 22:13:20.000000Z,{1},\"db, the first\",--,2MiB / 4GiB,0.05%,--,--,--"
                        "\r\n"
                        "{0},gust,2023-11-14 22:13:21.000000Z,{1},\"db, the first\",123.40%,2MiB / 4GiB,0.05%,"
                        "2kB / 10B,12.35kB / 0B,--\r\n"
                        "{0},gust,2023-11-14 22:13:22.000000Z,{1},\"db, the first\",--,2MiB / 4GiB,0.05%,"
                        "2kB / 10B,24.69kB / 0B,--\r\n",
                        "gust_2023-11-14T22-13-20-000000Z", id.substr(0, 12)))
      << "two agents of one host: each reading once";
}

TEST_F(ExportTest, AViewWithoutRowsIsAFileWithAHeader) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  ASSERT_EQ(ExportCsv(connection_, sweep.sweep_id, {"flags"}, Sink()), absl::OkStatus());
  EXPECT_TRUE(files_["flags.csv"].starts_with("sweep_id,")) << files_["flags.csv"];
  EXPECT_TRUE(files_["flags.csv"].ends_with("\r\n"));
  ASSERT_EQ(ExportRadps(connection_, sweep.sweep_id, Sink()), absl::OkStatus());
  EXPECT_TRUE(files_[fmt::format("sweep-{}_benchmark.csv", sweep.sweep_id)].starts_with(
      "run_id,workflow_orchestration_framework,"));
  EXPECT_EQ(
      ExportCsv(connection_, sweep.sweep_id, {}, [](const std::string&, std::string_view) { return false; }).code(),
      absl::StatusCode::kCancelled);
}

TEST(DockerDisplay, SizesHaveFourDigitsAndContainersShortIds) {
  EXPECT_EQ(DockerBinarySize(0), "0B");
  EXPECT_EQ(DockerBinarySize(1023), "1023B");
  EXPECT_EQ(DockerBinarySize(2'047'000), "1.952MiB");
  EXPECT_EQ(DockerDecimalSize(999), "999B");
  EXPECT_EQ(DockerDecimalSize(12'345), "12.35kB");
  EXPECT_EQ(DockerDecimalSize(1'000'000'000'000), "1TB");
  EXPECT_EQ(NameOfCgroup("/", 255).name, "/");
  EXPECT_EQ(NameOfCgroup("/user.slice", 255).id, "0000000000ff");
  EXPECT_EQ(NameOfCgroup("/docker/" + std::string(64, 'c'), 1).id, "cccccccccccc");
}

TEST_F(ExportTest, TheTargetsTasksAreExportedAndRemovedWithTheirSweep) {
  std::vector<int64_t> sweeps;
  for (int i = 0; i < 2; ++i) {
    const SweepRow sweep = MakeSweep(1, {{"dask", "{}"}});
    sweeps.push_back(sweep.sweep_id);
    const RunRow run = StartedRun(sweep, 0, 0, {a_}, 1);
    ASSERT_EQ(Execute(fmt::format(
                  "INSERT INTO task (sweep_id, run_id, origin, task, index, state, outcome, started_ns, finished_ns) "
                  "VALUES ({0}, {1}, 'driver', 't', 0, 'memory', 'ok', 1, 2); "
                  "INSERT INTO span VALUES ({0}, {1}, {2}, 'gather', 1, 2); "
                  "INSERT INTO finding VALUES ({0}, {1}, {2}, 'driver_garbage', 1, 'half a line'); "
                  "INSERT INTO collection VALUES ({1}, {0}, {1}, 'coordinator', 'postgres', 2, 3, 0, 0, 5, false, 2.9, "
                  "false, 4)",
                  run.sweep_id, run.run_id, a_)),
              absl::OkStatus());
    ASSERT_EQ(End(run.run_id, "accepted"), absl::OkStatus());
  }
  ASSERT_EQ(ExportCsv(connection_, sweeps[0], {}, Sink()), absl::OkStatus());
  const std::vector<std::string> tables{"task", "span", "finding", "collection", "task_result"};
  std::vector<std::string> one_row_each = tables;
  for (const char* view : {"task_time", "task_overhead", "collections", "spans"}) one_row_each.emplace_back(view);
  for (const std::string& name : one_row_each) {
    const std::string& text = files_[name + ".csv"];
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << name << ": " << text;
  }
  EXPECT_TRUE(files_.contains("truth_gap.csv") && files_.contains("truth_gap_summary.csv"));
  for (const char* retold : {"task_instant.csv", "task_wait.csv"}) EXPECT_FALSE(files_.contains(retold)) << retold;
  files_.clear();
  ASSERT_EQ(ExportCsv(connection_, sweeps[0], {"task_wait", "task", "task_wait"}, Sink()), absl::OkStatus());
  EXPECT_THAT(Names(), ElementsAre("task.csv", "task_wait.csv"));
  EXPECT_EQ(std::count(files_["task_wait.csv"].begin(), files_["task_wait.csv"].end(), '\n'), 2) << "written once";
  files_.clear();
  const absl::Status unknown = ExportCsv(connection_, sweeps[0], {"task", "task_waits"}, Sink());
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), ::testing::HasSubstr("did you mean 'task_wait'?"));
  EXPECT_TRUE(files_.empty()) << "nothing is written where one is not there";

  for (const char* state : {"running", "finished"})
    ASSERT_EQ(store_.SetSweepState(sweeps[1], state, ""), absl::OkStatus());
  ASSERT_EQ(store_.RemoveSweep(sweeps[1]), absl::OkStatus());
  for (const std::string& name : tables) EXPECT_EQ(Count(name), 1) << name;
  EXPECT_EQ(Value(fmt::format("SELECT coalesce(to_regclass('assay_partitions.task_{}')::text, 'gone')", sweeps[1])),
            "gone");
}

}  // namespace
}  // namespace assay
