// The driver trigger: a task for a long-lived child process, which tells what became of it (docs/driver.md).
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/triggers/driver_process.h"
#include "agent/triggers/trigger_kind.h"
#include "common/built_in_names.h"
#include "common/clock.h"
#include "common/counter_random.h"
#include "common/driver/driver_order.h"
#include "common/driver/driver_talk.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr size_t kDefaultBatch = 500;
constexpr int64_t kDefaultPrepareNs = 60'000'000'000;
constexpr int64_t kDriverGraceNs = 2'000'000'000;
constexpr size_t kTasksPerTurn = 1'000;

class DriverTrigger final : public TriggerKind {
 public:
  explicit DriverTrigger(TriggerContext context)
      : context_(std::move(context)),
        driver_(context_.spec.trigger().driver()),
        names_{.agent = context_.agent_name,
               .run_id = context_.spec.run_id(),
               .block = context_.spec.block(),
               .target = context_.spec.target()},
        batch_(driver_.batch() > 0 ? driver_.batch() : kDefaultBatch),
        prepare_timeout_ns_(driver_.prepare_timeout_ns() > 0 ? driver_.prepare_timeout_ns() : kDefaultPrepareNs),
        talk_(context_.spec.trigger().timeout_ns(), [this](const DriverTalk::Fault& fault) {
          Find(garbage_, fmt::format("{}: {}", fault.what, fault.excerpt));
        }) {}

  ~DriverTrigger() override {
    for (const EventLoop::TimerId timer : {step_timer_, due_timer_, flush_timer_, cancel_timer_})
      context_.loop.Cancel(timer);
    if (process_) process_->Abandon();
  }

  void Prepare(std::function<void(absl::Status)> done) override {
    if (driver_.argv().empty() || driver_.argv(0).empty())
      return done(absl::InvalidArgumentError("the driver trigger has no program to start"));
    prepared_ = std::move(done);
    SpawnRequest request;
    for (const std::string& argument : driver_.argv()) request.argv.push_back(names_.Expand(argument));
    for (const auto& [key, value] : driver_.env())
      request.env.push_back(fmt::format("{}={}", key, names_.Expand(value)));
    request.cwd = names_.Expand(driver_.cwd());
    program_ = request.argv[0];
    // An interpreter's name tells less than its script's.
    if (request.argv.size() > 1 && !request.argv[1].starts_with('-')) program_ += " " + request.argv[1];
    process_ = std::make_shared<DriverProcess>(context_.loop, context_.spawner);
    process_->Start(std::move(request), context_.run_cgroup,
                    {.line = [this](std::string_view line) { Line(line); },
                     .read = [this] { Deliver(); },
                     .ended = [this](DriverProcess::End&& end) { Ended(std::move(end)); }});
    process_->Write(DriverHelloLine());
    step_timer_ = context_.loop.At(MonotonicNs() + prepare_timeout_ns_, [this] {
      process_->Terminate(kDriverGraceNs);
      Refuse(
          fmt::format("was not ready within {} (trigger.driver.prepare_timeout)", FormatDuration(prepare_timeout_ns_)));
    });
  }

  void Fire(v1::TriggerRecord&& record) override {
    const v1::SleepLength* const sleep = driver_.has_sleep() ? &driver_.sleep() : nullptr;
    record.set_planned_ns(sleep != nullptr ? DrawSleepNs(*sleep, context_.spec.random_key(), record.index()) : -1);
    if (over_) return EndUngiven(std::move(record), v1::FAILED, broken_);
    // Each would hold its slot for the whole timeout, and a run of thousands last for hours.
    if (!silent_.empty()) return EndUngiven(std::move(record), v1::FAILED, silent_);
    waiting_.push_back(std::move(record));
    if (waiting_.size() >= batch_) return Give();
    // What the pacer starts in one turn goes out together.
    if (waiting_.size() == 1) flush_timer_ = context_.loop.At(MonotonicNs(), [this] { Give(); });
  }

  void CancelAll(int64_t grace_ns) override {
    cancelled_ = true;
    if (prepared_) {
      // Nothing will be fired, so whether it would have been ready does not matter.
      context_.loop.Cancel(step_timer_);
      process_->Terminate(grace_ns);
      return std::exchange(prepared_, nullptr)(absl::OkStatus());
    }
    context_.loop.Cancel(flush_timer_);
    for (v1::TriggerRecord& record : std::exchange(waiting_, {}))
      EndUngiven(std::move(record), v1::CANCELLED, "cancelled");
    if (over_) return;
    process_->Write(kDriverCancelLine);
    cancel_timer_ = context_.loop.At(MonotonicNs() + grace_ns, [this] {
      talk_.tasks().EndAll(v1::CANCELLED, "cancelled", MonotonicNs());
      Deliver();
      if (!over_) process_->Terminate(0);
    });
  }

  void Finish(const std::function<void(TriggerRemarks&&)>& done) override {
    finished_ = done;
    if (over_) return TellTasks();
    talk_.Drain();
    process_->Write(kDriverDrainLine);
    // A cancelled one has its grace for all of this.
    if (cancelled_) return;
    step_timer_ = context_.loop.At(MonotonicNs() + prepare_timeout_ns_, [this] {
      Find(failed_, fmt::format("it did not say drained within {} (trigger.driver.prepare_timeout)",
                                FormatDuration(prepare_timeout_ns_)));
      ending_ = true;
      process_->Terminate(kDriverGraceNs);
    });
  }

  std::optional<v1::DriverInfo> Driver() const override { return talk_.info(); }

 private:
  struct Found {
    uint64_t count = 0;
    std::string first;
  };

  static void Find(Found& found, const std::string& what) {
    if (found.count++ == 0) found.first = what;
  }

  void Refuse(const std::string& why) {
    if (!prepared_) return;
    context_.loop.Cancel(step_timer_);
    std::exchange(prepared_, nullptr)(absl::FailedPreconditionError(fmt::format("driver '{}' {}", program_, why)));
  }

  void Line(std::string_view line) {
    last_line_ns_ = MonotonicNs();
    silent_.clear();
    const DriverTalk::Phase before = talk_.phase();
    talk_.Read(line, {.now_ns = last_line_ns_, .monotonic_from_wall_ns = last_line_ns_ - WallNs()});
    if (talk_.phase() != before) Advance();
    if (talk_.Floods())
      process_->Condemn(fmt::format("said more than any driver has to say: {} lines, {} events for {} tasks",
                                    talk_.lines(), talk_.events(), talk_.tasks().given()));
  }

  void Advance() {
    switch (talk_.phase()) {
      case DriverTalk::Phase::kPreparing:
        return process_->Write(DriverPrepareLine(context_.spec.run_id(), context_.spec.target(), context_.spec.count(),
                                                 names_.Expand(driver_.options())));
      case DriverTalk::Phase::kReady:
        context_.loop.Cancel(step_timer_);
        if (prepared_) std::exchange(prepared_, nullptr)(absl::OkStatus());
        return;
      case DriverTalk::Phase::kFailed:
        Refuse(fmt::format("failed: {}", talk_.error()));
        return process_->Condemn(fmt::format("failed: {}", talk_.error()));
      case DriverTalk::Phase::kDrained:
        return SayBye();
      case DriverTalk::Phase::kGreeting:
      case DriverTalk::Phase::kDraining:
        return;
    }
  }

  void SayBye() {
    context_.loop.Cancel(step_timer_);
    ending_ = true;
    process_->Write(kDriverByeLine);
    process_->CloseStdin();
    step_timer_ = context_.loop.At(MonotonicNs() + kDriverExitPatienceNs, [this] {
      Find(garbage_, fmt::format("it did not exit within {} of bye", FormatDuration(kDriverExitPatienceNs)));
      impatient_ = true;
      process_->Terminate(kDriverGraceNs);
    });
  }

  void Give() {
    context_.loop.Cancel(flush_timer_);
    if (over_) return;
    const int64_t now_ns = MonotonicNs();
    std::vector<DriverTask> tasks;
    tasks.reserve(waiting_.size());
    for (v1::TriggerRecord& record : std::exchange(waiting_, {})) {
      const uint64_t index = record.index();
      tasks.push_back({index, record.planned_ns(), names_.Expand(driver_.task(), index)});
      record.set_started_ns(now_ns);
      talk_.tasks().Give(std::move(record));
    }
    process_->Write(DriverTasksLine(tasks));
    WatchDue();
  }

  void WatchDue() {
    const int64_t due_ns = talk_.tasks().NextDueNs();
    if (due_watched_ns_ <= due_ns) return;
    context_.loop.Cancel(due_timer_);
    due_watched_ns_ = due_ns;
    due_timer_ = context_.loop.At(due_ns, [this] {
      due_watched_ns_ = DriverTasks::kNever;
      talk_.tasks().Pass(MonotonicNs());
      Deliver();
    });
  }

  void Deliver() {
    for (v1::TriggerRecord& record : talk_.tasks().TakeEnded()) {
      if (cancelled_ && record.outcome() != v1::TIMEOUT) {
        record.set_outcome(v1::CANCELLED);
        record.set_error("cancelled");
      } else if (record.outcome() == v1::TIMEOUT && last_line_ns_ < record.started_ns()) {
        *record.mutable_error() += "; its driver said nothing in that time";
        const std::string patience = FormatDuration(context_.spec.trigger().timeout_ns());
        Find(failed_, fmt::format("it said nothing for {} after task {} was given", patience, record.index()));
        silent_ = fmt::format("not given: its driver had said nothing for {}", patience);
      }
      context_.ended(std::move(record));
    }
    if (!over_) WatchDue();
  }

  static std::string Describe(const DriverProcess::End& end) {
    return end.start.ok() ? end.how : std::string(end.start.message());
  }

  void EndUngiven(v1::TriggerRecord&& record, v1::Outcome outcome, const std::string& error) {
    const int64_t now_ns = MonotonicNs();
    record.set_outcome(outcome);
    record.set_error(error);
    record.set_started_ns(now_ns);
    record.set_finished_ns(now_ns);
    record.set_cpu_ns(-1);
    context_.ended(std::move(record));
  }

  void Ended(DriverProcess::End&& end) {
    over_ = true;
    for (const EventLoop::TimerId timer : {step_timer_, due_timer_, flush_timer_, cancel_timer_})
      context_.loop.Cancel(timer);
    if (!end.half_line.empty()) talk_.ReadHalf(end.half_line);
    if (prepared_) return Refuse(end.start.ok() ? Describe(end) : fmt::format("is not there: {}", Describe(end)));
    broken_ = fmt::format("its driver {}", Describe(end));
    if (cancelled_) {
      // It was told to end.
    } else if (!ending_) {
      Find(failed_, broken_);
    } else if (!end.exited_0 && !impatient_ && failed_.count == 0) {
      Find(garbage_, fmt::format("after bye {}", broken_));
    }
    talk_.tasks().EndAll(cancelled_ ? v1::CANCELLED : v1::FAILED, broken_, MonotonicNs());
    Deliver();
    for (v1::TriggerRecord& record : std::exchange(waiting_, {}))
      EndUngiven(std::move(record), cancelled_ ? v1::CANCELLED : v1::FAILED, broken_);
    if (finished_ && !telling_) TellTasks();
  }

  // Of 100,000 tasks this takes a while, and the loop has others to serve.
  void TellTasks() {
    telling_ = true;
    std::vector<v1::TaskRecord> records = talk_.tasks().TakeTasks(kTasksPerTurn);
    for (v1::TaskRecord& record : records) context_.told(std::move(record));
    if (!records.empty()) {
      step_timer_ = context_.loop.At(MonotonicNs(), [this] { TellTasks(); });
      return;
    }
    if (const DriverTasks& tasks = talk_.tasks(); tasks.undone() > 0) {
      garbage_.count += tasks.undone() - 1;
      Find(garbage_, fmt::format("task {} was over, but its done was not told within {}, for which its trigger waited",
                                 tasks.first_undone(), FormatDuration(DriverTasks::kDonePatienceNs)));
    }
    TriggerRemarks remarks;
    remarks.spans = talk_.spans();
    for (const auto& [code, found] : {std::pair{"driver_garbage", &garbage_}, std::pair{"driver_failed", &failed_}}) {
      if (found->count == 0) continue;
      v1::Finding& finding = remarks.findings.emplace_back();
      finding.set_code(code);
      finding.set_count(found->count);
      finding.set_detail(found->first);
    }
    std::exchange(finished_, nullptr)(std::move(remarks));
  }

  TriggerContext context_;
  const v1::DriverTrigger& driver_;
  BuiltInNames names_;
  const size_t batch_;
  const int64_t prepare_timeout_ns_;
  Found garbage_;
  Found failed_;
  DriverTalk talk_;
  std::string program_;
  std::shared_ptr<DriverProcess> process_;
  std::function<void(absl::Status)> prepared_;
  std::function<void(TriggerRemarks&&)> finished_;
  std::vector<v1::TriggerRecord> waiting_;  // for the end of the turn
  int64_t last_line_ns_ = 0;
  int64_t due_watched_ns_ = DriverTasks::kNever;
  bool cancelled_ = false;
  bool ending_ = false;     // it may exit
  bool impatient_ = false;  // it took too long to
  bool over_ = false;       // it has ended
  bool telling_ = false;
  std::string broken_;  // how
  std::string silent_;  // since when it gets no more tasks, until it says a line
  EventLoop::TimerId step_timer_ = 0;
  EventLoop::TimerId due_timer_ = 0;
  EventLoop::TimerId flush_timer_ = 0;
  EventLoop::TimerId cancel_timer_ = 0;
};

}  // namespace

// Registered in registry.cc.
std::unique_ptr<TriggerKind> MakeDriverTrigger(TriggerContext context);
std::unique_ptr<TriggerKind> MakeDriverTrigger(TriggerContext context) {
  return std::make_unique<DriverTrigger>(std::move(context));
}

}  // namespace assay
