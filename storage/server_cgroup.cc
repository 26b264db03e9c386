#include "storage/server_cgroup.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

#include "common/cgroup_membership.h"
#include "common/whole_file.h"

namespace assay {
namespace {

constexpr std::string_view kPrefix = "postgres-";
constexpr std::array<std::string_view, 5> kControllers = {"cpuacct", "cpu", "memory", "blkio", "pids"};

struct Hierarchy {
  std::string mount;
  bool v2 = false;
};

bool HasOption(const std::string& options, std::string_view wanted) {
  std::istringstream list(options);
  for (std::string option; std::getline(list, option, ',');) {
    if (option == wanted) return true;
  }
  return false;
}

std::vector<Hierarchy> Hierarchies() {
  std::vector<Hierarchy> found;
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device, mount, type, options;
    fields >> device >> mount >> type >> options;
    const bool wanted = type == "cgroup2" ||
                        (type == "cgroup" && std::any_of(kControllers.begin(), kControllers.end(),
                                                         [&](std::string_view c) { return HasOption(options, c); }));
    if (wanted) found.push_back({mount, type == "cgroup2"});
  }
  return found;
}

bool WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file.good();
}

std::vector<pid_t> ProcessAndChildren(pid_t pid) {
  std::vector<pid_t> pids = {pid};
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pid));
  for (pid_t child = 0; children >> child;) pids.push_back(child);
  return pids;
}

// What the kernel says: the path in the v2 hierarchy where that one has the controllers, else in the one that accounts
// CPU time.
std::string CgroupOf(pid_t pid) {
  std::string unified, cpu;
  for (const auto& [controllers, path] : ReadCgroupMemberships(fmt::format("/proc/{}/cgroup", pid))) {
    if (controllers.empty()) unified = path;
    if (HasOption(controllers, "cpuacct")) cpu = path;
  }
  return cpu.empty() ? unified : cpu;
}

// A zombie is not alive: it may lie there for long where process 1 buries nobody.
bool Alive(pid_t pid) {
  const std::string text = ReadWhole(fmt::format("/proc/{}/stat", pid));
  return !text.empty() && text.find(") Z ") == std::string::npos;
}

// A group cannot be removed while the last of its processes is still being buried.
bool RemoveGroup(const std::string& path) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
    if (errno != EBUSY) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

std::string MoveToOwnCgroup(pid_t pid) {
  const std::string group = fmt::format("/assay/{}{}", kPrefix, pid);
  for (const Hierarchy& hierarchy : Hierarchies()) {
    const std::string parent = hierarchy.mount + "/assay";
    const std::string path = hierarchy.mount + group;
    mkdir(parent.c_str(), 0755);
    if (hierarchy.v2) {
      // Refused where the parent has processes of its own; the group then still counts CPU time.
      for (const char* controller : {"+cpu", "+memory", "+io", "+pids"}) {
        WriteFile(hierarchy.mount + "/cgroup.subtree_control", controller);
        WriteFile(parent + "/cgroup.subtree_control", controller);
      }
    }
    if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) continue;
    for (const pid_t process : ProcessAndChildren(pid)) WriteFile(path + "/cgroup.procs", fmt::format("{}\n", process));
  }
  return CgroupOf(pid);
}

void RemoveServerCgroups(pid_t ended) {
  for (const Hierarchy& hierarchy : Hierarchies()) {
    const std::string parent = hierarchy.mount + "/assay";
    if (ended > 0) RemoveGroup(fmt::format("{}/{}{}", parent, kPrefix, ended));
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(kPrefix)) continue;
      pid_t pid = 0;
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), pid);
      if (pid > 0 && !Alive(pid)) rmdir(entry.path().c_str());
    }
    rmdir(parent.c_str());  // refused while another server uses it
  }
}

}  // namespace assay
