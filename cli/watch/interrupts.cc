#include "cli/watch/interrupts.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace assay {
namespace {

sigset_t Handled() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

InterruptLadder::Step InterruptLadder::Raise() {
  ++level_;
  stop_at_ns_ = 0;
  if (level_ == 1) return Step::kDrain;
  return level_ == 2 ? Step::kStopNow : Step::kLeave;
}

InterruptLadder::Step InterruptLadder::Signalled(int signal, int64_t now_ns) {
  if (signal == SIGHUP) {
    if (level_ > 0) return Step::kNone;
    level_ = 1;
    return Step::kDrainQuietly;
  }
  const Step step = Raise();
  if (signal == SIGTERM && step == Step::kDrain) stop_at_ns_ = now_ns + kTermGraceNs;
  return step;
}

InterruptLadder::Step InterruptLadder::Tick(int64_t now_ns) {
  return stop_at_ns_ != 0 && now_ns >= stop_at_ns_ ? Raise() : Step::kNone;
}

Interrupts::Interrupts() {
  const sigset_t set = Handled();
  pthread_sigmask(SIG_BLOCK, &set, &before_);
  fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

Interrupts::~Interrupts() {
  // What came and was not looked at has been obeyed by ending; it must not end the caller too.
  while (Take()) {
  }
  close(fd_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<int> Interrupts::Take() {
  signalfd_siginfo info;
  if (read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace assay
