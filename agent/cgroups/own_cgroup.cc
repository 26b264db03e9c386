#include "agent/cgroups/own_cgroup.h"

#include <filesystem>
#include <sstream>

#include "common/cgroup_membership.h"

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
  for (const auto& [controllers, path] : ReadCgroupMemberships(proc_root + "/self/cgroup")) {
    const std::string mount = MountOf(layout, controllers);
    // Outside of what this cgroup namespace shows.
    if (mount.empty() || path.starts_with("/..")) continue;
    // In a container the host's path may be told, and the cgroup itself be what is mounted.
    std::error_code error;
    own.emplace(mount, path == "/" || !fs::is_directory(mount + path, error) ? mount : mount + path);
  }
  return own;
}

}  // namespace assay
