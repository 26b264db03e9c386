#include "coordinator/scenario/scenario_collect.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

#include "common/nanoseconds.h"
#include "common/nearest_name.h"
#include "common/task_fields.h"
#include "common/wall_instant.h"
#include "coordinator/scenario/scalar_value.h"
#include "coordinator/scenario/scenario_http.h"

namespace assay {
namespace {
constexpr int64_t kCollectEveryNs = kSecond;
constexpr int64_t kDefaultQuietNs = 2 * kSecond;
constexpr int64_t kDefaultDeadlineNs = 60 * kSecond;
constexpr int64_t kDefaultStepNs = kSecond;

// Of a map from fields of a task.
absl::Status CheckField(const YamlNode& key, const char* path) {
  if (TaskFieldOf(key.text)) return absl::OkStatus();
  const auto nearest = NearestName(key.text, TaskFieldNames());
  return NodeError(key, fmt::format("{}: {} is no field of a task", path, Quoted(key.text)),
                   nearest ? fmt::format("did you mean '{}'?", *nearest)
                           : fmt::format("known here: {}", fmt::join(kTaskFieldNames, ", ")));
}

absl::Status CheckPointer(const YamlNode& node, const char* path) {
  if (node.text.empty() || node.text.front() == '/') return absl::OkStatus();
  return NodeError(node, fmt::format("{} cannot be {}: that is no JSON pointer", path, FlowText(node)),
                   fmt::format("write \"/{}\"", node.text));
}

absl::Status ReadPostgres(const YamlNode& node, QueryFiles& files, v1::Collector::Postgres& message) {
  message.set_url(Find(node, "url")->text);
  const YamlNodePtr query = Find(node, "query");
  if (query != nullptr) {
    message.set_query(TextValue(*query));
  } else {
    absl::StatusOr<std::string> text = files.Get(*Find(node, "query_file"), "collect.postgres.query_file");
    if (!text.ok()) return text.status();
    message.set_query(*std::move(text));
  }
  if (message.query().find_first_not_of(" \t\r\n;") != std::string::npos) return absl::OkStatus();
  return NodeError(query != nullptr ? *query : *Find(node, "query_file"), "collect.postgres: the query is empty",
                   "write SELECT id AS task, state, started, finished FROM ...");
}

absl::Status ReadCsv(const YamlNode& node, v1::Collector::Csv& message) {
  const YamlNodePtr files = Find(node, "files");
  message.set_files(files->text);
  if (files->text.empty() || files->text.front() != '/') {
    if (!files->text.starts_with("$("))
      return NodeError(*files, "collect.csv.files must be a path from /: it is looked for on the host that collects",
                       "write /path/*.csv");
  }
  if (const YamlNodePtr columns = Find(node, "columns")) {
    for (const YamlEntry& entry : columns->entries) {
      if (absl::Status status = CheckField(*entry.key, "collect.csv.columns"); !status.ok()) return status;
      (*message.mutable_columns())[entry.key->text] = TextValue(*entry.value);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadHttp(const YamlNode& node, const v1::Trigger& trigger, v1::Collector::Http& message) {
  const YamlNodePtr url = Find(node, "url");
  if (absl::Status status = CheckUrl(*url, "collect.http.url"); !status.ok()) return status;
  message.set_url(url->text);
  if (const YamlNodePtr login = Find(node, "login")) {
    if (absl::Status read = ReadLogin(*login, "collect.http.login", *message.mutable_login()); !read.ok()) return read;
  } else if (trigger.http().has_login()) {
    *message.mutable_login() = trigger.http().login();
  }
  if (const YamlNodePtr headers = Find(node, "headers")) {
    if (absl::Status read =
            ReadHeaders(*headers, "collect.http.headers", message.has_login(), *message.mutable_headers());
        !read.ok())
      return read;
  }
  if (const YamlNodePtr items = Find(node, "items")) {
    if (absl::Status status = CheckPointer(*items, "collect.http.items"); !status.ok()) return status;
    message.set_items(TextValue(*items));
  }
  for (const YamlEntry& entry : Find(node, "fields")->entries) {
    if (absl::Status status = CheckField(*entry.key, "collect.http.fields"); !status.ok()) return status;
    if (absl::Status status = CheckPointer(*entry.value, "collect.http.fields"); !status.ok()) return status;
    (*message.mutable_fields())[entry.key->text] = TextValue(*entry.value);
  }
  if (!message.fields().contains("state") && !message.fields().contains("finished")) {
    return NodeError(*Find(node, "fields"),
                     "collect.http.fields has neither 'state' nor 'finished': nothing says that a task has ended",
                     "add state: /state");
  }
  if (!message.fields().contains("task")) {
    return NodeError(*Find(node, "fields"), "collect.http.fields lacks 'task', by which the target knows a task",
                     "add task: /id");
  }
  message.set_page(static_cast<uint32_t>(IntegerValue(Find(node, "page"), 0)));
  if (message.page() > 0 && message.url().find("$(offset)") == std::string::npos) {
    return NodeError(*url, "collect.http has pages, but its url does not say which one is asked for",
                     "put $(offset) and $(limit) into the url, as ?offset=$(offset)&limit=$(limit)");
  }
  if (message.page() == 0 && message.url().find("$(offset)") != std::string::npos)
    return NodeError(*url, "collect.http.url has $(offset), but no page says how many items one has", "add page: 100");
  return absl::OkStatus();
}

absl::Status ReadPrometheus(const YamlNode& node, v1::Collector::Prometheus& message) {
  const YamlNodePtr url = Find(node, "url");
  if (absl::Status status = CheckUrl(*url, "collect.prometheus.url"); !status.ok()) return status;
  message.set_url(url->text);
  for (const YamlEntry& entry : Find(node, "queries")->entries)
    (*message.mutable_queries())[entry.key->text] = entry.value->text;
  message.set_step_ns(DurationValueNs(Find(node, "step"), kDefaultStepNs));
  return absl::OkStatus();
}

absl::Status ReadCollector(const YamlNode& node, QueryFiles& files, const v1::Trigger& trigger, v1::Hook& hook) {
  const YamlNodePtr where = Find(node, "where");
  hook.set_on_coordinator(where == nullptr || where->IsScalar());
  if (!hook.on_coordinator()) {
    for (const YamlEntry& entry : where->entries)
      (*hook.mutable_where()->mutable_labels())[entry.key->text] = TextValue(*entry.value);
  }
  v1::Collector& message = *hook.mutable_collector();
  if (const YamlNodePtr zone = Find(node, "zone")) {
    message.set_zone(TextValue(*zone));
    // Without tzdata nobody here can tell; the host that collects will.
    if (!ReadZone(message.zone()).ok() && ReadZone("Europe/Berlin").ok()) {
      return NodeError(*zone, fmt::format("there is no time zone '{}'", message.zone()),
                       "write UTC or an IANA name such as Europe/Berlin");
    }
  }
  message.set_resolution_ns(DurationValueNs(Find(node, "resolution"), 0));
  message.set_expect(IntegerValue(Find(node, "expect"), 0));
  message.set_every_ns(DurationValueNs(Find(node, "every"), kCollectEveryNs));
  message.set_quiet_ns(DurationValueNs(Find(node, "quiet"), kDefaultQuietNs));
  message.set_deadline_ns(DurationValueNs(Find(node, "deadline"), kDefaultDeadlineNs));
  if (message.deadline_ns() < message.quiet_ns()) {
    return NodeError(node, "collect: the deadline comes before the records can have been quiet for long enough",
                     "let deadline be longer than quiet");
  }
  if (const YamlNodePtr outcomes = Find(node, "outcomes")) {
    for (const YamlEntry& entry : outcomes->entries) (*message.mutable_outcomes())[entry.key->text] = entry.value->text;
  }
  if (const YamlNodePtr postgres = Find(node, "postgres"))
    return ReadPostgres(*postgres, files, *message.mutable_postgres());
  if (const YamlNodePtr csv = Find(node, "csv")) return ReadCsv(*csv, *message.mutable_csv());
  if (const YamlNodePtr http = Find(node, "http")) return ReadHttp(*http, trigger, *message.mutable_http());
  return ReadPrometheus(*Find(node, "prometheus"), *message.mutable_prometheus());
}

}  // namespace

absl::Status ReadCollect(const YamlNode& node, QueryFiles& files, v1::CellSpec& cell) {
  if (node.IsMap()) return ReadCollector(node, files, cell.trigger(), *cell.add_collect());
  for (const YamlNodePtr& one : node.items) {
    if (absl::Status status = ReadCollector(*one, files, cell.trigger(), *cell.add_collect()); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

}  // namespace assay
