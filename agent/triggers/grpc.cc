// The gRPC trigger: one unary call per trigger, on connections that are opened before T0.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/clients/grpc_client.h"
#include "agent/clients/json_encoder.h"
#include "agent/clients/proto_methods.h"
#include "agent/triggers/trigger_kind.h"
#include "common/built_in_names.h"
#include "common/clock.h"
#include "common/grpc_words.h"
#include "common/host_port.h"
#include "common/template.h"
#include "common/units.h"
#include "common/utf8.h"

namespace assay {
namespace {

bool HasIndex(const std::string& text) {
  const std::vector<std::string> names = TemplateNames(text);
  return std::find(names.begin(), names.end(), "index") != names.end();
}

class GrpcTrigger final : public TriggerKind {
 public:
  explicit GrpcTrigger(TriggerContext context)
      : context_(std::move(context)),
        grpc_(context_.spec.trigger().grpc()),
        names_{.agent = context_.agent_name,
               .run_id = context_.spec.run_id(),
               .block = context_.spec.block(),
               .target = context_.spec.target()},
        target_(names_.Expand(grpc_.target())),
        json_differs_(HasIndex(grpc_.json())),
        metadata_differs_(std::any_of(grpc_.metadata().begin(), grpc_.metadata().end(),
                                      [](const auto& entry) { return HasIndex(entry.second); })),
        client_(context_.loop) {}

  // A server that cannot be reached is a finding about the target, and becomes rows; but one that has to be asked what
  // its messages look like must answer.
  void Prepare(std::function<void(absl::Status)> done) override {
    if (absl::Status valid = Validate(); !valid.ok()) return done(valid);
    request_.method = grpc_.method();
    request_.timeout_ns = context_.spec.trigger().timeout_ns();
    request_.metadata = Metadata(context_.spec.first_index());
    client_.Connect(
        {.address = target_,
         .tls = grpc_.tls(),
         .verify_tls = !grpc_.insecure(),
         .ca_file = grpc_.ca_file(),
         .connections = std::max(1U, grpc_.connections())},
        [this](const GrpcClient::Describe& describe) { return MakeMessage(describe); },
        [this, done = std::move(done)](const absl::Status& made) {
          done(made.ok() ? made
                         : absl::Status(made.code(), fmt::format("agent '{}': grpc trigger: {}", context_.agent_name,
                                                                 std::string(made.message()))));
        });
  }

  void Fire(v1::TriggerRecord&& record) override {
    GrpcRequest request = request_;
    if (metadata_differs_) request.metadata = Metadata(record.index());
    if (json_differs_) {
      absl::StatusOr<std::string> message = encoder_->Encode(names_.Expand(grpc_.json(), record.index()));
      if (!message.ok()) return NotSent(std::move(record), std::string(message.status().message()));
      request.message = std::make_shared<const std::string>(*std::move(message));
    }
    client_.Start(request, [this, record = std::move(record)](GrpcAnswer&& answer) mutable {
      End(std::move(record), std::move(answer));
    });
  }

  void CancelAll(int64_t /*grace_ns*/) override { client_.CancelAll(); }

 private:
  absl::Status Validate() const {
    const auto bad = [](std::string what) { return absl::InvalidArgumentError("grpc trigger: " + std::move(what)); };
    if (!IsGrpcMethod(grpc_.method())) return bad(fmt::format("'{}' is not package.Service/Call", grpc_.method()));
    if (!target_.starts_with("unix:")) {
      if (const absl::Status valid = CheckHostPort(target_); !valid.ok())
        return bad(fmt::format("target: {}", std::string(valid.message())));
    }
    for (const auto& [name, value] : grpc_.metadata()) {
      if (const std::string wrong = WrongGrpcMetadata(name, names_.Expand(value, context_.spec.first_index()));
          !wrong.empty())
        return bad("metadata: " + wrong);
    }
    if (context_.max_sockets > 0 && grpc_.connections() > context_.max_sockets) {
      return absl::ResourceExhaustedError(fmt::format(
          "agent '{}' is asked for {} connections, but this host's limits allow {}; raise 'ulimit -n' there, or lower "
          "'connections'",
          context_.agent_name, grpc_.connections(), context_.max_sockets));
    }
    return absl::OkStatus();
  }

  std::shared_ptr<const GrpcMetadata> Metadata(uint64_t index) const {
    GrpcMetadata metadata;
    for (const auto& [name, value] : grpc_.metadata()) metadata.emplace_back(name, names_.Expand(value, index));
    return std::make_shared<const GrpcMetadata>(std::move(metadata));
  }

  // On the client's thread, before any Fire. Where the JSON differs from trigger to trigger the first one is tried.
  absl::Status MakeMessage(const GrpcClient::Describe& describe) {
    if (grpc_.has_json() || !grpc_.descriptors().empty()) {
      if (absl::Status found = FindMethod(describe); !found.ok()) return found;
    }
    absl::StatusOr<std::string> message = grpc_.raw();
    if (grpc_.has_json()) message = encoder_->Encode(names_.Expand(grpc_.json(), context_.spec.first_index()));
    if (!message.ok()) {
      return absl::Status(message.status().code(),
                          fmt::format("json of {}: {}", grpc_.method(), std::string(message.status().message())));
    }
    request_.message = std::make_shared<const std::string>(*std::move(message));
    return absl::OkStatus();
  }

  absl::Status FindMethod(const GrpcClient::Describe& describe) {
    const bool from_file = !grpc_.descriptors().empty();
    absl::StatusOr<ProtoFiles> files =
        from_file ? ReadProtoFiles(grpc_.descriptors()) : describe(grpc_.method().substr(0, grpc_.method().find('/')));
    if (!files.ok()) {
      const std::string why(files.status().message());
      return absl::Status(files.status().code(),
                          from_file ? why : fmt::format("asked by reflection, {}: {}", target_, why));
    }
    methods_ = std::make_unique<ProtoMethods>(
        *std::move(files), from_file ? "descriptors " + grpc_.descriptors() : "the reflection of " + target_);
    const auto method = methods_->FindUnary(grpc_.method());
    if (!method.ok()) return method.status();
    encoder_ = std::make_unique<JsonEncoder>(*(*method)->input_type());
    return absl::OkStatus();
  }

  void NotSent(v1::TriggerRecord&& record, std::string why) {
    record.set_planned_ns(-1);
    record.set_cpu_ns(-1);
    record.set_started_ns(MonotonicNs());
    record.set_finished_ns(record.started_ns());
    record.set_outcome(v1::FAILED);
    record.set_error(fmt::format("not sent: {}", why));
    context_.ended(std::move(record));
  }

  void End(v1::TriggerRecord&& record, GrpcAnswer&& answer) {
    record.set_planned_ns(-1);
    record.set_cpu_ns(-1);
    record.set_started_ns(answer.started_ns);
    record.set_finished_ns(answer.finished_ns);
    record.set_status(answer.code);
    record.set_sent_bytes(answer.sent_bytes);
    record.set_received_bytes(answer.received_bytes);
    const auto expected = static_cast<int>(grpc_.expect_code());
    if (answer.code == expected && !answer.cancelled) {
      record.set_outcome(v1::OK);
    } else if (answer.cancelled && answer.code != 0) {
      record.set_outcome(v1::CANCELLED);
      record.set_error("cancelled");
    } else if (answer.timed_out) {
      record.set_outcome(v1::TIMEOUT);
      record.set_error(fmt::format("took longer than {}", FormatDuration(request_.timeout_ns)));
    } else if (answer.code == 0) {
      record.set_outcome(expected == 0 ? v1::OK : v1::FAILED);
      if (expected != 0) record.set_error(fmt::format("OK, but {} was expected", GrpcCodeName(expected)));
    } else {
      record.set_outcome(v1::FAILED);
      record.set_error(fmt::format("{}: {}", GrpcCodeName(answer.code), ValidText(answer.message)));
    }
    context_.ended(std::move(record));
  }

  TriggerContext context_;
  const v1::GrpcTrigger& grpc_;
  const BuiltInNames names_;
  const std::string target_;
  const bool json_differs_;
  const bool metadata_differs_;
  GrpcRequest request_;                    // what all triggers have in common
  std::unique_ptr<ProtoMethods> methods_;  // null where nothing has to be encoded
  std::unique_ptr<JsonEncoder> encoder_;
  GrpcClient client_;  // last: its thread uses the others
};

}  // namespace

// Registered in registry.cc.
std::unique_ptr<TriggerKind> MakeGrpcTrigger(TriggerContext context);
std::unique_ptr<TriggerKind> MakeGrpcTrigger(TriggerContext context) {
  return std::make_unique<GrpcTrigger>(std::move(context));
}

}  // namespace assay
