#include "mock/echo_service.h"

#include <fmt/format.h>
#include <grpcpp/alarm.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "assay/mock/v1/echo.grpc.pb.h"

namespace assay {
namespace {

// Ends a call when its time has come, or when the caller goes.
class LateAnswer final : public grpc::ServerUnaryReactor {
 public:
  LateAnswer(int64_t delay_ns, grpc::Status status) : status_(std::move(status)) {
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::microseconds((delay_ns + 999) / 1000),
               [this](bool /*due*/) { Finish(status_); });
  }
  void OnCancel() override { alarm_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  const grpc::Status status_;
  grpc::Alarm alarm_;
};

class EchoService final : public mock::v1::Echo::CallbackService {
 public:
  EchoService(int64_t delay_ns, Faults& faults, Counters& counters)
      : delay_ns_(delay_ns), faults_(faults), counters_(counters) {}

  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* context, const mock::v1::EchoMessage* request,
                                 mock::v1::EchoMessage* response) override {
    counters_.Count(Route::kGrpcEcho);
    const bool refused = faults_.RefusesNext();
    if (refused) counters_.CountError();
    const grpc::Status status =
        refused ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "refused on purpose (--error-rate)") : grpc::Status::OK;
    *response = *request;
    const int64_t wait_ns = faults_.StallLeftNs() + (refused ? 0 : delay_ns_);
    if (wait_ns > 0) return new LateAnswer(wait_ns, status);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }

 private:
  const int64_t delay_ns_;
  Faults& faults_;
  Counters& counters_;
};

}  // namespace

struct EchoServer::State {
  State(const Options& options, Faults& faults, Counters& counters) : service(options.delay_ns, faults, counters) {}

  EchoService service;
  std::unique_ptr<grpc::Server> server;
  std::string address;
};

EchoServer::EchoServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
// At once: calls that wait are cancelled, which ends their alarms.
EchoServer::~EchoServer() { state_->server->Shutdown(std::chrono::system_clock::now()); }
const std::string& EchoServer::address() const { return state_->address; }

absl::StatusOr<std::unique_ptr<EchoServer>> EchoServer::Start(const Options& options, Faults& faults,
                                                              Counters& counters) {
  auto state = std::make_unique<State>(options, faults, counters);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  // Another server on the same port must be an error, not share it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  int port = 0;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&state->service);
  state->server = builder.BuildAndStart();
  if (state->server == nullptr || port == 0) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot listen on {} (--grpc-listen): the port is in use, or the address is not this host's; "
                    "choose another, or port 0 for any",
                    options.listen));
  }
  state->address = fmt::format("{}:{}", options.listen.substr(0, options.listen.rfind(':')), port);
  return std::unique_ptr<EchoServer>(new EchoServer(std::move(state)));
}

}  // namespace assay
