// A run's processes in a cgroup of their own: really, as root with v1 and v2, and on trees of plain files.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "agent/cgroups/own_cgroup.h"
#include "agent/run_cgroups/run_cgroups.h"
#include "common/spawn.h"
#include "common/whole_file.h"
#include "executor_fixture.h"
#include "tests/unit/cgroups/cgroup_tree.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Other copies of this test may run beside this one.
std::string AgentName() { return "cgroups-" + std::to_string(getpid()); }

v1::ShareSpec Sampled(v1::ShareSpec spec) {
  spec.mutable_sampling()->set_every_ns(20 * kMs);
  spec.mutable_sampling()->set_run(true);
  return spec;
}

std::vector<v1::CgroupSample> RunSamples(const Written& written) {
  std::vector<v1::CgroupSample> samples;
  for (const v1::CgroupSample& sample : written.cgroups) {
    if (sample.cgroup() == "run") samples.push_back(sample);
  }
  return samples;
}

std::vector<std::string> Unmatched(const Written& written) {
  return {written.end->unmatched_cgroups().begin(), written.end->unmatched_cgroups().end()};
}

bool Runs(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  return std::getline(file, stat) && stat.find(") Z ") == std::string::npos;
}

bool Ends(pid_t pid) {
  for (const int64_t deadline_ns = MonotonicNs() + kPatience; MonotonicNs() < deadline_ns; usleep(2'000)) {
    if (!Runs(pid)) return true;
  }
  return false;
}

// By where the cgroups are: this host's, or those of its v2 hierarchy alone.
class RunCgroupTest : public ExecutorTest, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    ExecutorTest::SetUp();
    options_ = {.agent_name = AgentName(), .cgroup_name = "", .sampler = {}};
    options_.sampler.cgroup_root = GetParam();
    const CgroupLayout layout = DetectCgroupLayout(GetParam());
    v2_ = layout.kind == CgroupLayout::Kind::kV2;
    own_ = OwnCgroups(layout, "/proc");
    // Left out, but where it is one hierarchy with cpuacct.
    if (const auto cpu = layout.v1.find("cpu"); cpu != layout.v1.end() && cpu->second != layout.Hierarchies().front())
      own_.erase(cpu->second);
    {
      RunCgroups probe(options_.sampler.cgroup_root, options_.sampler.proc_root, options_.agent_name,
                       options_.agent_name);
      const absl::Status made = probe.Make(1).status();
      if (!made.ok()) GTEST_SKIP() << "no cgroup can be made here: " << made;
    }
    Restart(options_);
  }
  void TearDown() override {
    ExecutorTest::TearDown();
    for (const auto& [hierarchy, own] : own_) {
      EXPECT_FALSE(fs::exists(own + "/assay/agent-" + AgentName())) << "left behind in " << own;
    }
  }
  std::vector<std::string> DirectoriesOf(const std::string& agent, int64_t run_id) const {
    std::vector<std::string> directories;
    for (const auto& [hierarchy, own] : own_)
      directories.push_back(own + "/assay/agent-" + agent + "/run-" + std::to_string(run_id));
    return directories;
  }

  // Of a shell that is to do nothing before it is counted: with v2 it was started elsewhere.
  std::string OnceIn(int64_t run_id) const {
    if (!v2_) return "";
    return "until grep -q /run-" + std::to_string(run_id) + "$ /proc/$$/cgroup; do sleep 0.05; done; ";
  }

  Executor::Options options_;
  bool v2_ = false;
  std::map<std::string, std::string> own_;
};
INSTANTIATE_TEST_SUITE_P(Hosts, RunCgroupTest, testing::Values("/sys/fs/cgroup", "/sys/fs/cgroup/unified"),
                         [](const auto& test) { return test.index == 0 ? "AsMounted" : "Unified"; });

TEST_P(RunCgroupTest, CountsWhatTheProcessesUseAlsoThoseThatNobodyWaitedFor) {
  const std::string spin = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done";
  // The subshell ends at once, so the second half is nobody's child by the time that its pipe is closed.
  const v1::ShareSpec spec =
      Sampled(ExecSpec(5, 4, 2, {"sh", "-c", OnceIn(5) + spin + "; ( { " + spin + "; } & ) | cat"}));
  const Written written = Execute(spec);
  const std::vector<v1::CgroupSample> samples = RunSamples(written);
  ASSERT_GT(samples.size(), 1U);
  if (!v2_) EXPECT_THAT(Unmatched(written), IsEmpty());
  int64_t waited_ns = 0;
  for (const v1::TriggerRecord& trigger : written.triggers) waited_ns += trigger.cpu_ns();
  EXPECT_GT(waited_ns, 0);
  EXPECT_GT(samples.back().cpu_usage_ns(), waited_ns + waited_ns / 4);
  for (size_t i = 1; i < samples.size(); ++i) EXPECT_GE(samples[i].cpu_usage_ns(), samples[i - 1].cpu_usage_ns());
}

TEST_P(RunCgroupTest, CountsMemory) {
  const Written written =
      Execute(Sampled(ExecSpec(5, 1, 1, {"dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"})));
  const std::vector<v1::CgroupSample> samples = RunSamples(written);
  ASSERT_FALSE(samples.empty());
  if (samples.back().memory_peak_bytes() < 0) GTEST_SKIP() << "this cgroup has no memory controller";
  EXPECT_GE(samples.back().memory_peak_bytes(), 64 << 20);
}

TEST_P(RunCgroupTest, OnlyTheRunsProcessesAreInIt) {
  const auto in_it = [](const Written& written) {
    return std::count_if(written.triggers.begin(), written.triggers.end(), [](const v1::TriggerRecord& trigger) {
      EXPECT_THAT(trigger.output(), HasSubstr(":/"));
      return trigger.output().find("/assay/agent-" + AgentName() + "/run-5\n") != std::string::npos;
    });
  };
  const v1::ShareSpec spec = Sampled(ExecSpec(5, 40, 8, {"sh", "-c", OnceIn(5) + "cat /proc/self/cgroup"}));
  EXPECT_EQ(in_it(Execute(spec)), 40);
  EXPECT_EQ(in_it(Execute(ExecSpec(6, 10, 8, {"cat", "/proc/self/cgroup"}))), 0);
  for (const std::string& directory : DirectoriesOf(AgentName(), 5)) EXPECT_FALSE(fs::exists(directory));
}

TEST_P(RunCgroupTest, WhatTriggersLeaveBehindEndsWithTheRun) {
  const v1::ShareSpec spec =
      Sampled(ExecSpec(5, 1, 1, {"sh", "-c", OnceIn(5) + "setsid sleep 1000 >/dev/null 2>&1 & echo $!"}));
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 1U);
  const pid_t left = std::stoi(written.triggers[0].output());
  EXPECT_TRUE(Ends(left));
}

TEST_P(RunCgroupTest, WhatAnEarlierAgentOfThisNameLeftBehindIsKilledAndNothingElse) {
  std::map<std::string, Spawned> sleeps;
  for (const std::string& agent : {AgentName(), AgentName() + "-other"}) {
    const auto sleep = Spawn({.argv = {"sleep", "1000"}});
    ASSERT_TRUE(sleep.ok()) << sleep.status();
    sleeps[agent] = *sleep;
    for (const std::string& directory : DirectoriesOf(agent, 77)) {
      fs::create_directories(directory);
      std::ofstream(directory + "/cgroup.procs") << sleep->pid;
    }
  }
  Restart(options_);
  EXPECT_TRUE(Ends(sleeps[AgentName()].pid));
  for (const std::string& directory : DirectoriesOf(AgentName(), 77)) EXPECT_FALSE(fs::exists(directory));
  EXPECT_TRUE(Runs(sleeps[AgentName() + "-other"].pid));
  for (const auto& [agent, sleep] : sleeps) {
    kill(sleep.pid, SIGKILL);
    waitpid(sleep.pid, nullptr, 0);
    close(sleep.pidfd);
  }
  for (const std::string& directory : DirectoriesOf(AgentName() + "-other", 77)) {
    EXPECT_EQ(rmdir(directory.c_str()), 0) << directory;
    EXPECT_EQ(rmdir(fs::path(directory).parent_path().c_str()), 0) << directory;
    rmdir(fs::path(directory).parent_path().parent_path().c_str());
  }
}

TEST_P(RunCgroupTest, AnotherAgentOfThisNameIsLeftAlone) {
  const v1::ShareSpec spec = Sampled(ExecSpec(5, 1, 1, {"sleep", "1000"}));
  Begin(spec);
  WaitFor(5, [](const v1::ShareStatus& status) { return status.in_flight() == 1; });
  RunCgroups second(options_.sampler.cgroup_root, options_.sampler.proc_root, AgentName(), AgentName());
  EXPECT_THAT(std::string(second.Make(6).status().message()), HasSubstr("give one of them another --name"));
  EXPECT_EQ(Status(5)->in_flight(), 1U);
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(5, v1::ENDED);
}

// As the first of two local stacks on a host: both have an agent local-1.
TEST_P(RunCgroupTest, AnAgentOfThisNameWithAnotherSpoolHasItsRunsBesideOurs) {
  const v1::ShareSpec spec = Sampled(ExecSpec(5, 1, 1, {"sleep", "1000"}));
  Begin(spec);
  WaitFor(5, [](const v1::ShareStatus& status) { return status.in_flight() == 1; });
  {
    RunCgroups second(options_.sampler.cgroup_root, options_.sampler.proc_root, AgentName(), AgentName() + "-other");
    EXPECT_TRUE(second.Make(5).ok());
  }
  EXPECT_EQ(Status(5)->in_flight(), 1U);
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(5, v1::ENDED);
}

TEST_P(RunCgroupTest, NothingIsLeftOfARunThatIsAbandoned) {
  Begin(Sampled(ExecSpec(5, 4, 4, {"sleep", "1000"})));
  WaitFor(5, [](const v1::ShareStatus& status) { return status.in_flight() == 4; });
  OnLoop([this] { executor_.reset(); });
  for (const std::string& directory : DirectoriesOf(AgentName(), 5)) EXPECT_FALSE(fs::exists(directory));
}

class PlainRunCgroupTest : public ExecutorTest {
 protected:
  void SetUp() override {
    ExecutorTest::SetUp();
    tree_.MountV2("cgroup", "memory pids");
    tree_.Write("proc/self/cgroup", "0::/own\n");
    tree_.AddV2("cgroup/own");
    Executor::Options options{.agent_name = "alpha", .sampler = {}};
    options.sampler.cgroup_root = tree_.At("cgroup");
    options.sampler.proc_root = tree_.At("proc");
    Restart(options);
  }
  CgroupTree tree_;
};

TEST_F(PlainRunCgroupTest, IsSampledAsRunBesideTheOthers) {
  const std::string directory = "cgroup/own/assay/agent-alpha/run-5";
  tree_.AddV2(directory);
  tree_.Write(directory + "/cgroup.procs", "");
  // The agent is alone in its cgroup, and has to leave it before its children can have controllers.
  tree_.Write("cgroup/own/cgroup.type", "domain\n");
  tree_.Write("cgroup/own/cgroup.procs", std::to_string(getpid()) + "\n");
  tree_.Write("cgroup/own/cgroup.controllers", "cpu io memory pids\n");
  const std::string self = "cgroup/own/assay/agent-alpha/self/cgroup.procs";
  tree_.Write(self, "");
  for (const char* cgroup : {"", "/assay", "/assay/agent-alpha"})
    tree_.Write("cgroup/own" + std::string(cgroup) + "/cgroup.subtree_control", "");
  v1::ShareSpec spec = Sampled(ExecSpec(5, 1, 1, {"true"}));
  spec.mutable_sampling()->add_cgroups("/own");
  Begin(spec);
  WaitForPhase(5, v1::FIRED);
  std::ifstream procs(tree_.At(directory + "/cgroup.procs"));
  pid_t adopted = 0;
  EXPECT_TRUE(procs >> adopted);
  EXPECT_GT(adopted, 0);
  // Plain files keep their directory: what the kernel does at rmdir.
  for (const int64_t deadline_ns = MonotonicNs() + kPatience;
       RunSamples(sink_.Of(5)).empty() && MonotonicNs() < deadline_ns;) {
    usleep(2'000);
  }
  tree_.Remove(directory);
  const Written written = Finish(spec);
  EXPECT_THAT(Unmatched(written), IsEmpty());
  EXPECT_EQ(ReadWhole(tree_.At(self)), std::to_string(getpid()));
  for (const char* cgroup : {"", "/assay", "/assay/agent-alpha"}) {
    EXPECT_EQ(ReadWhole(tree_.At("cgroup/own" + std::string(cgroup) + "/cgroup.subtree_control")),
              "+memory +io +pids ");
  }
  ASSERT_FALSE(RunSamples(written).empty());
  EXPECT_EQ(RunSamples(written)[0].memory_peak_bytes(), 9'999'000);
  EXPECT_NE(RunSamples(written)[0].inode(), 0U);
  EXPECT_TRUE(std::any_of(written.cgroups.begin(), written.cgroups.end(),
                          [](const v1::CgroupSample& sample) { return sample.cgroup() == "/own"; }));
}

TEST_F(PlainRunCgroupTest, TheirShareOfTheCpusStaysAsItWas) {
  const CgroupTree tree;
  for (const char* name : {"cpu", "cpuacct", "memory"}) tree.MountV1(name);
  tree.Write("proc/self/cgroup", "3:memory:/\n2:cpuacct:/\n1:cpu:/\n");
  RunCgroups cgroups(tree.root(), tree.At("proc"), "alpha", "alpha");
  const auto made = cgroups.Make(5);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_THAT((*made)->directories(), testing::UnorderedElementsAre(testing::Key(tree.At("cpuacct").string()),
                                                                    testing::Key(tree.At("memory").string())));
  EXPECT_FALSE(fs::exists(tree.At("cpu/assay")));
}

TEST_F(PlainRunCgroupTest, WhereOthersAreInTheAgentsCgroupItSaysWhatIsNotCounted) {
  const std::string directory = "cgroup/own/assay/agent-alpha/run-5";
  tree_.Write("cgroup/own/cgroup.type", "domain\n");
  tree_.Write("cgroup/own/cgroup.procs", std::to_string(getpid()) + "\n1\n");
  tree_.Write("cgroup/own/cgroup.controllers", "cpu io memory pids\n");
  tree_.Write(directory + "/cgroup.procs", "");
  const v1::ShareSpec spec = Sampled(ExecSpec(5, 1, 1, {"true"}));
  Begin(spec);
  WaitForPhase(5, v1::FIRED);
  tree_.Remove(directory);
  EXPECT_THAT(Unmatched(Finish(spec)),
              ElementsAre(testing::AllOf(StartsWith("run; memory, I/O and processes are not counted below "),
                                         HasSubstr("start the agent alone in a cgroup"))));
}

TEST_F(PlainRunCgroupTest, WhereItMayNotBeMadeTheRunGoesOnAndSaysWhy) {
  tree_.Write("cgroup/own/assay", "no directory");
  const Written written = Execute(Sampled(ExecSpec(5, 2, 1, {"true"})));
  EXPECT_EQ(written.triggers.size(), 2U);
  EXPECT_THAT(RunSamples(written), IsEmpty());
  EXPECT_THAT(Unmatched(written), ElementsAre(testing::AllOf(StartsWith("run; cannot make "), HasSubstr("/own/assay"),
                                                             HasSubstr("Delegate=yes"))));
}

TEST_F(PlainRunCgroupTest, TriggersThatAreNoProcessesAreSaidToBe) {
  EXPECT_THAT(Unmatched(Execute(Sampled(SleepSpec(5, 2, 1, kMs)))),
              ElementsAre("run; its triggers are no processes of the agent"));
}

}  // namespace
}  // namespace assay
