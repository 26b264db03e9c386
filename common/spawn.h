#ifndef ASSAY_COMMON_SPAWN_H_
#define ASSAY_COMMON_SPAWN_H_

#include <absl/status/statusor.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace assay {

// A process to start: posix_spawn, no shell, a process group of its own, default signals, and no descriptor of ours but
// the three given. (gRPC opens sockets without close-on-exec, so the child closes everything above 2 itself.)
struct SpawnRequest {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::vector<std::string> env;   // "K=V", on top of this process's environment; a later one wins
  std::string cwd;                // empty: ours
  int stdin_fd = -1;              // -1: /dev/null
  int stdout_fd = -1;
  int stderr_fd = -1;
};

struct Spawned {
  pid_t pid;
  int pidfd;  // readable once the process has ended; the caller closes it
};

// Errors name the program: NotFound (no such program or directory), PermissionDenied, ResourceExhausted (processes,
// descriptors or memory).
absl::StatusOr<Spawned> Spawn(const SpawnRequest& request);

}  // namespace assay

#endif  // ASSAY_COMMON_SPAWN_H_
