#include "agent/links/results_link.h"

#include <fmt/format.h>
#include <google/protobuf/arena.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "agent/links/backoff.h"
#include "agent/links/notice.h"
#include "agent/loop/work_threads.h"
#include "assay/v1/agent.grpc.pb.h"
#include "common/clock.h"
#include "common/rpc.h"

namespace assay {
namespace {

using ResultsStream = grpc::ClientReaderWriter<v1::ResultsMessage, v1::Ack>;

constexpr auto kIdle = std::chrono::milliseconds(1000);
// A connection that serves only a part of the streams is given up now and then, to ask again for the rest.
constexpr int64_t kRefusedPartRetryNs = 60'000'000'000;

struct InFlight {
  std::string stream;
  uint64_t seq;
  uint64_t bytes;
};

}  // namespace

struct ResultsLink::State {
  State(std::shared_ptr<grpc::Channel> to, Spool& from, Options how)
      : channel(std::move(to)), spool(from), options(std::move(how)), thread([this] { Run(); }) {}

  void Run();
  void Connect();
  void Send(ResultsStream& stream);
  void Read(ResultsStream& stream);
  void Take(const v1::Ack& ack);
  void Refused(const std::string& stream, const std::string& reason);
  void Break();

  const std::shared_ptr<grpc::Channel> channel;
  Spool& spool;
  const Options options;

  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  // Of the present connection:
  grpc::ClientContext* context = nullptr;
  bool broken = false;
  int64_t refused_ns = 0;            // when some stream was: come back slowly
  bool progressed = false;           // something was acknowledged
  std::set<std::string> unanswered;  // streams of the hello that wait for their resume point
  std::string own_stream;            // this process's
  std::deque<InFlight> in_flight;
  uint64_t in_flight_bytes = 0;

  Notice notice;  // under mutex
  Backoff backoff;
  // Made once and not for each connection: triggers may have taken all room for threads by then.
  WorkThreads reader{{.name = "assay-acks"}};
  std::thread thread;
};

void ResultsLink::State::Run() {
  std::unique_lock lock(mutex);
  while (!stop) {
    lock.unlock();
    Connect();
    lock.lock();
    if (progressed) backoff.Reset();
    const auto wait = refused_ns != 0 ? std::chrono::milliseconds(options.refused_retry_ms) : backoff.Next();
    changed.wait_for(lock, wait, [&] { return stop; });
  }
}

void ResultsLink::State::Connect() {
  grpc::ClientContext call;
  v1::ResultsMessage hello;
  hello.mutable_hello()->set_protocol_version(kProtocolVersion);
  hello.mutable_hello()->set_agent(options.agent);
  hello.mutable_hello()->set_cluster_id(options.cluster_id);
  for (std::string& stream : spool.Offer()) hello.mutable_hello()->add_streams(std::move(stream));
  {
    std::lock_guard lock(mutex);
    if (stop) return;
    context = &call;
    broken = progressed = false;
    refused_ns = 0;
    unanswered = {hello.hello().streams().begin(), hello.hello().streams().end()};
    own_stream = unanswered.empty() ? "" : *hello.hello().streams().rbegin();
    in_flight.clear();
    in_flight_bytes = 0;
  }
  const auto stub = v1::AgentService::NewStub(channel);
  const auto stream = stub->Results(&call);
  if (stream->Write(hello)) {
    std::promise<void> read;
    reader.Post([&] {
      Read(*stream);
      read.set_value();
    });
    Send(*stream);
    call.TryCancel();
    read.get_future().wait();
  } else {
    call.TryCancel();
  }
  const grpc::Status status = stream->Finish();
  std::lock_guard lock(mutex);
  context = nullptr;
  if (stop || refused_ns != 0) return;
  const Spool::Undelivered left = spool.undelivered();
  // While nothing waits, the control link's word about the coordinator is enough. The reason changes from try to try.
  if (left.batches > 0 && notice.Due("waiting", MonotonicNs())) {
    spdlog::warn("results: the coordinator takes none at the moment ({}); {} batches wait in the spool",
                 ShortReason(status), left.batches);
  }
}

void ResultsLink::State::Send(ResultsStream& stream) {
  google::protobuf::Arena arena;
  while (true) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return stop || broken || in_flight_bytes < options.max_in_flight_bytes; });
      if (stop || broken) return;
      if (refused_ns != 0 && in_flight.empty() && MonotonicNs() - refused_ns > kRefusedPartRetryNs) return;
    }
    const auto next = spool.Next(kIdle);
    if (!next) continue;
    auto* message = google::protobuf::Arena::CreateMessage<v1::ResultsMessage>(&arena);
    if (!message->mutable_batch()->ParseFromString(next->bytes)) {
      // The spool checks what it reads: this would be a fault in the program, not in the file.
      spdlog::critical("results: batch {} of stream {} cannot be parsed", next->seq, next->stream);
      return;
    }
    {
      std::lock_guard lock(mutex);
      in_flight.push_back({next->stream, next->seq, next->bytes.size()});
      in_flight_bytes += next->bytes.size();
    }
    if (!stream.Write(*message)) return;
    arena.Reset();
  }
}

void ResultsLink::State::Read(ResultsStream& stream) {
  v1::Ack ack;
  while (stream.Read(&ack)) Take(ack);
  Break();
}

void ResultsLink::State::Take(const v1::Ack& ack) {
  if (!ack.refusal().empty()) return Refused(ack.stream(), ack.refusal());
  bool resume = false;
  {
    std::lock_guard lock(mutex);
    resume = unanswered.erase(ack.stream()) > 0;
  }
  if (resume) {
    const absl::Status status = spool.Resume(ack.stream(), ack.through_seq());
    if (!status.ok()) Refused(ack.stream(), std::string(status.message()));
    return;
  }
  spool.Acked(ack.stream(), ack.through_seq());
  {
    std::lock_guard lock(mutex);
    progressed = true;
    std::erase_if(in_flight, [&](const InFlight& sent) {
      if (sent.stream != ack.stream() || sent.seq > ack.through_seq()) return false;
      in_flight_bytes -= sent.bytes;
      return true;
    });
    if (notice.Clear()) spdlog::info("results: the coordinator takes them again");
  }
  changed.notify_all();
}

// Other streams go on; a refusal of all, or of this process's own stream, ends the connection, and another is tried
// later.
void ResultsLink::State::Refused(const std::string& stream, const std::string& reason) {
  const std::string directory = spool.Refused(stream);
  bool all = false;
  {
    std::lock_guard lock(mutex);
    refused_ns = MonotonicNs();
    all = stream.empty() || stream == own_stream;
    std::erase_if(in_flight, [&](const InFlight& sent) {
      if (sent.stream != stream) return false;
      in_flight_bytes -= sent.bytes;
      return true;
    });
    if (notice.Due(stream + reason, MonotonicNs())) {
      spdlog::error("results: {} not taken by the coordinator: {}",
                    stream.empty() ? "none are" : fmt::format("those in {} stay there,", directory), reason);
    }
  }
  if (all) return Break();
  changed.notify_all();
}

void ResultsLink::State::Break() {
  {
    std::lock_guard lock(mutex);
    broken = true;
    // A Write may be waiting for room; nothing will make it.
    if (context != nullptr) context->TryCancel();
  }
  changed.notify_all();
  spool.Wake();
}

ResultsLink::ResultsLink(std::shared_ptr<grpc::Channel> channel, Spool& spool, Options options)
    : state_(std::make_unique<State>(std::move(channel), spool, std::move(options))) {}

ResultsLink::~ResultsLink() { Stop(); }

void ResultsLink::Stop() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->Break();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace assay
