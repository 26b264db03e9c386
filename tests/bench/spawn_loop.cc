// The bare peer of exec triggers: posix_spawn and wait, so many at a time, nothing recorded.
//   spawn_loop COUNT CONCURRENCY PROGRAM [ARGUMENT...]      prints the seconds it took
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  const long count = argc > 3 ? std::atol(argv[1]) : 0;
  const long concurrency = argc > 3 ? std::atol(argv[2]) : 0;
  if (count < 1 || concurrency < 1) {
    std::fprintf(stderr, "usage: spawn_loop COUNT CONCURRENCY PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  long started = 0;
  long ended = 0;
  const auto begin = std::chrono::steady_clock::now();
  while (ended < count) {
    while (started < count && started - ended < concurrency) {
      pid_t pid = 0;
      const int error = posix_spawn(&pid, argv[3], nullptr, nullptr, argv + 3, environ);
      if (error != 0) {
        std::fprintf(stderr, "spawn_loop: cannot start %s: %s\n", argv[3], std::strerror(error));
        return 1;
      }
      ++started;
    }
    int status = 0;
    if (waitpid(-1, &status, 0) < 0) {
      if (errno == EINTR) continue;
      std::perror("spawn_loop: waitpid");
      return 1;
    }
    if (status != 0) {
      std::fprintf(stderr, "spawn_loop: %s ended with status %d\n", argv[3], status);
      return 1;
    }
    ++ended;
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  std::printf("%.6f\n", elapsed.count());
  return 0;
}
