#include "coordinator/scenario/scenario_completion.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/template.h"
#include "common/units.h"
#include "coordinator/scenario/scalar_value.h"
#include "coordinator/scenario/scenario_http.h"

namespace assay {
namespace {

constexpr int64_t kCompletionEveryNs = 500'000'000;

bool RefersTo(const YamlNode& node, std::string_view name) {
  const std::vector<std::string> names = TemplateNames(node.text);
  return std::find(names.begin(), names.end(), name) != names.end();
}

absl::Status ReadRemoteId(const YamlNode& node, v1::Completion& message) {
  if (node.IsScalar()) {
    message.set_remote_id_pointer(TextValue(node));
    return absl::OkStatus();
  }
  const YamlNodePtr pattern = Find(node, "pattern");
  message.set_remote_id_pattern(TextValue(*pattern));
  const re2::RE2 compiled(message.remote_id_pattern(), re2::RE2::Quiet);
  if (!compiled.ok()) {
    return NodeError(*pattern,
                     fmt::format("completion.remote_id.pattern is no regular expression: {}", compiled.error()),
                     "see https://github.com/google/re2/wiki/Syntax");
  }
  if (compiled.NumberOfCapturingGroups() < 1)
    return NodeError(*pattern, "completion.remote_id.pattern has no group", "put the id into (...), as in 'id=(\\S+)'");
  return absl::OkStatus();
}

// Of both kinds.
absl::Status ReadStates(const YamlNode& node, v1::Completion& message) {
  for (const YamlNodePtr& state : Find(node, "done")->items) message.add_done(TextValue(*state));
  if (const YamlNodePtr failed = Find(node, "failed")) {
    for (const YamlNodePtr& state : failed->items) {
      message.add_failed(TextValue(*state));
      if (std::find(message.done().begin(), message.done().end(), TextValue(*state)) != message.done().end())
        return NodeError(*state, fmt::format("{} stands in done and in failed", FlowText(*state)), "keep one of them");
    }
  }
  message.set_every_ns(DurationValueNs(Find(node, "every"), kCompletionEveryNs));
  return absl::OkStatus();
}

// A look that comes when the timeout is past never sees an end. A notification may come before.
absl::Status CheckPeriod(const YamlNode& node, const YamlNode& kind, const v1::Trigger& trigger) {
  const v1::Completion& completion = trigger.completion();
  const bool own = completion.timeout_ns() > 0;
  const int64_t timeout_ns = own ? completion.timeout_ns() : trigger.timeout_ns();
  if (timeout_ns == 0 || completion.every_ns() < timeout_ns || !completion.postgres().listen().empty())
    return absl::OkStatus();
  const YamlNodePtr every = Find(kind, "every");
  return NodeError(every != nullptr ? *every
                   : own            ? *Find(node, "timeout")
                                    : node,
                   fmt::format("completion looks first after {}, when {} of {} is over: it would see no end",
                               FormatDuration(completion.every_ns()), own ? "its timeout" : "trigger.timeout",
                               FormatDuration(timeout_ns)),
                   own ? "let every be shorter than completion.timeout"
                       : "let every be shorter than trigger.timeout, or give completion a timeout of its own");
}

// A listing has a list of items with ids, what is asked for by its id has none.
absl::Status CheckListing(const YamlNode& node, const YamlNode& url) {
  const bool one_each = RefersTo(url, "remote_id");
  const bool paged = RefersTo(url, "offset");
  for (const char* key : {"items", "id"}) {
    const YamlNodePtr given = Find(node, key);
    if (one_each && given != nullptr) {
      return NodeError(*given, fmt::format("completion.http.{} is of a listing, but the url asks for one run", key),
                       "leave it out, or take $(remote_id) out of the url");
    }
    if (!one_each && given == nullptr) {
      return NodeError(node, fmt::format("completion.http asks for a listing, and lacks '{}'", key),
                       fmt::format("add {}: /pointer, or put $(remote_id) into the url", key));
    }
  }
  const YamlNodePtr page = Find(node, "page");
  if (paged != RefersTo(url, "limit"))
    return NodeError(url, "completion.http.url has one of $(offset) and $(limit) only", "write both, or none");
  if (page != nullptr && (!paged || one_each))
    return NodeError(*page, "completion.http.page goes only with $(offset) and $(limit) in the url of a listing",
                     "write them there, as in /runs?offset=$(offset)&limit=$(limit)");
  if (paged && page == nullptr)
    return NodeError(node, "completion.http lacks 'page': its url has $(limit)", "add page: 100");
  return absl::OkStatus();
}

absl::Status ReadHttpPoll(const YamlNode& node, bool trigger_has_login, v1::Completion& message) {
  v1::Completion::Http& http = *message.mutable_http();
  const YamlNodePtr url = Find(node, "url");
  http.set_url(url->text);
  if (absl::Status good = CheckUrl(*url, "completion.http.url"); !good.ok()) return good;
  if (absl::Status good = CheckListing(node, *url); !good.ok()) return good;
  const YamlNodePtr login = Find(node, "login");
  if (login != nullptr) {
    if (absl::Status read = ReadLogin(*login, "completion.http.login", *http.mutable_login()); !read.ok()) return read;
  }
  if (const YamlNodePtr headers = Find(node, "headers")) {
    const bool has_login = login != nullptr || trigger_has_login;
    if (absl::Status read = ReadHeaders(*headers, "completion.http.headers", has_login, *http.mutable_headers());
        !read.ok())
      return read;
  }
  const auto pointer = [&node](const char* key) {
    const YamlNodePtr given = Find(node, key);
    return given == nullptr ? std::string() : TextValue(*given);
  };
  http.set_items(pointer("items"));
  http.set_id(pointer("id"));
  http.set_state(pointer("state"));
  http.set_finished(pointer("finished"));
  http.set_page(static_cast<uint32_t>(IntegerValue(Find(node, "page"), 0)));
  return ReadStates(node, message);
}

absl::Status ReadPostgresPoll(const YamlNode& node, QueryFiles& queries, v1::Completion& message) {
  v1::Completion::Postgres& postgres = *message.mutable_postgres();
  postgres.set_url(Find(node, "url")->text);
  const YamlNodePtr file = Find(node, "query_file");
  const YamlNodePtr query = file != nullptr ? file : Find(node, "query");
  if (file != nullptr) {
    absl::StatusOr<std::string> content = queries.Get(*file, "completion.postgres.query_file");
    if (!content.ok()) return content.status();
    postgres.set_query(*std::move(content));
  } else {
    postgres.set_query(TextValue(*query));
  }
  if (postgres.query().find("$1") == std::string::npos) {
    return NodeError(*query, "the query of completion.postgres does not ask for the runs that are waited for",
                     "add WHERE run_id = ANY($1): $1 is their ids, a text[]");
  }
  if (const YamlNodePtr listen = Find(node, "listen")) postgres.set_listen(TextValue(*listen));
  return ReadStates(node, message);
}

}  // namespace

absl::Status ReadCompletion(const YamlNode& node, QueryFiles& queries, v1::Trigger& trigger) {
  if (!trigger.has_http() && !trigger.has_exec() && !trigger.has_container()) {
    return NodeError(node, "completion follows what an http, exec or container trigger has started, and this is none",
                     "leave it out, or write it under the targets that it is for");
  }
  v1::Completion& message = *trigger.mutable_completion();
  if (absl::Status read = ReadRemoteId(*Find(node, "remote_id"), message); !read.ok()) return read;
  message.set_timeout_ns(DurationValueNs(Find(node, "timeout"), 0));
  const YamlNodePtr http = Find(node, "http");
  const YamlNode& kind = http != nullptr ? *http : *Find(node, "postgres");
  absl::Status read = http != nullptr ? ReadHttpPoll(kind, trigger.http().has_login(), message)
                                      : ReadPostgresPoll(kind, queries, message);
  return read.ok() ? CheckPeriod(node, kind, trigger) : read;
}

}  // namespace assay
