#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>

#include "executor_fixture.h"

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

}  // namespace
}  // namespace assay
