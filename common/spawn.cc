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

// Only a name without a slash is looked for in PATH.
std::string Reason(int error, const std::string& program) {
  if (error != ENOENT) return std::strerror(error);
  return program.find('/') == std::string::npos ? "no such program in PATH" : "no such file, or no interpreter for it";
}

absl::Status SpawnError(int error, const SpawnRequest& request) {
  const std::string what =
      error == ENOENT && !request.cwd.empty()
          ? fmt::format("cannot start '{}': no such program, or no directory '{}'", request.argv[0], request.cwd)
          : fmt::format("cannot start '{}': {}", request.argv[0], Reason(error, request.argv[0]));
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
  // Opened once for all: we are blocked while the child sets itself up.
  static const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const auto& [from, to] :
       {std::pair{request.stdin_fd, 0}, std::pair{request.stdout_fd, 1}, std::pair{request.stderr_fd, 2}}) {
    posix_spawn_file_actions_adddup2(&actions, from >= 0 ? from : nowhere, to);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  if (!request.cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions, request.cwd.c_str());

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup free_attributes = [&] { posix_spawnattr_destroy(&attributes); };
  sigset_t none;
  sigemptyset(&none);
  // Handlers do not survive an exec, only an ignored signal does; these are the ones that programs or their parents
  // (nohup) ignore. All 64 would cost 64 system calls in each child.
  sigset_t ignorable;
  sigemptyset(&ignorable);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU,
                           SIGUSR1, SIGUSR2, SIGXFSZ}) {
    sigaddset(&ignorable, signal);
  }
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &ignorable);
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
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));  // close-on-exec by itself
  if (pidfd < 0) {
    const int why = errno;
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return SpawnError(why, request);
  }
  return Spawned{pid, pidfd};
}

}  // namespace assay
