#include "agent/cgroups/cgroup_layout.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace assay {
namespace {

namespace fs = std::filesystem;

struct Controller {
  std::string_view name;
  std::string_view marker;  // a file that even its root cgroup has; empty: none has
};
// In the order in which they are asked for a cgroup's identity.
constexpr std::array<Controller, 5> kControllers = {{{"cpuacct", "cpuacct.usage"},
                                                     {"memory", "memory.usage_in_bytes"},
                                                     {"cpu", "cpu.shares"},
                                                     {"blkio", "blkio.throttle.io_service_bytes"},
                                                     {"pids", ""}}};

bool Has(const fs::path& directory, std::string_view file) {
  std::error_code error;
  return fs::exists(directory / file, error);
}

// Files differ between the root cgroup and the others (pids.current, memory.peak), so one level below is asked too.
bool Offers(const fs::path& mount, std::string_view file) {
  if (Has(mount, file)) return true;
  std::error_code error;
  for (fs::directory_iterator child(mount, error), end; !error && child != end; child.increment(error)) {
    std::error_code ignored;
    if (child->is_directory(ignored) && Has(child->path(), file)) return true;
  }
  return false;
}

std::vector<std::string> ControllersOf(const fs::path& unified) {
  std::ifstream file(unified / "cgroup.controllers");
  return {std::istream_iterator<std::string>(file), std::istream_iterator<std::string>()};
}

// A mount is named after its controllers ("cpu,cpuacct") nearly everywhere; where it is not, its files tell.
std::vector<std::string_view> V1ControllersOf(const fs::path& mount) {
  if (!Has(mount, "cgroup.procs") && !Has(mount, "tasks")) return {};
  std::vector<std::string_view> found;
  const std::string name = "," + mount.filename().string() + ",";
  for (const Controller& controller : kControllers) {
    if (name.find("," + std::string(controller.name) + ",") != std::string::npos) found.push_back(controller.name);
  }
  if (!found.empty()) return found;
  for (const Controller& controller : kControllers) {
    if (!controller.marker.empty() && Has(mount, controller.marker)) found.push_back(controller.name);
  }
  return found;
}

bool IsCgroupFileSystem(const std::string& mount) {
  struct statfs info {};
  if (statfs(mount.c_str(), &info) != 0) return false;
  return info.f_type == CGROUP_SUPER_MAGIC || info.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace

std::string_view CgroupLayout::Name() const {
  switch (kind) {
    case Kind::kNone:
      return "none";
    case Kind::kV1:
      return "v1";
    case Kind::kV2:
      return "v2";
    case Kind::kHybrid:
      return "hybrid";
  }
  return "none";
}

std::vector<std::string> CgroupLayout::Hierarchies() const {
  std::vector<std::string> mounts;
  const auto add = [&mounts](const std::string& mount) {
    if (std::find(mounts.begin(), mounts.end(), mount) == mounts.end()) mounts.push_back(mount);
  };
  for (const Controller& controller : kControllers) {
    const auto found = v1.find(controller.name);
    if (found != v1.end()) add(found->second);
  }
  if (!v2.empty()) add(v2);
  return mounts;
}

std::vector<std::string> CgroupLayout::Measures() const {
  const auto mounted = [this](std::string_view controller) { return v1.contains(controller); };
  const auto listed = [this](std::string_view controller) {
    return std::find(v2_controllers.begin(), v2_controllers.end(), controller) != v2_controllers.end();
  };
  const auto v2_offers = [this](std::string_view file) { return !v2.empty() && Offers(v2, file); };
  std::vector<std::string> measures;
  const auto add_if = [&measures](bool offered, const char* what) {
    if (offered) measures.emplace_back(what);
  };
  // In a hybrid layout a controller serves one side only: what v1 has mounted, v2 does not list.
  add_if(mounted("cpuacct") || v2_offers("cpu.stat"), "cpu usage");
  add_if(mounted("cpu") || listed("cpu"), "throttling");
  add_if(mounted("memory") || listed("memory"), "memory");
  add_if(mounted("memory") || (listed("memory") && v2_offers("memory.peak")), "memory peak");
  add_if(mounted("memory") || listed("memory"), "oom kills");
  add_if(mounted("blkio") || listed("io"), "block io");
  add_if(mounted("pids") || listed("pids"), "pids");
  add_if(v2_offers("cpu.pressure"), "pressure");
  return measures;
}

CgroupLayout DetectCgroupLayout(std::string root) {
  CgroupLayout layout;
  while (root.size() > 1 && root.ends_with('/')) root.pop_back();
  layout.root = root;
  if (Has(root, "cgroup.controllers")) {
    layout.v2 = root;
  } else {
    // Directories before symbolic links: systemd links "cpu" to "cpu,cpuacct", and both must come out as one hierarchy.
    std::vector<fs::path> mounts;
    std::error_code error;
    for (fs::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error)) {
      std::error_code ignored;
      if (entry->is_directory(ignored)) mounts.push_back(entry->path());
    }
    std::sort(mounts.begin(), mounts.end());
    std::stable_partition(mounts.begin(), mounts.end(), [](const fs::path& mount) {
      std::error_code ignored;
      return !fs::is_symlink(mount, ignored);
    });
    for (const fs::path& mount : mounts) {
      if (Has(mount, "cgroup.controllers")) {
        if (layout.v2.empty() || mount.filename() == "unified") layout.v2 = mount.string();
        continue;
      }
      for (const std::string_view controller : V1ControllersOf(mount)) {
        layout.v1.try_emplace(std::string(controller), mount.string());
      }
    }
  }
  if (!layout.v2.empty()) layout.v2_controllers = ControllersOf(layout.v2);
  using Kind = CgroupLayout::Kind;
  if (!layout.v1.empty()) {
    layout.kind = layout.v2.empty() ? Kind::kV1 : Kind::kHybrid;
  } else if (!layout.v2.empty()) {
    layout.kind = Kind::kV2;
  }
  const std::vector<std::string> hierarchies = layout.Hierarchies();
  layout.genuine = !hierarchies.empty() && std::all_of(hierarchies.begin(), hierarchies.end(), IsCgroupFileSystem);
  return layout;
}

}  // namespace assay
