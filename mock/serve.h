#ifndef ASSAY_MOCK_SERVE_H_
#define ASSAY_MOCK_SERVE_H_

#include "mock/echo_service.h"
#include "mock/faults.h"
#include "mock/http_server.h"

namespace assay {

struct MockSettings {
  HttpServer::Options http;
  EchoServer::Options grpc;  // nowhere to listen: no gRPC
  Faults::Options faults;
};

// Serves on the calling thread until SIGINT, SIGTERM or SIGHUP: says on stdout where it listens, and at the end what
// was asked for. The exit code; what is wrong is told on stderr.
int ServeMock(const MockSettings& settings, bool json);

}  // namespace assay

#endif  // ASSAY_MOCK_SERVE_H_
