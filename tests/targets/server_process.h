#ifndef ASSAY_TESTS_TARGETS_SERVER_PROCESS_H_
#define ASSAY_TESTS_TARGETS_SERVER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace assay {

// A server that Debian ships, on a free port of loopback; killed at the end, also that of the test that started it.
class ServerProcess {
 public:
  // "PORT" in the words becomes the port. Returns once it takes connections.
  explicit ServerProcess(const std::vector<std::string>& words);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  int port() const { return port_; }  // 0: it could not be started

 private:
  pid_t pid_ = -1;
  int port_ = 0;
};

}  // namespace assay

#endif  // ASSAY_TESTS_TARGETS_SERVER_PROCESS_H_
