#include "agent/completion/watched_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/units.h"
#include "common/utf8.h"
#include "common/wall_instant.h"

namespace assay {
namespace {

constexpr const char* kNotListed = "not listed";
constexpr size_t kMostStateBytes = 200;
constexpr size_t kMostEndsBytes = 200;

// "done: success, failed: failed, crashed"
std::string Ends(const v1::Completion& completion) {
  std::string words = fmt::format("done: {}", fmt::join(completion.done(), ", "));
  if (completion.failed_size() > 0) words += fmt::format(", failed: {}", fmt::join(completion.failed(), ", "));
  return PlainText(words, kMostEndsBytes);
}

}  // namespace

WatchedRuns::WatchedRuns(const v1::Completion& completion, std::function<void(Key, v1::TriggerRecord&&)> ended,
                         std::function<void(const std::string&)> faulty)
    : done_(completion.done().begin(), completion.done().end()),
      failed_(completion.failed().begin(), completion.failed().end()),
      ends_(Ends(completion)),
      zone_mend_(completion.has_postgres()
                     ? ": give it one in the query, such as ended AT TIME ZONE 'UTC'"
                     : ": have the target write one, or take 'finished' away, and a run ends when a look sees it"),
      ended_(std::move(ended)),
      faulty_(std::move(faulty)) {}

WatchedRuns::Key WatchedRuns::Add(v1::TriggerRecord&& record) {
  const Key key = ++last_key_;
  by_id_[record.remote_id()].push_back(key);
  watched_.emplace(key, Watched{std::move(record), std::nullopt});
  return key;
}

std::vector<std::string> WatchedRuns::Ids() const {
  std::vector<std::string> ids;
  ids.reserve(by_id_.size());
  for (const auto& [id, keys] : by_id_) ids.push_back(id);
  return ids;
}

void WatchedRuns::See(const RunSeen& seen, int64_t wall_ahead_ns) {
  const auto found = by_id_.find(seen.id);
  if (found == by_id_.end()) return;
  const bool over = done_.contains(seen.state) || failed_.contains(seen.state);
  const std::vector<Key> keys = found->second;  // a copy: those that are over leave it
  for (const Key key : keys) {
    const auto at = watched_.find(key);
    if (at == watched_.end()) continue;  // ended by what the one before it started
    at->second.record.set_remote_state(PlainText(seen.state, kMostStateBytes));
    if (over) {
      Complete(key, seen, wall_ahead_ns);
    } else {
      at->second.unfinished_ns = seen.asked_ns;
    }
  }
}

void WatchedRuns::Complete(Key key, const RunSeen& seen, int64_t wall_ahead_ns) {
  Watched& watched = watched_.at(key);
  watched.record.set_completed_ns(seen.seen_ns);
  watched.record.set_completed_error_ns(seen.seen_ns - watched.unfinished_ns.value_or(watched.record.accepted_ns()));
  if (!seen.no_instant.empty()) {
    faulty_(seen.no_instant);
  } else if (!seen.finished.empty()) {
    const absl::StatusOr<WallInstant> instant = WallInstant::Parse(seen.finished);
    if (instant.ok()) {
      watched.record.set_completed_ns(instant->unix_ns - wall_ahead_ns);
      watched.record.set_completed_error_ns(instant->resolution_ns);
    } else {
      faulty_(fmt::format("finished: {}{}", std::string(instant.status().message()),
                          absl::IsFailedPrecondition(instant.status()) ? zone_mend_ : ""));
    }
  }
  const bool ok = done_.contains(seen.state);
  End(key, ok ? v1::OK : v1::FAILED,
      ok ? "" : fmt::format("what it started ended as '{}'", watched.record.remote_state()), seen.seen_ns);
}

void WatchedRuns::TimeOut(Key key, int64_t now_ns, int64_t within_ns) {
  const auto found = watched_.find(key);
  if (found == watched_.end()) return;
  v1::TriggerRecord& record = found->second.record;
  std::string last = fmt::format("its last state '{}' is none of {} (they are compared letter by letter)",
                                 record.remote_state(), ends_);
  if (record.remote_state().empty() && listed_all_) {
    record.set_remote_state(kNotListed);
    last = "the target never listed it";
  } else if (record.remote_state().empty()) {
    last = "the target never told its state";
  }
  End(key, v1::TIMEOUT, fmt::format("what it started did not end within {}: {}", FormatDuration(within_ns), last),
      now_ns);
}

void WatchedRuns::CancelAll(int64_t now_ns) {
  while (!watched_.empty()) End(watched_.begin()->first, v1::CANCELLED, "cancelled", now_ns);
}

void WatchedRuns::End(Key key, v1::Outcome outcome, std::string error, int64_t finished_ns) {
  const auto found = watched_.find(key);
  v1::TriggerRecord record = std::move(found->second.record);
  watched_.erase(found);
  const auto of_id = by_id_.find(record.remote_id());
  std::erase(of_id->second, key);
  if (of_id->second.empty()) by_id_.erase(of_id);
  record.set_outcome(outcome);
  record.set_error(std::move(error));
  record.set_finished_ns(finished_ns);
  ended_(key, std::move(record));
}

}  // namespace assay
