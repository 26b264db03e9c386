#include "agent/clients/http/plain_request.h"

#include <absl/strings/escaping.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace assay {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr uint16_t kDefaultPort = 80;

// "http://user@db:8080" of "http://user@db:8080/path?query".
std::string_view BeginOf(std::string_view url) { return url.substr(0, url.find_first_of("/?#", kScheme.size())); }

// Whether libcurl would send this end of a URL as it stands: nothing to encode, cut off or resolve.
bool StandsAsItIs(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  char before = '\0';
  for (const char c : path) {
    if (c <= ' ' || c > '~' || c == '#' || (c == '.' && before == '/')) return false;
    before = c;
  }
  return true;
}

std::string_view NameOf(std::string_view header) { return header.substr(0, header.find(':')); }

std::string_view ValueOf(std::string_view header) {
  const size_t begin = header.find_first_not_of(" \t", header.find(':') + 1);
  if (begin == std::string_view::npos) return {};
  return header.substr(begin, header.find_last_not_of(" \t") + 1 - begin);
}

// Whether both are the same word in ASCII, whatever the case.
bool Same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::optional<std::string_view> Find(const HttpRequest& request, std::string_view name) {
  for (const std::string& header : request.headers) {
    if (Same(NameOf(header), name)) return ValueOf(header);
  }
  return std::nullopt;
}

// A part of a URL; empty: it has none.
std::string Part(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

}  // namespace

bool PlainRequest::Takes(const HttpRequest& request) {
  if (!request.unix_socket.empty() || request.version == HttpRequest::Version::kHttp2 ||
      !Same(std::string_view(request.url).substr(0, kScheme.size()), kScheme))
    return false;
  const std::string_view begin = BeginOf(request.url);
  if (!std::all_of(begin.begin(), begin.end(), [](unsigned char c) { return c < 0x80; })) return false;
  return std::none_of(request.headers.begin(), request.headers.end(), [](const std::string& header) {
    const std::string_view name = NameOf(header);
    return Same(name, "Transfer-Encoding") || Same(name, "Expect") || Same(name, "Upgrade");
  });
}

absl::StatusOr<std::shared_ptr<const PlainRequest>> PlainRequest::Of(std::shared_ptr<const HttpRequest> asked,
                                                                     const PlainRequest* like) {
  const HttpRequest& request = *asked;
  const std::string_view begin = BeginOf(request.url);
  const std::string_view rest = std::string_view(request.url).substr(begin.size());
  auto made = std::make_shared<PlainRequest>();
  std::string target;
  if (like != nullptr && StandsAsItIs(rest) && like->kind_->url_begin == begin &&
      like->asked_->method == request.method && like->asked_->headers == request.headers &&
      HasBody(*like->asked_) == HasBody(request)) {
    made->kind_ = like->kind_;
    target = rest;
  } else {
    if (absl::Status checked = CheckHttpRequest(request); !checked.ok()) return checked;
    auto kind = std::make_shared<Kind>();
    kind->url_begin = begin;
    std::string authorization;
    absl::StatusOr<std::string> read = Read(request.url, *kind, authorization);
    if (!read.ok()) return read.status();
    target = *std::move(read);
    AddFields(request, authorization, *kind);
    made->kind_ = std::move(kind);
  }
  made->head_ = fmt::format("{} {} HTTP/1.1\r\n{}", request.method, target, made->kind_->fields);
  if (made->kind_->tells_length) made->head_ += fmt::format("Content-Length: {}\r\n", request.body.size());
  made->head_ += made->kind_->type_field;
  made->head_ += "\r\n";
  made->asked_ = std::move(asked);
  return made;
}

// Fills the host in; path and query, as the request line has them.
absl::StatusOr<std::string> PlainRequest::Read(const std::string& url, Kind& kind, std::string& authorization) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parsed(curl_url(), &curl_url_cleanup);
  if (const CURLUcode code = curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0); code != CURLUE_OK)
    return absl::InvalidArgumentError(fmt::format("the URL '{}' is not sound: {}", url, curl_url_strerror(code)));
  const std::string host = Part(parsed.get(), CURLUPART_HOST, CURLU_URLDECODE);
  const bool bracketed = host.starts_with('[');  // IPv6
  kind.host.name = host;
  if (bracketed) kind.host.name = host.substr(1, host.size() - 2);
  if (const std::string zone = Part(parsed.get(), CURLUPART_ZONEID); !zone.empty()) kind.host.name += "%" + zone;
  const std::string port = Part(parsed.get(), CURLUPART_PORT);
  kind.host.port = kDefaultPort;
  if (!port.empty()) std::from_chars(port.data(), port.data() + port.size(), kind.host.port);
  kind.host.text = fmt::format("{}{}{}:{}", bracketed ? "[" : "", kind.host.name, bracketed ? "]" : "", kind.host.port);
  kind.host_field = kind.host.port == kDefaultPort ? host : fmt::format("{}:{}", host, kind.host.port);
  const std::string user = Part(parsed.get(), CURLUPART_USER, CURLU_URLDECODE);
  const std::string password = Part(parsed.get(), CURLUPART_PASSWORD, CURLU_URLDECODE);
  if (!user.empty() || !password.empty()) authorization = absl::Base64Escape(user + ":" + password);
  const std::string query = Part(parsed.get(), CURLUPART_QUERY);
  return Part(parsed.get(), CURLUPART_PATH, CURLU_URLENCODE) + (query.empty() ? "" : "?" + query);
}

// What the user says replaces what would be said anyway; with nothing behind its colon it takes that out.
void PlainRequest::AddFields(const HttpRequest& request, const std::string& authorization, Kind& kind) {
  const auto add_unless_told = [&](std::string& to, std::string_view name, std::string_view value) {
    if (!Find(request, name)) to += fmt::format("{}: {}\r\n", name, value);
  };
  add_unless_told(kind.fields, "Host", kind.host_field);
  if (!authorization.empty()) add_unless_told(kind.fields, "Authorization", "Basic " + authorization);
  add_unless_told(kind.fields, "Accept", "*/*");
  if (HasBody(request)) add_unless_told(kind.type_field, "Content-Type", "application/x-www-form-urlencoded");
  for (const std::string& header : request.headers) {
    if (!ValueOf(header).empty()) kind.fields += header + "\r\n";
  }
  kind.tells_length = HasBody(request) && !Find(request, "Content-Length");
  kind.closes = Same(Find(request, "Connection").value_or(""), "close");
}

}  // namespace assay
