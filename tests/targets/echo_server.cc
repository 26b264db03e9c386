#include "tests/targets/echo_server.h"

#include <grpcpp/alarm.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <mutex>
#include <utility>

#include "tests/targets/echo.grpc.pb.h"

namespace assay {
namespace {

// Answers at once, later, or when the caller gives up.
class Call final : public grpc::ServerUnaryReactor {
 public:
  void Begin(uint32_t delay_ms, bool never, const grpc::Status& status) {
    status_ = status;
    if (never) return;
    if (delay_ms == 0) return End(status_);
    alarm_.Set(std::chrono::system_clock::now() + std::chrono::milliseconds(delay_ms), [this](bool) { End(status_); });
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }

 private:
  void End(const grpc::Status& status) {
    std::call_once(once_, [&] { Finish(status); });
  }

  grpc::Status status_;
  std::once_flag once_;
  grpc::Alarm alarm_;
};

class EchoService final : public test::Echo::CallbackService {
 public:
  explicit EchoService(std::function<void(const test::EchoAnswer&)> seen) : seen_(std::move(seen)) {}

  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* context, const test::EchoRequest* request,
                                 test::EchoAnswer* answer) override {
    *answer->mutable_request() = *request;
    for (const auto& [name, value] : context->client_metadata())
      (*answer->mutable_metadata())[{name.data(), name.size()}] = {value.data(), value.size()};
    if (seen_) seen_(*answer);
    auto* const call = new assay::Call();
    call->Begin(request->delay_ms(), request->never_answer(),
                {static_cast<grpc::StatusCode>(request->code()),
                 request->code() == 0 ? "" : request->text() + request->blob()});
    return call;
  }

 private:
  const std::function<void(const test::EchoAnswer&)> seen_;
};

// A process that is linked with gRPC's reflection has it in all its servers.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override { plugins->clear(); }
};

}  // namespace

struct EchoServer::State {
  std::unique_ptr<grpc::Service> service;
  int port = 0;
  std::unique_ptr<grpc::Server> server;
};

EchoServer::EchoServer(Options options) : state_(std::make_unique<State>()) {
  state_->service = std::make_unique<EchoService>(std::move(options.seen));
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (!options.certificate.empty()) {
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({options.key, options.certificate});
    credentials = grpc::SslServerCredentials(tls);
  }
  if (!options.reflection) builder.SetOption(std::make_unique<WithoutReflection>());
  if (options.streams > 0) builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.streams);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("127.0.0.1:" + std::to_string(options.port), credentials, &state_->port);
  builder.RegisterService(state_->service.get());
  state_->server = builder.BuildAndStart();
}

EchoServer::~EchoServer() {
  if (state_->server) state_->server->Shutdown(std::chrono::system_clock::now());
}

int EchoServer::port() const { return state_->port; }

std::string EchoServer::Address(const std::string& host) const { return host + ":" + std::to_string(state_->port); }

}  // namespace assay
