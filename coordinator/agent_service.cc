#include "coordinator/agent_service.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "assay/v1/agent.grpc.pb.h"
#include "common/clock.h"
#include "coordinator/stream_reactor.h"

namespace assay {
namespace {

class ControlReactor final : public StreamReactor<v1::Report, v1::Desired> {
 public:
  ControlReactor(grpc::CallbackServerContext* context, Coordinator& coordinator, uint64_t session)
      : StreamReactor(context), coordinator_(coordinator) {
    session_.id = session;
    session_.send = [handle = handle()](v1::Desired&& desired) { handle->Send(std::move(desired)); };
    Begin();
  }

 private:
  bool Take(v1::Report&& report) override {
    coordinator_.AgentReported(session_, std::move(report), SteadyWallNs());
    return true;
  }
  // Every message says all: only the newest counts. The welcome is said once and must survive.
  void Queue(std::deque<v1::Desired>& outbox, v1::Desired&& desired) override {
    if (!outbox.empty() && outbox.back().has_welcome() && !desired.has_welcome())
      *desired.mutable_welcome() = outbox.back().welcome();
    outbox.clear();
    outbox.push_back(std::move(desired));
  }
  void Gone() override { coordinator_.AgentGone(session_.id); }

  Coordinator& coordinator_;
  Coordinator::Session session_;
};

class ResultsReactor final : public StreamReactor<v1::ResultsMessage, v1::Ack> {
 public:
  ResultsReactor(grpc::CallbackServerContext* context, Ingest& ingest)
      : StreamReactor(context), ingest_(ingest), source_(std::make_shared<Ingest::Source>()) {
    source_->send = [handle = handle()](v1::Ack&& ack) { handle->Send(std::move(ack)); };
    source_->resume = [handle = handle()] { handle->Resume(); };
    source_->drop = [handle = handle()] { handle->Drop(); };
    Begin();
  }

 private:
  bool Take(v1::ResultsMessage&& message) override { return ingest_.Take(source_, std::move(message)); }
  // A later ack of a stream says all that an earlier one does.
  void Queue(std::deque<v1::Ack>& outbox, v1::Ack&& ack) override {
    const auto same =
        std::find_if(outbox.begin(), outbox.end(), [&](const v1::Ack& a) { return a.stream() == ack.stream(); });
    if (same != outbox.end()) {
      *same = std::move(ack);
    } else {
      outbox.push_back(std::move(ack));
    }
  }

  Ingest& ingest_;
  const std::shared_ptr<Ingest::Source> source_;
};

class AgentService final : public v1::AgentService::CallbackService {
 public:
  AgentService(Coordinator& coordinator, Ingest& ingest) : coordinator_(coordinator), ingest_(ingest) {}

  grpc::ServerBidiReactor<v1::Report, v1::Desired>* Control(grpc::CallbackServerContext* context) override {
    return new ControlReactor(context, coordinator_, ++last_session_);
  }
  grpc::ServerBidiReactor<v1::ResultsMessage, v1::Ack>* Results(grpc::CallbackServerContext* context) override {
    return new ResultsReactor(context, ingest_);
  }

 private:
  Coordinator& coordinator_;
  Ingest& ingest_;
  std::atomic<uint64_t> last_session_ = 0;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAgentService(Coordinator& coordinator, Ingest& ingest) {
  return std::make_unique<AgentService>(coordinator, ingest);
}

}  // namespace assay
