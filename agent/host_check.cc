#include "agent/host_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

#include "agent/cgroups/cgroup_layout.h"
#include "agent/host_limits.h"
#include "agent/loop/priority.h"
#include "common/json_text.h"
#include "common/units.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using State = HostFinding::State;

constexpr uint64_t kLittleSpace = 1 << 30;
constexpr uint32_t kFewProcesses = 1000;
constexpr int64_t kLooseClockUs = 100'000;

HostFinding Cgroups(const CgroupLayout& layout) {
  if (layout.kind == CgroupLayout::Kind::kNone) {
    return {"cgroups", State::kLess, fmt::format("none below {}", layout.root),
            "containers and cgroups cannot be sampled; mount cgroup2 there, or give --cgroup-root"};
  }
  return {"cgroups", State::kGood,
          fmt::format("{} at {}: {}", layout.Name(), layout.root, fmt::join(layout.Measures(), ", ")), ""};
}

HostFinding Controllers(const CgroupLayout& layout) {
  std::vector<std::string> present = layout.v2_controllers;
  for (const auto& [controller, mount] : layout.v1) present.push_back(controller);
  std::vector<std::string> missing;
  for (const auto& [v2_name, v1_name] : {std::pair{"cpu", "cpuacct"}, std::pair{"memory", "memory"},
                                         std::pair{"io", "blkio"}, std::pair{"pids", "pids"}}) {
    const auto has = [&](const char* name) { return std::find(present.begin(), present.end(), name) != present.end(); };
    if (!has(v2_name) && !has(v1_name)) missing.emplace_back(v2_name);
  }
  if (missing.empty()) return {"controllers", State::kGood, fmt::format("{}", fmt::join(present, " ")), ""};
  return {"controllers", State::kLess, fmt::format("not there: {}", fmt::join(missing, " ")),
          "their columns will be empty; enable them (cgroup_enable= on the kernel's command line, or "
          "cgroup.subtree_control)"};
}

HostFinding Pressure(const std::string& proc_root) {
  std::ifstream file(proc_root + "/pressure/cpu");
  std::string line;
  if (std::getline(file, line)) return {"pressure (PSI)", State::kGood, "cpu, memory and io of the host", ""};
  const bool there = fs::exists(proc_root + "/pressure");
  return {"pressure (PSI)", State::kLess, there ? "there, but switched off" : "not offered by this kernel",
          there ? "boot with psi=1" : "needs Linux 4.20 with CONFIG_PSI; pressure columns will be empty"};
}

// Told, not asked for: without it containers are named by what files of the host tell.
HostFinding Docker(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto finding = [&path](std::string_view what) {
    return HostFinding{
        "Docker", State::kGood,
        fmt::format("{}: {}; only asked for the names and labels of containers, and for container triggers", path,
                    what),
        ""};
  };
  if (path.size() >= sizeof(address.sun_path) || !fs::exists(path)) return finding("no socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int result = fd < 0 ? -1 : connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  if (fd >= 0) close(fd);
  return finding(result == 0 ? "answers" : std::strerror(error));
}

std::vector<HostFinding> Limits(const std::string& proc_root, const CgroupLayout& layout) {
  const HostLimits limits = HostLimits::Read(proc_root, layout);
  const auto text = [](uint64_t value) {
    return value == HostLimits::kNone ? std::string("unlimited") : std::to_string(value);
  };
  const bool few = limits.max_processes < kFewProcesses;
  HostFinding files{"open files", State::kGood, text(limits.open_files), ""};
  HostFinding processes{
      "processes", State::kGood,
      fmt::format("{} exec triggers in flight (bound by {}; user {}, pid_max {}, cgroup {})", limits.max_processes,
                  limits.bound_by, text(limits.user_processes), text(limits.pid_max), text(limits.cgroup_pids)),
      ""};
  if (few) {
    processes.state = State::kLess;
    processes.mend = limits.bound_by == "open files" ? "raise the hard limit (ulimit -Hn, LimitNOFILE= in systemd)"
                                                     : fmt::format("raise the limit on {}", limits.bound_by);
  }
  return {std::move(files), std::move(processes)};
}

HostFinding Priority() {
  bool ahead = false;
  std::thread([&] { ahead = RunAheadOfTriggers(); }).join();  // tried on a thread that is then gone
  if (ahead) return {"priority", State::kGood, "the agent runs ahead of the triggers it starts", ""};
  return {"priority", State::kLess, "triggers that use up the CPUs delay the agent",
          "run it as root, or give it CAP_SYS_NICE or a limit on nice of -10, and no nice value"};
}

std::vector<HostFinding> Clock(const std::string& sys_root) {
  std::string source;
  std::ifstream(sys_root + "/devices/system/clocksource/clocksource0/current_clocksource") >> source;
  std::vector<HostFinding> findings;
  const bool slow = source == "hpet" || source == "acpi_pm" || source == "jiffies" || source == "refined-jiffies";
  findings.push_back(
      {"clock source", slow ? State::kLess : State::kGood, source.empty() ? "not told by this kernel" : source,
       slow ? "reading this clock is slow and costs the agent; boot with clocksource=tsc if the hardware allows" : ""});
  timex about{};
  const int state = adjtimex(&about);
  if (state < 0) {
    findings.push_back({"wall clock", State::kLess, fmt::format("its state cannot be read: {}", std::strerror(errno)),
                        "only the displayed times of day depend on it; intervals do not"});
  } else if (state == TIME_ERROR || (about.status & STA_UNSYNC) != 0) {
    findings.push_back(
        {"wall clock", State::kLess, "not synchronized",
         "run chrony or systemd-timesyncd; only the displayed times of day depend on it, intervals do not"});
  } else {
    const bool loose = about.maxerror > kLooseClockUs;
    findings.push_back({"wall clock", loose ? State::kLess : State::kGood,
                        fmt::format("synchronized, error at most {}", FormatDuration(int64_t{about.maxerror} * 1000)),
                        loose ? "check the time servers; only the displayed times of day depend on it" : ""});
  }
  return findings;
}

HostFinding SpoolDirectory(const std::string& directory) {
  fs::path existing = directory;
  std::error_code error;
  while (!existing.empty() && !fs::exists(existing, error) && existing != existing.parent_path())
    existing = existing.parent_path();
  HostFinding missing{"spool", State::kMissing, fmt::format("{} cannot be written", directory),
                      "give --spool a directory on a local disk that this user may write"};
  if (existing.empty()) return missing;
  if (existing == fs::path(directory)) {
    const std::string probe = fmt::format("{}/check.{}", directory, getpid());
    const int fd = open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return missing;
    close(fd);
    unlink(probe.c_str());
  } else if (!fs::is_directory(existing, error) || access(existing.c_str(), W_OK | X_OK) != 0) {
    return missing;
  }
  struct statvfs space {};
  if (statvfs(existing.c_str(), &space) != 0 || space.f_blocks == 0) return missing;
  const uint64_t free_bytes = space.f_bavail * space.f_frsize;
  const bool little = free_bytes < kLittleSpace;
  return {
      "spool", little ? State::kLess : State::kGood, fmt::format("{}, {} free", directory, FormatBytes(free_bytes)),
      little ? "results wait there while the coordinator is away: free some space, or give --spool another disk" : ""};
}

const char* Name(State state, bool for_people) {
  switch (state) {
    case State::kGood:
      return for_people ? "ok" : "good";
    case State::kLess:
      return "less";
    case State::kMissing:
      return "missing";
  }
  return "";
}

}  // namespace

std::vector<HostFinding> CheckHost(const HostCheckOptions& options) {
  const CgroupLayout layout = DetectCgroupLayout(options.sampler.cgroup_root);
  std::vector<HostFinding> findings{Cgroups(layout)};
  if (layout.kind != CgroupLayout::Kind::kNone) findings.push_back(Controllers(layout));
  findings.push_back(Pressure(options.sampler.proc_root));
  findings.push_back(Docker(options.docker_socket));
  for (HostFinding& finding : Limits(options.sampler.proc_root, layout)) findings.push_back(std::move(finding));
  findings.push_back(Priority());
  for (HostFinding& finding : Clock(options.sampler.sys_root)) findings.push_back(std::move(finding));
  findings.push_back(SpoolDirectory(options.spool_directory));
  return findings;
}

bool CanRun(const std::vector<HostFinding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const HostFinding& f) { return f.state == State::kMissing; });
}

std::string FormatTable(const std::vector<HostFinding>& findings) {
  std::string out;
  for (const HostFinding& finding : findings) {
    out += fmt::format("{:<16} {:<8} {}\n", finding.what, Name(finding.state, true), finding.detail);
    if (!finding.mend.empty()) out += fmt::format("{:<16} {:<8} -> {}\n", "", "", finding.mend);
  }
  return out;
}

std::string FormatJson(const std::vector<HostFinding>& findings) {
  std::vector<std::string> rows;
  rows.reserve(findings.size());
  for (const HostFinding& finding : findings) {
    rows.push_back(fmt::format(R"({{"what": {}, "state": "{}", "detail": {}, "mend": {}}})", JsonString(finding.what),
                               Name(finding.state, false), JsonString(finding.detail), JsonString(finding.mend)));
  }
  return fmt::format("{{\"can_run\": {}, \"findings\": [\n  {}\n]}}\n", CanRun(findings), fmt::join(rows, ",\n  "));
}

}  // namespace assay
