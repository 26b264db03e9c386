#include "common/spawn.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

extern char** environ;

namespace assay {
namespace {

std::string_view Key(std::string_view assignment) { return assignment.substr(0, assignment.find('=')); }

std::vector<char*> MergedEnvironment(const std::vector<std::string>& added) {
  std::vector<char*> merged;
  for (char** e = environ; *e != nullptr; ++e) {
    bool replaced = false;
    for (const std::string& a : added) replaced |= Key(a) == Key(*e);
    if (!replaced) merged.push_back(*e);
  }
  for (size_t i = 0; i < added.size(); ++i) {
    bool replaced = false;
    for (size_t k = i + 1; k < added.size(); ++k) replaced |= Key(added[i]) == Key(added[k]);
    if (!replaced) merged.push_back(const_cast<char*>(added[i].c_str()));
  }
  merged.push_back(nullptr);
  return merged;
}

absl::Status SpawnError(int error, const SpawnRequest& request) {
  const std::string what =
      error == ENOENT && !request.cwd.empty()
          ? fmt::format("cannot start '{}': no such program, or no directory '{}'", request.argv[0], request.cwd)
          : fmt::format("cannot start '{}': {}", request.argv[0],
                        error == ENOENT ? "no such program in PATH" : std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(what);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(what);
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(what);
    default:
      return absl::UnknownError(what);
  }
}

}  // namespace

absl::StatusOr<Spawned> Spawn(const SpawnRequest& request) {
  if (request.argv.empty() || request.argv[0].empty())
    return absl::InvalidArgumentError("cannot start an empty command");

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const absl::Cleanup free_actions = [&] { posix_spawn_file_actions_destroy(&actions); };
  if (request.stdin_fd >= 0) {
    posix_spawn_file_actions_adddup2(&actions, request.stdin_fd, 0);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  }
  for (const auto& [from, to] : {std::pair{request.stdout_fd, 1}, std::pair{request.stderr_fd, 2}}) {
    if (from >= 0) {
      posix_spawn_file_actions_adddup2(&actions, from, to);
    } else {
      posix_spawn_file_actions_addopen(&actions, to, "/dev/null", O_WRONLY, 0);
    }
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  if (!request.cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions, request.cwd.c_str());

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup free_attributes = [&] { posix_spawnattr_destroy(&attributes); };
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> argv;
  argv.reserve(request.argv.size() + 1);
  for (const std::string& a : request.argv) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);

  pid_t pid = 0;
  const int error = request.env.empty() ? posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ)
                                        : posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(),
                                                       MergedEnvironment(request.env).data());
  if (error != 0) return SpawnError(error, request);

  // Safe although the process may have ended: it is not reaped before we do it, so the pid cannot be another's.
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const int why = errno;
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return SpawnError(why, request);
  }
  fcntl(pidfd, F_SETFD, FD_CLOEXEC);
  return Spawned{pid, pidfd};
}

}  // namespace assay
