#include "cli/control_client.h"

#include <fmt/format.h>

#include <chrono>
#include <mutex>

#include "assay/v1/control.grpc.pb.h"
#include "common/rpc.h"

namespace assay {
namespace {

// Long enough for a coordinator that is dropping a sweep of many rows; a coordinator that is not there fails at once.
constexpr std::chrono::seconds kCallDeadline(60);
// The user who cancels must not be kept waiting by a coordinator that hangs; the call is repeated anyway.
constexpr std::chrono::seconds kCancelDeadline(5);

absl::Status Explain(const grpc::Status& status, const std::string& address) {
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return absl::UnavailableError(
        fmt::format("cannot reach a coordinator at {}: {}; start one with assay-coordinator or use `assay up`", address,
                    ShortReason(status)));
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::DeadlineExceededError(
        fmt::format("the coordinator at {} does not answer; is it stopped or overloaded?", address));
  }
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::UnimplementedError(
        fmt::format("{} is not an Assay coordinator, or one of another version: {}", address, status.error_message()));
  }
  return FromGrpc(status);
}

}  // namespace

struct ControlClient::Rpc {
  std::unique_ptr<v1::ControlService::Stub> stub;
  std::mutex mutex;
  grpc::ClientContext* watching = nullptr;  // guarded by mutex
  bool stopped = false;                     // guarded by mutex

  template <typename Request, typename Reply>
  grpc::Status Call(grpc::Status (v1::ControlService::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                    const Request& request, Reply* reply, std::chrono::seconds deadline = kCallDeadline) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + deadline);
    return (stub.get()->*method)(&context, request, reply);
  }
};

ControlClient::ControlClient(std::string address) : address_(std::move(address)), rpc_(std::make_unique<Rpc>()) {
  rpc_->stub = v1::ControlService::NewStub(MakeChannel(address_));
}

ControlClient::~ControlClient() = default;

absl::StatusOr<v1::StartSweepReply> ControlClient::StartSweep(const v1::StartSweepRequest& request) {
  v1::StartSweepReply reply;
  const grpc::Status status = rpc_->Call(&v1::ControlService::Stub::StartSweep, request, &reply);
  if (!status.ok()) return Explain(status, address_);
  return reply;
}

absl::StatusOr<v1::ListSweepsReply> ControlClient::ListSweeps(std::chrono::seconds deadline) {
  v1::ListSweepsReply reply;
  const grpc::Status status =
      rpc_->Call(&v1::ControlService::Stub::ListSweeps, v1::ListSweepsRequest(), &reply, deadline);
  if (!status.ok()) return Explain(status, address_);
  return reply;
}

absl::Status ControlClient::CancelSweep(int64_t sweep_id, bool now) {
  v1::CancelSweepRequest request;
  request.set_sweep_id(sweep_id);
  request.set_now(now);
  v1::CancelSweepReply reply;
  return Explain(rpc_->Call(&v1::ControlService::Stub::CancelSweep, request, &reply, kCancelDeadline), address_);
}

absl::Status ControlClient::RemoveSweep(int64_t sweep_id) {
  v1::RemoveSweepRequest request;
  request.set_sweep_id(sweep_id);
  v1::RemoveSweepReply reply;
  return Explain(rpc_->Call(&v1::ControlService::Stub::RemoveSweep, request, &reply), address_);
}

absl::StatusOr<v1::ViewRows> ControlClient::ReadView(int64_t sweep_id, const std::string& view, uint32_t max_rows) {
  // No deadline, as for an export.
  grpc::ClientContext context;
  v1::ReadViewRequest request;
  request.set_sweep_id(sweep_id);
  request.set_view(view);
  request.set_max_rows(max_rows);
  const auto reader = rpc_->stub->ReadView(&context, request);
  v1::ViewRows whole;
  for (v1::ViewRows part; reader->Read(&part);) whole.MergeFrom(part);
  if (const grpc::Status status = reader->Finish(); !status.ok()) return Explain(status, address_);
  return whole;
}

absl::StatusOr<v1::ListAgentsReply> ControlClient::ListAgents(const v1::ListAgentsRequest& request) {
  v1::ListAgentsReply reply;
  const grpc::Status status = rpc_->Call(&v1::ControlService::Stub::ListAgents, request, &reply);
  if (!status.ok()) return Explain(status, address_);
  return reply;
}

absl::Status ControlClient::Export(const v1::ExportRequest& request,
                                   const std::function<absl::Status(const v1::ExportChunk&)>& take) {
  // No deadline: a large table takes as long as it takes; keepalive finds a dead peer.
  grpc::ClientContext context;
  const auto reader = rpc_->stub->Export(&context, request);
  absl::Status taken;
  for (v1::ExportChunk chunk; reader->Read(&chunk);) {
    if (!taken.ok()) continue;
    taken = take(chunk);
    if (!taken.ok()) context.TryCancel();
  }
  const grpc::Status status = reader->Finish();
  return taken.ok() ? Explain(status, address_) : taken;
}

absl::StatusOr<v1::SweepProgress> ControlClient::Progress(int64_t sweep_id) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
  v1::WatchSweepRequest request;
  request.set_sweep_id(sweep_id);
  const auto reader = rpc_->stub->WatchSweep(&context, request);
  v1::SweepProgress whole;
  google::protobuf::RepeatedPtrField<v1::RunResult> results;
  bool read = false;
  for (v1::SweepProgress part; reader->Read(&part);) {
    if (read) continue;
    results.MergeFrom(part.results());
    if (part.more()) continue;
    whole = part;
    whole.mutable_results()->Swap(&results);
    read = true;
    context.TryCancel();
  }
  const grpc::Status status = reader->Finish();
  if (read) return whole;
  return status.ok()
             ? absl::InternalError(fmt::format("the coordinator at {} said nothing about sweep {}", address_, sweep_id))
             : Explain(status, address_);
}

absl::Status ControlClient::Watch(int64_t sweep_id, const std::function<bool(v1::SweepProgress)>& take) {
  grpc::ClientContext context;
  {
    const std::lock_guard lock(rpc_->mutex);
    if (rpc_->stopped) return absl::CancelledError("stopped");
    rpc_->watching = &context;
  }
  v1::WatchSweepRequest request;
  request.set_sweep_id(sweep_id);
  const auto reader = rpc_->stub->WatchSweep(&context, request);
  bool more = true;
  for (v1::SweepProgress progress; reader->Read(&progress);) {
    if (!more) continue;
    more = take(std::move(progress));
    progress.Clear();
    if (!more) context.TryCancel();
  }
  const grpc::Status status = reader->Finish();
  const std::lock_guard lock(rpc_->mutex);
  rpc_->watching = nullptr;
  if (rpc_->stopped) return absl::CancelledError("stopped");
  return more ? Explain(status, address_) : absl::OkStatus();
}

void ControlClient::StopWatching() {
  const std::lock_guard lock(rpc_->mutex);
  rpc_->stopped = true;
  if (rpc_->watching != nullptr) rpc_->watching->TryCancel();
}

}  // namespace assay
