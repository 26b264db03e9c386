#ifndef ASSAY_TESTS_UNIT_CGROUPS_CGROUP_TREE_H_
#define ASSAY_TESTS_UNIT_CGROUPS_CGROUP_TREE_H_

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "tests/unit/temp_dir.h"

namespace assay {

// Of the length that every engine's ids have.
inline std::string ContainerId(char digit) { return std::string(64, digit); }

// A tree of plain files that looks like cgroupfs or procfs, removed at the end.
class CgroupTree {
 public:
  std::string root() const { return dir_.path(); }
  std::filesystem::path At(std::string_view path) const { return dir_.At(path); }

  // Writes in place, so that whoever holds the file open sees the new text, as in the kernel's own files.
  void Write(std::string_view path, std::string_view text) const {
    std::filesystem::create_directories(At(path).parent_path());
    std::ofstream(At(path), std::ios::trunc) << text;
  }
  void Mkdir(std::string_view path) const { std::filesystem::create_directories(At(path)); }
  void Remove(std::string_view path) const { std::filesystem::remove_all(At(path)); }

  // The mounts, empty but for what marks them.
  void MountV1(std::string_view name) const { Write(std::string(name) + "/cgroup.procs", ""); }
  void MountV2(std::string_view below, std::string_view controllers) const {
    const std::string prefix = below.empty() ? "" : std::string(below) + "/";
    Write(prefix + "cgroup.procs", "");
    Write(prefix + "cgroup.controllers", std::string(controllers) + "\n");
    Write(prefix + "cpu.stat", "usage_usec 1\nuser_usec 1\nsystem_usec 0\n");
  }

  // A v2 cgroup with every file that is read, and figures that are all different.
  void AddV2(std::string_view path) const {
    const std::string at(path);
    Write(
        at + "/cpu.stat",
        "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\nnr_periods 9\nnr_throttled 3\nthrottled_usec 70\n");
    Write(at + "/memory.current", "8192000\n");
    Write(at + "/memory.stat", "anon 4096000\nfile 2048000\ninactive_file 1024000\n");
    Write(at + "/memory.peak", "9999000\n");
    Write(at + "/memory.events", "low 0\nhigh 0\nmax 5\noom 2\noom_kill 1\n");
    Write(at + "/io.stat", "8:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n");
    Write(at + "/pids.current", "7\n");
    Write(at + "/cpu.pressure",
          "some avg10=0.00 avg60=0.00 avg300=0.00 total=11\nfull avg10=0.00 avg60=0.00 total=10\n");
    Write(at + "/memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=22\nfull avg10=0.00 total=21\n");
    Write(at + "/io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=32\nfull avg10=0.00 total=31\n");
  }

  // A v1 cgroup in five hierarchies, cpu and cpuacct mounted together.
  void AddV1(std::string_view path) const {
    const std::string at(path);
    Write("cpu,cpuacct" + at + "/cpuacct.usage", "1500000123\n");
    Write("cpu,cpuacct" + at + "/cpuacct.stat", "user 100\nsystem 50\n");
    Write("cpu,cpuacct" + at + "/cpu.stat", "nr_periods 9\nnr_throttled 3\nthrottled_time 70000\n");
    Write("memory" + at + "/memory.usage_in_bytes", "8192000\n");
    Write("memory" + at + "/memory.max_usage_in_bytes", "9999000\n");
    Write("memory" + at + "/memory.stat",
          "cache 1\nrss 5\ninactive_file 6\ntotal_rss 4096000\ntotal_inactive_file 1024000\n");
    Write("memory" + at + "/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
    Write("blkio" + at + "/blkio.throttle.io_service_bytes_recursive",
          "8:0 Read 100\n8:0 Write 200\n8:0 Total 300\nTotal 300\n");
    Write("blkio" + at + "/blkio.throttle.io_serviced_recursive", "8:0 Read 3\n8:0 Write 4\n8:0 Total 7\nTotal 7\n");
    Write("pids" + at + "/pids.current", "7\n");
  }
  void MountAllV1() const {
    for (const char* name : {"cpu,cpuacct", "memory", "blkio", "pids"}) MountV1(name);
  }

 private:
  TempDir dir_;
};

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_CGROUPS_CGROUP_TREE_H_
