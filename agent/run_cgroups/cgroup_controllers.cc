#include "agent/run_cgroups/cgroup_controllers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>

#include "common/descriptor.h"

namespace assay {
namespace {

constexpr std::array<std::string_view, 3> kWanted = {"memory", "io", "pids"};

std::set<std::string> WordsIn(const std::string& path) {
  std::ifstream file(path);
  return {std::istream_iterator<std::string>(file), std::istream_iterator<std::string>()};
}

// The errno, or 0.
int Write(const std::string& path, std::string_view text) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.ok() && write(file.get(), text.data(), text.size()) >= 0 ? 0 : errno;
}

std::string NotEnabled(const std::string& cgroup, const std::vector<std::string_view>& controllers) {
  const std::set<std::string> enabled = WordsIn(cgroup + "/cgroup.subtree_control");
  std::string text;
  for (const std::string_view controller : controllers) {
    if (!enabled.contains(std::string(controller))) text += fmt::format("+{} ", controller);
  }
  return text;
}

// In one write: the kernel takes all or none.
int Enable(const std::string& cgroup, const std::vector<std::string_view>& controllers) {
  const std::string text = NotEnabled(cgroup, controllers);
  return text.empty() ? 0 : Write(cgroup + "/cgroup.subtree_control", text);
}

// False: others' processes are in it, or it may not be left.
bool LeaveFree(const std::string& own, const std::vector<std::string_view>& controllers, const std::string& leaf) {
  const bool root = access((own + "/cgroup.type").c_str(), F_OK) != 0;  // which alone may have processes
  if (root || NotEnabled(own, controllers).empty()) return true;
  if (WordsIn(own + "/cgroup.procs") != std::set<std::string>{std::to_string(getpid())}) return false;
  return (mkdir(leaf.c_str(), 0755) == 0 || errno == EEXIST) &&
         Write(leaf + "/cgroup.procs", std::to_string(getpid())) == 0;
}

}  // namespace

absl::Status EnableControllersBelow(const std::string& own, const std::vector<std::string>& chain,
                                    const std::string& leaf) {
  const std::set<std::string> offered = WordsIn(own + "/cgroup.controllers");
  std::vector<std::string_view> there;
  std::vector<std::string_view> not_there;
  for (const std::string_view controller : kWanted)
    (offered.contains(std::string(controller)) ? there : not_there).push_back(controller);
  int error = LeaveFree(own, there, leaf) ? Enable(own, there) : EBUSY;
  for (const std::string& cgroup : chain) {
    if (error == 0) error = Enable(cgroup, there);
  }
  if (error != 0) {
    return absl::FailedPreconditionError(
        fmt::format("memory, I/O and processes are not counted below {}: {}; start the agent alone in a cgroup that it "
                    "may write, such as a service of systemd with Delegate=yes",
                    own, std::strerror(error)));
  }
  if (not_there.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{} has no controller {}; it must be enabled above (cgroup.subtree_control)", own, fmt::join(not_there, ", ")));
}

}  // namespace assay
