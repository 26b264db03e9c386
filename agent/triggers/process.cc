#include "agent/triggers/process.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/descriptor.h"

namespace assay {
namespace {

constexpr int64_t kKillAfterNs = 2'000'000'000;
constexpr int64_t kLingerNs = 100'000'000;
// After the exit a pipe's whole capacity is read at once (64 KiB, or up to 1 MiB where it was raised), then it is for
// the linger: a grandchild may write for ever.
constexpr int kReadsAfterExit = 16;

int64_t Ns(const timeval& t) { return int64_t{t.tv_sec} * 1'000'000'000 + int64_t{t.tv_usec} * 1'000; }

uint64_t MaxRssBytes(const rusage& usage) { return static_cast<uint64_t>(usage.ru_maxrss) * 1024; }

// What lies above our own peak, by more than the kernel's counters of pages may be off.
uint64_t OwnMemory(const rusage& usage) {
  constexpr uint64_t kDoubtBytes = 1 << 20;
  rusage ours{};
  getrusage(RUSAGE_SELF, &ours);
  return MaxRssBytes(usage) > MaxRssBytes(ours) + kDoubtBytes ? MaxRssBytes(usage) : 0;
}

// The bytes as a file in memory: the child reads it at its own pace, or not at all, and there is no writer to keep
// going.
absl::StatusOr<int> MemoryFile(const std::string& bytes) {
  int fd = memfd_create("assay-stdin", MFD_CLOEXEC);
  size_t written = 0;
  while (fd >= 0 && written < bytes.size()) {
    const ssize_t n = pwrite(fd, bytes.data() + written, bytes.size() - written, static_cast<off_t>(written));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) CloseFd(fd);
    if (n > 0) written += static_cast<size_t>(n);
  }
  if (fd < 0)
    return absl::ResourceExhaustedError(fmt::format("no room for the process's stdin: {}", std::strerror(errno)));
  return fd;
}

}  // namespace

Process::Process(EventLoop& loop, WorkThreads& spawner) : loop_(loop), spawner_(spawner) {}

// An abandoned process that the spawner still had in hand is caught here.
Process::~Process() { KillAndReap(); }

void Process::Start(Options options, std::function<void(ProcessEnd&&)> ended) {
  options_ = std::move(options);
  ended_ = std::move(ended);
  spawner_.Post([self = shared_from_this()]() mutable {
    self->Launch();
    EventLoop& loop = self->loop_;
    loop.Post([self = std::move(self)] { self->Launched(); });
  });
}

void Process::Launch() {
  if (unwanted_) {
    end_.start = absl::CancelledError("cancelled before it was started");
    end_.started_ns = MonotonicNs();
    return;
  }
  if (const int64_t now_ns = MonotonicNs(); options_.start_by_ns > 0 && now_ns > options_.start_by_ns) {
    end_.start = absl::DeadlineExceededError("its turn to be started came too late");
    end_.too_late = true;
    end_.started_ns = now_ns;
    return;
  }
  std::array<int, 2> ends{-1, -1};
  int stdin_fd = -1;
  const absl::Cleanup close_ours = [&] {
    CloseFd(ends[0]);
    CloseFd(ends[1]);
    CloseFd(stdin_fd);
  };
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    end_.start = absl::ResourceExhaustedError(
        fmt::format("cannot start '{}': no pipe for its output: {}", options_.request.argv[0], std::strerror(errno)));
  } else if (!options_.stdin_bytes.empty()) {
    absl::StatusOr<int> file = MemoryFile(options_.stdin_bytes);
    end_.start = file.status();
    stdin_fd = file.ok() ? *file : -1;
    options_.stdin_bytes = std::string();
  }
  if (end_.start.ok()) {
    // Only our end: the child's must block as programs expect of their stdout.
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    options_.request.stdin_fd = stdin_fd;
    options_.request.stdout_fd = ends[1];
    options_.request.stderr_fd = ends[1];
    // Before, not after: the child may have ended by the time that this thread runs again.
    end_.started_ns = MonotonicNs();
    const absl::StatusOr<Spawned> child = Spawn(options_.request);
    end_.start = child.status();
    if (child.ok()) {
      if (options_.cgroup != nullptr) options_.cgroup->Adopt(child->pid);
      pid_ = child->pid;
      pidfd_ = child->pidfd;
      pipe_fd_ = std::exchange(ends[0], -1);
    }
  }
  if (end_.started_ns == 0) end_.started_ns = MonotonicNs();  // it never came to that
}

void Process::Launched() {
  if (!ended_) return;  // abandoned; the destructor kills it
  launched_ = true;
  const std::shared_ptr<Process> self = shared_from_this();
  if (!end_.start.ok()) {
    end_.finished_ns = end_.started_ns;
    end_.killed = unwanted_;
    reaped_ = true;
    Finish();
    return;
  }
  const bool watched = loop_.Watch(pidfd_, EPOLLIN, [this](uint32_t) { Exited(); }) &&
                       loop_.Watch(pipe_fd_, EPOLLIN, [this](uint32_t) { ReadOutput(1); });
  if (!watched) {
    KillAndReap();
    end_.start =
        absl::ResourceExhaustedError("the kernel has no room to watch another process (fs.epoll.max_user_watches)");
    end_.finished_ns = MonotonicNs();
    Finish();
    return;
  }
  if (unwanted_) {
    end_.killed = true;
    Terminate(grace_ns_);
  } else if (options_.timeout_ns > 0 && end_.started_ns < std::numeric_limits<int64_t>::max() - options_.timeout_ns) {
    timeout_timer_ = loop_.At(end_.started_ns + options_.timeout_ns, [this] {
      end_.timed_out = true;
      Terminate(kKillAfterNs);
    });
  }
}

void Process::Kill(int64_t grace_ns) {
  grace_ns_ = grace_ns;
  unwanted_ = true;
  if (!launched_ || reaped_) return;
  end_.killed = true;
  Terminate(grace_ns);
}

void Process::Terminate(int64_t grace_ns) {
  loop_.Cancel(timeout_timer_);
  if (reaped_) return;
  if (!terminating_) kill(-pid_, SIGTERM);
  terminating_ = true;
  loop_.Cancel(kill_timer_);
  kill_timer_ = loop_.At(MonotonicNs() + grace_ns, [this] { kill(-pid_, SIGKILL); });
}

void Process::Exited() {
  end_.finished_ns = MonotonicNs();
  // Whoever is left of a group that was told to end goes with its leader. Before the wait: then the number is still
  // ours.
  if (terminating_) kill(-pid_, SIGKILL);
  int status = 0;
  rusage usage{};
  pid_t waited = 0;
  do {
    waited = wait4(pid_, &status, WNOHANG, &usage);
  } while (waited < 0 && errno == EINTR);
  if (waited == 0) return;  // a false alarm; the watch goes on
  reaped_ = true;
  loop_.Unwatch(pidfd_);
  CloseFd(pidfd_);
  loop_.Cancel(timeout_timer_);
  loop_.Cancel(kill_timer_);
  if (waited == pid_) {
    end_.status_known = true;
    if (WIFEXITED(status)) end_.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) end_.signal = WTERMSIG(status);
    end_.cpu_ns = Ns(usage.ru_utime) + Ns(usage.ru_stime);
    end_.max_rss_bytes = OwnMemory(usage);
  }
  if (pipe_fd_ < 0) {
    Finish();
  } else if (ReadOutput(kReadsAfterExit)) {
    linger_timer_ = loop_.At(end_.finished_ns + kLingerNs, [this] {
      if (!ReadOutput(kReadsAfterExit)) return;
      ClosePipe();
      Finish();
    });
  }
}

// At most so many times: the loop has others to serve, and what is left makes the descriptor ready again. Always
// drained, however little is kept, so no process ever waits for us. False once the pipe is closed, and then it has also
// finished if the process has exited.
bool Process::ReadOutput(int reads) {
  static thread_local std::vector<char> buffer(65536);
  for (int i = 0; i < reads; ++i) {
    const ssize_t n = read(pipe_fd_, buffer.data(), buffer.size());
    if (n > 0) {
      output_.Append({buffer.data(), static_cast<size_t>(n)});
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    ClosePipe();
    if (reaped_) Finish();
    return false;
  }
  return true;
}

void Process::ClosePipe() {
  if (pipe_fd_ < 0) return;
  loop_.Unwatch(pipe_fd_);
  CloseFd(pipe_fd_);
}

void Process::Finish() {
  loop_.Cancel(linger_timer_);
  end_.output = output_.Text();
  end_.output_bytes = output_.total_bytes();
  const std::shared_ptr<Process> self = shared_from_this();  // the owner lets go of it now
  std::exchange(ended_, nullptr)(std::move(end_));
}

void Process::Abandon() {
  ended_ = nullptr;
  unwanted_ = true;
  if (launched_) KillAndReap();
}

void Process::KillAndReap() {
  if (launched_) {
    loop_.Cancel(timeout_timer_);
    loop_.Cancel(kill_timer_);
    loop_.Cancel(linger_timer_);
    if (pidfd_ >= 0) loop_.Unwatch(pidfd_);
    ClosePipe();
  }
  if (pid_ > 0 && !reaped_) {
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
  }
  CloseFd(pidfd_);
  CloseFd(pipe_fd_);
}

}  // namespace assay
