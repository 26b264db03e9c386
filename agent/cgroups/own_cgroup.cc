#include "agent/cgroups/own_cgroup.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace assay {
namespace {

namespace fs = std::filesystem;

// Where the hierarchy of a line's controllers ("cpu,cpuacct"; none are v2's) is mounted; empty: nowhere.
std::string MountOf(const CgroupLayout& layout, const std::string& controllers) {
  if (controllers.empty()) return layout.kind == CgroupLayout::Kind::kV2 ? layout.v2 : "";
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (const auto mounted = layout.v1.find(name); mounted != layout.v1.end()) return mounted->second;
  }
  return "";
}

}  // namespace

std::map<std::string, std::string> OwnCgroups(const CgroupLayout& layout, const std::string& proc_root) {
  std::map<std::string, std::string> own;
  std::ifstream file(proc_root + "/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // "4:cpu,cpuacct:/a/b" or "0::/a/b"
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string mount = MountOf(layout, line.substr(first + 1, second - first - 1));
    const std::string path = line.substr(second + 1);
    // Outside of what this cgroup namespace shows.
    if (mount.empty() || path.starts_with("/..")) continue;
    // In a container the host's path may be told, and the cgroup itself be what is mounted.
    std::error_code error;
    own.emplace(mount, path == "/" || !fs::is_directory(mount + path, error) ? mount : mount + path);
  }
  return own;
}

}  // namespace assay
