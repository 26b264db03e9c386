#include "agent/clients/grpc_reflection.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grpcpp/generic/generic_stub.h>

#include <array>
#include <set>
#include <vector>

#include "assay/v1/reflection.pb.h"
#include "common/clock.h"
#include "common/grpc_words.h"
#include "common/nearest_name.h"

namespace assay {
namespace {

constexpr int64_t kAskNs = 10'000'000'000;
constexpr int64_t kStopLookNs = 50'000'000;
constexpr size_t kShownServices = 10;

// One conversation with a server about what it serves.
class Conversation {
 public:
  Conversation(grpc::Channel& channel, const char* version, const std::atomic<bool>& stopping)
      : stopping_(stopping), until_ns_(MonotonicNs() + kAskNs) {
    // Shares the channel, but not its ownership.
    grpc::GenericStub stub(std::shared_ptr<grpc::Channel>(std::shared_ptr<void>(), &channel));
    stream_ = stub.PrepareCall(
        &context_, fmt::format("/grpc.reflection.{}.ServerReflection/ServerReflectionInfo", version), &queue_);
    stream_->StartCall(this);
    going_ = Wait();
  }

  ~Conversation() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) continue;
  }

  // The answer, or nullopt where the conversation has ended; Ended() says why.
  std::optional<v1::ReflectionAnswer> Ask(const v1::ReflectionRequest& request) {
    const grpc::Slice slice(request.SerializeAsString());
    if (going_) stream_->Write(grpc::ByteBuffer(&slice, 1), this);
    going_ = going_ && Wait();
    grpc::ByteBuffer received;
    if (going_) stream_->Read(&received, this);
    going_ = going_ && Wait();
    grpc::Slice bytes;
    v1::ReflectionAnswer answer;
    if (!going_ || !received.DumpToSingleSlice(&bytes).ok() ||
        !answer.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())))
      return std::nullopt;
    return answer;
  }

  grpc::Status Ended() {
    if (out_of_time_) return {grpc::StatusCode::DEADLINE_EXCEEDED, "no answer within 10 s"};
    grpc::Status status;
    stream_->Finish(&status, this);
    if (!Wait() && out_of_time_) return {grpc::StatusCode::DEADLINE_EXCEEDED, "no answer within 10 s"};
    return status;
  }

 private:
  // Whether the step that was begun has succeeded. Looks up now and then, for the agent may want to go.
  bool Wait() {
    while (!out_of_time_) {
      void* tag = nullptr;
      bool ok = false;
      const auto until = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(kStopLookNs, GPR_TIMESPAN));
      if (queue_.AsyncNext(&tag, &ok, until) == grpc::CompletionQueue::GOT_EVENT) return ok;
      out_of_time_ = stopping_ || MonotonicNs() > until_ns_;
    }
    return false;
  }

  const std::atomic<bool>& stopping_;
  const int64_t until_ns_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool going_ = false;
  bool out_of_time_ = false;
};

absl::Status Refused(const grpc::Status& status) {
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED)
    return absl::UnimplementedError("it has no reflection; give the trigger 'descriptors'");
  return absl::UnavailableError(fmt::format("{}: {}; where it cannot be asked, give the trigger 'descriptors'",
                                            GrpcCodeName(static_cast<int>(status.error_code())),
                                            status.error_message()));
}

absl::Status NotThere(Conversation& conversation, const std::string& service) {
  v1::ReflectionRequest request;
  request.set_list_services("*");
  const std::optional<v1::ReflectionAnswer> answer = conversation.Ask(request);
  std::vector<std::string> known;
  if (answer) {
    for (const auto& one : answer->list_services_response().service()) known.push_back(one.name());
  }
  if (const std::optional<std::string> nearest = NearestName(service, known))
    return absl::NotFoundError(fmt::format("it has no service {}; did you mean {}?", service, *nearest));
  if (known.size() > kShownServices) known.resize(kShownServices);
  return absl::NotFoundError(fmt::format("it has no service {}; it has {}", service, fmt::join(known, ", ")));
}

void Add(const v1::ReflectionAnswer& answer, ProtoFiles& files, std::set<std::string>& names) {
  for (const std::string& bytes : answer.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    if (file.ParseFromString(bytes) && names.insert(file.name()).second) *files.add_file() = std::move(file);
  }
}

}  // namespace

absl::StatusOr<ProtoFiles> AskForFiles(grpc::Channel& channel, const std::string& service,
                                       const std::atomic<bool>& stopping) {
  v1::ReflectionRequest request;
  request.set_file_containing_symbol(service);
  auto conversation = std::make_unique<Conversation>(channel, "v1", stopping);
  std::optional<v1::ReflectionAnswer> answer = conversation->Ask(request);
  if (!answer) {
    grpc::Status ended = conversation->Ended();
    if (ended.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      conversation = std::make_unique<Conversation>(channel, "v1alpha", stopping);
      answer = conversation->Ask(request);
      if (!answer) ended = conversation->Ended();
    }
    if (!answer) return Refused(ended);
  }
  if (answer->has_error_response()) return NotThere(*conversation, service);
  ProtoFiles files;
  std::set<std::string> names;
  Add(*answer, files, names);
  // Some servers send what a file imports along with it, others want to be asked.
  for (int i = 0; i < files.file_size(); ++i) {
    for (int j = 0; j < files.file(i).dependency_size(); ++j) {
      const std::string needed = files.file(i).dependency(j);
      if (names.contains(needed)) continue;
      request.set_file_by_filename(needed);
      answer = conversation->Ask(request);
      if (!answer) return Refused(conversation->Ended());
      Add(*answer, files, names);
    }
  }
  return files;
}

}  // namespace assay
