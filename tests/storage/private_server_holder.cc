// Starts a private server on the directory of its argument, writes "pid cgroup url" and waits to be killed: for
// private_server_test.
#include <unistd.h>

#include <cstdio>

#include "storage/private_server.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto server = assay::PrivateServer::Start(argv[1]);
  if (!server.ok()) {
    std::printf("error %s\n", server.status().ToString().c_str());
    return 1;
  }
  std::printf("%d %s %s\n", (*server)->pid(), (*server)->cgroup().c_str(), (*server)->url().c_str());
  std::fflush(stdout);
  while (true) pause();
}
