#include "agent/sampler/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "agent/cgroups/cgroup_layout.h"
#include "agent/sampler/host_reader.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "tests/unit/cgroups/cgroup_tree.h"
#include "tests/unit/sampler/received.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::Sampling HostEvery(int64_t every_ns) {
  v1::Sampling sampling;
  sampling.set_every_ns(every_ns);
  sampling.set_host(true);
  return sampling;
}

v1::Sampling CgroupsEvery(int64_t every_ns, const std::vector<std::string>& patterns) {
  v1::Sampling sampling;
  sampling.set_every_ns(every_ns);
  for (const std::string& pattern : patterns) sampling.add_cgroups(pattern);
  return sampling;
}

TEST(SamplerSchedule, FirstAtOnceAndLastAtTheEnd) {
  Received readings;
  Sampler sampler({}, HostEvery(3'600'000 * kMs), readings.Sink());
  const int64_t before_ns = MonotonicNs();
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(readings.Wait([&] { return readings.hosts.size() == 1; }));
  const int64_t stop_ns = MonotonicNs();
  const Sampler::Summary summary = sampler.Stop();  // would hang for an hour if it did not wake the thread
  ASSERT_EQ(readings.hosts.size(), 2U);
  EXPECT_EQ(readings.hosts[0].tick(), 0U);
  EXPECT_EQ(readings.hosts[1].tick(), 1U);
  EXPECT_GE(readings.hosts[0].read_begin_ns(), before_ns);
  EXPECT_GE(readings.hosts[1].read_begin_ns(), stop_ns);
  EXPECT_EQ(summary.ticks, 2U);
  EXPECT_EQ(summary.missed_ticks, 0U);
  EXPECT_GE(summary.last_tick_ns, stop_ns);
  EXPECT_LE(summary.last_tick_ns, readings.hosts[1].read_begin_ns());
  EXPECT_EQ(sampler.Stop().ticks, 2U);
  EXPECT_EQ(readings.hosts.size(), 2U);
}

TEST(SamplerSchedule, TicksAreDueAtWholePeriods) {
  Received readings;
  constexpr int64_t every_ns = 5 * kMs;
  const int64_t before_ns = MonotonicNs();
  Sampler sampler({}, HostEvery(every_ns), readings.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  const int64_t started_ns = MonotonicNs();
  ASSERT_TRUE(readings.Wait([&] { return readings.hosts.size() >= 20; }));
  const Sampler::Summary summary = sampler.Stop();
  ASSERT_EQ(readings.hosts.size(), summary.ticks);
  // Whatever the load of this machine: no tick comes early, one that would be a period late is given up, and none is
  // numbered twice.
  for (size_t i = 0; i + 1 < readings.hosts.size(); ++i) {
    const v1::HostSample& sample = readings.hosts[i];
    EXPECT_GE(sample.read_begin_ns(), before_ns + static_cast<int64_t>(sample.tick()) * every_ns);
    EXPECT_LT(sample.tick(), readings.hosts[i + 1].tick());
  }
  EXPECT_GE(readings.hosts.back().read_begin_ns(), started_ns);
  EXPECT_EQ(summary.ticks + summary.missed_ticks, readings.hosts.back().tick() + 1);
}

TEST(SamplerSchedule, MissedTicksAreCountedAndNotMadeUp) {
  Received readings;
  readings.Block(true);
  constexpr int64_t every_ns = 2 * kMs;
  Sampler sampler({}, HostEvery(every_ns), readings.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(readings.Wait([&] { return readings.hosts.size() == 1; }));
  const int64_t first_ns = readings.hosts[0].read_begin_ns();
  while (MonotonicNs() < first_ns + 20 * every_ns) usleep(1'000);  // the sink holds the sampler up for 20 periods
  readings.Block(false);
  ASSERT_TRUE(readings.Wait([&] { return readings.hosts.size() >= 3; }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_GE(readings.hosts[1].tick(), 20U);
  EXPECT_GE(summary.missed_ticks, 19U);
  EXPECT_EQ(summary.ticks, readings.hosts.size());
  EXPECT_EQ(summary.ticks + summary.missed_ticks, readings.hosts.back().tick() + 1);
}

TEST(SamplerSchedule, NothingAskedNothingDone) {
  Received readings;
  Sampler sampler({}, v1::Sampling(), readings.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_EQ(summary.ticks, 0U);
  EXPECT_EQ(summary.last_tick_ns, 0);
  EXPECT_THAT(readings.hosts, IsEmpty());
}

TEST(SamplerSchedule, StopsWithoutStart) {
  Received readings;
  Sampler sampler({}, HostEvery(kMs), readings.Sink());
  EXPECT_EQ(sampler.Stop().ticks, 0U);
}

TEST(SamplerHost, ReadsThisHostAndItself) {
  Received readings;
  Sampler sampler({}, HostEvery(3'600'000 * kMs), readings.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(readings.Wait([&] { return !readings.hosts.empty(); }));
  // The host's ticks are coarse; the sum over states passes in any case.
  const int64_t until_ns = ProcessCpuNs() + 50 * kMs;
  while (ProcessCpuNs() < until_ns) {
  }
  sampler.Stop();
  ASSERT_EQ(readings.hosts.size(), 2U);
  const v1::HostSample& first = readings.hosts[0];
  const v1::HostSample& last = readings.hosts[1];
  const auto all_ns = [](const v1::HostSample& sample) {
    return sample.cpu_user_ns() + sample.cpu_system_ns() + sample.cpu_idle_ns() + sample.cpu_iowait_ns() +
           sample.cpu_steal_ns();
  };
  EXPECT_GT(all_ns(last), all_ns(first));
  EXPECT_GE(first.cpus(), 1U);
  EXPECT_GT(first.memory_total_bytes(), first.memory_available_bytes());
  EXPECT_GT(first.memory_available_bytes(), 0);
  EXPECT_GE(first.load_milli(), 0);
  EXPECT_GE(last.agent_cpu_ns() - first.agent_cpu_ns(), 50 * kMs);
  EXPECT_GT(last.agent_memory_bytes(), 1'000'000);
  EXPECT_GT(last.sampler_cpu_ns(), 0);
  EXPECT_LT(last.sampler_cpu_ns(), last.agent_cpu_ns());
  EXPECT_THAT(readings.cgroups, IsEmpty());
}

TEST(HostReader, FromAFixture) {
  const CgroupTree proc;
  proc.Write("stat", "cpu  1 0 2 3 4 0 0 5\ncpu0 1 0 2 3 4 0 0 5\n");
  proc.Write("meminfo", "MemTotal: 4 kB\nMemAvailable: 2 kB\n");
  proc.Write("pressure/memory", "some avg10=0.00 total=5\nfull avg10=0.00 total=4\n");
  HostReader reader(proc.root());
  const v1::HostSample sample = reader.Read();
  const int64_t ns_per_tick = 1'000'000'000 / sysconf(_SC_CLK_TCK);
  EXPECT_EQ(sample.cpu_user_ns(), ns_per_tick);
  EXPECT_EQ(sample.cpu_steal_ns(), 5 * ns_per_tick);
  EXPECT_EQ(sample.cpus(), 1U);
  EXPECT_EQ(sample.memory_total_bytes(), 4'096);
  EXPECT_EQ(sample.swap_used_bytes(), -1);
  EXPECT_EQ(sample.load_milli(), -1);
  EXPECT_EQ(sample.cpu_some_us(), -1);
  EXPECT_EQ(sample.memory_full_us(), 4);
  EXPECT_EQ(sample.agent_memory_bytes(), -1);
  EXPECT_THAT(reader.Measures(), ElementsAre("cpu", "memory"));
}

class SamplerCgroups : public ::testing::Test {
 protected:
  SamplerOptions Options() {
    SamplerOptions options;
    options.cgroup_root = tree_.root();
    return options;
  }
  std::set<std::string> Paths() const {
    std::set<std::string> paths;
    for (const auto& sample : readings_.cgroups) paths.insert(sample.cgroup());
    return paths;
  }
  bool Saw(const std::string& path) { return Paths().contains(path); }

  CgroupTree tree_;
  Received readings_;
};

TEST_F(SamplerCgroups, GlobsAliasesAndWhatNeverMatched) {
  tree_.MountV2("", "cpu");
  for (const char* path : {"docker/a", "docker/b", "db/main"}) tree_.AddV2(path);
  SamplerOptions options = Options();
  options.aliases = {{"@postgres", "/db/*"}, {"bare", "/docker/a"}, {"@empty", "/nowhere"}};
  const std::vector<std::string> patterns = {"/docker/*", "@postgres", "@bare", "@empty",
                                             "@unknown",  "/../etc",   "/x/**"};
  Sampler sampler(options, CgroupsEvery(kMs, patterns), readings_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(readings_.Wait([&] { return readings_.cgroups.size() >= 3; }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_THAT(Paths(), ElementsAre("/db/main", "/docker/a", "/docker/b"));
  EXPECT_THAT(summary.unmatched_cgroups, ::testing::UnorderedElementsAre("@empty", "@unknown", "/../etc", "/x/**"));
  EXPECT_EQ(readings_.cgroups.size(),
            3 * summary.ticks);  // /docker/a is sampled once a tick, though two patterns match it
  EXPECT_THAT(readings_.hosts, IsEmpty());
}

TEST_F(SamplerCgroups, NewOnesJoinAndOldOnesEndQuietly) {
  tree_.MountV2("", "cpu");
  tree_.AddV2("docker/a");
  Sampler sampler(Options(), CgroupsEvery(10 * kMs, {"/docker/*", "/late"}), readings_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(readings_.Wait([&] { return Saw("/docker/a"); }));
  tree_.Remove("docker/a");
  tree_.AddV2("docker/b");
  tree_.AddV2("late");
  ASSERT_TRUE(readings_.Wait([&] { return Saw("/docker/b") && Saw("/late"); }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_THAT(summary.unmatched_cgroups, IsEmpty());
  const uint64_t end = readings_.cgroups.back().tick();
  for (const auto& sample : readings_.cgroups) {
    EXPECT_FALSE(sample.tick() == end && sample.cgroup() == "/docker/a");
  }
}

TEST_F(SamplerCgroups, ARecreatedOneIsANewSeriesAtOnce) {
  tree_.MountV2("", "cpu");
  tree_.AddV2("a");
  Sampler sampler(Options(), CgroupsEvery(2 * kMs, {"/a"}), readings_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  uint64_t first_inode = 0;
  ASSERT_TRUE(readings_.Wait([&] {
    if (!readings_.cgroups.empty()) first_inode = readings_.cgroups.front().inode();
    return first_inode != 0;
  }));
  tree_.AddV2("next");
  tree_.Write("next/memory.current", "1\n");
  // Exchanged within one period, so that no tick need see the path absent.
  std::filesystem::rename(tree_.At("a"), tree_.At("old"));
  std::filesystem::rename(tree_.At("next"), tree_.At("a"));
  ASSERT_TRUE(readings_.Wait([&] { return readings_.cgroups.back().inode() != first_inode; }));
  sampler.Stop();
  for (const auto& sample : readings_.cgroups) {
    EXPECT_EQ(sample.memory_current_bytes(), sample.inode() == first_inode ? 8'192'000 : 1);
  }
}

TEST_F(SamplerCgroups, NoCgroupsHereIsNoError) {
  Sampler sampler(Options(), CgroupsEvery(kMs, {"/a"}), readings_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_THAT(summary.unmatched_cgroups, ElementsAre("/a"));
  EXPECT_THAT(readings_.cgroups, IsEmpty());
  EXPECT_GE(summary.ticks, 1U);
}

TEST_F(SamplerCgroups, AtMostTwoThousand) {
  tree_.MountV2("", "cpu");
  for (int i = 0; i < 2'010; ++i) tree_.Mkdir("many/c" + std::to_string(i));
  Sampler sampler(Options(), CgroupsEvery(3'600'000 * kMs, {"/many/*"}), readings_.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(readings_.Wait([&] { return !readings_.cgroups.empty(); }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_EQ(readings_.cgroups.size(), 2'000 * summary.ticks);
}

// This process's own cgroup, whatever this host has: the line of /proc/self/cgroup whose hierarchy counts CPU time.
std::string OwnCgroup(const CgroupLayout& layout) {
  std::ifstream file("/proc/self/cgroup");
  std::string own;
  for (std::string line; std::getline(file, line);) {
    const size_t controllers = line.find(':') + 1;
    const size_t path = line.find(':', controllers) + 1;
    const std::string names = "," + line.substr(controllers, path - controllers - 1) + ",";
    const bool counts_cpu =
        layout.v1.contains("cpuacct") ? names.find(",cpuacct,") != std::string::npos : names == ",,";
    if (counts_cpu) own = line.substr(path);
  }
  return own;
}

TEST(SamplerReal, CpuUsageOfThisProcessGrows) {
  const CgroupLayout layout = DetectCgroupLayout("/sys/fs/cgroup");
  const std::string own = OwnCgroup(layout);
  if (own.empty() || !std::filesystem::exists(layout.Hierarchies().front() + own))
    GTEST_SKIP() << "no cgroup counts CPU time here";
  Received readings;
  Sampler sampler({}, CgroupsEvery(3'600'000 * kMs, {own}), readings.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  ASSERT_TRUE(readings.Wait([&] { return !readings.cgroups.empty(); }));
  const int64_t until_ns = ProcessCpuNs() + 100 * kMs;
  while (ProcessCpuNs() < until_ns) {
  }
  const Sampler::Summary summary = sampler.Stop();
  ASSERT_EQ(readings.cgroups.size(), 2U);
  const v1::CgroupSample& first = readings.cgroups[0];
  const v1::CgroupSample& last = readings.cgroups[1];
  EXPECT_THAT(summary.unmatched_cgroups, IsEmpty());
  EXPECT_EQ(first.inode(), last.inode());
  EXPECT_NE(first.inode(), 0U);
  ASSERT_GE(first.cpu_usage_ns(), 0);
  EXPECT_GE(last.cpu_usage_ns() - first.cpu_usage_ns(), 50 * kMs);
  EXPECT_TRUE(layout.genuine);
}

// A cgroup of the test's own in every hierarchy of this host.
class RealCgroup {
 public:
  explicit RealCgroup(const CgroupLayout& layout) : name_("assay_sampler_test_" + std::to_string(getpid())) {
    for (const std::string& mount : layout.Hierarchies()) paths_.push_back(mount + path());
  }
  ~RealCgroup() { Remove(); }
  RealCgroup(const RealCgroup&) = delete;
  RealCgroup& operator=(const RealCgroup&) = delete;

  bool Make() const {
    bool made = true;
    for (const std::string& path : paths_) made = mkdir(path.c_str(), 0755) == 0 && made;
    return made;
  }
  void Remove() const {
    for (const std::string& path : paths_) rmdir(path.c_str());
  }
  std::string path() const { return "/" + name_; }

 private:
  std::string name_;
  std::vector<std::string> paths_;
};

TEST(SamplerReal, ACgroupMayEndAndComeBack) {
  const CgroupLayout layout = DetectCgroupLayout("/sys/fs/cgroup");
  const RealCgroup cgroup(layout);
  if (layout.kind == CgroupLayout::Kind::kNone || !cgroup.Make()) GTEST_SKIP() << "cannot make cgroups here";
  Received readings;
  Sampler sampler({}, CgroupsEvery(5 * kMs, {cgroup.path()}), readings.Sink());
  ASSERT_TRUE(sampler.Start().ok());
  uint64_t first_inode = 0;
  ASSERT_TRUE(readings.Wait([&] {
    if (!readings.cgroups.empty()) first_inode = readings.cgroups.front().inode();
    return first_inode != 0;
  }));
  cgroup.Remove();
  ASSERT_TRUE(cgroup.Make());
  ASSERT_TRUE(readings.Wait([&] { return readings.cgroups.back().inode() != first_inode; }));
  const Sampler::Summary summary = sampler.Stop();
  EXPECT_THAT(summary.unmatched_cgroups, IsEmpty());
  // Two series, one after the other, and no reading of anything else.
  std::vector<uint64_t> series;
  for (const auto& sample : readings.cgroups) {
    if (series.empty() || series.back() != sample.inode()) series.push_back(sample.inode());
    EXPECT_EQ(sample.cgroup(), cgroup.path());
    EXPECT_LE(sample.cpu_usage_ns(), 0);  // never had a process
  }
  EXPECT_EQ(std::set<uint64_t>(series.begin(), series.end()).size(), series.size());
}

}  // namespace
}  // namespace assay
