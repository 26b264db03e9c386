#include "cli/trial/driver_trial.h"

#include <absl/status/status.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "cli/shell_words.h"
#include "cli/trial/driver_end.h"
#include "cli/trial/tried_driver.h"
#include "common/bounded_output.h"
#include "common/built_in_names.h"
#include "common/clock.h"
#include "common/driver/driver_order.h"
#include "common/nanoseconds.h"
#include "common/units.h"

namespace assay {
namespace {
constexpr int64_t kCancelGraceNs = 2 * kSecond;  // as the agent's
constexpr int64_t kLongSleepNs = 30 * kSecond;   // of tasks that are cancelled
constexpr uint64_t kCancelledTasks = 16;
constexpr int64_t kRunId = 1;
constexpr std::string_view kMendDone = "tell done of every task, also of one that failed or was cancelled";

class Trial {
 public:
  Trial(const DriverTrialPlan& plan, DriverTrialKind kind, int stop_fd)
      : plan_(plan),
        names_{.agent = "trial", .run_id = kRunId, .target = plan.target},
        talk_(0, [this](const DriverTalk::Fault& fault) { report_.broken.Find(fault); }),
        driver_(stop_fd, {.line =
                              [this](std::string_view line, int64_t now_ns) {
                                talk_.Read(line, {now_ns, now_ns - WallNs()});
                                if (talk_.Floods()) StopFlood();
                                // An agent ends it then, and takes nothing more of it.
                                if (Failed()) driver_.Condemn();
                              },
                          .read =
                              [this] {
                                if (CountEnded()) last_done_ns_ = MonotonicNs();
                              },
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
  void Find(std::string what, std::string_view mend) { report_.broken.Find({std::move(what), "", std::string(mend)}); }

  bool Start() {
    if (const absl::Status started = driver_.Start(plan_.argv); !started.ok()) {
      Find(std::string(started.message()), MendOfStart(started, plan_.argv));
      return false;
    }
    report_.started = true;
    started_ns_ = MonotonicNs();
    return true;
  }

  bool CountEnded() {
    const std::vector<v1::TriggerRecord> ended = talk_.tasks().TakeEnded();
    for (const v1::TriggerRecord& record : ended) {
      if (record.outcome() == v1::OK)
        ++report_.ok;
      else if (++report_.failed == 1)
        report_.first_failed = fmt::format("task {}: {}", record.index(), record.error());
    }
    return !ended.empty();
  }

  void FindOverlong() {
    Find(fmt::format("line {}: is longer than {} KiB", talk_.lines() + 1, kMostDriverLineBytes / 1024),
         "spread the events over several lines");
  }

  // First of all faults: these are only so many of a driver that floods with them.
  void StopFlood() {
    driver_.Condemn();
    report_.broken.FindFirst(
        {fmt::format("line {}: says more than any driver has to say: {} lines, {} events for {} tasks", talk_.lines(),
                     talk_.lines(), talk_.events(), talk_.tasks().given()),
         "", "tell each instant of a task once, and nothing in a loop that does not wait"});
  }

  // The user or a fault that nothing can follow has ended the trial.
  bool Over() const { return driver_.interrupted() || (driver_.condemned() && !Failed()); }
  bool Failed() const { return talk_.phase() == DriverTalk::Phase::kFailed; }

  // How to see again what it does, in a shell.
  std::string ByHand() const {
    std::vector<std::string> lines = {DriverHelloLine()};
    if (talk_.phase() != DriverTalk::Phase::kGreeting)
      lines.push_back(DriverPrepareLine(kRunId, plan_.target, /*tasks=*/1, names_.Expand(plan_.options_json)));
    if (report_.tasks > 0) lines.push_back(DriverTasksLine({TaskOf(0, plan_.sleep_ns)}));
    std::string command = "printf '%s\\n'";
    for (const std::string& line : lines) command += " " + ShellWord(line.substr(0, line.size() - 1));
    command += " |";
    for (const std::string& word : plan_.argv) command += " " + ShellWord(word);
    return command;
  }

  // It has exited, and should not have.
  void FindEnd(std::string_view when) {
    const DriverEnd end = driver_.end();
    Find(WithLastLine(fmt::format("it {} {}", HowEnded(end), when), end.output), MendOfEnd(end, ByHand()));
  }

  void FindFailed() {
    if (talk_.tasks().in_flight() == 0)
      return Find(fmt::format("it failed: {}", talk_.error()),
                  "mend what it says; a run is refused, or fails, with these words");
    Find(fmt::format("line {}: failed, with {} not done: {}", talk_.lines(), UndoneText(), talk_.error()),
         "a failed line ends the driver and all that it has in flight; for one task tell the event done with "
         "\"error\"");
  }

  std::string UndoneText() { return fmt::format("{} of {} tasks", talk_.tasks().in_flight(), talk_.tasks().given()); }

  bool Await(DriverTalk::Phase phase, std::string_view what, std::string_view mend, int64_t for_ns) {
    driver_.Until([&] { return talk_.phase() == phase || Failed(); }, for_ns);
    if (talk_.phase() == phase) return true;
    if (Over()) return false;
    if (Failed())
      FindFailed();
    else if (driver_.exited())
      FindEnd(fmt::format("before {}", what));
    else
      Find(fmt::format("no {} within {}", what, FormatDuration(for_ns)), mend);
    return false;
  }

  bool Greet() {
    driver_.Say(DriverHelloLine());
    if (!Await(DriverTalk::Phase::kPreparing, "hello",
               R"(answer the first line with {"type":"hello","protocol":1,"name":NAME,"version":VERSION}, and flush)",
               plan_.prepare_timeout_ns))
      return false;
    driver_.Say(DriverPrepareLine(kRunId, plan_.target, plan_.tasks, names_.Expand(plan_.options_json)));
    if (!Await(
            DriverTalk::Phase::kReady, "ready",
            R"(answer prepare with {"type":"ready","capacity":N}, or {"type":"failed","error":WHY}; --prepare-timeout)",
            plan_.prepare_timeout_ns))
      return false;
    report_.ready_ns = MonotonicNs() - started_ns_;
    return true;
  }

  DriverTask TaskOf(uint64_t index, int64_t sleep_ns) const {
    return {index, sleep_ns, names_.Expand(plan_.task_json, index)};
  }

  void Give(uint64_t tasks, int64_t sleep_ns) {
    const int64_t now_ns = MonotonicNs();
    for (uint64_t first = 0; first < tasks; first += plan_.batch) {
      std::vector<DriverTask> batch;
      for (uint64_t index = first; index < std::min(tasks, first + plan_.batch); ++index) {
        batch.push_back(TaskOf(index, sleep_ns));
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
    AwaitTasks(plan_.tasks_timeout_ns);
    report_.tasks_ns = last_done_ns_ > 0 ? last_done_ns_ - begun_ns : 0;
    if (Over()) return;
    FindUndone();
    if (report_.failed > 0)
      report_.notes.push_back(
          fmt::format("{} of {} tasks failed; the first, {}. A trial measures nothing where tasks fail: give it the "
                      "scenario's --options and --task, or mend what the words say",
                      report_.failed, plan_.tasks, report_.first_failed));
    if (!driver_.exited() && !Failed()) SayGoodbye();
    LookAtInstants();
  }

  // As an agent, which waits only so long for the done of a task that is over.
  void AwaitTasks(int64_t for_ns) {
    const int64_t deadline_ns = MonotonicNs() + for_ns;
    for (int64_t left_ns = for_ns; left_ns > 0; left_ns = deadline_ns - MonotonicNs()) {
      if (driver_.Until([this] { return talk_.tasks().in_flight() == 0; }, std::min(left_ns, kSecond))) return;
      if (Over() || Failed() || driver_.exited()) return;
      talk_.tasks().Pass(MonotonicNs());
      CountEnded();
    }
  }

  void FindUndone() {
    DriverTasks& tasks = talk_.tasks();
    if (tasks.undone() > 0)
      report_.broken.Find({fmt::format("task {} was over, but its done was not told within {}", tasks.first_undone(),
                                       FormatDuration(DriverTasks::kDonePatienceNs)),
                           "", std::string(kMendDone)},
                          tasks.undone());
    if (Failed()) return FindFailed();
    if (driver_.exited())
      return FindEnd(tasks.in_flight() > 0 ? fmt::format("with {} not done", UndoneText()) : "before drain");
    if (tasks.in_flight() == 0) return;
    Find(fmt::format("{} were not done within {}, the first of them task {}", UndoneText(),
                     FormatDuration(plan_.tasks_timeout_ns), tasks.first_in_flight()),
         fmt::format("{}; --timeout if they need longer", kMendDone));
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
    const bool early = driver_.exited();
    driver_.Say(kDriverCancelLine);
    const bool all = driver_.Until([this] { return talk_.tasks().in_flight() == 0; }, kCancelGraceNs);
    if (Over()) return;
    if (Failed()) return FindFailed();
    if (driver_.exited())
      return FindEnd(early ? fmt::format("with {} not done", UndoneText()) : "when it was cancelled");
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
    if (const DriverEnd end = driver_.end(); code_matters && end.code != 0)
      Find(WithLastLine(fmt::format("after {} it {}", after, HowEnded(end)), end.output), "exit with 0");
    // A moment: children that it told to end may be just about to.
    const int64_t deadline_ns = MonotonicNs() + kSecond;
    while (driver_.GroupHasOthers() && MonotonicNs() < deadline_ns) usleep(10'000);
    if (driver_.GroupHasOthers())
      report_.notes.emplace_back("it left processes of its group behind, which the agent kills; end them in bye");
  }

  const DriverTrialPlan& plan_;
  const BuiltInNames names_;
  DriverTrialReport report_;
  DriverTalk talk_;
  int64_t started_ns_ = 0;
  int64_t last_done_ns_ = 0;  // 0: none was
  TriedDriver driver_;
};

}  // namespace

DriverTrialReport TryDriver(const DriverTrialPlan& plan, DriverTrialKind kind, int stop_fd) {
  return Trial(plan, kind, stop_fd).Run();
}

}  // namespace assay
