// grpc_echo_server: the echo service for end-to-end tests and measurements. Prints its port, and serves until its
// standard input ends.
#include <unistd.h>

#include <cstdio>

#include "tests/targets/echo_server.h"

int main() {
  const assay::EchoServer server({});
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  char ignored = 0;
  while (read(STDIN_FILENO, &ignored, 1) > 0) continue;
  return server.port() == 0 ? 1 : 0;
}
