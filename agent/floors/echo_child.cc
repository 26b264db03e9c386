#include "agent/floors/echo_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace assay {
namespace {

void KillAndReap(const Spawned& child) {
  // Nobody else takes it, so the number is still its own.
  kill(child.pid, SIGKILL);
  while (waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (child.pidfd >= 0) close(child.pidfd);
}

}  // namespace

EchoChild::EchoChild(EventLoop& loop, WorkThreads& spawner, std::vector<std::string> argv, const std::string& protocol)
    : loop_(loop), spawner_(spawner), argv_(std::move(argv)), says_(fmt::format(" {}=", protocol)) {
  argv_.push_back(protocol);
}

EchoChild::~EchoChild() {
  if (pipe_fd_ >= 0) {
    loop_.Unwatch(pipe_fd_);
    close(pipe_fd_);
  }
  if (pid_ > 0) KillAndReap({.pid = pid_, .pidfd = pidfd_});
}

void EchoChild::Start(std::function<void(absl::StatusOr<std::string>)> ready) {
  ready_ = std::move(ready);
  std::array<int, 2> pipe{-1, -1};
  if (pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    return Tell(absl::ResourceExhaustedError(fmt::format("no pipe: {}", std::strerror(errno))));
  pipe_fd_ = pipe[0];
  if (!loop_.Watch(pipe_fd_, EPOLLIN, [this](uint32_t) { Read(); }))
    Tell(absl::ResourceExhaustedError("too many epoll watches (fs.epoll.max_user_watches)"));
  spawner_.Post([&loop = loop_, weak = weak_from_this(), argv = argv_, out = pipe[1]] {
    SpawnRequest request;
    request.argv = argv;
    request.stdout_fd = out;
    const absl::StatusOr<assay::Spawned> spawned = Spawn(request);
    close(out);
    loop.Post([weak, spawned] {
      if (const std::shared_ptr<EchoChild> self = weak.lock()) return self->Spawned(spawned);
      if (spawned.ok()) KillAndReap(*spawned);
    });
  });
}

void EchoChild::Spawned(const absl::StatusOr<assay::Spawned>& spawned) {
  if (!spawned.ok()) return Tell(spawned.status());
  pid_ = spawned->pid;
  pidfd_ = spawned->pidfd;
  if (silent_) Tell(absl::UnavailableError(fmt::format("{} ended before it listened", argv_.front())));
}

// "listening http=127.0.0.1:1234 grpc=127.0.0.1:1235\n"
void EchoChild::Read() {
  std::array<char, 512> buffer{};
  const ssize_t n = read(pipe_fd_, buffer.data(), buffer.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    loop_.Unwatch(pipe_fd_);
    silent_ = true;
    // One that was not spawned at all has its own reason, which is about to come.
    if (pid_ > 0) Tell(absl::UnavailableError(fmt::format("{} ended before it listened", argv_.front())));
    return;
  }
  said_.append(buffer.data(), static_cast<size_t>(n));
  if (said_.find('\n') == std::string::npos) return;
  loop_.Unwatch(pipe_fd_);
  const size_t at = said_.find(says_);
  if (at == std::string::npos) return Tell(absl::InternalError(fmt::format("{} said '{}'", argv_.front(), said_)));
  const size_t begin = at + says_.size();
  Tell(said_.substr(begin, said_.find_first_of(" \n", begin) - begin));
}

// Later: who asked may drop this then.
void EchoChild::Tell(absl::StatusOr<std::string> address) {
  if (!ready_) return;
  loop_.Post([weak = weak_from_this(), ready = std::exchange(ready_, nullptr), address = std::move(address)] {
    if (!weak.expired()) ready(address);
  });
}

}  // namespace assay
