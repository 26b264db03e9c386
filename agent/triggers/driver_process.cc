#include "agent/triggers/driver_process.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/descriptor.h"
#include "common/driver/driver_line.h"

namespace assay {
namespace {

constexpr size_t kPieceBytes = 65'536;
// After its end a pipe's whole capacity is read (64 KiB, or up to 1 MiB where it was raised); who escaped its group may
// go on writing.
constexpr int kDriverReadsAfterExit = 16;
constexpr int64_t kCondemnedGraceNs = 500'000'000;

}  // namespace

// An abandoned process that the spawner still had in hand is caught here.
DriverProcess::~DriverProcess() { KillAndReap(); }

void DriverProcess::Start(SpawnRequest request, RunCgroup* cgroup, Ears ears) {
  ears_ = std::move(ears);
  program_ = request.argv.empty() ? "" : request.argv[0];
  spawner_.Post([self = shared_from_this(), request = std::move(request), cgroup]() mutable {
    self->Launch(std::move(request), cgroup);
    EventLoop& loop = self->loop_;
    loop.Post([self = std::move(self)] { self->Launched(); });
  });
}

// Its stdin is a pipe as programs expect, and so may raise SIGPIPE here, which all of our programs ignore.
void DriverProcess::Launch(SpawnRequest request, RunCgroup* cgroup) {
  std::array<std::array<int, 2>, 3> pipes{{{-1, -1}, {-1, -1}, {-1, -1}}};
  const absl::Cleanup close_rest = [&] {
    for (auto& ends : pipes) {
      CloseFd(ends[0]);
      CloseFd(ends[1]);
    }
  };
  for (auto& ends : pipes) {
    if (pipe2(ends.data(), O_CLOEXEC) == 0) continue;
    end_.start = absl::ResourceExhaustedError(
        fmt::format("cannot start '{}': no pipe for its lines: {}", program_, std::strerror(errno)));
    return;
  }
  // Only our ends: the child's must block as programs expect.
  for (const int fd : {pipes[0][1], pipes[1][0], pipes[2][0]}) fcntl(fd, F_SETFL, O_NONBLOCK);
  request.stdin_fd = pipes[0][0];
  request.stdout_fd = pipes[1][1];
  request.stderr_fd = pipes[2][1];
  const absl::StatusOr<Spawned> child = Spawn(request);
  end_.start = child.status();
  if (!child.ok()) return;
  if (cgroup != nullptr) cgroup->Adopt(child->pid);
  pid_ = child->pid;
  pidfd_ = child->pidfd;
  stdin_fd_ = std::exchange(pipes[0][1], -1);
  stdout_fd_ = std::exchange(pipes[1][0], -1);
  stderr_fd_ = std::exchange(pipes[2][0], -1);
}

bool DriverProcess::Listen() {
  return loop_.Watch(pidfd_, EPOLLIN, [this](uint32_t) { Exited(); }) &&
         loop_.Watch(stdout_fd_, EPOLLIN, [this](uint32_t) { ReadOut(1); }) &&
         loop_.Watch(stderr_fd_, EPOLLIN, [this](uint32_t) { ReadErr(); });
}

void DriverProcess::Launched() {
  if (abandoned_) return;  // the destructor kills it
  launched_ = true;
  const std::shared_ptr<DriverProcess> self = shared_from_this();
  if (end_.start.ok() && !Listen()) {
    KillAndReap();
    end_.start =
        absl::ResourceExhaustedError("the kernel has no room to watch another process (fs.epoll.max_user_watches)");
  }
  if (!end_.start.ok()) {
    reaped_ = true;
    return Finish();
  }
  WriteMore();
}

void DriverProcess::Write(std::string_view bytes) {
  if (reaped_ || stdin_closing_ || (launched_ && stdin_fd_ < 0)) return;
  const bool idle = written_ == outbox_.size();
  outbox_ += bytes;
  // What waits already has a watch that goes on with it.
  if (idle) WriteMore();
}

void DriverProcess::CloseStdin() {
  leaving_ = true;
  stdin_closing_ = true;
  WriteMore();
}

void DriverProcess::WriteMore() {
  if (stdin_fd_ < 0 || !launched_) return;
  while (written_ < outbox_.size()) {
    const ssize_t n = write(stdin_fd_, outbox_.data() + written_, outbox_.size() - written_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      if (written_ > kPieceBytes) outbox_.erase(0, std::exchange(written_, 0));
      return WatchStdin(true);
    }
    if (n < 0) {
      // It does not read any more, which is its right; what that means its end or its silence tells.
      stdin_closing_ = true;
      break;
    }
    written_ += static_cast<size_t>(n);
  }
  outbox_.clear();
  written_ = 0;
  WatchStdin(false);
  if (stdin_closing_) CloseFd(stdin_fd_);
}

void DriverProcess::WatchStdin(bool wanted) {
  if (wanted == stdin_watched_) return;
  if (!wanted) loop_.Unwatch(stdin_fd_);
  stdin_watched_ = wanted && loop_.Watch(stdin_fd_, EPOLLOUT, [this](uint32_t) { WriteMore(); });
  if (wanted && !stdin_watched_) Condemn("could not be written to: no room for a watch (fs.epoll.max_user_watches)");
}

// At most so many pieces: the loop has others to serve. False once nothing more will come.
bool DriverProcess::ReadOut(int reads) {
  static thread_local std::vector<char> buffer(kPieceBytes);
  const std::shared_ptr<DriverProcess> self = shared_from_this();
  for (int i = 0; i < reads; ++i) {
    if (stdout_fd_ < 0) return false;
    const ssize_t n = read(stdout_fd_, buffer.data(), buffer.size());
    if (n > 0) {
      if (!overlong_) Split({buffer.data(), static_cast<size_t>(n)});
      if (abandoned_) return false;
      ears_.read();
      if (abandoned_) return false;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    loop_.Unwatch(stdout_fd_);
    CloseFd(stdout_fd_);
    // One that lives on in silence is no driver any more, but may be about to exit; after its bye it has longer.
    if (!reaped_ && kill_timer_ == 0 && !leaving_) {
      kill_timer_ =
          loop_.At(MonotonicNs() + kCondemnedGraceNs, [this] { Condemn("closed its stdout and did not exit"); });
    }
    return false;
  }
  return true;
}

void DriverProcess::Split(std::string_view bytes) {
  while (!bytes.empty() && !abandoned_) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) break;
    if (unfinished_.empty()) {
      ears_.line(bytes.substr(0, end));
    } else {
      unfinished_ += bytes.substr(0, end);
      const std::string line = std::exchange(unfinished_, {});
      ears_.line(line);
    }
    bytes.remove_prefix(end + 1);
  }
  if (abandoned_) return;
  unfinished_ += bytes;
  if (unfinished_.size() <= kMostDriverLineBytes) return;
  overlong_ = true;
  unfinished_.clear();
  Condemn(fmt::format("wrote a line of more than {} KiB", kMostDriverLineBytes / 1024));
}

void DriverProcess::ReadErr() {
  std::array<char, 16'384> buffer{};
  const ssize_t n = read(stderr_fd_, buffer.data(), buffer.size());
  if (n > 0) return stderr_.Append({buffer.data(), static_cast<size_t>(n)});
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  loop_.Unwatch(stderr_fd_);
  CloseFd(stderr_fd_);
}

void DriverProcess::Condemn(const std::string& why) {
  // Once: another reason, as the next line of a flood, must not put off the end of one that does not heed SIGTERM.
  if (std::exchange(condemned_, true)) return;
  end_.how = why;
  Terminate(kCondemnedGraceNs);
}

void DriverProcess::Terminate(int64_t grace_ns) {
  if (!launched_ || reaped_ || pid_ <= 0) return;
  kill(-pid_, SIGTERM);
  loop_.Cancel(kill_timer_);
  kill_timer_ = loop_.At(MonotonicNs() + grace_ns, [this] { kill(-pid_, SIGKILL); });
}

void DriverProcess::Exited() {
  const std::shared_ptr<DriverProcess> self = shared_from_this();
  // Whoever is left of its group goes with it. Before the wait: until then the number is still its own.
  kill(-pid_, SIGKILL);
  int status = 0;
  pid_t waited = 0;
  do {
    waited = waitpid(pid_, &status, WNOHANG);
  } while (waited < 0 && errno == EINTR);
  if (waited == 0) return;  // a false alarm; the watch goes on
  reaped_ = true;
  loop_.Cancel(kill_timer_);
  end_.exited_0 = waited == pid_ && WIFEXITED(status) && WEXITSTATUS(status) == 0 && !condemned_;
  if (!condemned_) {
    end_.how = waited != pid_ ? "ended, and another part of this process reaped it"
               : WIFSIGNALED(status)
                   ? fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)))
                   : fmt::format("exited with {}", WEXITSTATUS(status));
  }
  ReadOut(kDriverReadsAfterExit);
  for (int i = 0; i < kDriverReadsAfterExit && stderr_fd_ >= 0; ++i) ReadErr();
  if (!abandoned_) Finish();
}

void DriverProcess::Finish() {
  const std::shared_ptr<DriverProcess> self = shared_from_this();
  CloseAll();
  end_.how = WithLastLine(end_.how, stderr_.Text());
  end_.half_line = std::exchange(unfinished_, {});
  if (ears_.ended) std::exchange(ears_, Ears()).ended(std::move(end_));
}

void DriverProcess::Abandon() {
  abandoned_ = true;
  if (launched_) KillAndReap();
}

void DriverProcess::CloseAll() {
  loop_.Cancel(kill_timer_);
  if (pidfd_ >= 0 && launched_) loop_.Unwatch(pidfd_);
  if (stdout_fd_ >= 0 && launched_) loop_.Unwatch(stdout_fd_);
  if (stderr_fd_ >= 0 && launched_) loop_.Unwatch(stderr_fd_);
  if (stdin_watched_) loop_.Unwatch(stdin_fd_);
  stdin_watched_ = false;
  CloseFd(pidfd_);
  CloseFd(stdin_fd_);
  CloseFd(stdout_fd_);
  CloseFd(stderr_fd_);
}

void DriverProcess::KillAndReap() {
  if (pid_ > 0 && !reaped_) {
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
  }
  CloseAll();
}

}  // namespace assay
