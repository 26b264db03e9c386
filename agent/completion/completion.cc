#include "agent/completion/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/clock.h"
#include "common/utf8.h"

namespace assay {
namespace {

constexpr int64_t kHurryNs = 10'000'000;           // between two looks that notifications bring forward
constexpr int64_t kMostBackoffNs = 5'000'000'000;  // between looks that fail, unless the period is longer
constexpr uint64_t kMostDoublings = 16;
constexpr size_t kMostErrorBytes = 1'000;
constexpr size_t kMostOddAnswerBytes = 4'096;  // of one that has no remote id

}  // namespace

Completion::Completion(EventLoop& loop, const v1::Trigger& trigger, std::function<void(v1::TriggerRecord&&)> ended)
    : loop_(loop),
      trigger_(trigger),
      ended_(std::move(ended)),
      runs_(
          trigger_.completion(),
          [this](WatchedRuns::Key key, v1::TriggerRecord&& record) {
            if (const auto timeout = timeouts_.extract(key)) loop_.Cancel(timeout.mapped());
            ended_(std::move(record));
          },
          [this](const std::string& what) { instant_faults_.Add(1, what); }) {}

std::unique_ptr<Completion> Completion::Of(EventLoop& loop, const v1::Trigger& trigger, const MakePoll& make_poll,
                                           std::function<void(v1::TriggerRecord&&)> ended) {
  std::unique_ptr<Completion> completion(new Completion(loop, trigger, std::move(ended)));
  completion->poll_ = make_poll([self = completion.get()] { self->Hurry(); });
  return completion->poll_ ? std::move(completion) : nullptr;
}

Completion::~Completion() {
  loop_.Cancel(look_timer_);
  for (const auto& [key, timer] : timeouts_) loop_.Cancel(timer);
}

void Completion::Prepare(std::function<void(absl::Status)> done) {
  absl::StatusOr<RemoteId> remote_id = RemoteId::Of(trigger_.completion());
  if (!remote_id.ok()) return done(remote_id.status());
  if (trigger_.completion().every_ns() <= 0) return done(absl::InvalidArgumentError("completion has no period"));
  remote_id_.emplace(*std::move(remote_id));
  poll_->Prepare(std::move(done));
}

void Completion::Accept(v1::TriggerRecord&& record, const std::string& answer) {
  record.set_accepted_ns(record.finished_ns());
  absl::StatusOr<std::string> id = remote_id_->In(answer);
  if (!id.ok()) {
    record.set_outcome(v1::FAILED);
    record.set_error(std::string(id.status().message()));
    if (record.output().empty()) {
      record.set_output(answer.substr(0, kMostOddAnswerBytes));
      record.set_output_bytes(answer.size());
    }
    return ended_(std::move(record));
  }
  record.set_remote_id(*std::move(id));
  const int64_t within_ns =
      trigger_.completion().timeout_ns() > 0 ? trigger_.completion().timeout_ns() : trigger_.timeout_ns();
  const int64_t since_ns = trigger_.completion().timeout_ns() > 0 ? record.accepted_ns() : record.started_ns();
  const WatchedRuns::Key key = runs_.Add(std::move(record));
  if (cancelled_) return runs_.CancelAll(MonotonicNs());
  if (within_ns > 0) {
    timeouts_[key] =
        loop_.At(since_ns + within_ns, [this, key, within_ns] { runs_.TimeOut(key, MonotonicNs(), within_ns); });
  }
  if (!looking_) Plan(MonotonicNs() + trigger_.completion().every_ns());
}

void Completion::CancelAll() {
  cancelled_ = true;
  runs_.CancelAll(MonotonicNs());
}

void Completion::Hurry() {
  if (looking_) {
    hurried_ = true;
  } else if (!runs_.empty()) {
    Plan(looked_ns_ + kHurryNs);
  }
}

// The earlier of this and what is planned already.
void Completion::Plan(int64_t at_ns) {
  if (look_at_ns_ <= at_ns) return;
  loop_.Cancel(look_timer_);
  look_at_ns_ = at_ns;
  look_timer_ = loop_.At(at_ns, [this] { Look(); });
}

void Completion::Look() {
  look_at_ns_ = INT64_MAX;
  if (runs_.empty()) return;
  looking_ = true;
  hurried_ = false;
  looked_ns_ = MonotonicNs();
  poll_->Look(runs_.Ids(), [this](Looked&& looked) { Take(std::move(looked)); });
}

void Completion::Take(Looked&& looked) {
  looking_ = false;
  if (looked.errors > 0 && looked.seen.empty()) {
    failed_looks_.Failed(PlainText(looked.error, kMostErrorBytes), looked_ns_);
  } else {
    failed_looks_.Succeeded(MonotonicNs());
  }
  look_faults_.Add(looked.errors, looked.error);
  if (looked.listed_all) runs_.ListedAll();
  const int64_t wall_ahead_ns = WallAheadNs();
  for (const RunSeen& seen : looked.seen) runs_.See(seen, wall_ahead_ns);
  if (runs_.empty()) return;
  const int64_t every_ns = trigger_.completion().every_ns();
  int64_t next_ns = looked_ns_ + every_ns;
  if (const uint64_t failed = std::min(failed_looks_.in_a_row(), kMostDoublings); failed > 0) {
    next_ns = MonotonicNs() + std::max(every_ns, std::min(kMostBackoffNs, every_ns << (failed - 1)));
  } else if (hurried_) {
    next_ns = looked_ns_ + kHurryNs;
  }
  Plan(next_ns);
}

void Completion::Faults::Add(uint64_t more, const std::string& what) {
  if (count == 0 && more > 0) first = PlainText(what, kMostErrorBytes);
  count += more;
}

std::optional<v1::Finding> Completion::Errors() const {
  if (look_faults_.count + instant_faults_.count == 0) return std::nullopt;
  v1::Finding finding;
  finding.set_code("completion_errors");
  finding.set_count(look_faults_.count + instant_faults_.count);
  // Each has a mend of its own.
  finding.set_detail(fmt::format("{}{}{}", look_faults_.first,
                                 look_faults_.count > 0 && instant_faults_.count > 0 ? "; and: " : "",
                                 instant_faults_.first));
  return finding;
}

std::vector<std::string> Completion::Notices() const {
  std::vector<std::string> notices;
  // Without a run to look for nobody finds out whether looks still fail.
  if (!runs_.empty() || failed_looks_.in_a_row() == 0) notices.push_back(failed_looks_.Notice(MonotonicNs()));
  notices.push_back(instant_faults_.first);
  std::erase(notices, "");
  return notices;
}

}  // namespace assay
