#include "agent/stray_reaper.h"

#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/clock.h"

namespace assay {
namespace {

constexpr int64_t kEveryNs = 1'000'000'000;

// Spawn puts every child at the head of a group of its own in our session, and the head of a group cannot leave its
// session. So a process of another group or session was never spawned here. An orphan that made itself the head of a
// group in our session cannot be told from a child: it stays a zombie until we end.
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

size_t StrayReaper::Reap() {
  size_t reaped = 0;
  while (true) {
    // Looks, without reaping, at one child that has ended. If that is one of ours, its owner is about to take it; what
    // may stand behind it is for the next look.
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return reaped;
    if (!IsStray(info.si_pid) || waitpid(info.si_pid, nullptr, WNOHANG) != info.si_pid) return reaped;
    ++reaped;
  }
}

}  // namespace assay
