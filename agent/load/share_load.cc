#include "agent/load/share_load.h"

#include <fmt/format.h>

#include <utility>

#include "agent/clients/http/http_messages.h"
#include "agent/completion/registry.h"
#include "agent/triggers/registry.h"
#include "common/built_in_names.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int kStartsPerTurn = 256;
constexpr int kStartsPerLook = 64;        // at the spool
constexpr int64_t kRetryNs = 10'000'000;  // how often a full spool is looked at again

}  // namespace

ShareLoad::ShareLoad(const v1::ShareSpec& spec, Context context)
    : context_(std::move(context)), deadline_ns_(spec.open().deadline_ns()), pacer_(spec) {}

ShareLoad::~ShareLoad() { context_.loop.Cancel(pump_timer_); }

// First the token, as the others ask with it.
void ShareLoad::Prepare(TriggerContext trigger, HiddenTexts hidden, std::function<void(absl::Status)> done) {
  hidden_ = std::move(hidden);
  const BuiltInNames names{.agent = trigger.agent_name,
                           .run_id = trigger.spec.run_id(),
                           .block = trigger.spec.block(),
                           .target = trigger.spec.target()};
  const v1::Trigger& what = trigger.spec.trigger();
  if (what.http().has_login()) {
    login_ = std::make_shared<LoginToken>(context_.loop, what.http().login(), names, RequestLike(what.http()),
                                          [this](const std::string& token) { hidden_.Add(token); });
  }
  trigger.login = login_;
  trigger.ended = [this](v1::TriggerRecord&& record) { TriggerEnded(std::move(record)); };
  trigger.told = [this](v1::TaskRecord&& task) { TaskTold(std::move(task)); };
  if (what.has_completion()) {
    MakeCompletion(trigger, names);
    if (!completion_) return done(absl::UnimplementedError("this agent does not know this kind of completion"));
    trigger.accepted = [this](v1::TriggerRecord&& record, const std::string& answer) {
      completion_->Accept(std::move(record), answer);
    };
    trigger.ended = [this](v1::TriggerRecord&& record) {
      if (record.outcome() != v1::OK) return TriggerEnded(std::move(record));
      const std::string answer = record.output();
      completion_->Accept(std::move(record), answer);
    };
  }
  absl::StatusOr<std::unique_ptr<TriggerKind>> kind = MakeTriggerKind(std::move(trigger));
  if (!kind.ok()) return done(kind.status());
  kind_ = *std::move(kind);
  const auto hide = [this, done = std::move(done)](const absl::Status& status) { done(hidden_.Hide(status)); };
  AskForToken([this, hide](const absl::Status& asked) {
    if (!asked.ok()) return hide(asked);
    kind_->Prepare([this, hide](const absl::Status& ready) {
      if (!ready.ok() || !completion_) return hide(ready);
      completion_->Prepare(hide);
    });
  });
}

void ShareLoad::MakeCompletion(const TriggerContext& trigger, const BuiltInNames& names) {
  auto make_poll = [&](std::function<void()> hurry) {
    return MakePoll({.loop = context_.loop,
                     .trigger = trigger.spec.trigger(),
                     .names = names,
                     .login = login_,
                     .got_token = [this](const std::string& token) { hidden_.Add(token); },
                     .hurry = std::move(hurry)});
  };
  completion_ = Completion::Of(context_.loop, trigger.spec.trigger(), make_poll,
                               [this](v1::TriggerRecord&& record) { TriggerEnded(std::move(record)); });
}

void ShareLoad::AskForToken(std::function<void(absl::Status)> done) {
  if (!login_) return done(absl::OkStatus());
  login_->Ask(std::move(done));
}

void ShareLoad::Begin(int64_t t0_ns) {
  t0_ns_ = t0_ns;
  Pump();
}

void ShareLoad::Stop() {
  pacer_.Stop();
  Pump();
}

void ShareLoad::Cancel(int64_t grace_ns) {
  pacer_.Stop();
  if (kind_) kind_->CancelAll(grace_ns);
  if (completion_) completion_->CancelAll();
  Pump();
}

bool ShareLoad::MayStart() const { return !pacer_.Exhausted(t0_ns_ ? NowNs() : 0); }

int64_t ShareLoad::NowNs() const { return MonotonicNs() - *t0_ns_; }

// Starts what is due. Bounded per turn, so that a share of null triggers leaves the loop to the others.
void ShareLoad::Pump() {
  if (!t0_ns_ || pumping_ || over_) return;
  pumping_ = true;
  context_.loop.Cancel(pump_timer_);
  int64_t now_ns = 0;
  for (int starts = 0;; ++starts) {
    now_ns = NowNs();
    if (pacer_.Exhausted(now_ns)) break;
    if (context_.lease.IsOut(now_ns + *t0_ns_)) {
      context_.lease_ran_out();
      pacer_.Stop();
      break;
    }
    if (starts % kStartsPerLook == 0 && HeldBack(now_ns)) break;
    if (starts == kStartsPerTurn) {
      pump_timer_ = context_.loop.At(MonotonicNs(), [this] { Pump(); });
      break;
    }
    const std::optional<Pacer::Due> due = pacer_.Next(now_ns);
    if (due) {
      Take(*due, now_ns);
      continue;
    }
    if (const int64_t due_ns = pacer_.NextDueNs(); due_ns != Pacer::kNever)
      pump_timer_ = context_.loop.At(*t0_ns_ + due_ns, [this] { Pump(); });
    break;
  }
  pumping_ = false;
  if (!pacer_.Exhausted(now_ns) || pacer_.taken() != ended_) return;
  over_ = true;
  CountBackpressure(false, now_ns);
  if (!kind_) return context_.ended();
  kind_->Finish([this](TriggerRemarks&& remarks) { Finished(std::move(remarks)); });
}

void ShareLoad::Finished(TriggerRemarks&& remarks) {
  remarks_ = std::move(remarks);
  if (std::optional<v1::Finding> errors = completion_ ? completion_->Errors() : std::nullopt)
    remarks_.findings.push_back(*std::move(errors));
  for (v1::Finding& finding : remarks_.findings) finding.set_detail(hidden_.Hide(finding.detail()));
  for (v1::Span& span : remarks_.spans) {
    span.set_begun_ns(span.begun_ns() - *t0_ns_);
    span.set_ended_ns(span.ended_ns() - *t0_ns_);
  }
  context_.ended();
}

std::vector<std::string> ShareLoad::Notices() const {
  std::vector<std::string> notices;
  if (completion_) notices = completion_->Notices();
  for (std::string& notice : notices) notice = hidden_.Hide(std::move(notice));
  return notices;
}

void ShareLoad::Take(const Pacer::Due& due, int64_t now_ns) {
  if (pacer_.taken() == 1) {
    first_dispatch_ns_ = now_ns;
    first_intended_ns_ = due.intended_ns;
  }
  v1::TriggerRecord record;
  record.set_index(due.index);
  record.set_intended_ns(due.intended_ns);
  record.set_dispatched_ns(now_ns);
  record.set_waited_ns(due.waited_ns);
  if (due.skipped) {
    Skip(std::move(record));
  } else {
    kind_->Fire(std::move(record));
  }
}

void ShareLoad::Skip(v1::TriggerRecord&& record) {
  record.set_outcome(v1::SKIPPED);
  record.set_started_ns(record.dispatched_ns());
  record.set_finished_ns(record.dispatched_ns());
  record.set_planned_ns(-1);
  record.set_cpu_ns(-1);
  // One text per cause: of a flood these are millions of rows.
  record.set_error(fmt::format("not started within its deadline of {}: {}", FormatDuration(deadline_ns_),
                               record.waited_ns() > deadline_ns_ ? "in_flight was full" : "the agent was late"));
  Keep(std::move(record));
}

// Whether something other than the pacer keeps due triggers from starting: no lease yet, or a full spool. Nobody tells
// when that is over, so it is looked at again.
bool ShareLoad::HeldBack(int64_t now_ns) {
  const bool full = context_.sink.Full() && pacer_.NextDueNs() <= now_ns;
  CountBackpressure(full, now_ns);
  if (!full && context_.lease.until_ns) return false;
  pump_timer_ = context_.loop.At(MonotonicNs() + kRetryNs, [this] { Pump(); });
  return true;
}

void ShareLoad::CountBackpressure(bool full, int64_t now_ns) {
  if (full_since_ns_) backpressured_ns_ += now_ns - *full_since_ns_;
  full_since_ns_ = full ? std::optional(now_ns) : std::nullopt;
  backpressured_ |= full;
}

void ShareLoad::TriggerEnded(v1::TriggerRecord&& record) {
  const int64_t finished_ns = record.finished_ns() - *t0_ns_;
  record.set_started_ns(record.started_ns() - *t0_ns_);
  // Skipped by the kind: it waited until then, as one that the pacer skips.
  if (record.outcome() == v1::SKIPPED) record.set_dispatched_ns(record.started_ns());
  record.set_finished_ns(finished_ns);
  if (record.has_connected_ns()) record.set_connected_ns(record.connected_ns() - *t0_ns_);
  if (record.has_secured_ns()) record.set_secured_ns(record.secured_ns() - *t0_ns_);
  if (record.has_created_ns()) record.set_created_ns(record.created_ns() - *t0_ns_);
  if (record.has_running_ns()) record.set_running_ns(record.running_ns() - *t0_ns_);
  if (record.has_first_byte_ns()) record.set_first_byte_ns(record.first_byte_ns() - *t0_ns_);
  if (record.has_accepted_ns()) record.set_accepted_ns(record.accepted_ns() - *t0_ns_);
  if (record.has_completed_ns()) record.set_completed_ns(record.completed_ns() - *t0_ns_);
  Keep(std::move(record));
  pacer_.Ended(finished_ns);
  Pump();
}

void ShareLoad::TaskTold(v1::TaskRecord&& task) {
  const int64_t t0_ns = *t0_ns_;
  if (task.has_created_ns()) task.set_created_ns(task.created_ns() - t0_ns);
  if (task.has_scheduled_ns()) task.set_scheduled_ns(task.scheduled_ns() - t0_ns);
  if (task.has_queued_ns()) task.set_queued_ns(task.queued_ns() - t0_ns);
  if (task.has_ready_ns()) task.set_ready_ns(task.ready_ns() - t0_ns);
  if (task.has_started_ns()) task.set_started_ns(task.started_ns() - t0_ns);
  if (task.has_finished_ns()) task.set_finished_ns(task.finished_ns() - t0_ns);
  if (task.has_body_started_ns()) task.set_body_started_ns(task.body_started_ns() - t0_ns);
  if (task.has_body_finished_ns()) task.set_body_finished_ns(task.body_finished_ns() - t0_ns);
  if (task.has_recorded_ns()) task.set_recorded_ns(task.recorded_ns() - t0_ns);
  if (!hidden_.empty()) task.set_error(hidden_.Hide(std::move(*task.mutable_error())));
  context_.batch.Add(std::move(task));
}

void ShareLoad::Keep(v1::TriggerRecord&& record) {
  ++ended_;
  if (record.outcome() != v1::OK) ++not_ok_;
  if (!hidden_.empty()) {
    for (std::string* const text :
         {record.mutable_error(), record.mutable_output(), record.mutable_remote_id(), record.mutable_remote_state()})
      *text = hidden_.Hide(std::move(*text));
  }
  context_.batch.Add(std::move(record));
}

}  // namespace assay
