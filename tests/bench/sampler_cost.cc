// What sampling N cgroups and the host at 1 Hz costs: bench_sampler_cost [N [SECONDS [CGROUP_ROOT]]]. As root it makes
// N cgroups in this host's own hierarchies, and removes them again; else in a tree of plain files, which are cheaper to
// read than the kernel's.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/cgroups/cgroup_layout.h"
#include "agent/sampler/registry.h"
#include "common/clock.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

// One parent with N cgroups in every hierarchy, gone at the end.
class Cgroups {
 public:
  Cgroups(const CgroupLayout& layout, std::string name, int count) : name_(std::move(name)), count_(count) {
    for (const std::string& mount : layout.Hierarchies()) {
      std::error_code error;
      if (!fs::create_directory(fs::path(mount) / name_, error)) continue;
      parents_.push_back(fs::path(mount) / name_);
      for (int i = 0; i < count_; ++i) fs::create_directory(parents_.back() / fmt::format("c{}", i), error);
    }
  }
  ~Cgroups() {
    for (const fs::path& parent : parents_) {
      // cgroupfs directories are removed by rmdir alone, with their files in them.
      for (int i = 0; i < count_; ++i) rmdir((parent / fmt::format("c{}", i)).c_str());
      rmdir(parent.c_str());
    }
  }
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;
  bool made() const { return !parents_.empty(); }

 private:
  std::string name_;
  int count_;
  std::vector<fs::path> parents_;
};

class Fixture {
 public:
  Fixture() {
    std::string name = (fs::temp_directory_path() / "assay-bench-XXXXXX").string();
    root_ = mkdtemp(name.data());
    std::ofstream(root_ / "cgroup.controllers") << "cpu memory\n";
  }
  ~Fixture() { fs::remove_all(root_); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  void Fill(const std::string& name, int count) const {
    for (int i = 0; i < count; ++i) {
      const fs::path cgroup = root_ / name / fmt::format("c{}", i);
      fs::create_directories(cgroup);
      std::ofstream(cgroup / "cpu.stat") << "usage_usec 1\nuser_usec 1\nsystem_usec 0\n";
      for (const char* file : {"memory.current", "memory.peak", "pids.current"}) std::ofstream(cgroup / file) << "1\n";
      std::ofstream(cgroup / "memory.stat") << "anon 1\ninactive_file 1\n";
    }
  }
  std::string root() const { return root_.string(); }

 private:
  fs::path root_;
};

struct Cost {
  double mean_us;
  double worst_us;
};

// CPU of `ticks` ticks, `pause_us` apart. Caches that are cold after a pause are a part of what sampling costs.
Cost Ticks(const std::vector<std::unique_ptr<Source>>& sources, int ticks, useconds_t pause_us, Readings& readings) {
  int64_t sum_ns = 0;
  int64_t worst_ns = 0;
  for (int tick = 0; tick < ticks; ++tick) {
    if (pause_us > 0) usleep(pause_us);
    readings = {};
    const int64_t begin_ns = ThreadCpuNs();
    for (const auto& source : sources) source->Read(static_cast<uint64_t>(tick), readings);
    const int64_t cpu_ns = ThreadCpuNs() - begin_ns;
    sum_ns += cpu_ns;
    worst_ns = std::max(worst_ns, cpu_ns);
  }
  return {static_cast<double>(sum_ns) / 1e3 / ticks, static_cast<double>(worst_ns) / 1e3};
}

void Measure(const SamplerOptions& options, const std::string& pattern, int ticks) {
  v1::Sampling sampling;
  sampling.add_cgroups(pattern);
  sampling.set_host(true);
  const auto sources = MakeSources(options, sampling);
  Readings readings;
  const Cost first = Ticks(sources, 1, 0, readings);
  const Cost warm = Ticks(sources, 100, 0, readings);
  // Each of these looks for new cgroups too, which happens once a second.
  const Cost paced = Ticks(sources, ticks, 1'000'000, readings);
  const auto sampled = static_cast<double>(readings.cgroups.size());
  fmt::print("cgroups sampled          {:8}\n", readings.cgroups.size());
  fmt::print("first tick, opens all    {:8.0f} us CPU\n", first.mean_us);
  fmt::print("back to back             {:8.0f} us CPU a tick, {:.1f} us a cgroup\n", warm.mean_us,
             warm.mean_us / sampled);
  fmt::print("at 1 Hz                  {:8.0f} us CPU a tick, {:.1f} us a cgroup, worst {:.0f} us\n", paced.mean_us,
             paced.mean_us / sampled, paced.worst_us);
  fmt::print("                         {:8.3f} % of a core\n", paced.mean_us / 1e4);
}

int Number(const char* text, int otherwise) {
  int number = otherwise;
  const std::string_view view(text);
  std::from_chars(view.data(), view.data() + view.size(), number);
  return std::max(number, 1);
}

int Main(int argc, char** argv) {
  const int count = argc > 1 ? Number(argv[1], 100) : 100;
  const int ticks = argc > 2 ? Number(argv[2], 10) : 10;
  // As the agent does.
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  SamplerOptions options;
  if (argc > 3) options.cgroup_root = argv[3];
  const std::string name = fmt::format("assay_bench_{}", getpid());
  const CgroupLayout layout = DetectCgroupLayout(options.cgroup_root);
  const Cgroups cgroups(layout, name, count);
  const Fixture fixture;
  if (!cgroups.made()) {
    fixture.Fill(name, count);
    options.cgroup_root = fixture.root();
  }
  fmt::print("layout                   {}\n", cgroups.made() ? layout.Name() : "fixture (plain files, v2)");
  Measure(options, "/" + name + "/*", ticks);
  return 0;
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) { return assay::Main(argc, argv); }
