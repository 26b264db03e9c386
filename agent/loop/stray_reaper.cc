#include "agent/loop/stray_reaper.h"

#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "common/clock.h"

namespace assay {
namespace {

constexpr int64_t kEveryNs = 1'000'000'000;

constexpr int kLooks = 5;

// Spawn puts every child at the head of a group of its own in our session, and the head of a group cannot leave its
// session. So a process of another group or session was never spawned here. An orphan that made itself the head of a
// group in our session, as timeout(1) does, cannot be told from a child but by this: nobody here comes to take it.
bool IsStray(pid_t pid) { return getpgid(pid) != pid || getsid(pid) != getsid(0); }

}  // namespace

StrayReaper::StrayReaper(EventLoop& loop) : loop_(loop) {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
    spdlog::warn("what triggers leave behind goes to init: cannot become its parent: {}", std::strerror(errno));
  }
  // A parent that ignored SIGCHLD (some launchers do) would have us lose every exit status.
  signal(SIGCHLD, SIG_DFL);
  Again();
}

StrayReaper::~StrayReaper() { loop_.Cancel(timer_); }

void StrayReaper::Again() {
  Reap();
  timer_ = loop_.At(MonotonicNs() + kEveryNs, [this] { Again(); });
}

void StrayReaper::Reap() {
  while (true) {
    // Looks, without reaping, at one child that has ended. If that is one of ours, its owner is about to take it; what
    // may stand behind it is for the next look.
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return;
    if (info.si_pid != 0 && IsStray(info.si_pid)) {
      if (waitpid(info.si_pid, nullptr, WNOHANG) != info.si_pid) return;
      continue;
    }
    const bool unclaimed = info.si_pid != 0 && info.si_pid == first_;
    first_ = info.si_pid;
    if (unclaimed) {
      ReapUnclaimed();
    } else {
      looks_.clear();
    }
    return;
  }
}

// Some ended child is nobody's, and hides what stands behind it: goes through all of them.
void StrayReaper::ReapUnclaimed() {
  std::map<pid_t, int> looks;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::ifstream children(thread.path() / "children");
    for (pid_t pid = 0; children >> pid;) {
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) continue;
      const auto before = looks_.find(pid);
      const int so_far = before == looks_.end() ? 1 : before->second + 1;
      if (so_far >= kLooks || IsStray(pid)) {
        waitpid(pid, nullptr, WNOHANG);
      } else {
        looks[pid] = so_far;
      }
    }
  }
  looks_ = std::move(looks);
}

}  // namespace assay
