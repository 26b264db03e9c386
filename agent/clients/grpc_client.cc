#include "agent/clients/grpc_client.h"

#include <fmt/format.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>

#include "agent/clients/grpc_reflection.h"
#include "common/clock.h"
#include "common/nanoseconds.h"
#include "common/start_thread.h"
#include "common/units.h"

namespace assay {
namespace {

// A first SYN that is lost is sent again after a second. Who has not answered by then is not waited for any longer:
// a run of a target that hangs should begin, and show it.
constexpr int64_t kConnectNs = 2'000'000'000;
constexpr int64_t kLookNs = 50'000'000;  // how often it is looked whether the client is going
constexpr int kMaxMessageBytes = 64 << 20;
constexpr int kMinBackoffMs = 100;
constexpr int kMaxBackoffMs = 1'000;
constexpr int kConnectTimeoutMs = 5'000;

gpr_timespec MonotonicIn(int64_t ns) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(ns, GPR_TIMESPAN));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const GrpcTarget& target) {
  if (!target.tls) return grpc::InsecureChannelCredentials();
  if (!target.verify_tls) {
    grpc::experimental::TlsChannelCredentialsOptions options;
    options.set_verify_server_certs(false);
    options.set_check_call_host(false);
    options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
    return grpc::experimental::TlsCredentials(options);
  }
  grpc::SslCredentialsOptions options;
  if (!target.ca_file.empty()) {
    std::ifstream file(target.ca_file, std::ios::binary);
    options.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || options.pem_root_certs.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("cannot read the certificates of tls.ca, {}: {}", target.ca_file, std::strerror(errno)));
    }
  }
  return grpc::SslCredentials(options);
}

std::shared_ptr<grpc::Channel> MakeTargetChannel(const GrpcTarget& target,
                                                 const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments args;
  // What is measured must not share a connection with another channel of this process, nor keep one of an earlier run.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A call that gRPC sends again would be two for the target and one here.
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinBackoffMs);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxBackoffMs);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);  // how long a connection may take
  args.SetMaxReceiveMessageSize(kMaxMessageBytes);
  args.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(target.address, credentials, args);
}

grpc::Slice SliceOf(const std::shared_ptr<const std::string>& message) {
  if (message->empty()) return {};
  // gRPC may hold it longer than the call lasts.
  return {const_cast<char*>(message->data()), message->size(),  // NOLINT(cppcoreguidelines-pro-type-const-cast)
          [](void* holder) { delete static_cast<std::shared_ptr<const std::string>*>(holder); },
          new std::shared_ptr<const std::string>(message)};
}

}  // namespace

struct GrpcClient::State {
  struct Call {
    std::optional<grpc::ClientContext> context;  // one call each: gRPC does not let it be used again
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    grpc::ByteBuffer received;
    grpc::Status status;
    GrpcAnswer answer;
    int64_t timeout_ns = 0;
    std::function<void(GrpcAnswer&&)> ended;  // empty: idle
  };

  explicit State(EventLoop& on) : loop(on) {}

  ~State() {
    stopping = true;
    for (const std::unique_ptr<Call>& call : calls) {
      if (call->ended) call->context->TryCancel();
    }
    queue.Shutdown();
    if (thread.joinable()) thread.join();
    calls.clear();
  }

  // On the thread.
  void WaitUntilConnected() {
    const int64_t until_ns = MonotonicNs() + kConnectNs;
    for (const auto& channel : channels) {
      while (!stopping && MonotonicNs() < until_ns) {
        const grpc_connectivity_state now = channel->GetState(/*try_to_connect=*/true);
        if (now == GRPC_CHANNEL_READY || now == GRPC_CHANNEL_TRANSIENT_FAILURE) break;
        channel->WaitForStateChange(now, MonotonicIn(kLookNs));
      }
    }
  }

  absl::Status MakeReady(const std::string& address, const std::function<absl::Status(const Describe&)>& also) {
    for (const auto& channel : channels) channel->GetState(/*try_to_connect=*/true);
    WaitUntilConnected();
    const auto pending = std::count_if(channels.begin(), channels.end(), [](const auto& channel) {
      return channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_CONNECTING;
    });
    if (pending > 0 && !stopping) {
      spdlog::warn(
          "grpc: {} of {} connections to {} do not stand after {}: it accepts, or drops, and says nothing; "
          "calls go on waiting for them",
          pending, channels.size(), address, FormatDuration(kConnectNs));
    }
    return also([this](const std::string& service) { return AskForFiles(*channels.front(), service, stopping); });
  }

  void Serve() {
    void* tag = nullptr;
    for (bool ok = false; queue.Next(&tag, &ok);) {
      auto* const call = static_cast<Call*>(tag);
      call->answer.finished_ns = MonotonicNs();
      bool first = false;
      {
        const std::lock_guard lock(mutex);
        first = over.empty();
        over.push_back(call);
      }
      // One wake-up for all that end until the loop comes to it.
      if (first) {
        loop.Post([this, alive = std::weak_ptr<bool>(alive)] {
          if (!alive.expired()) TellEnded();
        });
      }
    }
  }

  void TellEnded() {
    std::vector<Call*> ended;
    {
      const std::lock_guard lock(mutex);
      ended.swap(over);
    }
    const std::weak_ptr<bool> still_here = alive;
    for (Call* call : ended) {
      End(*call);
      if (still_here.expired()) return;
    }
  }

  void End(Call& call) {
    GrpcAnswer answer = std::move(call.answer);
    answer.code = static_cast<int>(call.status.error_code());
    answer.message = call.status.error_message();
    answer.received_bytes = call.received.Length();
    // A server may give this code too, for a deadline of its own.
    answer.timed_out = call.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && call.timeout_ns > 0 &&
                       answer.finished_ns - answer.started_ns >= call.timeout_ns - kMs;
    const std::function<void(GrpcAnswer &&)> tell = std::exchange(call.ended, nullptr);
    call.reader.reset();
    call.context.reset();
    call.received.Clear();
    idle.push_back(&call);
    tell(std::move(answer));
  }

  Call& Take() {
    if (idle.empty()) {
      calls.push_back(std::make_unique<Call>());
      return *calls.back();
    }
    Call& call = *idle.back();
    idle.pop_back();
    return call;
  }

  EventLoop& loop;
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  std::vector<grpc::GenericStub> stubs;
  size_t next_stub = 0;
  std::vector<std::unique_ptr<Call>> calls;
  std::vector<Call*> idle;
  std::string path;  // of the last call: "/pkg.Service/Call"

  grpc::CompletionQueue queue;
  std::thread thread;
  std::atomic<bool> stopping = false;
  std::mutex mutex;
  std::vector<Call*> over;  // under mutex: to be told
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

GrpcClient::GrpcClient(EventLoop& loop) : state_(std::make_unique<State>(loop)) {}

GrpcClient::~GrpcClient() = default;

void GrpcClient::Connect(GrpcTarget target, std::function<absl::Status(const Describe&)> also,
                         const std::function<void(absl::Status)>& done) {
  State& state = *state_;
  const absl::Status started =
      StartThread(state.thread, [&state, target = std::move(target), also = std::move(also), done, loop = &state.loop] {
        pthread_setname_np(pthread_self(), "assay-grpc");
        const auto credentials = Credentials(target);
        absl::Status ready = credentials.status();
        if (ready.ok()) {
          for (size_t i = 0; i < target.connections; ++i)
            state.channels.push_back(MakeTargetChannel(target, *credentials));
          for (const auto& channel : state.channels) state.stubs.emplace_back(channel);
          ready = state.MakeReady(target.address, also);
        }
        loop->Post([alive = std::weak_ptr<bool>(state.alive), done, ready] {
          if (!alive.expired()) done(ready);
        });
        state.Serve();
      });
  if (!started.ok()) done(started);
}

void GrpcClient::Start(const GrpcRequest& request, std::function<void(GrpcAnswer&&)> ended) {
  State::Call& call = state_->Take();
  call.ended = std::move(ended);
  call.status = grpc::Status();
  call.answer = GrpcAnswer();
  call.answer.sent_bytes = request.message->size();
  call.timeout_ns = request.timeout_ns;
  grpc::ClientContext& context = call.context.emplace();
  for (const auto& [name, value] : *request.metadata) context.AddMetadata(name, value);
  const grpc::Slice slice = SliceOf(request.message);
  const grpc::ByteBuffer message(&slice, 1);
  state_->path.assign("/").append(request.method);
  grpc::GenericStub& stub = state_->stubs[state_->next_stub++ % state_->stubs.size()];
  call.answer.started_ns = MonotonicNs();
  if (request.timeout_ns > 0) context.set_deadline(MonotonicIn(request.timeout_ns));
  call.reader = stub.PrepareUnaryCall(&context, state_->path, message, &state_->queue);
  call.reader->StartCall();
  call.reader->Finish(&call.received, &call.status, &call);
}

void GrpcClient::CancelAll() {
  for (const std::unique_ptr<State::Call>& call : state_->calls) {
    if (!call->ended) continue;
    call->answer.cancelled = true;
    call->context->TryCancel();
  }
}

}  // namespace assay
