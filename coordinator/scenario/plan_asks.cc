#include "coordinator/scenario/plan_asks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "common/json_text.h"
#include "common/units.h"

namespace assay {
namespace {

// A request for each run in flight, once a period: more than that keeps a usual API from its work.
constexpr double kManyPerS = 1'000;
constexpr size_t kMaxLines = 10;

// "scheme://user:password@" without the user and password.
std::string WithoutUser(const std::string& url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const size_t begin = scheme + 3;
  const std::string authority = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  const size_t at = authority.rfind('@');
  return at == std::string::npos ? url : url.substr(0, begin) + url.substr(begin + at + 1);
}

// Host, port and database, of either form that libpq reads. Whatever else is in it may be a password.
std::string DatabaseOf(const std::string& url) {
  if (url.starts_with("$(")) return url.substr(0, url.find('?'));
  const std::string plain = WithoutUser(url);
  if (const size_t scheme = plain.find("://"); scheme != std::string::npos) {
    const std::string place = plain.substr(scheme + 3, plain.find('?', scheme) - scheme - 3);
    return place.empty() || place.front() == '/' ? "the default socket" + place : place;
  }
  std::string words;
  for (const std::string_view key : {"host", "hostaddr", "port", "dbname"}) {
    const std::string wanted = fmt::format("{}=", key);
    for (size_t at = plain.find(wanted); at != std::string::npos; at = plain.find(wanted, at + 1)) {
      if (at > 0 && plain[at - 1] != ' ') continue;
      words += (words.empty() ? "" : " ") + plain.substr(at, plain.find(' ', at) - at);
      break;
    }
  }
  return words.empty() ? "the default socket" : words;
}

// The looks of one cell's completion, over all agents.
struct Looks {
  std::string what;
  int64_t every_ns = 0;
  std::string until;
  uint64_t in_flight = 0;
  uint64_t agents = 0;
  uint64_t requests = 0;  // a look
  bool or_more = false;   // others' runs may stand before ours in a listing
  bool for_each = false;  // of the runs in flight
  const char* noun = "request";
  double PerS() const { return static_cast<double>(requests) * 1e9 / static_cast<double>(every_ns); }
};

std::optional<Looks> LooksOf(const v1::CellSpec& cell, uint32_t agents) {
  if (!cell.trigger().has_completion()) return std::nullopt;
  const v1::Completion& completion = cell.trigger().completion();
  Looks looks;
  looks.every_ns = std::max<int64_t>(1, completion.every_ns());
  looks.agents = std::max(1U, FiringAgents(cell, agents));
  looks.in_flight = std::min<uint64_t>(Slots(cell.load()), PlannedTriggers(cell.load()).value_or(UINT64_MAX));
  looks.requests = looks.agents;
  const int64_t timeout_ns = completion.timeout_ns() > 0 ? completion.timeout_ns() : cell.trigger().timeout_ns();
  looks.until = timeout_ns == 0 ? "without an end"
                                : fmt::format("for at most {} after {}", FormatDuration(timeout_ns),
                                              completion.timeout_ns() > 0 ? "the answer" : "the trigger was sent");
  if (completion.has_postgres()) {
    looks.what = "postgres at " + DatabaseOf(completion.postgres().url());
    if (!completion.postgres().listen().empty())
      looks.what += fmt::format(", and at each notification of '{}'", completion.postgres().listen());
    looks.noun = "query";
    return looks;
  }
  looks.what = "GET " + WithoutUser(completion.http().url());
  looks.for_each = completion.http().url().find("$(remote_id)") != std::string::npos;
  if (looks.for_each) looks.requests = looks.in_flight;
  if (const uint64_t page = completion.http().page(); page > 0) {
    const uint64_t of_agent = (looks.in_flight + looks.agents - 1) / looks.agents;
    looks.requests = looks.agents * ((of_agent + page - 1) / page);
    looks.or_more = true;
  }
  return looks;
}

std::string Queries(uint64_t n, std::string_view noun) {
  return noun == "query" ? fmt::format("{} {}", CountText(n), n == 1 ? "query" : "queries") : Counted(n, noun);
}

std::string LooksText(const Looks& looks) {
  return fmt::format("{} in flight: {}{} a look ({}), {} per s in all", CountText(looks.in_flight),
                     Queries(looks.requests, looks.noun), looks.or_more ? " or more" : "",
                     looks.for_each ? "one for each, 16 at once from an agent" : Counted(looks.agents, "agent"),
                     looks.PerS() < 10 ? fmt::format("{:.3g}", looks.PerS()) : FormatCount(looks.PerS()));
}

std::string Place(const v1::Hook& hook) {
  return hook.on_coordinator() ? "the coordinator" : "the first agent with" + SelectorText(hook.where());
}

std::string CollectorText(const v1::Collector& collector) {
  switch (collector.kind_case()) {
    case v1::Collector::kPostgres:
      return "postgres at " + DatabaseOf(collector.postgres().url());
    case v1::Collector::kCsv:
      return "csv " + collector.csv().files();
    case v1::Collector::kHttp:
      return "GET " + WithoutUser(collector.http().url());
    case v1::Collector::kPrometheus:
      return fmt::format("prometheus at {}, {} with a sample each {}", WithoutUser(collector.prometheus().url()),
                         Queries(static_cast<uint64_t>(collector.prometheus().queries_size()), "query"),
                         FormatDuration(collector.prometheus().step_ns()));
    case v1::Collector::KIND_NOT_SET:
      break;
  }
  return "";
}

bool AsksForEach(const v1::Collector& collector) {
  return collector.http().url().find("$(remote_id)") != std::string::npos;
}

std::string RecordsText(const v1::Collector& collector) {
  if (collector.has_prometheus())
    return collector.expect() > 0 ? Counted(collector.expect(), "sample") + " are" : "a sample is";
  return collector.expect() > 0 ? Counted(collector.expect(), "record") + (collector.expect() == 1 ? " is" : " are")
                                : "a record for each ok trigger is";
}

// What one look costs the target, where the scenario tells.
std::string LookText(const v1::CellSpec& cell, const v1::Collector& collector) {
  if (!collector.has_http()) return "";
  const std::optional<uint64_t> triggers = PlannedTriggers(cell.load());
  if (AsksForEach(collector))
    return fmt::format("; a look asks for each of {} by itself",
                       triggers ? Counted(*triggers, "trigger") : "the run's triggers");
  const uint64_t records = collector.expect() > 0 ? collector.expect() : triggers.value_or(0);
  const uint64_t page = collector.http().page();
  if (page == 0 || records == 0) return "";
  return fmt::format("; a look is {} or more", Counted((records + page - 1) / page, "request"));
}

std::string CollectText(const v1::CellSpec& cell, const v1::Hook& hook) {
  const v1::Collector& collector = hook.collector();
  return fmt::format("every {} until {} there and the same for {}, at most {} after the run's last finish{}",
                     FormatDuration(collector.every_ns()), RecordsText(collector), FormatDuration(collector.quiet_ns()),
                     FormatDuration(collector.deadline_ns()), LookText(cell, collector));
}

// Those of equal words together, in the order of their first cells.
class Lines {
 public:
  void Add(const std::string& what, const std::string& how) {
    const auto [place, fresh] = places_.try_emplace({what, how}, lines_.size());
    if (fresh) lines_.push_back({what, how, 0});
    ++lines_[place->second].cells;
  }
  std::string Text(std::string_view name, size_t cells) const {
    std::string text;
    for (size_t i = 0; i < std::min(lines_.size(), kMaxLines); ++i) {
      const Line& line = lines_[i];
      const std::string some =
          line.cells < cells ? fmt::format("in {} of {} cells ", CountText(line.cells), CountText(cells)) : "";
      text += fmt::format("  {:<10}  {}\n  {:10}  {}{}\n", i == 0 ? name : "", line.what, "", some, line.how);
    }
    if (lines_.size() > kMaxLines) text += fmt::format("  {:10}  ... and {} more\n", "", lines_.size() - kMaxLines);
    return text;
  }

 private:
  struct Line {
    std::string what;
    std::string how;
    size_t cells;
  };
  std::vector<Line> lines_;
  std::map<std::pair<std::string, std::string>, size_t> places_;
};

}  // namespace

std::string DescribeAsks(const Plan& plan, uint32_t agents) {
  Lines completions;
  Lines collectors;
  for (const PlannedCell& cell : plan.cells) {
    if (const std::optional<Looks> looks = LooksOf(cell.spec, agents)) {
      completions.Add(looks->what,
                      fmt::format("every {} {}; {}", FormatDuration(looks->every_ns), looks->until, LooksText(*looks)));
    }
    for (const v1::Hook& hook : cell.spec.collect()) {
      collectors.Add(fmt::format("{}, from {}", CollectorText(hook.collector()), Place(hook)),
                     CollectText(cell.spec, hook));
    }
  }
  return completions.Text("completion", plan.cells.size()) + collectors.Text("collect", plan.cells.size());
}

std::string AsksJson(const v1::CellSpec& cell, uint32_t agents) {
  const auto seconds = [](int64_t ns) { return static_cast<double>(ns) / 1e9; };
  std::string text = R"("completion": )";
  if (const std::optional<Looks> looks = LooksOf(cell, agents)) {
    const v1::Completion& completion = cell.trigger().completion();
    const int64_t timeout_ns = completion.timeout_ns() > 0 ? completion.timeout_ns() : cell.trigger().timeout_ns();
    text +=
        fmt::format(R"({{"asks": {}, "every_s": {}, "timeout_s": {}, "in_flight": {}, "requests_per_s": {}}})",
                    JsonString(looks->what), seconds(looks->every_ns),
                    timeout_ns == 0 ? "null" : fmt::format("{}", seconds(timeout_ns)), looks->in_flight, looks->PerS());
  } else {
    text += "null";
  }
  text += R"(, "collect": [)";
  for (int i = 0; i < cell.collect_size(); ++i) {
    const v1::Collector& collector = cell.collect(i).collector();
    text += fmt::format(R"({}{{"asks": {}, "from": {}, "every_s": {}, "quiet_s": {}, "deadline_s": {}, "expect": {}}})",
                        i == 0 ? "" : ", ", JsonString(CollectorText(collector)), JsonString(Place(cell.collect(i))),
                        seconds(collector.every_ns()), seconds(collector.quiet_ns()), seconds(collector.deadline_ns()),
                        collector.expect() == 0 ? "null" : fmt::format("{}", collector.expect()));
  }
  return text + "]";
}

std::vector<std::string> AskWarnings(const Plan& plan, uint32_t agents) {
  std::vector<std::string> warnings;
  double most_per_s = 0;
  bool nobody_tells_ids = false;
  for (const PlannedCell& cell : plan.cells) {
    const std::optional<Looks> looks = LooksOf(cell.spec, agents);
    if (looks && looks->for_each) most_per_s = std::max(most_per_s, looks->PerS());
    const bool ids = looks.has_value() || cell.spec.trigger().has_driver();
    nobody_tells_ids |= !ids && std::any_of(cell.spec.collect().begin(), cell.spec.collect().end(),
                                            [](const v1::Hook& hook) { return AsksForEach(hook.collector()); });
  }
  if (most_per_s > kManyPerS) {
    warnings.push_back(fmt::format(
        "completion.http asks for each run in flight by itself, {} requests per s at most: the target works for them, "
        "and "
        "16 at once from an agent may not keep up, so that ends are seen late; ask for a listing, with page, or raise "
        "every",
        FormatCount(most_per_s)));
  }
  if (nobody_tells_ids) {
    warnings.emplace_back(
        "collect.http.url asks for the run's remote ids, and nothing tells any: nothing will be asked; add a "
        "completion, "
        "or take $(remote_id) out of the url");
  }
  return warnings;
}

}  // namespace assay
