#include "agent/run_cgroups/run_cgroups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "agent/cgroups/own_cgroup.h"
#include "agent/run_cgroups/cgroup_controllers.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr char kRunPrefix[] = "run-";
constexpr char kSelf[] = "/self";

std::string Parent(const std::string& directory) { return fs::path(directory).parent_path().string(); }

absl::Status MakeDirectory(const std::string& directory) {
  if (mkdir(directory.c_str(), 0755) == 0 || errno == EEXIST) return absl::OkStatus();
  return absl::PermissionDeniedError(fmt::format(
      "cannot make {}: {}; an agent may that runs as root, or in a cgroup that its user owns (systemd's Delegate=yes)",
      directory, std::strerror(errno)));
}

}  // namespace

RunCgroups::RunCgroups(const std::string& cgroup_root, const std::string& proc_root, const std::string& agent_name,
                       const std::string& cgroup_name)
    : agent_name_(agent_name), cgroup_root_(cgroup_root) {
  CgroupLayout layout = DetectCgroupLayout(cgroup_root);
  kind_ = layout.kind;
  // All in a cgroup of cpu's get the share of one process together. Only where it is one hierarchy with cpuacct must
  // that be.
  const auto cpu = layout.v1.find("cpu");
  const auto cpuacct = layout.v1.find("cpuacct");
  if (cpu != layout.v1.end() && cpuacct != layout.v1.end() && cpu->second != cpuacct->second) layout.v1.erase(cpu);
  for (const auto& [hierarchy, directory] : OwnCgroups(layout, proc_root)) {
    agents_.emplace(hierarchy, fmt::format("{}/assay/agent-{}", directory, cgroup_name));
  }
  KillLeftovers();
}

RunCgroups::~RunCgroups() {
  if (!lock_.ok()) return;
  for (const auto& [hierarchy, directory] : agents_) {
    rmdir((directory + kSelf).c_str());  // an earlier agent's; one does not come out of its own again
    rmdir(directory.c_str());
    rmdir(Parent(directory).c_str());  // stays if other agents have theirs in it
  }
}

absl::Status RunCgroups::Lock() {
  if (lock_.ok()) return absl::OkStatus();
  for (const auto& [hierarchy, directory] : agents_) {
    Descriptor lock(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock.ok()) continue;
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      return absl::FailedPreconditionError(fmt::format(
          "another agent named '{}' has its runs in {}; give one of them another --name", agent_name_, directory));
    }
    lock_ = std::move(lock);
    return absl::OkStatus();
  }
  return absl::NotFoundError("no cgroup of this agent's runs");
}

void RunCgroups::KillLeftovers() {
  if (!Lock().ok()) return;
  std::vector<std::string> left;
  for (const auto& [hierarchy, directory] : agents_) {
    std::error_code error;
    for (fs::directory_iterator run(directory, error), end; !error && run != end; run.increment(error)) {
      std::error_code ignored;
      if (run->is_directory(ignored) && run->path().filename().string().starts_with(kRunPrefix))
        left.push_back(run->path().string());
    }
  }
  if (left.empty()) return;
  const size_t killed = KillAndRemoveCgroups(left);
  spdlog::warn("processes that an earlier agent '{}' left behind in {}: {} killed", agent_name_, left.front(), killed);
}

absl::StatusOr<std::shared_ptr<RunCgroup>> RunCgroups::Make(int64_t run_id) {
  if (agents_.empty()) return absl::NotFoundError(fmt::format("no cgroups below {}", cgroup_root_));
  RunCgroup::Directories made;
  absl::Status missing;
  for (const auto& [hierarchy, directory] : agents_) {
    const std::string run = fmt::format("{}/{}{}", directory, kRunPrefix, run_id);
    absl::Status status = MakeDirectory(Parent(directory));
    if (status.ok()) status = MakeDirectory(directory);
    if (status.ok()) status = Lock();
    if (status.ok()) status = MakeDirectory(run);
    if (status.ok()) made.emplace(hierarchy, run);
    missing.Update(status);
  }
  if (made.empty()) return missing;
  if (kind_ == CgroupLayout::Kind::kV2) {
    const std::string& agent = agents_.begin()->second;
    const std::string all = Parent(agent);
    missing.Update(EnableControllersBelow(Parent(all), {all, agent}, agent + kSelf));
  }
  return std::make_shared<RunCgroup>(std::move(made), kind_ == CgroupLayout::Kind::kV2, std::string(missing.message()));
}

}  // namespace assay
