#include "agent/run_cgroups/run_cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "common/clock.h"
#include "common/pidfd.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr int kSpawners = 2;  // as the executor has, for the same reason
constexpr int64_t kResistNs = 2'000'000'000;
constexpr auto kLook = std::chrono::milliseconds(2);

// In one write, as the kernel takes one number at a time. The errno, or 0.
int WriteNumber(int fd, pid_t number) {
  const std::string text = std::to_string(number);
  return pwrite(fd, text.data(), text.size(), 0) < 0 ? errno : 0;
}

std::set<pid_t> ProcessesIn(const std::string& directory) {
  std::set<pid_t> pids;
  std::ifstream file(directory + "/cgroup.procs");
  for (pid_t pid = 0; file >> pid;) pids.insert(pid);
  // A thread that entered with v1 shows as the whole process that it is of.
  pids.erase(getpid());
  return pids;
}

// With all below it, children first.
void AddTree(const std::string& directory, std::vector<std::string>& tree) {
  std::error_code error;
  for (fs::directory_iterator child(directory, error), end; !error && child != end; child.increment(error)) {
    std::error_code ignored;
    if (child->is_directory(ignored) && !child->is_symlink(ignored)) AddTree(child->path().string(), tree);
  }
  tree.push_back(directory);
}

// The number is looked up again once the descriptor is held: by then it cannot have become another process's.
void KillIn(const std::string& directory, std::set<pid_t>& killed) {
  for (const pid_t pid : ProcessesIn(directory)) {
    const Descriptor process = OpenPidfd(pid);
    if (!process.ok() || !ProcessesIn(directory).contains(pid)) continue;
    if (syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) == 0) killed.insert(pid);
  }
}

}  // namespace

size_t KillAndRemoveCgroups(const std::vector<std::string>& directories) {
  std::set<pid_t> killed;
  const int64_t deadline_ns = MonotonicNs() + kResistNs;
  while (true) {
    std::vector<std::string> tree;
    for (const std::string& directory : directories) AddTree(directory, tree);
    bool left = false;
    for (const std::string& cgroup : tree) {
      KillIn(cgroup, killed);
      // Busy for a moment after the last process in it has ended.
      left |= rmdir(cgroup.c_str()) != 0 && errno != ENOENT;
    }
    if (!left || MonotonicNs() > deadline_ns) return killed.size();
    std::this_thread::sleep_for(kLook);
  }
}

RunCgroup::RunCgroup(Directories directories, bool unified, std::string missing)
    : directories_(std::move(directories)),
      missing_(std::move(missing)),
      entered_(kSpawners),
      spawner_({.name = "assay-run-spawn", .threads = kSpawners, .ahead_of_triggers = true, .begin = [this, unified] {
                  if (!unified) EnterThread();
                  entered_.count_down();
                }}) {
  if (unified && !directories_.empty()) {
    const std::string path = directories_.begin()->second + "/cgroup.procs";
    processes_ = Descriptor(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!processes_.ok()) Note(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  entered_.wait();
}

RunCgroup::~RunCgroup() { Remove(); }

void RunCgroup::EnterThread() {
  for (const auto& [hierarchy, directory] : directories_) {
    const std::string path = directory + "/tasks";
    const Descriptor tasks(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    const int error = tasks.ok() ? WriteNumber(tasks.get(), gettid()) : errno;
    if (error != 0) Note(fmt::format("cannot write {}: {}", path, std::strerror(error)));
  }
}

void RunCgroup::Adopt(pid_t pid) {
  if (!processes_.ok()) return;
  const int error = WriteNumber(processes_.get(), pid);
  // One that has ended meanwhile takes what it used with it; the trigger's own figures still tell.
  if (error != 0 && error != ESRCH) {
    Note(fmt::format("cannot move process {} into {}: {}", pid, directories_.begin()->second, std::strerror(error)));
  }
}

std::string RunCgroup::Missing() const {
  const std::lock_guard lock(mutex_);
  return missing_;
}

void RunCgroup::Note(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (missing_.empty()) missing_ = why;
}

void RunCgroup::Remove() {
  StopSpawning();
  if (directories_.empty()) return;
  std::vector<std::string> paths;
  for (const auto& [hierarchy, directory] : std::exchange(directories_, {})) paths.push_back(directory);
  const size_t killed = KillAndRemoveCgroups(paths);
  if (killed > 0) spdlog::warn("processes that triggers left behind in {}: {} killed", paths.front(), killed);
}

}  // namespace assay
