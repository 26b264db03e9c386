// What containers, runs and hosts used, by the views over samples.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/run_facts.h"
#include "storage/table.h"
#include "tests/storage/store_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using UsageViewsTest = StoreTest;

TEST_F(UsageViewsTest, ContainerUsageComesFromCountersOverRealTime) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  // tick, read at (ms; the read takes 2 ms around it), inode, cpu (ms), current, inactive, peak, read bytes
  const auto add = [&](uint64_t tick, int64_t at_ms, uint64_t inode, int64_t cpu_ms, int64_t current, int64_t inactive,
                       int64_t peak, int64_t read) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_tick(tick);
    sample->set_read_begin_ns((at_ms - 1) * kMs);
    sample->set_read_end_ns((at_ms + 1) * kMs);
    sample->set_cgroup("/system.slice/db");
    sample->set_inode(inode);
    sample->set_cpu_usage_ns(cpu_ms * kMs);
    sample->set_memory_current_bytes(current);
    sample->set_memory_inactive_file_bytes(inactive);
    sample->set_memory_peak_bytes(peak);
    sample->set_io_read_bytes(read);
    sample->set_io_write_bytes(-1);
    sample->set_pids(static_cast<int64_t>(tick) + 3);
  };
  add(0, -1000, 7, 10'000, 1000, 400, 5000, 0);
  add(1, 0, 7, 10'500, 2000, 400, 5000, 1000);
  add(2, 1100, 7, 12'700, 1500, 1600, 5000, 1000);  // 2.2 s of CPU in 1.1 s; less memory than inactive cache
  add(4, 3100, 7, 13'700, 1500, 0, 5000, 5000);     // tick 3 is missing
  add(5, 4100, 8, 100, 300, 0, 300, 0);             // made anew: another series
  add(6, 5100, 8, 350, 400, 0, 450, 500);
  EXPECT_EQ(WriteOk({batch}).rows, 6u);

  const absl::StatusOr<Table> rates =
      Query(connection_,
            "SELECT concat_ws('|', agent, inode, tick, interval_s, gap, cores, working_set_bytes, io_read_bytes_per_s, "
            "coalesce(io_write_bytes_per_s::text, 'null')) FROM container_rate ORDER BY tick");
  ASSERT_TRUE(rates.ok()) << rates.status();
  std::vector<std::string> rows;
  for (const auto& row : rates->rows) rows.push_back(*row[0]);
  EXPECT_THAT(rows, ElementsAre("a|7|1|1|f|0.5|1600|1000|null", "a|7|2|1.1|f|2|0|0|null",
                                "a|7|4|2|t|0.5|1500|2000|null", "a|8|6|1|f|0.25|400|500|null"));
  EXPECT_EQ(Value("SELECT at FROM container_rate WHERE tick = 2"), "2023-11-14 22:13:21.1+00");

  EXPECT_EQ(Value("SELECT concat_ws('|', cgroup, samples, series, gaps, sampled_s, cores_max, cpu_s, "
                  "working_set_max_bytes, memory_max_bytes, memory_peak_bytes, "
                  "io_read_bytes, coalesce(io_write_bytes::text, 'null'), pids_max) FROM container_usage"),
            "/system.slice/db|6|2|1|5.1|2|3.45|1600|2000|5000|4500|null|9")
      << "what was used before T0 is in none";
  EXPECT_NEAR(Number("cores_avg", "container_usage"), 3.45 / 4.1, 1e-12);
  EXPECT_NEAR(Number("io_read_bytes_per_s", "container_usage"), 4500 / 4.1, 1e-9);
}

TEST_F(UsageViewsTest, HooksAndTheCoolDownAreNotInWhatARunUsed) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 1);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  const auto add = [&](int64_t at_ms, uint64_t inode, int64_t cpu_ms, int64_t memory) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_tick(static_cast<uint64_t>(batch.cgroup_samples_size() - 1));
    sample->set_read_begin_ns(at_ms * kMs);
    sample->set_read_end_ns(at_ms * kMs);
    sample->set_cgroup("/docker/a");
    sample->set_inode(inode);
    sample->set_cpu_usage_ns(cpu_ms * kMs);
    sample->set_throttled_ns(cpu_ms * kMs / 10);
    sample->set_io_read_bytes(cpu_ms * 1000);
    sample->set_io_write_bytes(cpu_ms * 100);
    sample->set_net_rx_bytes(cpu_ms * 20);
    sample->set_net_tx_bytes(cpu_ms * 10);
    sample->set_memory_current_bytes(memory);
    sample->set_memory_inactive_file_bytes(0);
    sample->set_memory_peak_bytes(memory * 2);
    sample->set_pids(memory / 100);
    sample->set_oom_kills(at_ms < 0 ? 0 : at_ms < 3000 ? 1 : 3);
  };
  add(-10'000, 7, 0, 9000);  // the instance that a hook stops
  add(-9000, 7, 5000, 9000);
  add(-3000, 8, 0, 800);  // the next one, busy until shortly before T0
  add(-500, 8, 1500, 900);
  add(500, 8, 1700, 400);
  add(1500, 8, 2700, 500);
  add(2500, 8, 2700, 800);
  add(3500, 8, 9700, 7000);
  AddTrigger(batch, 0, 0, 0, 2000 * kMs);
  WriteOk({batch});
  const std::string usage =
      "SELECT concat_ws('|', samples, series, sampled_s, in_run_s, cpu_s, cores_avg, cores_max, io_read_bytes, "
      "io_read_bytes_per_s, working_set_max_bytes, memory_max_bytes, pids_max, oom_kills) FROM container_usage";
  const std::string others =
      "SELECT concat_ws('|', throttled_s, io_write_bytes, io_write_bytes_per_s, net_rx_bytes, net_rx_bytes_per_s, "
      "net_tx_bytes, net_tx_bytes_per_s, working_set_avg_bytes, memory_peak_bytes) FROM container_usage";
  EXPECT_EQ(Value(usage), "8|2|7.5|3.5|8.1|" + Value("SELECT 8.1 / 3.5::float8") + "|7|8100000|" +
                              Value("SELECT 8100000 / 3.5::float8") + "|7000|7000|70|3")
      << "not yet at its end: all since T0";
  EXPECT_EQ(Value(others), Value("SELECT concat_ws('|', 0.81::float8, 810000, 810000 / 3.5::float8, 162000, 162000 / "
                                 "3.5::float8, 81000, 81000 / 3.5::float8, 1920, 14000)"));
  ASSERT_TRUE(Execute(fmt::format("SELECT refresh_run({})", run.run_id)).ok());
  EXPECT_EQ(Value(usage), "8|2|7.5|2|1.1|0.55|1|1100000|550000|900|900|9|1")
      << "half of the interval around T0, one whole, half of the one around the last finish";
  EXPECT_EQ(Value(others), "0.11|110000|55000|22000|11000|11000|5500|650|1800");
}

TEST_F(UsageViewsTest, HooksAndTheCoolDownAreNotInWhatAHostUsed) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 1);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  struct Reading {
    int64_t at_ms, busy_ms, steal_ms, memory, swap, load_milli;
  };
  // A hook before T0 and the cool-down are busier than the run, have more stolen, and less memory left.
  for (const auto& [at_ms, busy_ms, steal_ms, memory, swap, load_milli] :
       std::vector<Reading>{{-2000, 0, 0, 100, 80, 9000},
                            {-1000, 4000, 800, 100, 80, 9000},
                            {0, 4000, 800, 900, 10, 1000},
                            {1000, 4500, 900, 800, 20, 2000},
                            {2000, 5000, 1100, 900, 10, 1000},
                            {3000, 9000, 1700, 50, 70, 8000}}) {
    v1::HostSample* host = batch.add_host_samples();
    host->set_tick(static_cast<uint64_t>(batch.host_samples_size() - 1));
    host->set_read_begin_ns(at_ms * kMs);
    host->set_read_end_ns(at_ms * kMs);
    host->set_cpu_user_ns(busy_ms * kMs);
    host->set_cpu_steal_ns(steal_ms * kMs);
    host->set_cpu_idle_ns((10 * (at_ms + 2000) - busy_ms - steal_ms) * kMs);
    host->set_agent_cpu_ns(busy_ms * kMs / 10);
    host->set_sampler_cpu_ns(busy_ms * kMs / 100);
    host->set_memory_available_bytes(memory);
    host->set_swap_used_bytes(swap);
    host->set_load_milli(load_milli);
  }
  AddTrigger(batch, 0, 0, 0, 2000 * kMs);
  WriteOk({batch});
  const std::string usage =
      "SELECT concat_ws('|', samples, sampled_s, in_run_s, cores_avg, cores_max, agent_cores_avg, agent_cores_max, "
      "memory_available_min_bytes) FROM host_usage";
  const std::string others =
      "SELECT concat_ws('|', round(steal_fraction::numeric, 6), steal_max_fraction, swap_max_bytes, load_max, "
      "round(sampler_cores_avg::numeric, 6)) FROM host_usage";
  EXPECT_EQ(Value(usage),
            "6|5|3|" + Value("SELECT 5 / 3::float8") + "|4|" + Value("SELECT 0.5 / 3::float8") + "|0.4|50")
      << "not yet at its end: all since T0";
  EXPECT_EQ(Value(others), "0.030000|0.06|70|8|0.016667");
  ASSERT_TRUE(Execute(fmt::format("SELECT refresh_run({})", run.run_id)).ok());
  EXPECT_EQ(Value(usage), "6|5|2|0.5|0.5|0.05|0.05|800");
  EXPECT_EQ(Value(others), "0.015000|0.02|20|2|0.005000");
}

TEST_F(UsageViewsTest, ContainersByNameWithTheirRestartsAndNetwork) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  const auto add = [&](const std::string& cgroup, uint64_t tick, int64_t at_ms, uint64_t inode, int64_t cpu_ms,
                       int64_t received) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_cgroup(cgroup);
    sample->set_tick(tick);
    sample->set_read_begin_ns(at_ms * kMs);
    sample->set_read_end_ns(at_ms * kMs);
    sample->set_inode(inode);
    sample->set_cpu_usage_ns(cpu_ms * kMs);
    sample->set_net_rx_bytes(received);
    sample->set_net_tx_bytes(-1);
  };
  const auto name = [&](const std::string& cgroup, uint64_t inode) {
    v1::CgroupSeries* series = batch.add_cgroup_series();
    series->set_cgroup(cgroup);
    series->set_inode(inode);
    series->set_container("web");
    series->set_pod("p");
    (*series->mutable_labels())["tier"] = "front";
    series->set_started_ns(7);
  };
  // Restarted: the last read on its death and the first of its next life have the tick before them.
  add("/docker/a", 0, 0, 7, 0, 100);
  add("/docker/a", 1, 1000, 7, 500, 1100);
  add("/docker/a", 1, 1500, 7, 600, 1100);
  add("/docker/a", 1, 1700, 8, 0, 0);
  add("/docker/a", 2, 2000, 8, 30, 50);
  name("/docker/a", 7);
  name("/docker/a", 8);
  // Counters that ran backwards, and no name.
  add("/b", 0, 0, 1, 100, 500);
  add("/b", 1, 1000, 1, 300, 200);
  add("/b", 2, 2000, 1, 200, 300);
  WriteOk({batch});
  const absl::StatusOr<Table> rates =
      Query(connection_,
            "SELECT concat_ws('|', coalesce(container, 'null'), coalesce(pod, 'null'), inode, tick, gap, interval_s, "
            "coalesce(cores::text, 'null'), coalesce(net_rx_bytes_per_s::text, 'null'), net_tx_bytes_per_s IS NULL, "
            "backwards) FROM container_rate ORDER BY cgroup DESC, at");
  ASSERT_TRUE(rates.ok()) << rates.status();
  std::vector<std::string> rows;
  for (const auto& row : rates->rows) rows.push_back(*row[0]);
  EXPECT_THAT(rows, ElementsAre("web|p|7|1|f|1|0.5|1000|t|f", "web|p|7|1|f|0.5|0.2|0|t|f",
                                "web|p|8|2|f|0.3|0.1|" + Value("SELECT 50 * 1e9::float8 / 300000000") + "|t|f",
                                "null|null|1|1|f|1|0.2|null|t|t", "null|null|1|2|f|1|null|100|t|t"));
  EXPECT_EQ(Value("SELECT concat_ws('|', samples, series, gaps, backwards, cpu_s, net_rx_bytes, net_tx_bytes IS NULL, "
                  "round(net_rx_bytes_per_s::numeric, 3)) FROM container_usage WHERE container = 'web'"),
            "5|2|0|0|0.63|1050|t|583.333");
  for (const char* view : {"container_rate", "container_usage"}) {
    EXPECT_EQ(Value(fmt::format("SELECT DISTINCT labels->>'tier' || started_ns FROM {} WHERE container = 'web'", view)),
              "front7");
  }
  EXPECT_EQ(Value("SELECT concat_ws('|', samples, series, backwards, cpu_s, net_rx_bytes) FROM container_usage WHERE "
                  "container IS NULL"),
            "3|1|2|0.2|100");
}

TEST_F(UsageViewsTest, AContainerThatWasGoneBeforeTheSamplingWasOverHasAnEnd) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  const auto add = [&](uint64_t tick, int64_t at_ms, uint64_t inode) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_cgroup("/docker/a");
    sample->set_tick(tick);
    sample->set_read_begin_ns(at_ms * kMs);
    sample->set_read_end_ns(at_ms * kMs);
    sample->set_inode(inode);
  };
  for (int tick = 0; tick < 4; ++tick) {
    v1::HostSample* host = batch.add_host_samples();
    host->set_tick(static_cast<uint64_t>(tick));
    host->set_read_begin_ns((tick - 1) * 1000 * kMs);
    host->set_read_end_ns((tick - 1) * 1000 * kMs);
  }
  add(0, -1000, 7);
  add(1, 0, 7);
  add(1, 500, 7);  // read on its death
  add(1, 700, 8);
  add(2, 1000, 8);
  add(3, 2000, 8);
  for (const uint64_t inode : {7, 8}) {
    v1::CgroupSeries* series = batch.add_cgroup_series();
    series->set_cgroup("/docker/a");
    series->set_inode(inode);
    series->set_container("web");
    if (inode == 8) series->set_started_ns(690 * kMs);
  }
  WriteOk({batch});
  EXPECT_EQ(Value("SELECT string_agg(concat_ws('|', agent, container, inode, begun_ns / 1000000, coalesce((ended_ns / "
                  "1000000)::text, 'null')), ' ' ORDER BY begun_ns) FROM container_life"),
            "a|web|7|-1000|500 a|web|8|690|null");
  const absl::StatusOr<RunFacts> facts = ReadRunFacts(connection_, run.run_id);
  ASSERT_TRUE(facts.ok()) << facts.status();
  ASSERT_EQ(facts->shares.at(0).lives.size(), 2U);
  EXPECT_EQ(facts->shares[0].lives[0].name, "web");
  EXPECT_TRUE(facts->shares[0].lives[0].is_container);
}

TEST_F(UsageViewsTest, ACounterThatRunsBackwardsHasNoRateLeavesTheOthersTheirsAndIsCounted) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  constexpr int kCounters = 5;
  // In tick i counter i-1 has lost what it had; in the first and the last all go forward.
  for (int tick = 0; tick <= kCounters + 1; ++tick) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_cgroup("/docker/a");
    sample->set_inode(1);
    sample->set_tick(static_cast<uint64_t>(tick));
    sample->set_read_begin_ns(tick * 1000 * kMs);
    sample->set_read_end_ns(tick * 1000 * kMs);
    const auto counter = [&](int which) {
      return (tick > which ? tick - which - 1 : 1000 + tick) * int64_t{1'000'000};
    };
    sample->set_cpu_usage_ns(counter(0));
    sample->set_io_read_bytes(counter(1));
    sample->set_io_write_bytes(counter(2));
    sample->set_net_rx_bytes(counter(3));
    sample->set_net_tx_bytes(counter(4));
  }
  WriteOk({batch});
  const absl::StatusOr<Table> rates =
      Query(connection_,
            "SELECT concat_ws('|', tick, backwards, coalesce(cores::text, 'null'), coalesce(io_read_bytes_per_s::text, "
            "'null'), coalesce(io_write_bytes_per_s::text, 'null'), coalesce(net_rx_bytes_per_s::text, 'null'), "
            "coalesce(net_tx_bytes_per_s::text, 'null')) FROM container_rate ORDER BY tick");
  ASSERT_TRUE(rates.ok()) << rates.status();
  std::vector<std::string> rows;
  for (const auto& row : rates->rows) rows.push_back(*row[0]);
  const std::string rate = "1000000";
  EXPECT_THAT(rows, ElementsAre("1|t|null|" + rate + "|" + rate + "|" + rate + "|" + rate,
                                "2|t|0.001|null|" + rate + "|" + rate + "|" + rate,
                                "3|t|0.001|" + rate + "|null|" + rate + "|" + rate,
                                "4|t|0.001|" + rate + "|" + rate + "|null|" + rate,
                                "5|t|0.001|" + rate + "|" + rate + "|" + rate + "|null",
                                "6|f|0.001|" + rate + "|" + rate + "|" + rate + "|" + rate));
  EXPECT_EQ(Value("SELECT concat_ws('|', samples, backwards, cpu_s, io_read_bytes, io_write_bytes, net_rx_bytes, "
                  "net_tx_bytes) FROM container_usage"),
            "7|5|0.005|5000000|5000000|5000000|5000000");
}

TEST_F(UsageViewsTest, WhatWasNotMeasuredIsNullAndCoarseCountersMakeNoMaximum) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  // A step of 4 ms of CPU lies in an interval of 1 ms: no cgroup uses four cores here.
  const std::vector<std::pair<int64_t, int64_t>> at_and_cpu_ms = {{0, 0}, {150, 30}, {300, 60}, {301, 64}};
  for (const auto& [at_ms, cpu_ms] : at_and_cpu_ms) {
    v1::CgroupSample* sample = batch.add_cgroup_samples();
    sample->set_tick(static_cast<uint64_t>(batch.cgroup_samples_size() - 1));
    sample->set_read_begin_ns(at_ms * kMs);
    sample->set_read_end_ns(at_ms * kMs);
    sample->set_cgroup("/");
    sample->set_cpu_usage_ns(cpu_ms * kMs);
    sample->set_memory_current_bytes(5000);
    sample->set_memory_inactive_file_bytes(-1);
    sample->set_io_read_bytes(-1);
    sample->set_io_write_bytes(-1);
    v1::HostSample* host = batch.add_host_samples();
    host->set_tick(sample->tick());
    host->set_read_begin_ns(at_ms * kMs);
    host->set_read_end_ns(at_ms * kMs);
    host->set_cpu_user_ns(cpu_ms * kMs);
    host->set_agent_cpu_ns(cpu_ms * kMs / 2);
  }
  WriteOk({batch});
  EXPECT_EQ(Value("SELECT concat_ws('|', round(cores_max::numeric, 4), coalesce(working_set_max_bytes::text, 'null'), "
                  "coalesce(working_set_avg_bytes::text, 'null'), memory_max_bytes, coalesce(io_read_bytes::text, "
                  "'null'), coalesce(io_write_bytes_per_s::text, 'null')) FROM container_usage"),
            "0.2126|null|null|5000|null|null")
      << "64 ms in 301 ms: two intervals and more, as each is shorter than 200 ms";
  EXPECT_EQ(Value("SELECT concat_ws('|', round(cores_max::numeric, 4), round(agent_cores_max::numeric, 4)) "
                  "FROM host_usage"),
            "0.2126|0.1063");
  EXPECT_EQ(Value("SELECT count(working_set_bytes) FROM container_rate"), "0");
}

TEST_F(UsageViewsTest, HostUsageShowsStealMemoryAndTheAgentsOwnCost) {
  const SweepRow sweep = MakeSweep(1, {{"t", "{}"}});
  const RunRow run = StartedRun(sweep, 0, 0, {a_}, 0);
  Open("s", a_);
  v1::Batch batch = NextBatch("s", run.run_id);
  // Two processors for a second: 2 s of CPU time, of which 0.5 user, 0.25 system, 0.25 stolen, 1 idle; then all idle.
  for (int64_t tick = 0; tick < 3; ++tick) {
    v1::HostSample* host = batch.add_host_samples();
    host->set_tick(static_cast<uint64_t>(tick));
    host->set_read_begin_ns(tick * 1000 * kMs);
    host->set_read_end_ns(tick * 1000 * kMs);
    const int64_t busy = tick > 0 ? 1 : 0;
    host->set_cpu_user_ns(busy * 500 * kMs);
    host->set_cpu_system_ns(busy * 250 * kMs);
    host->set_cpu_steal_ns(busy * 250 * kMs);
    host->set_cpu_idle_ns(busy * 1000 * kMs + (tick > 1 ? 2000 * kMs : 0));
    host->set_cpus(2);
    host->set_memory_available_bytes(1000 - tick * 100);
    host->set_agent_cpu_ns(tick * 20 * kMs);
    host->set_sampler_cpu_ns(tick * 5 * kMs);
    host->set_agent_memory_bytes(tick == 1 ? 99 : 10);
    host->set_cpu_some_us(tick * 500'000);
  }
  WriteOk({batch});
  EXPECT_EQ(Value("SELECT concat_ws('|', agent, host, samples, gaps, cpus, cores_avg, cores_max, steal_fraction, "
                  "steal_max_fraction, memory_available_min_bytes, "
                  "agent_cores_avg, sampler_cores_avg, agent_memory_max_bytes) FROM host_usage"),
            "a|host-a|3|0|2|0.375|0.75|0.0625|0.125|800|0.02|0.005|99");
  EXPECT_EQ(Value("SELECT cpu_some_fraction FROM host_rate WHERE tick = 2"), "0.5");
}

}  // namespace
}  // namespace assay
