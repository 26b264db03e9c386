#ifndef ASSAY_TESTS_UNIT_AGENT_GRPC_FIXTURE_H_
#define ASSAY_TESTS_UNIT_AGENT_GRPC_FIXTURE_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "executor_fixture.h"

namespace assay {

// Something listens, but says nothing: the connection is there, and what gRPC agrees on over it is not.
class SilentPeer {
 public:
  SilentPeer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
    socklen_t length = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~SilentPeer() { close(listener_); }
  SilentPeer(const SilentPeer&) = delete;
  SilentPeer& operator=(const SilentPeer&) = delete;

  const std::string& Address() const { return address_; }

 private:
  const int listener_;
  std::string address_;
};

// Shares of calls to the tests' echo service, each with a run id of its own.
class GrpcTest : public ExecutorTest {
 protected:
  v1::ShareSpec Spec(const std::string& target, uint64_t count = 1, uint32_t slots = 1) {
    v1::ShareSpec spec = SleepSpec(++runs_, count, slots, 0);
    v1::GrpcTrigger& grpc = *spec.mutable_trigger()->mutable_grpc();
    grpc.set_target(target);
    grpc.set_method("assay.test.Echo/Call");
    return spec;
  }

  v1::ShareSpec JsonSpec(const std::string& target, const std::string& json, uint64_t count = 1, uint32_t slots = 1) {
    v1::ShareSpec spec = Spec(target, count, slots);
    spec.mutable_trigger()->mutable_grpc()->set_json(json);
    return spec;
  }

  v1::TriggerRecord One(const v1::ShareSpec& spec) {
    const Written written = Execute(spec);
    EXPECT_EQ(written.triggers.size(), 1U);
    return written.triggers.empty() ? v1::TriggerRecord() : written.triggers.front();
  }

  int64_t runs_ = 0;
};

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_AGENT_GRPC_FIXTURE_H_
