// The program assay-agent itself: its flags, signals and exit codes, and what is left when it is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "common/command.h"
#include "tests/cluster/fake_coordinator.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int64_t kPatienceNs = 120'000'000'000;
constexpr char kAgent[] = ASSAY_BINARY_DIR "/agent/assay-agent";

class AgentProcessTest : public ::testing::Test {
 protected:
  ~AgentProcessTest() override {
    if (agent_.pid > 0) End(SIGKILL);
  }

  static CommandResult Run(std::vector<std::string> flags) {
    SpawnRequest request;
    request.argv = {kAgent};
    request.argv.insert(request.argv.end(), flags.begin(), flags.end());
    const auto result = RunCommand(request, kPatienceNs);
    EXPECT_TRUE(result.ok()) << result.status();
    return *result;
  }

  std::string spool() const { return directory_ + "/spool"; }

  void StartAgent(const std::string& coordinator) {
    SpawnRequest request;
    request.argv = {kAgent, "--coordinator", coordinator, "--name", "a", "--spool", spool()};
    const auto spawned = Spawn(request);
    ASSERT_TRUE(spawned.ok()) << spawned.status();
    agent_ = *spawned;
  }
  // The wait status.
  int Wait() {
    pollfd ended{agent_.pidfd, POLLIN, 0};
    EXPECT_GT(poll(&ended, 1, kPatienceNs / 1'000'000), 0) << "the agent does not end";
    if (ended.revents == 0) kill(agent_.pid, SIGKILL);
    int status = 0;
    waitpid(agent_.pid, &status, 0);
    close(agent_.pidfd);
    agent_.pid = 0;
    return status;
  }
  int End(int signal) {
    kill(agent_.pid, signal);
    return Wait();
  }

  // A share of sleeps is running, `fired` of its triggers have ended.
  void RunSleeps(int64_t sleep_ns, uint64_t fired) {
    coordinator_.Set([&] { coordinator_.shares = {Sleeps(7, 1'000'000, sleep_ns)}; });
    StartAgent(coordinator_.address());
    const auto phase = [&] {
      if (coordinator_.reports.empty() || coordinator_.reports.back().shares().empty())
        return v1::SHARE_PHASE_UNSPECIFIED;
      return coordinator_.reports.back().shares(0).phase();
    };
    ASSERT_TRUE(coordinator_.Await([&] { return phase() == v1::READY; }));
    coordinator_.Set([&] {
      coordinator_.shares[0].set_phase(v1::RUN);
      coordinator_.shares[0].set_t0_ns(coordinator_.Clock() + 20'000'000);
    });
    ASSERT_TRUE(coordinator_.Await([&] {
      return phase() == v1::RUNNING && coordinator_.reports.back().shares(0).fired() >= fired &&
             coordinator_.reports.back().shares(0).in_flight() > 0;
    }));
  }

  const TempDir temp_;
  const std::string directory_ = temp_.path();
  Spawned agent_{0, -1};
  FakeCoordinator coordinator_;
};

TEST_F(AgentProcessTest, BadFlagsEndWithTwoAndNameTheFlag) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--bogus"}, "--bogus"},
      {{"--label", "novalue"}, "--label 'novalue': write key=value"},
      {{"--coordinator", "nohost"}, "--coordinator 'nohost' has no port; write HOST:PORT"},
      {{"--coordinator", "http://head:7420"}, "give HOST:PORT without http://, such as head:7420"},
      {{"--coordinator", "host:port"}, "--coordinator 'host:port'"},
      {{"--spool-limit", "many"}, "--spool-limit"},
      {{"--spool-limit", "3B"}, "at least 1MiB"},
      {{"--cgroup", "db"}, "--cgroup 'db': write NAME=PATH"},
      {{"--cgroup", "db=/a", "--cgroup", "db=/b"}, "given twice"},
      {{"--name", "../x"}, "--name '../x'"},
      {{"--name", "coordinator"}, "--name 'coordinator': that is what results call the coordinator"},
      {{"--log-level", "loud"}, "--log-level"},
      {{"--json"}, "--check"},
  };
  for (const auto& [flags, message] : cases) {
    const CommandResult result = Run(flags);
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_THAT(result.output, HasSubstr(message));
  }
}

TEST_F(AgentProcessTest, HelpHasAnExampleAndTheExitCodes) {
  const CommandResult help = Run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.output, HasSubstr("Example:"));
  EXPECT_THAT(help.output, HasSubstr("Exit codes:"));
  EXPECT_EQ(Run({"--version"}).exit_code, 0);
}

TEST_F(AgentProcessTest, CheckSaysWhatThisHostCanMeasure) {
  const CommandResult table = Run({"--check", "--spool", spool()});
  EXPECT_EQ(table.exit_code, 0) << table.output;
  for (const char* what : {"cgroups", "pressure (PSI)", "Docker", "open files", "exec triggers in flight",
                           "clock source", "wall clock", "spool"}) {
    EXPECT_THAT(table.output, HasSubstr(what));
  }
  EXPECT_FALSE(fs::exists(spool())) << "looking must not make anything";
  // A cgroup root with nothing in it, and a spool that cannot be.
  std::ofstream(directory_ + "/file") << "x";
  const CommandResult json =
      Run({"--check", "--json", "--cgroup-root", directory_, "--spool", directory_ + "/file/spool"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_THAT(json.output, HasSubstr(R"("can_run": false)"));
  EXPECT_THAT(json.output, HasSubstr(R"({"what": "cgroups", "state": "less", "detail": "none below )" + directory_));
  EXPECT_THAT(json.output, HasSubstr(R"("what": "spool", "state": "missing")"));
  // Only scenarios that name containers ask for Docker: its absence is nothing to mend.
  EXPECT_THAT(json.output, HasSubstr(R"({"what": "Docker", "state": "good", "detail": "/var/run/docker.sock: )"));
}

TEST_F(AgentProcessTest, TwoAgentsCannotShareASpool) {
  StartAgent(coordinator_.address());
  ASSERT_TRUE(coordinator_.Await([&] { return !coordinator_.hellos.empty(); }));
  const CommandResult second = Run({"--coordinator", coordinator_.address(), "--name", "b", "--spool", spool()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.output, HasSubstr("in use by another assay-agent (pid " + std::to_string(agent_.pid) +
                                       "); give this one its own --spool"));
  EXPECT_EQ(End(SIGTERM), 0);
}

TEST_F(AgentProcessTest, EverySignalToStopDrains) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    RunSleeps(20'000'000, 4);
    EXPECT_EQ(End(signal), 0) << "signal " << signal;
    // Its last words may still be on their way when it has ended.
    EXPECT_TRUE(coordinator_.Await([&] { return coordinator_.reports.back().leaving(); }));
    std::lock_guard lock(coordinator_.mutex);
    for (const v1::Batch& batch : coordinator_.batches) {
      for (const v1::TriggerRecord& record : batch.triggers()) EXPECT_EQ(record.outcome(), v1::OK);
    }
    ASSERT_FALSE(coordinator_.batches.empty());
    EXPECT_TRUE(coordinator_.batches.back().has_share_end());
    coordinator_.batches.clear();
    coordinator_.reports.clear();
  }
}

TEST_F(AgentProcessTest, ASecondSignalKillsWhatIsInFlight) {
  RunSleeps(600'000'000'000, 0);
  kill(agent_.pid, SIGTERM);
  ASSERT_TRUE(coordinator_.Await([&] { return coordinator_.reports.back().leaving(); }));
  EXPECT_EQ(End(SIGTERM), 0);
  coordinator_.Set([&] {
    coordinator_.shares.clear();
    coordinator_.reports.clear();
  });
  // What was not delivered then is delivered by the next agent: the four that were cancelled.
  StartAgent(coordinator_.address());
  ASSERT_TRUE(coordinator_.Await([&] {
    return !coordinator_.reports.empty() && !coordinator_.batches.empty() &&
           coordinator_.batches.back().has_share_end();
  }));
  {
    std::lock_guard lock(coordinator_.mutex);
    EXPECT_EQ(coordinator_.batches.back().share_end().fired(), 4u);
    EXPECT_FALSE(coordinator_.batches.back().share_end().crashed());
  }
  EXPECT_EQ(End(SIGTERM), 0);
}

// Killed in the middle, results never acknowledged until then: all that was spooled arrives once, and the share is
// closed as crashed.
TEST_F(AgentProcessTest, KilledItsSpoolIsDeliveredByTheNextAndTheShareIsMarked) {
  coordinator_.acks = false;
  RunSleeps(2'000'000, 200);
  const int status = End(SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(status));
  coordinator_.Set([&] {
    coordinator_.acks = true;
    coordinator_.shares.clear();
    coordinator_.results_hellos.clear();
  });
  StartAgent(coordinator_.address());
  ASSERT_TRUE(
      coordinator_.Await([&] { return !coordinator_.batches.empty() && coordinator_.batches.back().has_share_end(); }));
  {
    std::lock_guard lock(coordinator_.mutex);
    ASSERT_EQ(coordinator_.results_hellos.front().streams_size(), 2);
    EXPECT_TRUE(coordinator_.batches.front().has_share_start());
    std::set<uint64_t> indices;
    uint64_t seq = 0;
    for (const v1::Batch& batch : coordinator_.batches) {
      EXPECT_EQ(batch.seq(), ++seq);
      EXPECT_EQ(batch.run_id(), 7);
      for (const v1::TriggerRecord& record : batch.triggers()) EXPECT_TRUE(indices.insert(record.index()).second);
    }
    const v1::ShareEnd& end = coordinator_.batches.back().share_end();
    EXPECT_TRUE(end.crashed());
    EXPECT_EQ(end.fired(), indices.size());
    EXPECT_GT(indices.size(), 0u);
  }
  EXPECT_EQ(End(SIGTERM), 0);
  EXPECT_TRUE(fs::is_empty(spool() + "/cluster-a")) << "all is delivered: nothing may be left";
}

TEST_F(AgentProcessTest, ItEndsWithItsParentIfAskedTo) {
  // A shell starts the agent, says its pid and is killed.
  SpawnRequest request;
  const std::string pid_file = directory_ + "/pid";
  request.argv = {"/bin/sh",
                  "-c",
                  "\"$@\" & echo $! > '" + pid_file + ".new'; mv '" + pid_file + ".new' '" + pid_file + "'; wait",
                  "sh",
                  kAgent,
                  "--coordinator",
                  coordinator_.address(),
                  "--name",
                  "a",
                  "--spool",
                  spool(),
                  "--exit-with-parent"};
  const auto shell = Spawn(request);
  ASSERT_TRUE(shell.ok());
  // It has heard of the coordinator: before that it has nobody to take leave of.
  ASSERT_TRUE(
      coordinator_.Await([&] { return !coordinator_.reports.empty() && coordinator_.reports.back().has_clock(); }));
  ASSERT_TRUE(Eventually([&] { return fs::exists(pid_file); })) << "the shell tells it beside that";
  kill(shell->pid, SIGKILL);
  waitpid(shell->pid, nullptr, 0);
  close(shell->pidfd);
  EXPECT_TRUE(coordinator_.Await([&] { return coordinator_.reports.back().leaving(); }));
  // It is nobody's child here; once it is gone (or a zombie) its program is.
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  ASSERT_GT(pid, 0);
  const std::string program = "/proc/" + std::to_string(pid) + "/exe";
  const int64_t until_ns = MonotonicNs() + kPatienceNs;
  std::error_code error;
  while (fs::read_symlink(program, error) == kAgent && MonotonicNs() < until_ns) usleep(2000);
  EXPECT_NE(fs::read_symlink(program, error), kAgent);
}

}  // namespace
}  // namespace assay
