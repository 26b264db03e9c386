// Shares of real processes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <thread>

#include "agent/loop/priority.h"
#include "agent/loop/stray_reaper.h"
#include "agent/loop/work_threads.h"
#include "agent/triggers/registry.h"
#include "executor_fixture.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::HasSubstr;

// A timeout by which a shell on a busy machine has come to the end of its script's first line.
constexpr int64_t kUntilShellIsReady = 2 * kSecond;

class ExecTest : public ExecutorTest {
 protected:
  v1::TriggerRecord One(const v1::ShareSpec& spec) {
    const Written written = Execute(spec);
    EXPECT_EQ(written.triggers.size(), 1U);
    return written.triggers.empty() ? v1::TriggerRecord() : written.triggers[0];
  }
  v1::TriggerRecord Shell(const std::string& script) { return One(ExecSpec(1, 1, 1, {"sh", "-c", script})); }
};

bool Alive(pid_t pid) { return kill(pid, 0) == 0; }

// A pid that a script wrote; waits for it.
pid_t PidIn(const std::filesystem::path& file) {
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (MonotonicNs() < deadline_ns) {
    std::ifstream in(file);
    pid_t pid = 0;
    if (in >> pid && in.get() == '\n') return pid;
    std::this_thread::yield();
  }
  ADD_FAILURE() << "no pid in " << file;
  return 0;
}

void WaitUntilGone(pid_t pid) {
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (Alive(pid) && MonotonicNs() < deadline_ns) std::this_thread::yield();
  EXPECT_FALSE(Alive(pid));
}

TEST_F(ExecTest, ManyProcessesEachOnce) {
  TempDir dir;
  v1::ShareSpec spec = ExecSpec(1, 200, 8, {"sh", "-c", "echo $(index) >> " + dir.At("log").string()});
  spec.set_first_index(3);
  spec.set_stride(2);
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 200U);
  EXPECT_LE(MostInFlight(written), 8U);
  for (const auto& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::OK) << record.ShortDebugString();
    EXPECT_TRUE(record.has_exit());
    EXPECT_EQ(record.exit_code(), 0);
    EXPECT_EQ(record.planned_ns(), -1);
    EXPECT_GE(record.cpu_ns(), 0);
  }
  std::multiset<uint64_t> logged;  // what the processes say themselves
  std::ifstream log(dir.At("log"));
  for (uint64_t index = 0; log >> index;) logged.insert(index);
  std::multiset<uint64_t> recorded;
  for (const auto& record : written.triggers) recorded.insert(record.index());
  EXPECT_EQ(logged, recorded);
}

TEST_F(ExecTest, ExitCodeOutputAndError) {
  const v1::TriggerRecord record = Shell("echo out; echo err >&2; exit 3");
  EXPECT_EQ(record.outcome(), v1::FAILED);
  EXPECT_TRUE(record.has_exit());
  EXPECT_EQ(record.exit_code(), 3);
  EXPECT_EQ(record.signal(), 0);
  EXPECT_EQ(record.output(), "out\nerr\n");
  EXPECT_EQ(record.output_bytes(), 8U);
  EXPECT_EQ(record.error(), "exited with 3");
}

// Where the rights for it are missing, the priority is what it was; the trigger's is the usual one either way.
TEST_F(ExecTest, TheAgentRunsAheadOfItsTriggersAndTheyAsUsual) {
  int nice = 0;
  bool ahead = false;
  std::thread([&] {
    ahead = RunAheadOfTriggers();
    nice = getpriority(PRIO_PROCESS, 0);  // of this thread
  }).join();
  EXPECT_EQ(ahead, nice < 0);
  if (geteuid() == 0 && getpriority(PRIO_PROCESS, 0) == 0) EXPECT_TRUE(ahead);
  // Field 19 of /proc/PID/stat; "(cat) S" is 2 and 3.
  EXPECT_EQ(Shell("cut -d' ' -f19 /proc/self/stat").output(), fmt::format("{}\n", getpriority(PRIO_PROCESS, 0)));
}

// A process of one thread cannot have used more CPU time than it took.
TEST_F(ExecTest, AProcessTakesAtLeastItsCpuTime) {
  const Written written = Execute(ExecSpec(1, 300, 16, {"true"}));
  ASSERT_EQ(written.triggers.size(), 300U);
  for (const auto& record : written.triggers) {
    EXPECT_GT(record.cpu_ns(), 0);
    EXPECT_GE(record.finished_ns() - record.started_ns(), record.cpu_ns());
  }
}

// The kernel counts our own peak as the child's until it has loaded its program: what is below that is not told.
TEST_F(ExecTest, PeakMemoryIsThatOfTheLargestProcess) {
  const v1::TriggerRecord record = Shell("head -c 400000000 /dev/zero | tail -c 400000000 | wc -c");
  EXPECT_EQ(record.output(), "400000000\n");
  rusage ours{};
  getrusage(RUSAGE_SELF, &ours);
  if (ours.ru_maxrss < 380'000) {  // a sanitizer takes more
    EXPECT_GT(record.max_rss_bytes(), 380'000'000U) << "tail keeps it all";
    EXPECT_LT(record.max_rss_bytes(), 500'000'000U);
  }
  EXPECT_EQ(One(ExecSpec(2, 1, 1, {"true"})).max_rss_bytes(), 0U);
}

TEST_F(ExecTest, DeathByASignal) {
  const v1::TriggerRecord record = Shell("kill -SEGV $$");
  EXPECT_EQ(record.outcome(), v1::FAILED);
  EXPECT_EQ(record.signal(), SIGSEGV);
  EXPECT_THAT(record.error(), HasSubstr("killed by signal 11"));
}

TEST_F(ExecTest, AMissingProgramIsARowWithItsError) {
  const Written written = Execute(ExecSpec(1, 100, 4, {"no-such-program-of-assay"}));
  ASSERT_EQ(written.triggers.size(), 100U);
  for (const auto& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::FAILED);
    EXPECT_FALSE(record.has_exit());
    EXPECT_EQ(record.cpu_ns(), -1);
    EXPECT_THAT(record.error(), HasSubstr("no-such-program-of-assay"));
  }
  EXPECT_EQ(written.end->error(), "") << "the run is not dead for it";
}

TEST_F(ExecTest, AMissingDirectoryIsARowWithItsError) {
  v1::ShareSpec spec = ExecSpec(1, 1, 1, {"true"});
  spec.mutable_trigger()->mutable_exec()->set_cwd("/no/such/directory");
  EXPECT_THAT(One(spec).error(), HasSubstr("/no/such/directory"));
}

TEST_F(ExecTest, TemplatesEnvironmentDirectoryAndStdin) {
  TempDir dir;
  std::filesystem::create_directory(dir.At("bare"));
  v1::ShareSpec spec =
      ExecSpec(31, 1, 1, {"sh", "-c", "echo \"$0 $VALUE\"; pwd; cat", "$(index)/$(agent)/$$(run)/$(other)"});
  spec.set_first_index(5);
  v1::ExecTrigger& exec = *spec.mutable_trigger()->mutable_exec();
  (*exec.mutable_env())["VALUE"] = "run $(run) block $(block)";
  exec.set_cwd(dir.At("$(target)").string());
  exec.set_stdin("task $(index)\n");
  const v1::TriggerRecord record = One(spec);
  const std::string cwd = std::filesystem::canonical(dir.At("bare")).string();
  EXPECT_EQ(record.output(), "5/alpha/$(run)/$(other) run 31 block 2\n" + cwd + "\ntask 5\n") << record.error();
}

TEST_F(ExecTest, ALargeStdinIsReadWholeOrNotAtAll) {
  v1::ShareSpec reads = ExecSpec(1, 1, 1, {"wc", "-c"});
  reads.mutable_trigger()->mutable_exec()->set_stdin(std::string(5'000'000, 'x'));
  EXPECT_EQ(One(reads).output(), "5000000\n");
  v1::ShareSpec ignores = ExecSpec(2, 4, 2, {"true"});
  ignores.mutable_trigger()->mutable_exec()->set_stdin(std::string(5'000'000, 'x'));
  for (const auto& record : Execute(ignores).triggers) EXPECT_EQ(record.outcome(), v1::OK);
}

TEST_F(ExecTest, StdinIsEmptyWhereNoneIsGiven) { EXPECT_EQ(Shell("wc -c").output(), "0\n"); }

TEST_F(ExecTest, CpuTimeIsThatOfTheProcess) {
  const v1::TriggerRecord record = Shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
  EXPECT_GT(record.cpu_ns(), kMs);
  EXPECT_LE(record.cpu_ns(), record.finished_ns() - record.started_ns() + 100 * kMs);
}

TEST_F(ExecTest, TimeoutEndsTheGroup) {
  TempDir dir;
  v1::ShareSpec spec = ExecSpec(1, 1, 1, {"sh", "-c", "sleep 1000 & echo $! > " + dir.At("pid").string() + "; wait"});
  spec.mutable_trigger()->set_timeout_ns(kUntilShellIsReady);
  const v1::TriggerRecord record = One(spec);
  EXPECT_EQ(record.outcome(), v1::TIMEOUT);
  EXPECT_EQ(record.signal(), SIGTERM);
  EXPECT_THAT(record.error(), HasSubstr("took longer than 2 s"));
  EXPECT_GE(record.finished_ns() - record.started_ns(), kUntilShellIsReady);
  WaitUntilGone(PidIn(dir.At("pid")));
}

TEST_F(ExecTest, AChildThatIgnoresSigtermIsKilledAfterTwoSeconds) {
  v1::ShareSpec spec = ExecSpec(1, 1, 1, {"sh", "-c", "trap '' TERM; echo begun; while true; do sleep 1; done"});
  spec.mutable_trigger()->set_timeout_ns(kUntilShellIsReady);
  const v1::TriggerRecord record = One(spec);
  EXPECT_EQ(record.outcome(), v1::TIMEOUT);
  EXPECT_EQ(record.signal(), SIGKILL);
  EXPECT_EQ(record.output(), "begun\n");
  EXPECT_GE(record.finished_ns() - record.started_ns(), kUntilShellIsReady + 2 * kSecond);
}

TEST_F(ExecTest, CancelKillsEveryGroup) {
  TempDir dir;
  const std::string log = dir.At("$(index)").string();
  const v1::ShareSpec spec =
      ExecSpec(1, 100, 6, {"sh", "-c", "trap '' TERM; sleep 1000 & echo $! > " + log + "; while true; do wait; done"});
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 6; });
  std::vector<pid_t> grandchildren;
  grandchildren.reserve(6);
  for (int i = 0; i < 6; ++i) grandchildren.push_back(PidIn(dir.At(std::to_string(i))));
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(1, v1::ENDED);
  const Written written = sink_.Of(1);
  ExpectSound(written, spec);
  ASSERT_EQ(written.triggers.size(), 6U);
  for (const auto& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::CANCELLED);
    EXPECT_EQ(record.signal(), SIGKILL);
    EXPECT_EQ(record.error(), "cancelled");
  }
  for (const pid_t pid : grandchildren) WaitUntilGone(pid);
}

// The spawner has most of them still before it.
TEST_F(ExecTest, CancelDoesNotStartWhatWaitsForTheSpawner) {
  const v1::ShareSpec spec = ExecSpec(1, 5000, 1000, {"sleep", "1000"});
  Begin(spec, -1);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 1000; });
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(1, v1::ENDED);
  const Written written = sink_.Of(1);
  ExpectSound(written, spec);
  EXPECT_EQ(written.triggers.size(), 1000U);
  for (const auto& record : written.triggers) EXPECT_EQ(record.outcome(), v1::CANCELLED);
}

TEST_F(ExecTest, AGrandchildThatKeepsThePipeDoesNotHoldTheSlot) {
  TempDir dir;
  const std::string file = dir.At("pid").string();
  const v1::TriggerRecord record = Shell("sleep 1000 & echo $! > " + file + "; echo done");
  EXPECT_EQ(record.outcome(), v1::OK);
  EXPECT_EQ(record.output(), "done\n");
  EXPECT_LT(record.finished_ns() - record.started_ns(), 900 * kSecond);
  const pid_t grandchild = PidIn(file);
  EXPECT_TRUE(Alive(grandchild)) << "what a trigger leaves behind on purpose is left alone";
  kill(grandchild, SIGKILL);
  WaitUntilGone(grandchild);  // we are its parent now, and reap it
}

// Our resident memory in KiB now, or its peak since the last ResetPeak; proc(5), "VmRSS" and "VmHWM".
int64_t StatusKib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::stoll(line.substr(field.size() + 1));
  }
  return -1;
}
void ResetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

TEST_F(ExecTest, MuchOutputIsDrainedAndBounded) {
  ResetPeak();
  const int64_t before_kib = StatusKib("VmRSS");
  const v1::TriggerRecord record = Shell("echo first; head -c 1000000000 /dev/zero; echo last");
  EXPECT_EQ(record.outcome(), v1::OK) << record.error();
  EXPECT_EQ(record.output_bytes(), 1'000'000'011U);
  EXPECT_LT(record.output().size(), 9000U);
  EXPECT_EQ(record.output().substr(0, 6), "first\n");
  EXPECT_EQ(record.output().substr(record.output().size() - 5), "last\n");
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LT(StatusKib("VmHWM") - before_kib, 200 * 1024) << "the output must not pile up";
#endif
}

// 1,000 records of 8 KiB must not become one message: gRPC's limit is 8 MiB.
TEST_F(ExecTest, BatchesOfLargeOutputsAreBoundedInBytes) {
  const Written written = Execute(ExecSpec(1, 400, 8, {"head", "-c", "20000", "/dev/zero"}));
  for (const size_t size : written.batch_sizes) EXPECT_LE(size, 130U);
}

TEST_F(ExecTest, NothingIsLeftBehind) {
  Execute(ExecSpec(1, 20, 4, {"true"}));  // whatever is made once is made now
  const size_t descriptors = OpenDescriptors();
  const size_t children = Children();
  Execute(ExecSpec(2, 200, 8, {"sh", "-c", "echo x"}));
  Execute(ExecSpec(3, 50, 8, {"no-such-program-of-assay"}));
  v1::ShareSpec slow = ExecSpec(4, 20, 20, {"sleep", "1000"});
  slow.mutable_trigger()->set_timeout_ns(50 * kMs);
  Execute(slow);
  v1::ShareSpec with_stdin = ExecSpec(5, 20, 4, {"cat"});
  with_stdin.mutable_trigger()->mutable_exec()->set_stdin("x");
  Execute(with_stdin);
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_EQ(Children(), children);
}

TEST_F(ExecTest, TheExecutorsEndKillsWhatIsInFlight) {
  const size_t descriptors = [&] {
    Execute(ExecSpec(1, 5, 5, {"true"}));
    return OpenDescriptors();
  }();
  TempDir dir;
  const v1::ShareSpec spec =
      ExecSpec(2, 50, 50, {"sh", "-c", "echo $$ > " + dir.At("$(index)").string() + "; sleep 1000"});
  Begin(spec);
  const pid_t first = PidIn(dir.At("0"));  // the others are anywhere between the spawner and sleep
  desired_.Clear();
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 0});
  OnLoop([] {});  // what the spawners had posted has come and gone
  EXPECT_FALSE(Alive(first));
  EXPECT_EQ(OpenDescriptors(), descriptors);
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (Children() > 0 && MonotonicNs() < deadline_ns) std::this_thread::yield();
  EXPECT_EQ(Children(), 0U) << "orphaned sleeps included";
}

TEST_F(ExecTest, WhatWaitedForASlotHasOnlyTheRestOfItsDeadlineToBeStarted) {
  constexpr int64_t kHour = 3600 * kSecond;
  WorkThreads spawner({.name = "test-spawner"});
  std::promise<void> others_started;
  spawner.Post([&] { others_started.get_future().wait(); });
  v1::ShareSpec spec = ExecSpec(1, 1, 1, {"true"});
  spec.mutable_open()->set_deadline_ns(kHour);
  std::promise<v1::TriggerRecord> ended;
  std::unique_ptr<TriggerKind> kind;
  OnLoop([&] {
    kind = *MakeTriggerKind({.loop = loop_,
                             .spawner = spawner,
                             .spec = spec,
                             .agent_name = "alpha",
                             .max_processes = 0,
                             .max_sockets = 0,
                             .ended = [&](v1::TriggerRecord&& record) { ended.set_value(std::move(record)); }});
    v1::TriggerRecord record;
    record.set_dispatched_ns(kHour - kMs);
    kind->Fire(std::move(record));
  });
  const int64_t until_ns = MonotonicNs() + 2 * kMs;
  while (MonotonicNs() < until_ns) std::this_thread::yield();
  others_started.set_value();
  EXPECT_EQ(ended.get_future().get().outcome(), v1::SKIPPED);
  OnLoop([&] { kind.reset(); });
}

TEST_F(ExecTest, OrphansOfATriggerAreReaped) {
  TempDir dir;
  const std::string file = dir.At("pid").string();
  // The orphan leaves group and session, and ends after its parent.
  Shell("setsid sh -c 'echo $$ > " + file + "; sleep 0.2' > /dev/null 2>&1 &");
  WaitUntilGone(PidIn(file));
}

TEST_F(ExecTest, AnOrphanThatLooksLikeAChildIsReapedAndHidesNoOther) {
  TempDir dir;
  const std::string looks_like_ours = dir.At("timeout").string();
  const std::string other = dir.At("other").string();
  // timeout(1) makes itself the head of a group.
  Shell("timeout 60 sh -c 'echo $PPID > " + looks_like_ours +
        "; sleep 0.2' > /dev/null 2>&1 & setsid sh -c 'echo $$ > " + other + "; sleep 1' > /dev/null 2>&1 &");
  const pid_t first = PidIn(looks_like_ours);
  WaitUntilGone(PidIn(other));
  WaitUntilGone(first);
}

}  // namespace
}  // namespace assay
