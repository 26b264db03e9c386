#include "coordinator/scenario/scenario_http.h"

#include <absl/strings/str_replace.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/template.h"
#include "coordinator/scenario/http_words.h"
#include "coordinator/scenario/yaml_json.h"

namespace assay {
namespace {

void AddStatuses(const YamlNode& node, v1::HttpTrigger& message) {
  const auto range = ParseStatuses(node.text).value_or(std::pair{200U, 299U});
  v1::HttpTrigger::StatusRange& added = *message.add_expect();
  added.set_from(range.first);
  added.set_to(range.second);
}

// Method, headers and body of an HttpTrigger or a Login.
template <typename Message>
absl::Status ReadRequest(const YamlNode& node, std::string_view path, bool has_login, Message& message) {
  const YamlNodePtr url = Find(node, "url");
  message.set_url(url->text);
  if (absl::Status good = CheckUrl(*url, fmt::format("{}.url", path)); !good.ok()) return good;
  if (const YamlNodePtr headers = Find(node, "headers")) {
    const std::string below = fmt::format("{}.headers", path);
    if (absl::Status read = ReadHeaders(*headers, below, has_login, *message.mutable_headers()); !read.ok())
      return read;
  }
  const YamlNodePtr body = Find(node, "body");
  if (body != nullptr) {
    const YamlNodePtr json = Find(*body, "json");
    message.set_body(json != nullptr ? JsonTemplate(*json) : Find(*body, "text")->text);
    if (json != nullptr) message.mutable_headers()->insert({"Content-Type", "application/json"});
  }
  const YamlNodePtr method = Find(node, "method");
  message.set_method(method != nullptr ? method->text : body != nullptr ? "POST" : "GET");
  if (body != nullptr && message.method() == "HEAD")
    return NodeError(*body, fmt::format("{}.body does not go with HEAD", path), "leave it out");
  return absl::OkStatus();
}

}  // namespace

// Within a JSON text quotes are escaped, so what is replaced here is a whole value; keys cannot refer.
std::string JsonTemplate(const YamlNode& node) {
  return absl::StrReplaceAll(JsonOf(node),
                             {{"\"$(index)\"", "$(index)"}, {"\"$(run)\"", "$(run)"}, {"\"$(block)\"", "$(block)"}});
}

absl::Status CheckUrl(const YamlNode& url, std::string_view path) {
  const WrongHttpWord wrong = WrongHttpUrl(url.text);
  return wrong.what.empty() ? absl::OkStatus() : NodeError(url, fmt::format("{} {}", path, wrong.what), wrong.mend);
}

absl::Status ReadHeaders(const YamlNode& node, std::string_view path, bool has_login,
                         google::protobuf::Map<std::string, std::string>& headers) {
  for (const YamlEntry& entry : node.entries) {
    if (const WrongHttpWord wrong = WrongHttpHeader(entry.key->text, entry.value->text); !wrong.what.empty())
      return NodeError(*entry.key, fmt::format("{}: {}", path, wrong.what), wrong.mend);
    const std::vector<std::string> names = TemplateNames(entry.value->text);
    if (!has_login && std::find(names.begin(), names.end(), "token") != names.end()) {
      return NodeError(*entry.value, fmt::format("{} refers to $(token), but no login gives one", path),
                       "add login: {url: ..., body: {json: {...}}, token: /access_token} to trigger.http or "
                       "completion.http");
    }
    headers[entry.key->text] = entry.value->text;
  }
  return absl::OkStatus();
}

absl::Status ReadLogin(const YamlNode& node, std::string_view path, v1::Login& message) {
  message.set_token(TextValue(*Find(node, "token")));
  return ReadRequest(node, path, /*has_login=*/false, message);
}

absl::Status ReadHttp(const YamlNode& node, v1::HttpTrigger& message) {
  const YamlNodePtr login = Find(node, "login");
  if (login != nullptr) {
    if (absl::Status read = ReadLogin(*login, "trigger.http.login", *message.mutable_login()); !read.ok()) return read;
  }
  if (absl::Status read = ReadRequest(node, "trigger.http", login != nullptr, message); !read.ok()) return read;
  const YamlNodePtr expect = Find(node, "expect");
  const YamlNodePtr status = expect == nullptr ? nullptr : Find(*expect, "status");
  if (status == nullptr || status->IsScalar()) {
    AddStatuses(status == nullptr ? YamlNode() : *status, message);
  } else {
    for (const YamlNodePtr& one : status->items) AddStatuses(*one, message);
  }
  if (const YamlNodePtr version = Find(node, "version")) {
    if (version->text == "1.1") message.set_version(v1::HttpTrigger::HTTP1);
    if (version->text == "2") message.set_version(v1::HttpTrigger::HTTP2);
  }
  if (const YamlNodePtr tls = Find(node, "tls")) ReadTls(*tls, message);
  message.set_connect_timeout_ns(DurationValueNs(Find(node, "connect_timeout"), 0));
  message.set_first_byte_timeout_ns(DurationValueNs(Find(node, "first_byte_timeout"), 0));
  return absl::OkStatus();
}

}  // namespace assay
