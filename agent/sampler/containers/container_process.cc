#include "agent/sampler/containers/container_process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "agent/cgroups/kernel_text.h"
#include "common/nanoseconds.h"
#include "common/whole_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostProcesses = 64;  // an older one further down the list would be found no sooner
constexpr int kStartTimeField = 22;

std::vector<pid_t> ProcessesIn(const fs::path& cgroup) {
  std::ifstream file(cgroup / "cgroup.procs");
  std::vector<pid_t> pids;
  for (pid_t pid = 0; pids.size() < kMostProcesses && file >> pid;) {
    if (pid > 0) pids.push_back(pid);  // 0: in another PID namespace
  }
  return pids;
}

int64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace

std::optional<int64_t> ParseStartTicks(std::string_view stat) {
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(name_end + 1);
  // The field after the name is the third.
  for (int field = 3; field < kStartTimeField; ++field) TakeField(stat);
  return ParseCount(TakeField(stat));
}

std::optional<ContainerProcess> FindContainerProcess(const std::vector<std::string>& cgroup_directories,
                                                     const std::string& proc_root) {
  std::vector<pid_t> pids;
  for (const std::string& directory : cgroup_directories) {
    pids = ProcessesIn(directory);
    std::error_code error;
    for (fs::directory_iterator child(directory, error), end; pids.empty() && !error && child != end;
         child.increment(error)) {
      std::error_code ignored;
      if (child->is_directory(ignored)) pids = ProcessesIn(child->path());
    }
    if (!pids.empty()) break;
  }
  static const int64_t ns_per_tick = kSecond / std::max<int64_t>(sysconf(_SC_CLK_TCK), 1);
  std::optional<ContainerProcess> oldest;
  for (const pid_t pid : pids) {
    const auto ticks = ParseStartTicks(ReadWhole(fmt::format("{}/{}/stat", proc_root, pid)));
    if (!ticks) continue;
    // Since boot, with the time it was suspended; the monotonic clock stands still then.
    const int64_t started_ns =
        SaturatingProduct(*ticks, ns_per_tick) - (ClockNs(CLOCK_BOOTTIME) - ClockNs(CLOCK_MONOTONIC));
    if (!oldest || started_ns < oldest->started_ns) oldest = ContainerProcess{pid, started_ns};
  }
  return oldest;
}

}  // namespace assay
