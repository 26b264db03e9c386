#include "cli/trial/tried_driver.h"

#include <absl/status/statusor.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "cli/watch/progress_printer.h"
#include "common/clock.h"
#include "common/driver/driver_line.h"
#include "common/nanoseconds.h"
#include "common/spawn.h"

namespace assay {
namespace {
constexpr int kReadsAfterExit = 64;

}  // namespace

absl::Status TriedDriver::Start(const std::vector<std::string>& argv) {
  std::array<int, 2> in{-1, -1};
  std::array<int, 2> out{-1, -1};
  std::array<int, 2> err{-1, -1};
  absl::StatusOr<Spawned> child = absl::ResourceExhaustedError(fmt::format("no pipe: {}", std::strerror(errno)));
  if (pipe2(in.data(), O_CLOEXEC) == 0 && pipe2(out.data(), O_CLOEXEC) == 0 && pipe2(err.data(), O_CLOEXEC) == 0) {
    SpawnRequest request;
    request.argv = argv;
    request.stdin_fd = in[0];
    request.stdout_fd = out[1];
    request.stderr_fd = err[1];
    child = Spawn(request);
  }
  for (const int fd : {in[0], out[1], err[1]}) {
    if (fd >= 0) close(fd);
  }
  stdin_fd_ = in[1];
  stdout_fd_ = out[0];
  stderr_fd_ = err[0];
  if (!child.ok()) return child.status();
  for (const int fd : {stdin_fd_, stdout_fd_, stderr_fd_}) fcntl(fd, F_SETFL, O_NONBLOCK);
  pid_ = child->pid;
  pidfd_ = child->pidfd;
  return absl::OkStatus();
}

bool TriedDriver::Until(const std::function<bool()>& enough, int64_t for_ns) {
  const int64_t deadline_ns = MonotonicNs() + for_ns;
  while (!enough()) {
    const int64_t left_ns = deadline_ns - MonotonicNs();
    if (left_ns <= 0 || exited_ || condemned_ || interrupted_) return false;
    std::array<pollfd, 5> fds{{{stdout_fd_, POLLIN, 0},
                               {outbox_.empty() ? -1 : stdin_fd_, POLLOUT, 0},
                               {pidfd_, POLLIN, 0},
                               {stop_fd_, POLLIN, 0},
                               {stderr_fd_, POLLIN, 0}}};
    if (poll(fds.data(), fds.size(), static_cast<int>(left_ns / kMs) + 1) < 0 && errno != EINTR) return false;
    if (fds[4].revents != 0) ReadErr();
    if (fds[0].revents != 0) Read();
    if (fds[1].revents != 0) Write();
    if (fds[2].revents != 0) Exited();
    if (fds[3].revents != 0) interrupted_ = true;
  }
  return true;
}

void TriedDriver::Say(std::string_view line) {
  outbox_ += line;
  Write();
}

void TriedDriver::CloseStdin() { close(std::exchange(stdin_fd_, -1)); }

void TriedDriver::Write() {
  while (!outbox_.empty() && stdin_fd_ >= 0) {
    const ssize_t n = write(stdin_fd_, outbox_.data(), outbox_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) return outbox_.clear();  // it reads no more; its end says the rest
    outbox_.erase(0, static_cast<size_t>(n));
  }
}

void TriedDriver::Read() {
  std::array<char, 65'536> buffer;
  const ssize_t n = read(stdout_fd_, buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    close(std::exchange(stdout_fd_, -1));
    return;
  }
  if (condemned_) return;
  text_.append(buffer.data(), static_cast<size_t>(n));
  const int64_t now_ns = MonotonicNs();
  size_t begin = 0;
  for (size_t end = 0; !condemned_ && (end = text_.find('\n', begin)) != std::string::npos; begin = end + 1)
    ears_.line(std::string_view(text_).substr(begin, end - begin), now_ns);
  text_.erase(0, begin);
  ears_.read();
  if (condemned_) return text_.clear();
  if (text_.size() <= kMostDriverLineBytes) return;
  condemned_ = true;
  text_.clear();
  ears_.overlong();
}

// For whoever looks on; and for the message, should it end before its time.
void TriedDriver::ReadErr() {
  std::array<char, 65'536> buffer;
  const ssize_t n = read(stderr_fd_, buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    close(std::exchange(stderr_fd_, -1));
    return;
  }
  const std::string_view piece(buffer.data(), static_cast<size_t>(n));
  stderr_.Append(piece);
  WriteAll(STDERR_FILENO, piece);
}

void TriedDriver::Exited() {
  // Before the wait: until then the number is still its own.
  siginfo_t end{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOWAIT | WNOHANG) != 0 || end.si_pid == 0) return;
  exited_ = true;
  code_ = end.si_code == CLD_EXITED ? end.si_status : -end.si_status;
  for (int i = 0; i < kReadsAfterExit && stdout_fd_ >= 0; ++i) Read();
  for (int i = 0; i < kReadsAfterExit && stderr_fd_ >= 0; ++i) ReadErr();
}

// The leader is a zombie until it is waited for, and would take the signal 0 for the group.
bool TriedDriver::GroupHasOthers() {
  Reap();
  return kill(-pid_, 0) == 0;
}

void TriedDriver::Reap() {
  if (reaped_) return;
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  reaped_ = true;
}

std::string TriedDriver::End() {
  // Once it is waited for, the number is its group's only as long as that has others.
  if (pid_ > 0 && (!reaped_ || GroupHasOthers())) kill(-pid_, SIGKILL);
  if (pid_ > 0) Reap();
  pid_ = -1;
  for (int i = 0; i < kReadsAfterExit && stderr_fd_ >= 0; ++i) ReadErr();
  for (int* fd : {&stdin_fd_, &stdout_fd_, &stderr_fd_, &pidfd_}) {
    if (*fd >= 0) close(std::exchange(*fd, -1));
  }
  return std::exchange(text_, {});
}

}  // namespace assay
