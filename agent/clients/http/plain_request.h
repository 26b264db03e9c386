#ifndef ASSAY_AGENT_CLIENTS_HTTP_PLAIN_REQUEST_H_
#define ASSAY_AGENT_CLIENTS_HTTP_PLAIN_REQUEST_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/clients/http/http_messages.h"

namespace assay {

// A cleartext HTTP/1.1 request as it goes over the wire, and to whom. Its URL means what it means to libcurl, which
// also reads it; so do its headers.
class PlainRequest {
 public:
  struct Host {
    std::string name;  // or address, IPv6 without brackets
    uint16_t port = 0;
    std::string text;  // "db:8080" or "[::1]:8080", for messages
  };

  // Whether this path takes it; what it does not is libcurl's: TLS, HTTP/2, unix sockets, and the few that one in a
  // thousand asks for (names outside of ASCII, bodies in chunks, expectations, upgrades).
  static bool Takes(const HttpRequest& request);
  // `like`: an earlier one, or null. Requests that differ in path and body only need little more than those.
  static absl::StatusOr<std::shared_ptr<const PlainRequest>> Of(std::shared_ptr<const HttpRequest> asked,
                                                                const PlainRequest* like);

  const std::shared_ptr<const HttpRequest>& asked() const { return asked_; }
  const Host& host() const { return kind_->host; }
  const std::string& head() const { return head_; }  // request line and headers, with the empty line
  std::string_view body() const { return HasBody(*asked_) ? asked_->body : std::string_view(); }
  bool closes() const { return kind_->closes; }  // a header of the user's says so

 private:
  // What requests have in common that differ in path and body.
  struct Kind {
    std::string url_begin;  // "http://user@db:8080"
    Host host;
    std::string host_field;  // what the Host header says
    std::string fields;      // the headers, but for a length that depends on the body
    std::string type_field;  // behind that length, as libcurl has it
    bool tells_length = false;
    bool closes = false;
  };

  static absl::StatusOr<std::string> Read(const std::string& url, Kind& kind, std::string& authorization);
  static void AddFields(const HttpRequest& request, const std::string& authorization, Kind& kind);

  std::shared_ptr<const HttpRequest> asked_;
  std::shared_ptr<const Kind> kind_;
  std::string head_;
};

}  // namespace assay

#endif  // ASSAY_AGENT_CLIENTS_HTTP_PLAIN_REQUEST_H_
