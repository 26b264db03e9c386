#include "cli/watch/follow_sweep.h"

#include <fmt/format.h>
#include <poll.h>

#include <map>
#include <optional>

#include "cli/control_client.h"
#include "cli/watch/sweep_watch.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int kTickMs = 250;
constexpr int64_t kCancelRetryNs = 1'000'000'000;
// A local agent is not started again, so a sweep that waits for it waits for ever.
constexpr int64_t kMissedAgentNs = 30'000'000'000;

class Follower {
 public:
  Follower(const std::string& address, int64_t sweep_id, ProgressPrinter& printer, const FollowOptions& options)
      : sweep_id_(sweep_id), printer_(printer), options_(options), client_(address), watch_(address, sweep_id) {}

  Followed Run(Interrupts& interrupts) {
    while (!done_) {
      pollfd fds[] = {{interrupts.fd(), POLLIN, 0}, {watch_.fd(), POLLIN, 0}};
      poll(fds, 2, kTickMs);
      const int64_t now_ns = MonotonicNs();
      while (const std::optional<int> signal = interrupts.Take()) Climb(ladder_.Signalled(*signal, now_ns));
      Climb(ladder_.Tick(now_ns));
      if (!done_) TakeNews(now_ns);
      if (!done_) LookAtStack(now_ns);
      if (!done_) SendCancel(now_ns);
    }
    printer_.Erase();
    followed_.interrupted = ladder_.interrupted();
    return std::move(followed_);
  }

 private:
  enum class Cancel { kNone, kDrain, kNow };

  void Climb(InterruptLadder::Step step) {
    using Step = InterruptLadder::Step;
    if (step == Step::kNone) return;
    if (step == Step::kDrainQuietly) printer_.Silence();
    if (!options_.cancel_on_interrupt || step == Step::kLeave) {
      if (options_.stack != nullptr) options_.stack->Hurry();
      followed_.left = true;
      done_ = true;
      return;
    }
    if (step == Step::kDrain) {
      printer_.Notice("draining: triggers in flight end, then the results so far are shown; Ctrl-C again stops now");
    } else if (step == Step::kStopNow) {
      printer_.Notice("stopping now: triggers in flight and hooks that run are ended; Ctrl-C again leaves at once");
    }
    wanted_ = step == Step::kStopNow ? Cancel::kNow : Cancel::kDrain;
    cancel_at_ns_ = 0;
  }

  // Until the coordinator has heard it: it may be away just now.
  void SendCancel(int64_t now_ns) {
    if (wanted_ == sent_ || now_ns < cancel_at_ns_) return;
    const absl::Status status = client_.CancelSweep(sweep_id_, wanted_ == Cancel::kNow);
    // FailedPrecondition: the sweep has ended by itself meanwhile.
    if (status.ok() || absl::IsFailedPrecondition(status)) {
      sent_ = wanted_;
      return;
    }
    cancel_at_ns_ = now_ns + kCancelRetryNs;
    if (last_cancel_error_ == status.message()) return;
    last_cancel_error_ = std::string(status.message().data(), status.message().size());
    printer_.Notice(fmt::format("cannot cancel yet: {}; trying again", last_cancel_error_));
  }

  void TakeNews(int64_t now_ns) {
    SweepWatch::News news = watch_.Take();
    for (v1::SweepProgress& progress : news.messages) {
      for (v1::RunResult& run : *progress.mutable_results()) TakeResult(run);
      progress.clear_results();
      if (!progress.more()) printer_.Update(progress, now_ns);
      followed_.last = std::move(progress);
    }
    if (news.away_since_ns != 0 && !said_away_) {
      printer_.Notice(fmt::format("lost the coordinator: {}; trying for {}", std::string(news.away_reason.message()),
                                  FormatDuration(SweepWatch::kPatienceNs)));
    }
    if (news.away_since_ns == 0 && said_away_) printer_.Notice("the coordinator is back");
    said_away_ = news.away_since_ns != 0;
    if (!news.over) return;
    if (followed_.status.ok()) followed_.status = news.status;
    done_ = true;
  }

  // After a lost connection all results come again: only what is new, or judged anew, is shown.
  void TakeResult(const v1::RunResult& run) {
    if (!options_.show_results) return;
    const auto known = results_.find(run.run_id());
    if (known == results_.end() || known->second.SerializeAsString() != run.SerializeAsString()) printer_.Result(run);
    results_[run.run_id()] = run;
  }

  void LookAtStack(int64_t now_ns) {
    if (options_.stack == nullptr) return;
    for (const std::string& death : options_.stack->TakeDeaths()) {
      printer_.Notice(death);
      died_ = true;
    }
    if (options_.stack->broken()) {
      followed_.status = absl::InternalError(
          "the local stack has broken down; what was measured is kept, and the sweep goes on when the stack is started "
          "again");
      followed_.left = true;
      done_ = true;
      return;
    }
    const bool waits = died_ && followed_.last.run_id() == 0 && followed_.last.doing().starts_with("waiting");
    if (!waits) waits_since_ns_ = 0;
    if (waits && waits_since_ns_ == 0) waits_since_ns_ = now_ns;
    if (waits && wanted_ == Cancel::kNone && now_ns - waits_since_ns_ > kMissedAgentNs) {
      followed_.status = absl::InternalError(
          fmt::format("gave the sweep up: it was {}, and the local agent that died does not come back; "
                      "its log is beside the data",
                      followed_.last.doing()));
      wanted_ = Cancel::kNow;
    }
  }

  const int64_t sweep_id_;
  ProgressPrinter& printer_;
  const FollowOptions options_;
  ControlClient client_;
  SweepWatch watch_;
  InterruptLadder ladder_;
  Cancel wanted_ = Cancel::kNone;
  Cancel sent_ = Cancel::kNone;
  int64_t cancel_at_ns_ = 0;
  std::string last_cancel_error_;
  bool said_away_ = false;
  bool died_ = false;
  int64_t waits_since_ns_ = 0;
  bool done_ = false;
  std::map<int64_t, v1::RunResult> results_;
  Followed followed_;
};

}  // namespace

Followed FollowSweep(const std::string& address, int64_t sweep_id, Interrupts& interrupts, ProgressPrinter& printer,
                     const FollowOptions& options) {
  return Follower(address, sweep_id, printer, options).Run(interrupts);
}

}  // namespace assay
