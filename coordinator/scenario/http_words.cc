#include "coordinator/scenario/http_words.h"

#include <absl/strings/match.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>

#include "common/host_port.h"

namespace assay {
namespace {

bool IsBlankOrControl(char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; }

// Behind "http://" or "https://"; nothing where there is neither.
std::optional<std::string_view> BehindScheme(std::string_view url) {
  for (const char* scheme : {"http://", "https://"}) {
    if (absl::StartsWithIgnoreCase(std::string(url), scheme)) return url.substr(std::strlen(scheme));
  }
  return std::nullopt;
}

// "h", "h:80", "[::1]:80": with a port, as addresses are checked.
std::string WithPort(std::string_view host) {
  const size_t bracket = host.rfind(']');
  const bool has_port =
      host.substr(bracket == std::string_view::npos ? 0 : bracket).find(':') != std::string_view::npos;
  return has_port ? std::string(host) : fmt::format("{}:80", host);
}

}  // namespace

WrongHttpWord WrongHttpUrl(std::string_view url) {
  if (url.empty()) return {"is empty", "write http://HOST/ or https://HOST/"};
  if (url.starts_with("$(")) return {};
  const std::optional<std::string_view> rest = BehindScheme(url);
  if (!rest) {
    const size_t other = url.find("://");
    if (other == std::string_view::npos)
      return {fmt::format("has no scheme: {}", url), fmt::format("write http://{0} or https://{0}", url)};
    const std::string_view behind = url.substr(other + 3);
    return {fmt::format("is neither http:// nor https://: {}", url),
            fmt::format("write http://{0} or https://{0}", behind)};
  }
  if (std::any_of(url.begin(), url.end(), IsBlankOrControl))
    return {fmt::format("has a blank or a control character in it: {}", url), "write %20 for a blank"};
  std::string_view host = rest->substr(0, rest->find_first_of("/?#"));
  if (host.find("$(") != std::string_view::npos) return {};
  if (const size_t user = host.rfind('@'); user != std::string_view::npos) host.remove_prefix(user + 1);
  if (host.empty() || host.front() == ':')
    return {fmt::format("names no host: {}", url), "write http://HOST/ or http://HOST:PORT/"};
  if (const absl::Status valid = CheckHostPort(WithPort(host)); !valid.ok())
    return {std::string(valid.message()), "write http://HOST/ or http://HOST:PORT/"};
  return {};
}

WrongHttpWord WrongHttpHeader(std::string_view name, std::string_view value) {
  // RFC 9110's token.
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  const bool token = !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || kMarks.find(c) != std::string_view::npos;
  });
  if (!token) return {fmt::format("'{}' cannot be a header's name", name), "write {Name: value}, the name without ':'"};
  if (absl::EqualsIgnoreCase(std::string(name), "content-length"))
    return {"Content-Length follows from the body", "leave it out"};
  // Else a value could end its line, and with it the header or the whole head.
  if (std::any_of(value.begin(), value.end(), [](char c) { return IsBlankOrControl(c) && c != ' ' && c != '\t'; }))
    return {fmt::format("the value of '{}' has a line break or another control character in it", name), "remove it"};
  return {};
}

}  // namespace assay
