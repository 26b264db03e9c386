#ifndef ASSAY_AGENT_CLIENTS_HTTP_LOGIN_TOKEN_H_
#define ASSAY_AGENT_CLIENTS_HTTP_LOGIN_TOKEN_H_

#include <absl/status/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/clients/http/http_client.h"
#include "agent/clients/http/http_messages.h"
#include "agent/loop/event_loop.h"
#include "assay/v1/scenario.pb.h"
#include "common/built_in_names.h"

namespace assay {

// The token that a login gives for the headers of other requests. Asked for before T0, and again when it is refused,
// but not twice in a row: a target that takes none is not flooded with logins. Loop's thread only.
class LoginToken {
 public:
  // `like`: whose TLS and version the request has. `got` is told every token, so that none comes into a message.
  LoginToken(EventLoop& loop, const v1::Login& login, const BuiltInNames& names, const HttpRequest& like,
             std::function<void(const std::string& token)> got);

  // `done` is called once. An error names the URL and what it answered.
  void Ask(std::function<void(absl::Status)> done);
  // Whatever a request with the token of this number was answered with; 401 has another one asked for.
  // True: another is asked for, and the next request may well have it.
  bool Answered(uint64_t number, int status);

  const std::string& text() const { return text_; }
  uint64_t number() const { return number_; }  // of the current token; 0: there is none yet

 private:
  void Take(HttpResponse&& response);

  std::shared_ptr<const HttpRequest> request_;
  const std::string pointer_;
  const std::function<void(const std::string&)> got_;
  std::function<void(absl::Status)> done_;
  std::string body_;
  std::string text_;
  uint64_t number_ = 0;
  bool asking_ = false;
  bool may_ask_again_ = true;
  int64_t not_before_ns_ = 0;
  bool failed_ = false;  // the last login
  HttpClient client_;    // last: it drops what is in flight
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_LOGIN_TOKEN_H_
