#include "cli/verbs/driver_trial.h"

#include <absl/status/statusor.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/clock.h"
#include "common/spawn.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;
constexpr int64_t kExitPatienceNs = 5 * kSecond;  // as the agent's
constexpr int64_t kCancelGraceNs = 2 * kSecond;   // likewise
constexpr int64_t kLongSleepNs = 30 * kSecond;    // of tasks that are cancelled
constexpr size_t kMostFaults = 100;
constexpr uint64_t kCancelledTasks = 16;

class Trial {
 public:
  Trial(const DriverTrialPlan& plan, DriverTrialKind kind, int stop_fd)
      : plan_(plan), stop_fd_(stop_fd), talk_(0, [this](const DriverTalk::Fault& fault) { Find(fault); }) {
    report_.kind = kind;
  }
  ~Trial() { End(); }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  DriverTrialReport Run() {
    if (Start() && Greet()) {
      if (report_.kind == DriverTrialKind::kWhole) TryAll();
      if (report_.kind == DriverTrialKind::kCancelled) TryCancel();
      if (report_.kind == DriverTrialKind::kLeft) TryLeave();
    }
    End();
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
    std::array<int, 2> in{-1, -1};
    std::array<int, 2> out{-1, -1};
    absl::StatusOr<Spawned> child = absl::ResourceExhaustedError(fmt::format("no pipe: {}", std::strerror(errno)));
    if (pipe2(in.data(), O_CLOEXEC) == 0 && pipe2(out.data(), O_CLOEXEC) == 0) {
      SpawnRequest request;
      request.argv = plan_.argv;
      request.stdin_fd = in[0];
      request.stdout_fd = out[1];
      request.stderr_fd = STDERR_FILENO;
      child = Spawn(request);
    }
    for (const int fd : {in[0], out[1]}) {
      if (fd >= 0) close(fd);
    }
    stdin_fd_ = in[1];
    stdout_fd_ = out[0];
    if (!child.ok()) {
      Find(std::string(child.status().message()), "write the command as in a shell, behind --");
      return false;
    }
    for (const int fd : {stdin_fd_, stdout_fd_}) fcntl(fd, F_SETFL, O_NONBLOCK);
    pid_ = child->pid;
    pidfd_ = child->pidfd;
    report_.started = true;
    started_ns_ = MonotonicNs();
    return true;
  }

  // Reads and writes until `enough`, the driver's end, the user's, or so late; says whether it was enough.
  template <typename Enough>
  bool Until(Enough enough, int64_t for_ns) {
    const int64_t deadline_ns = MonotonicNs() + for_ns;
    while (!enough()) {
      const int64_t left_ns = deadline_ns - MonotonicNs();
      if (left_ns <= 0 || exited_ || overlong_ || report_.interrupted) return false;
      std::array<pollfd, 4> fds{{{stdout_fd_, POLLIN, 0},
                                 {outbox_.empty() ? -1 : stdin_fd_, POLLOUT, 0},
                                 {pidfd_, POLLIN, 0},
                                 {stop_fd_, POLLIN, 0}}};
      if (poll(fds.data(), fds.size(), static_cast<int>(left_ns / kMs) + 1) < 0 && errno != EINTR) return false;
      if (fds[0].revents != 0) Read();
      if (fds[1].revents != 0) Write();
      if (fds[2].revents != 0) Exited();
      if (fds[3].revents != 0) report_.interrupted = true;
    }
    return true;
  }

  void Say(std::string_view line) {
    outbox_ += line;
    Write();
  }

  void Write() {
    while (!outbox_.empty() && stdin_fd_ >= 0) {
      const ssize_t n = write(stdin_fd_, outbox_.data(), outbox_.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) return outbox_.clear();  // it reads no more; its end says the rest
      outbox_.erase(0, static_cast<size_t>(n));
    }
  }

  void Read() {
    std::array<char, 65'536> buffer;
    const ssize_t n = read(stdout_fd_, buffer.data(), buffer.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      close(std::exchange(stdout_fd_, -1));
      return;
    }
    text_.append(buffer.data(), static_cast<size_t>(n));
    const int64_t now_ns = MonotonicNs();
    size_t begin = 0;
    for (size_t end = 0; (end = text_.find('\n', begin)) != std::string::npos; begin = end + 1)
      talk_.Read(std::string_view(text_).substr(begin, end - begin), {now_ns, now_ns - WallNs()});
    text_.erase(0, begin);
    for (const v1::TriggerRecord& record : talk_.tasks().TakeEnded()) {
      if (record.outcome() == v1::OK)
        ++report_.ok;
      else if (not_ok_.empty())
        not_ok_ = fmt::format("task {}: {}", record.index(), record.error());
    }
    overlong_ = text_.size() > kMostDriverLineBytes;
    if (overlong_) {
      Find(fmt::format("line {}: is longer than {} KiB", talk_.lines() + 1, kMostDriverLineBytes / 1024),
           "spread the events over several lines");
      text_.clear();
    }
  }

  void Exited() {
    // Before the wait: until then the number is still its own.
    siginfo_t end{};
    if (waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOWAIT | WNOHANG) != 0 || end.si_pid == 0) return;
    exited_ = true;
    code_ = end.si_code == CLD_EXITED ? end.si_status : -end.si_status;
    for (int i = 0; i < 64 && stdout_fd_ >= 0; ++i) Read();
  }

  std::string HowEnded() const {
    return code_ >= 0 ? fmt::format("exited with {}", code_) : fmt::format("was killed by signal {}", -code_);
  }

  // Why something that was waited for did not come.
  std::string Missing(std::string_view what, int64_t for_ns) const {
    if (talk_.phase() == DriverTalk::Phase::kFailed) return fmt::format("it failed: {}", talk_.error());
    if (exited_) return fmt::format("it {} before {}", HowEnded(), what);
    return fmt::format("no {} within {}", what, FormatDuration(for_ns));
  }

  bool Await(DriverTalk::Phase phase, std::string_view what, std::string_view mend, int64_t for_ns) {
    const bool there =
        Until([&] { return talk_.phase() == phase || talk_.phase() == DriverTalk::Phase::kFailed; }, for_ns);
    if (there && talk_.phase() == phase) return true;
    if (!report_.interrupted && !overlong_) Find(Missing(what, for_ns), std::string(mend));
    return false;
  }

  bool Greet() {
    Say(DriverHelloLine());
    if (!Await(DriverTalk::Phase::kPreparing, "hello",
               R"(answer the first line with {"type":"hello","protocol":1,"name":NAME,"version":VERSION}, and flush)",
               plan_.prepare_timeout_ns))
      return false;
    Say(DriverPrepareLine(1, plan_.target, plan_.tasks, plan_.options_json));
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
      Say(DriverTasksLine(batch));
    }
    report_.tasks = tasks;
  }

  void TryAll() {
    const int64_t begun_ns = MonotonicNs();
    Give(plan_.tasks, plan_.sleep_ns);
    Until([this] { return talk_.tasks().in_flight() == 0; }, plan_.tasks_timeout_ns);
    report_.tasks_ns = MonotonicNs() - begun_ns;
    if (report_.interrupted || overlong_) return;
    if (talk_.tasks().in_flight() > 0) {
      Find(exited_
               ? fmt::format("it {} with {} of {} tasks not done", HowEnded(), talk_.tasks().in_flight(), plan_.tasks)
               : fmt::format("{} of {} tasks were not done within {}", talk_.tasks().in_flight(), plan_.tasks,
                             FormatDuration(plan_.tasks_timeout_ns)),
           "tell done of every task, also of one that failed; --timeout if they need longer");
    }
    if (!not_ok_.empty())
      report_.notes.push_back(
          fmt::format("{} of {} tasks were ok; the first that was not, {}", report_.ok, plan_.tasks, not_ok_));
    if (!exited_) SayGoodbye();
    LookAtInstants();
  }

  // The last of all: they may be told until it has drained.
  void LookAtInstants() {
    const std::vector<v1::TaskRecord> records = talk_.tasks().TakeTasks(plan_.tasks);
    const bool some = std::any_of(records.begin(), records.end(), [](const v1::TaskRecord& record) {
      return record.has_started_ns() || record.has_finished_ns() || record.has_body_started_ns();
    });
    if (some || records.empty()) return;
    report_.notes.emplace_back(
        "it told no instants of the target (started, finished, ...): without them there is no wait and no overhead to "
        "read from its tasks");
  }

  void SayGoodbye() {
    talk_.Drain();
    Say(kDriverDrainLine);
    if (!Await(DriverTalk::Phase::kDrained, "drained", R"(answer drain with {"type":"drained"}, and flush)",
               plan_.prepare_timeout_ns))
      return;
    Say(kDriverByeLine);
    ExpectExit("bye", /*code_matters=*/true);
  }

  void TryCancel() {
    Give(kCancelledTasks, kLongSleepNs);
    // Until they are on their way; a driver that says nothing then has them all the same.
    Until([this] { return talk_.events() >= kCancelledTasks; }, 500 * kMs);
    Say(kDriverCancelLine);
    const bool all = Until([this] { return talk_.tasks().in_flight() == 0; }, kCancelGraceNs);
    if (report_.interrupted) return;
    if (exited_) return Find(fmt::format("it {} when it was cancelled", HowEnded()), "go on until bye");
    if (all) return SayGoodbye();
    report_.notes.push_back(
        fmt::format("{} of {} tasks were not done within {} of cancel: a run that is cancelled kills this driver then",
                    talk_.tasks().in_flight(), kCancelledTasks, FormatDuration(kCancelGraceNs)));
  }

  void TryLeave() {
    close(std::exchange(stdin_fd_, -1));
    ExpectExit("the end of its stdin", /*code_matters=*/false);
  }

  void ExpectExit(std::string_view after, bool code_matters) {
    Until([this] { return exited_; }, kExitPatienceNs);
    if (report_.interrupted) return;
    if (!exited_)
      return Find(fmt::format("it did not exit within {} of {}", FormatDuration(kExitPatienceNs), after),
                  "end threads and children, then exit; the end of stdin means the same as bye");
    if (code_matters && code_ != 0) Find(fmt::format("after {} it {}", after, HowEnded()), "exit with 0");
    // A moment: children that it told to end may be just about to.
    const int64_t deadline_ns = MonotonicNs() + kSecond;
    while (GroupHasOthers() && MonotonicNs() < deadline_ns) usleep(10'000);
    if (GroupHasOthers())
      report_.notes.emplace_back("it left processes of its group behind, which the agent kills; end them in bye");
  }

  // The leader is a zombie until it is waited for, and would take the signal 0 for the group.
  bool GroupHasOthers() {
    Reap();
    return kill(-pid_, 0) == 0;
  }

  void Reap() {
    if (reaped_) return;
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
  }

  void End() {
    // Once it is waited for, the number is its group's only as long as that has others.
    if (pid_ > 0 && (!reaped_ || GroupHasOthers())) kill(-pid_, SIGKILL);
    if (pid_ > 0) Reap();
    pid_ = -1;
    if (!text_.empty()) talk_.ReadHalf(std::exchange(text_, {}));
    for (int* fd : {&stdin_fd_, &stdout_fd_, &pidfd_}) {
      if (*fd >= 0) close(std::exchange(*fd, -1));
    }
  }

  const DriverTrialPlan& plan_;
  const int stop_fd_;
  DriverTrialReport report_;
  DriverTalk talk_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int stdin_fd_ = -1;
  int stdout_fd_ = -1;
  int64_t started_ns_ = 0;
  std::string outbox_;
  std::string text_;  // that has no end yet
  std::string not_ok_;
  bool overlong_ = false;
  bool exited_ = false;
  bool reaped_ = false;
  int code_ = 0;  // negative: the signal
};

}  // namespace

DriverTrialReport TryDriver(const DriverTrialPlan& plan, DriverTrialKind kind, int stop_fd) {
  return Trial(plan, kind, stop_fd).Run();
}

}  // namespace assay
