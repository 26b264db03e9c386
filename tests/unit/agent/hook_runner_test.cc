#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "executor_fixture.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::HasSubstr;

class HookTest : public ExecutorTest {
 protected:
  v1::DesiredHook& Hook(int64_t id, const std::vector<std::string>& argv) {
    v1::DesiredHook& hook = *desired_.add_hooks();
    hook.set_hook_id(id);
    hook.mutable_hook()->set_timeout_ns(kPatience);
    for (const std::string& argument : argv) hook.mutable_hook()->add_argv(argument);
    return hook;
  }
};

TEST_F(HookTest, RunsOnceWithTemplatesAndIsReportedWhileListed) {
  v1::DesiredHook& hook = Hook(1, {"sh", "-c", "echo $0 $VALUE; pwd", "$(agent)/$(target)"});
  hook.set_run_id(12);
  hook.set_block(3);
  hook.set_target("bare");
  (*hook.mutable_hook()->mutable_env())["VALUE"] = "$(run)-$(block)";
  hook.mutable_hook()->set_cwd("/");
  Exchange();
  const v1::HookStatus status = WaitForHook(1);
  EXPECT_EQ(status.error(), "");
  EXPECT_EQ(status.exit_code(), 0);
  EXPECT_EQ(status.output(), "alpha/bare 12-3\n/\n");
  EXPECT_GT(status.elapsed_ns(), 0);
  OnLoop([] {});  // the word of it comes one turn later
  EXPECT_GE(changes_, 1);
  Exchange();
  EXPECT_EQ(WaitForHook(1).elapsed_ns(), status.elapsed_ns()) << "the same result, not a second run";
  desired_.clear_hooks();
  Exchange();
  EXPECT_EQ(Report().hooks_size(), 0);
  Hook(1, {"true"});
  Exchange();
  EXPECT_EQ(WaitForHook(1).output(), status.output()) << "listed again, not run again";
}

TEST_F(HookTest, FailureTimeoutAndMissingProgram) {
  Hook(1, {"sh", "-c", "echo why >&2; exit 4"});
  Hook(2, {"sleep", "1000"}).mutable_hook()->set_timeout_ns(100 * kMs);
  Hook(3, {"no-such-program-of-assay"});
  Hook(4, {});
  Exchange();
  EXPECT_EQ(WaitForHook(1).exit_code(), 4);
  EXPECT_EQ(WaitForHook(1).output(), "why\n");
  EXPECT_EQ(WaitForHook(1).error(), "'sh' exited with 4; its output ends with: why");
  EXPECT_THAT(WaitForHook(2).error(), HasSubstr("took longer"));
  EXPECT_THAT(WaitForHook(3).error(), HasSubstr("no-such-program-of-assay"));
  EXPECT_THAT(WaitForHook(4).error(), HasSubstr("no program"));
}

TEST_F(HookTest, AHookThatIsNoLongerListedIsStopped) {
  Hook(1, {"sleep", "1000"});
  Exchange();
  EXPECT_EQ(Report().hooks_size(), 1);
  EXPECT_FALSE(Report().hooks(0).done());
  desired_.clear_hooks();
  Exchange();
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (Report().hooks_size() > 0 && MonotonicNs() < deadline_ns) std::this_thread::yield();
  EXPECT_EQ(Report().hooks_size(), 0);
  EXPECT_EQ(Children(), 0U);
}

TEST_F(HookTest, StopNowEndsHooksToo) {
  Hook(1, {"sleep", "1000"});
  Exchange();
  std::promise<void> ended;
  OnLoop([&] { executor_->Stop(true, [&] { ended.set_value(); }); });
  ended.get_future().wait();
  EXPECT_THAT(WaitForHook(1).error(), HasSubstr("told to stop"));
  Hook(2, {"true"});
  Exchange();
  EXPECT_THAT(WaitForHook(2).error(), HasSubstr("stopping"));
}

TEST_F(HookTest, TheExecutorsEndStopsHooks) {
  Hook(1, {"sleep", "1000"});
  Exchange();
  desired_.Clear();
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 0});
  EXPECT_EQ(Children(), 0U);
}

class CollectorHookTest : public HookTest {
 protected:
  // Of records in a file that each say when they ended, since T0.
  v1::DesiredHook& Collector(int64_t id, uint64_t expected) {
    v1::DesiredHook& hook = *desired_.add_hooks();
    hook.set_hook_id(id);
    hook.set_run_id(3);
    v1::Collector& collector = *hook.mutable_hook()->mutable_collector();
    collector.mutable_csv()->set_files(temp_.path() + "/$(agent)-$(run).csv");
    collector.set_every_ns(10 * kMs);
    collector.set_deadline_ns(kPatience);
    collector.set_expect(expected);
    hook.mutable_work()->set_t0_ns(MonotonicNs() + kClock.offset_ns - kSecond);
    hook.mutable_work()->set_ended_ns(kSecond);
    return hook;
  }
  const TempDir temp_;
};

TEST_F(CollectorHookTest, ItsRecordsGoWithTheRunsResultsAndAreOnTheRunsClock) {
  const int64_t now_ns = WallNs();  // once: its seconds and their fraction belong together
  temp_.Write("alpha-3.csv", fmt::format("task,finished\na,{}.{:09}\nb,\n", now_ns / kSecond, now_ns % kSecond));
  Collector(1, 2).mutable_hook()->mutable_collector()->set_deadline_ns(1);
  Exchange();
  EXPECT_EQ(WaitForHook(1).error(), "");
  const Written written = sink_.Of(3);
  ASSERT_EQ(written.collected.size(), 1u);
  const v1::Batch& batch = written.collected[0];
  ASSERT_EQ(batch.tasks_size(), 2);
  EXPECT_EQ(batch.collections(0).hook_id(), 1);
  EXPECT_EQ(batch.collections(0).unfinished(), 1u);
  EXPECT_GT(batch.tasks(0).finished_ns(), 0);
  EXPECT_LT(batch.tasks(0).finished_ns(), kSecond + kPatience) << "the clocks are 7,000,000 s apart";
  EXPECT_EQ(batch.tasks(0).error_ns(), 1 + kClock.bound_ns);
}

TEST_F(CollectorHookTest, ItWaitsForItsWorkAndIsStoppedWhenUnlisted) {
  const v1::RunWork work = Collector(1, 5).work();
  desired_.mutable_hooks(0)->clear_work();
  Exchange();
  EXPECT_EQ(Report().hooks_size(), 0) << "the next report still asks for the work";
  temp_.Write("alpha-3.csv", "task,finished\na,1795375849\n");
  *desired_.mutable_hooks(0)->mutable_work() = work;
  Exchange();
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (Report().hooks(0).collector().records() == 0) {
    ASSERT_LT(MonotonicNs(), deadline_ns);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(Report().hooks(0).collector().expected(), 5u);
  EXPECT_FALSE(Report().hooks(0).done());
  desired_.clear_hooks();
  Exchange();
  while (sink_.Of(3).collected.empty()) {
    ASSERT_LT(MonotonicNs(), deadline_ns);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(sink_.Of(3).collected[0].tasks_size(), 1) << "what it had read is kept";
  EXPECT_THAT(sink_.Of(3).collected[0].collections(0).error(), HasSubstr("stopped"));
}

}  // namespace
}  // namespace assay
