// The HTTP trigger: one request per trigger, on connections that are kept alive.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/clients/http/http_client.h"
#include "agent/triggers/trigger_kind.h"
#include "common/bounded_output.h"
#include "common/built_in_names.h"

namespace assay {
namespace {

constexpr size_t kMostAnswerBytes = 256 << 10;  // of one in which a remote id is looked for

class HttpTrigger final : public TriggerKind {
 public:
  explicit HttpTrigger(TriggerContext context)
      : context_(std::move(context)),
        http_(context_.spec.trigger().http()),
        names_{.agent = context_.agent_name,
               .run_id = context_.spec.run_id(),
               .block = context_.spec.block(),
               .target = context_.spec.target()},
        client_(context_.loop, context_.spec.slots()) {}

  // A host that cannot be reached is not looked for here: it is a finding about the target, and becomes rows.
  void Prepare(std::function<void(absl::Status)> done) override {
    if (http_.url().empty()) return done(absl::InvalidArgumentError("the HTTP trigger has no URL"));
    if (!http_.ca_file().empty() && access(http_.ca_file().c_str(), R_OK) != 0) {
      return done(absl::InvalidArgumentError(fmt::format("agent '{}': cannot read the certificates of tls.ca, {}: {}",
                                                         context_.agent_name, http_.ca_file(), std::strerror(errno))));
    }
    const uint64_t most = context_.spec.count() > 0 ? std::min<uint64_t>(context_.spec.count(), context_.spec.slots())
                                                    : context_.spec.slots();
    if (context_.max_sockets > 0 && most > context_.max_sockets) {
      return done(absl::ResourceExhaustedError(
          fmt::format("agent '{}' is asked for {} requests at once, but this host's limits allow {}; raise 'ulimit -n' "
                      "there, use more agents, or lower the requests in flight",
                      context_.agent_name, most, context_.max_sockets)));
    }
    done(absl::OkStatus());
  }

  void Fire(v1::TriggerRecord&& record) override {
    Flight& flight = Take();
    flight.record = std::move(record);
    if (context_.login && context_.login->number() != token_) {
      token_ = context_.login->number();
      same_ = SameForAll();
    }
    flight.token = token_;
    client_.Start(
        same_ ? same_ : Request(flight.record.index()),
        [this, &flight](int status, std::string_view bytes) {
          if (!Expected(status)) {
            flight.output.Append(bytes);
          } else if (context_.accepted) {
            flight.answer += bytes.substr(0, kMostAnswerBytes - flight.answer.size());
          }
        },
        [this, &flight](HttpResponse&& response) { End(flight, std::move(response)); });
  }

  void CancelAll(int64_t /*grace_ns*/) override { client_.CancelAll(); }

 private:
  // A trigger in flight; taken again and again, for a load of thousands a second allocates as little as it can.
  struct Flight {
    v1::TriggerRecord record;
    BoundedOutput output;  // of an answer that is not as expected
    std::string answer;    // as expected, where something follows it
    uint64_t token = 0;    // number of the one that it was sent with
  };

  std::shared_ptr<const HttpRequest> Request(uint64_t index) const {
    auto request = std::make_shared<HttpRequest>(RequestLike(http_));
    BuiltInNames::Others token;
    if (context_.login) token.emplace_back("token", context_.login->text());
    request->method = http_.method();
    request->url = names_.Expand(http_.url(), index);
    for (const auto& [name, value] : http_.headers())
      request->headers.push_back(fmt::format("{}: {}", name, names_.Expand(value, index, token)));
    request->body = names_.Expand(http_.body(), index);
    request->timeout_ns = context_.spec.trigger().timeout_ns();
    request->connect_timeout_ns = http_.connect_timeout_ns();
    request->first_byte_timeout_ns = http_.first_byte_timeout_ns();
    return request;
  }

  // Null where triggers differ: where the index is in it, that of two of them does.
  std::shared_ptr<const HttpRequest> SameForAll() const {
    const std::shared_ptr<const HttpRequest> first = Request(0);
    const std::shared_ptr<const HttpRequest> second = Request(1);
    const bool same = first->url == second->url && first->headers == second->headers && first->body == second->body;
    return same ? first : nullptr;
  }

  Flight& Take() {
    if (spare_.empty()) spare_.push_back(flights_.emplace_back(std::make_unique<Flight>()).get());
    Flight& flight = *spare_.back();
    spare_.pop_back();
    return flight;
  }

  bool Expected(int status) const {
    return std::any_of(http_.expect().begin(), http_.expect().end(), [status](const auto& range) {
      return status >= static_cast<int>(range.from()) && status <= static_cast<int>(range.to());
    });
  }

  void End(Flight& flight, HttpResponse&& response) {
    v1::TriggerRecord record = std::move(flight.record);
    const std::string answer = std::exchange(flight.answer, {});
    if (context_.login) context_.login->Answered(flight.token, response.status);
    if (flight.output.total_bytes() > 0) {
      record.set_output(flight.output.Text());
      record.set_output_bytes(flight.output.total_bytes());
      flight.output = BoundedOutput();
    }
    spare_.push_back(&flight);
    record.set_planned_ns(-1);
    record.set_cpu_ns(-1);
    record.set_started_ns(response.started_ns);
    record.set_finished_ns(response.finished_ns);
    if (response.status != 0) record.set_status(response.status);
    if (response.connected_ns >= 0) record.set_connected_ns(response.connected_ns);
    if (response.secured_ns >= 0) record.set_secured_ns(response.secured_ns);
    if (response.first_byte_ns >= 0) record.set_first_byte_ns(response.first_byte_ns);
    record.set_sent_bytes(response.sent_bytes);
    record.set_received_bytes(response.received_bytes);
    switch (response.end) {
      case HttpResponse::End::kAnswered:
        record.set_outcome(Expected(response.status) ? v1::OK : v1::FAILED);
        if (record.outcome() == v1::FAILED) record.set_error(fmt::format("answered with status {}", response.status));
        break;
      case HttpResponse::End::kFailed:
        record.set_outcome(v1::FAILED);
        record.set_error(std::move(response.error));
        break;
      case HttpResponse::End::kTimedOut:
        record.set_outcome(v1::TIMEOUT);
        record.set_error(std::move(response.error));
        break;
      case HttpResponse::End::kCancelled:
        record.set_outcome(v1::CANCELLED);
        record.set_error("cancelled");
        break;
    }
    if (context_.accepted && record.outcome() == v1::OK) return context_.accepted(std::move(record), answer);
    context_.ended(std::move(record));
  }

  TriggerContext context_;
  const v1::HttpTrigger& http_;
  const BuiltInNames names_;
  std::shared_ptr<const HttpRequest> same_ = SameForAll();
  uint64_t token_ = 0;  // number of the one in same_
  std::vector<std::unique_ptr<Flight>> flights_;
  std::vector<Flight*> spare_;
  HttpClient client_;  // last: it drops what is in flight
};

}  // namespace

// Registered in registry.cc.
std::unique_ptr<TriggerKind> MakeHttpTrigger(TriggerContext context);
std::unique_ptr<TriggerKind> MakeHttpTrigger(TriggerContext context) {
  return std::make_unique<HttpTrigger>(std::move(context));
}

}  // namespace assay
