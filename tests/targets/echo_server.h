#ifndef ASSAY_TESTS_TARGETS_ECHO_SERVER_H_
#define ASSAY_TESTS_TARGETS_ECHO_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tests/targets/echo.pb.h"

namespace assay {

// echo.proto's service on a port of loopback, with or without TLS and reflection.
class EchoServer {
 public:
  struct Options {
    int port = 0;  // 0: any free one
    bool reflection = true;
    int streams = 0;          // of one connection at once; 0: any number
    std::string certificate;  // PEM; empty: no TLS
    std::string key;
    std::function<void(const test::EchoAnswer&)> seen = nullptr;  // every call, on threads of the server's
  };
  explicit EchoServer(Options options);
  ~EchoServer();  // ends what is in flight

  int port() const;
  std::string Address(const std::string& host = "127.0.0.1") const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assay

#endif  // ASSAY_TESTS_TARGETS_ECHO_SERVER_H_
