#include "agent/clients/http/http_messages.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "assay/v1/scenario.pb.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr std::string_view kBreaks("\r\n\0", 3);
constexpr std::string_view kBreaksAndSpace("\r\n\0 ", 4);

int64_t ConnectWithinNs(const HttpRequest& request) {
  constexpr int64_t kByDefaultNs = 300'000'000'000;
  return request.connect_timeout_ns > 0 ? request.connect_timeout_ns : kByDefaultNs;
}

HttpResponse NeverStarted(HttpResponse::End end, std::string error) {
  HttpResponse response;
  response.end = end;
  response.error = std::move(error);
  response.started_ns = MonotonicNs();
  response.finished_ns = response.started_ns;
  return response;
}

}  // namespace

HttpRequest RequestLike(const v1::HttpTrigger& trigger) {
  HttpRequest request;
  request.version = trigger.version() == v1::HttpTrigger::HTTP1   ? HttpRequest::Version::kHttp1
                    : trigger.version() == v1::HttpTrigger::HTTP2 ? HttpRequest::Version::kHttp2
                                                                  : HttpRequest::Version::kAuto;
  request.verify_tls = !trigger.insecure();
  request.ca_file = trigger.ca_file();
  return request;
}

bool HasBody(const HttpRequest& request) {
  if (request.method == "HEAD") return false;
  return !request.body.empty() || request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
}

absl::Status CheckHttpRequest(const HttpRequest& request) {
  if (request.url.find_first_of(kBreaks) != std::string::npos)
    return absl::InvalidArgumentError("the URL has a line break or a zero byte in it; write it as %0A, %0D or %00");
  if (request.method.empty() || request.method.find_first_of(kBreaksAndSpace) != std::string::npos)
    return absl::InvalidArgumentError(fmt::format("'{}' is no HTTP method", request.method));
  for (const std::string& header : request.headers) {
    const std::string_view name = std::string_view(header).substr(0, header.find(':'));
    if (name.size() == header.size() || name.empty())
      return absl::InvalidArgumentError(fmt::format("the header '{}' is not of the form 'Name: value'", header));
    if (header.find_first_of(kBreaks) != std::string::npos) {
      return absl::InvalidArgumentError(
          fmt::format("the header '{}' has a line break or a zero byte in it: what follows would be taken for another "
                      "header; take it out",
                      name.substr(0, name.find_first_of(kBreaks))));
    }
  }
  return absl::OkStatus();
}

HttpResponse RefusedRequest(const absl::Status& why) {
  return NeverStarted(HttpResponse::End::kFailed, std::string(why.message()));
}

HttpResponse CancelledRequest() { return NeverStarted(HttpResponse::End::kCancelled, "cancelled"); }

NextHttpLimit::NextHttpLimit(const HttpRequest& request, int64_t started_ns, bool connecting, bool answered) {
  const auto within = [&](HttpLimit kind, int64_t limit_ns) {
    if (limit_ns <= 0 || started_ns + limit_ns >= at_ns) return;
    limit = kind;
    at_ns = started_ns + limit_ns;
  };
  within(HttpLimit::kWhole, request.timeout_ns);
  if (connecting) within(HttpLimit::kConnect, ConnectWithinNs(request));
  if (!answered) within(HttpLimit::kFirstByte, request.first_byte_timeout_ns);
}

std::string TimeoutText(const HttpRequest& request, HttpLimit limit, bool connecting) {
  switch (limit) {
    case HttpLimit::kFirstByte:
      return fmt::format("no byte of the answer within {}", FormatDuration(request.first_byte_timeout_ns));
    case HttpLimit::kConnect:
      return fmt::format("not connected within {}", FormatDuration(ConnectWithinNs(request)));
    case HttpLimit::kWhole:
      break;
  }
  return fmt::format("took longer than {}{}", FormatDuration(request.timeout_ns),
                     connecting ? "; it was not even connected" : "");
}

}  // namespace assay
