#include "agent/clients/http/login_token.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "common/clock.h"
#include "common/json_document.h"
#include "common/utf8.h"

namespace assay {
namespace {

constexpr int64_t kTimeoutNs = 30'000'000'000;
constexpr int64_t kAgainNs = 1'000'000'000;  // after a login that failed
constexpr size_t kMostBodyBytes = 1 << 20;
constexpr size_t kMostShown = 200;
constexpr int kUnauthorized = 401;

std::shared_ptr<const HttpRequest> RequestOf(const v1::Login& login, const BuiltInNames& names,
                                             const HttpRequest& like) {
  auto request = std::make_shared<HttpRequest>();
  request->method = login.method();
  request->url = names.Expand(login.url());
  for (const auto& [name, value] : login.headers())
    request->headers.push_back(fmt::format("{}: {}", name, names.Expand(value)));
  request->body = names.Expand(login.body());
  request->version = like.version;
  request->verify_tls = like.verify_tls;
  request->ca_file = like.ca_file;
  request->timeout_ns = kTimeoutNs;
  return request;
}

}  // namespace

LoginToken::LoginToken(EventLoop& loop, const v1::Login& login, const BuiltInNames& names, const HttpRequest& like,
                       std::function<void(const std::string& token)> got)
    : request_(RequestOf(login, names, like)), pointer_(login.token()), got_(std::move(got)), client_(loop, 1) {}

void LoginToken::Ask(std::function<void(absl::Status)> done) {
  asking_ = true;
  done_ = std::move(done);
  body_.clear();
  client_.Start(
      request_, [this](int, std::string_view bytes) { body_ += bytes.substr(0, kMostBodyBytes - body_.size()); },
      [this](HttpResponse&& response) { Take(std::move(response)); });
}

void LoginToken::Take(HttpResponse&& response) {
  asking_ = false;
  const auto done = std::exchange(done_, nullptr);
  const auto refuse = [&](const std::string& why) {
    done(absl::FailedPreconditionError(fmt::format("login: {} {}: {}", request_->method, request_->url, why)));
  };
  if (response.end != HttpResponse::End::kAnswered) return refuse(response.error);
  if (response.status < 200 || response.status > 299) {
    return refuse(fmt::format("answered with status {}{}", response.status,
                              body_.empty() ? "" : ": " + PlainText(body_, kMostShown)));
  }
  const absl::StatusOr<JsonDocument> answer = JsonDocument::Parse(body_);
  // What it holds may be the token itself, which is to stand in no message.
  if (!answer.ok()) return refuse("its answer is no JSON");
  const absl::StatusOr<std::string> token = answer->root().Text(pointer_);
  if (!token.ok()) return refuse(fmt::format("its answer has no token: {}", std::string(token.status().message())));
  text_ = *token;
  ++number_;
  got_(text_);
  done(absl::OkStatus());
}

bool LoginToken::Answered(uint64_t number, int status) {
  if (number != number_ || status == 0) return number < number_ && status == kUnauthorized;
  if (status != kUnauthorized) {
    may_ask_again_ = true;
    return false;
  }
  if (asking_ && !failed_) return true;
  if (asking_ || !may_ask_again_ || MonotonicNs() < not_before_ns_) return false;
  may_ask_again_ = false;
  const bool failed_before = failed_;
  Ask([this](const absl::Status& asked) {
    failed_ = !asked.ok();
    if (asked.ok()) return;
    spdlog::warn("the token was refused, and no other is given");
    // The login may be busy. It is a token that is refused at once that is no reason to ask again.
    may_ask_again_ = true;
    not_before_ns_ = MonotonicNs() + kAgainNs;
  });
  return !failed_before;
}

}  // namespace assay
