#include "cli/verbs/driver_trial.h"

#include <absl/status/status.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "cli/verbs/tried_driver.h"
#include "common/clock.h"
#include "common/driver/driver_order.h"
#include "common/nanoseconds.h"
#include "common/units.h"

namespace assay {
namespace {
constexpr int64_t kCancelGraceNs = 2 * kSecond;  // as the agent's
constexpr int64_t kLongSleepNs = 30 * kSecond;   // of tasks that are cancelled
constexpr size_t kMostFaults = 100;
constexpr uint64_t kCancelledTasks = 16;

class Trial {
 public:
  Trial(const DriverTrialPlan& plan, DriverTrialKind kind, int stop_fd)
      : plan_(plan),
        talk_(0, [this](const DriverTalk::Fault& fault) { Find(fault); }),
        driver_(stop_fd, {.line =
                              [this](std::string_view line, int64_t now_ns) {
                                talk_.Read(line, {now_ns, now_ns - WallNs()});
                                if (talk_.Floods()) StopFlood();
                              },
                          .read = [this] { CountEnded(); },
                          .overlong = [this] { FindOverlong(); }}) {
    report_.kind = kind;
  }

  DriverTrialReport Run() {
    if (Start() && Greet()) {
      if (report_.kind == DriverTrialKind::kWhole) TryAll();
      if (report_.kind == DriverTrialKind::kCancelled) TryCancel();
      if (report_.kind == DriverTrialKind::kLeft) TryLeave();
    }
    if (const std::string half = driver_.End(); !half.empty()) talk_.ReadHalf(half);
    report_.interrupted = driver_.interrupted();
    report_.info = talk_.info();
    report_.spans = talk_.spans();
    report_.lines = talk_.lines();
    report_.events = talk_.events();
    for (size_t i = 0; i < kDriverEvents; ++i) report_.kinds[i] = talk_.events(static_cast<DriverEvent::Kind>(i));
    for (const std::string& field : talk_.unused())
      report_.notes.push_back(fmt::format("nobody reads the field \"{}\"; is it misspelt?", field));
    return std::move(report_);
  }

 private:
  void Find(const DriverTalk::Fault& fault) {
    if (++report_.faults_total <= kMostFaults) report_.faults.push_back(fault);
  }
  void Find(std::string what, std::string mend) { Find({std::move(what), "", std::move(mend)}); }

  bool Start() {
    if (const absl::Status started = driver_.Start(plan_.argv); !started.ok()) {
      Find(std::string(started.message()), "write the command as in a shell, behind --");
      return false;
    }
    report_.started = true;
    started_ns_ = MonotonicNs();
    return true;
  }

  void CountEnded() {
    for (const v1::TriggerRecord& record : talk_.tasks().TakeEnded()) {
      if (record.outcome() == v1::OK)
        ++report_.ok;
      else if (not_ok_.empty())
        not_ok_ = fmt::format("task {}: {}", record.index(), record.error());
    }
  }

  void FindOverlong() {
    Find(fmt::format("line {}: is longer than {} KiB", talk_.lines() + 1, kMostDriverLineBytes / 1024),
         "spread the events over several lines");
  }

  // First of all faults: these are only so many of a driver that floods with them.
  void StopFlood() {
    driver_.Condemn();
    ++report_.faults_total;
    report_.faults.insert(
        report_.faults.begin(),
        {fmt::format("line {}: says more than any driver has to say: {} lines, {} events for {} tasks", talk_.lines(),
                     talk_.lines(), talk_.events(), talk_.tasks().given()),
         "", "tell each instant of a task once, and nothing in a loop that does not wait"});
  }

  // The user or a fault that nothing can follow has ended the trial.
  bool Over() const { return driver_.interrupted() || driver_.condemned(); }

  // Why something that was waited for did not come.
  std::string Missing(std::string_view what, int64_t for_ns) const {
    if (talk_.phase() == DriverTalk::Phase::kFailed) return fmt::format("it failed: {}", talk_.error());
    if (driver_.exited()) return fmt::format("it {} before {}", driver_.HowEnded(), what);
    return fmt::format("no {} within {}", what, FormatDuration(for_ns));
  }

  bool Await(DriverTalk::Phase phase, std::string_view what, std::string_view mend, int64_t for_ns) {
    const bool there =
        driver_.Until([&] { return talk_.phase() == phase || talk_.phase() == DriverTalk::Phase::kFailed; }, for_ns);
    if (there && talk_.phase() == phase) return true;
    if (!Over()) Find(Missing(what, for_ns), std::string(mend));
    return false;
  }

  bool Greet() {
    driver_.Say(DriverHelloLine());
    if (!Await(DriverTalk::Phase::kPreparing, "hello",
               R"(answer the first line with {"type":"hello","protocol":1,"name":NAME,"version":VERSION}, and flush)",
               plan_.prepare_timeout_ns))
      return false;
    driver_.Say(DriverPrepareLine(1, plan_.target, plan_.tasks, plan_.options_json));
    if (!Await(
            DriverTalk::Phase::kReady, "ready",
            R"(answer prepare with {"type":"ready","capacity":N}, or {"type":"failed","error":WHY}; --prepare-timeout)",
            plan_.prepare_timeout_ns))
      return false;
    report_.ready_ns = MonotonicNs() - started_ns_;
    return true;
  }

  void Give(uint64_t tasks, int64_t sleep_ns) {
    const int64_t now_ns = MonotonicNs();
    for (uint64_t first = 0; first < tasks; first += plan_.batch) {
      std::vector<DriverTask> batch;
      for (uint64_t index = first; index < std::min(tasks, first + plan_.batch); ++index) {
        batch.push_back({index, sleep_ns, plan_.task_json});
        v1::TriggerRecord trigger;
        trigger.set_index(index);
        trigger.set_started_ns(now_ns);
        talk_.tasks().Give(std::move(trigger));
      }
      driver_.Say(DriverTasksLine(batch));
    }
    report_.tasks = tasks;
  }

  void TryAll() {
    const int64_t begun_ns = MonotonicNs();
    Give(plan_.tasks, plan_.sleep_ns);
    driver_.Until([this] { return talk_.tasks().in_flight() == 0; }, plan_.tasks_timeout_ns);
    report_.tasks_ns = MonotonicNs() - begun_ns;
    if (Over()) return;
    if (talk_.tasks().in_flight() > 0) {
      Find(driver_.exited() ? fmt::format("it {} with {} of {} tasks not done", driver_.HowEnded(),
                                          talk_.tasks().in_flight(), plan_.tasks)
                            : fmt::format("{} of {} tasks were not done within {}", talk_.tasks().in_flight(),
                                          plan_.tasks, FormatDuration(plan_.tasks_timeout_ns)),
           "tell done of every task, also of one that failed; --timeout if they need longer");
    }
    if (!not_ok_.empty())
      report_.notes.push_back(
          fmt::format("{} of {} tasks were ok; the first that was not, {}", report_.ok, plan_.tasks, not_ok_));
    if (!driver_.exited()) SayGoodbye();
    LookAtInstants();
  }

  // The last of all: they may be told until it has drained.
  void LookAtInstants() {
    const std::vector<v1::TaskRecord> records = talk_.tasks().TakeTasks(plan_.tasks);
    const bool some = std::any_of(records.begin(), records.end(), [](const v1::TaskRecord& record) {
      return record.has_started_ns() || record.has_finished_ns() || record.has_body_started_ns();
    });
    const bool told = std::any_of(records.begin(), records.end(),
                                  [](const v1::TaskRecord& record) { return record.state() != DriverTasks::kNotTold; });
    if (some || !told) return;
    report_.notes.emplace_back(
        "it told no instants of the target (started, finished, ...): without them there is no wait and no overhead to "
        "read from its tasks");
  }

  void SayGoodbye() {
    talk_.Drain();
    driver_.Say(kDriverDrainLine);
    if (!Await(DriverTalk::Phase::kDrained, "drained", R"(answer drain with {"type":"drained"}, and flush)",
               plan_.prepare_timeout_ns))
      return;
    driver_.Say(kDriverByeLine);
    ExpectExit("bye", /*code_matters=*/true);
  }

  void TryCancel() {
    Give(kCancelledTasks, kLongSleepNs);
    // Until they are on their way; a driver that says nothing then has them all the same.
    driver_.Until([this] { return talk_.events() >= kCancelledTasks; }, 500 * kMs);
    driver_.Say(kDriverCancelLine);
    const bool all = driver_.Until([this] { return talk_.tasks().in_flight() == 0; }, kCancelGraceNs);
    if (Over()) return;
    if (driver_.exited())
      return Find(fmt::format("it {} when it was cancelled", driver_.HowEnded()), "go on until bye");
    if (all) return SayGoodbye();
    report_.notes.push_back(
        fmt::format("{} of {} tasks were not done within {} of cancel: a run that is cancelled kills this driver then",
                    talk_.tasks().in_flight(), kCancelledTasks, FormatDuration(kCancelGraceNs)));
  }

  void TryLeave() {
    driver_.CloseStdin();
    ExpectExit("the end of its stdin", /*code_matters=*/false);
  }

  void ExpectExit(std::string_view after, bool code_matters) {
    driver_.Until([this] { return driver_.exited(); }, kDriverExitPatienceNs);
    if (Over()) return;
    if (!driver_.exited())
      return Find(fmt::format("it did not exit within {} of {}", FormatDuration(kDriverExitPatienceNs), after),
                  "end threads and children, then exit; the end of stdin means the same as bye");
    if (code_matters && !driver_.exited_0())
      Find(fmt::format("after {} it {}", after, driver_.HowEnded()), "exit with 0");
    // A moment: children that it told to end may be just about to.
    const int64_t deadline_ns = MonotonicNs() + kSecond;
    while (driver_.GroupHasOthers() && MonotonicNs() < deadline_ns) usleep(10'000);
    if (driver_.GroupHasOthers())
      report_.notes.emplace_back("it left processes of its group behind, which the agent kills; end them in bye");
  }

  const DriverTrialPlan& plan_;
  DriverTrialReport report_;
  DriverTalk talk_;
  int64_t started_ns_ = 0;
  std::string not_ok_;
  TriedDriver driver_;
};

}  // namespace

DriverTrialReport TryDriver(const DriverTrialPlan& plan, DriverTrialKind kind, int stop_fd) {
  return Trial(plan, kind, stop_fd).Run();
}

}  // namespace assay
