#include "cli/stack/child_program.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace assay {
namespace {

constexpr int64_t kLogLimitBytes = 1 << 20;
constexpr size_t kLastLines = 8;

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProgram>> ChildProgram::Start(std::string name, std::vector<std::string> argv,
                                                                  std::string log_path) {
  struct stat facts {};
  int64_t log_begin = stat(log_path.c_str(), &facts) == 0 ? facts.st_size : 0;
  if (log_begin > kLogLimitBytes && rename(log_path.c_str(), (log_path + ".1").c_str()) == 0) log_begin = 0;
  const int log = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0)
    return absl::FailedPreconditionError(fmt::format("cannot write the log {}: {}", log_path, std::strerror(errno)));
  const absl::Cleanup close_log = [log] { close(log); };
  SpawnRequest request;
  request.argv = std::move(argv);
  request.stdout_fd = log;
  request.stderr_fd = log;
  const absl::StatusOr<Spawned> spawned = Spawn(request);
  if (!spawned.ok()) return spawned.status();
  return std::unique_ptr<ChildProgram>(new ChildProgram(std::move(name), std::move(log_path), log_begin, *spawned));
}

ChildProgram::~ChildProgram() {
  Stop(0);
  close(spawned_.pidfd);
}

bool ChildProgram::Reap(int timeout_ms) {
  if (wait_status_) return true;
  pollfd ended{spawned_.pidfd, POLLIN, 0};
  while (poll(&ended, 1, timeout_ms) < 0 && errno == EINTR) {
  }
  int status = 0;
  if (waitpid(spawned_.pid, &status, WNOHANG) == spawned_.pid) wait_status_ = status;
  return wait_status_.has_value();
}

bool ChildProgram::running() { return !Reap(0); }

std::string ChildProgram::Obituary() const {
  std::string end = "ended";
  if (wait_status_ && WIFSIGNALED(*wait_status_)) end = fmt::format("was killed by signal {}", WTERMSIG(*wait_status_));
  if (wait_status_ && WIFEXITED(*wait_status_))
    end = fmt::format("ended with exit code {}", WEXITSTATUS(*wait_status_));
  std::vector<std::string> lines;
  std::ifstream log(log_path_);
  log.seekg(log_begin_);
  for (std::string line; std::getline(log, line);) {
    lines.push_back(line);
    if (lines.size() > kLastLines) lines.erase(lines.begin());
  }
  if (lines.empty()) return fmt::format("{} {}; its log {} is empty", name_, end, log_path_);
  return fmt::format("{} {}; the end of {}:\n  {}", name_, end, log_path_, fmt::join(lines, "\n  "));
}

void ChildProgram::Terminate() {
  if (!wait_status_ && !terminated_) kill(spawned_.pid, SIGTERM);
  terminated_ = true;
}

void ChildProgram::Quit() {
  if (!wait_status_) kill(spawned_.pid, SIGQUIT);
  terminated_ = true;
}

void ChildProgram::Stop(int64_t patience_ns) {
  if (Reap(0)) return;
  Terminate();
  if (patience_ns > 0 && Reap(static_cast<int>(patience_ns / 1'000'000))) return;
  kill(-spawned_.pid, SIGKILL);
  Reap(-1);
}

}  // namespace assay
