// Shares of very many processes, and of more than there is room for.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "executor_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;

// Of this process alone, so that nothing else runs as this user, such as another copy of this test.
uid_t SomebodyElse() { return static_cast<uid_t>(20'000 + getpid() % 40'000); }

class ExecCrowdsTest : public ExecutorTest {
 protected:
  void FireAll(const v1::ShareSpec& spec) {
    Want(spec, v1::RUN).set_t0_ns(MonotonicNs() + kClock.offset_ns);
    Exchange();
    WaitForPhase(spec.run_id(), v1::FIRED);
  }
  void ExpectRowsOfWhichSomeFailed(const v1::ShareSpec& spec, const std::string& error) {
    const Written written = Finish(spec);
    ExpectSound(written, spec);
    EXPECT_EQ(written.triggers.size(), spec.count());
    size_t failed = 0;
    for (const auto& record : written.triggers) {
      if (record.outcome() == v1::OK) continue;
      ++failed;
      EXPECT_EQ(record.outcome(), v1::FAILED);
      EXPECT_THAT(record.error(), HasSubstr(error));
    }
    EXPECT_GT(failed, 0U);
    EXPECT_LT(failed, spec.count());
  }
};

// The limit on descriptors as high as this user may have it, for as long as it lives.
class ManyDescriptors {
 public:
  ManyDescriptors() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit raised = before_;
    raised.rlim_cur = raised.rlim_max;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &raised), 0);
    constexpr size_t kSpare = 100;
    room_ = (raised.rlim_cur - OpenDescriptors() - kSpare) / 3;
    EXPECT_GE(room_, 200U) << "the hard limit on open files leaves nothing to test with";
  }
  ~ManyDescriptors() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }

  // So many processes, or as many as there is room for, three each.
  size_t Processes(size_t wanted) const { return std::min(wanted, room_); }

 private:
  rlimit before_{};
  size_t room_ = 0;
};

// All are dispatched at once, and the last of them is started long after its deadline: it is not.
TEST_F(ExecCrowdsTest, OneWhoseTurnToBeStartedComesAfterItsDeadlineIsSkipped) {
  const ManyDescriptors descriptors;
  const size_t count = descriptors.Processes(1000);
  if (count < 1000) GTEST_SKIP() << "the hard limit on open files lets too few processes wait";
  v1::ShareSpec spec = ExecSpec(1, count, static_cast<uint32_t>(count), {"true"});
  spec.mutable_open()->mutable_waves()->set_size(count);
  spec.mutable_open()->set_deadline_ns(20 * kMs);
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), count);
  size_t skipped = 0;
  for (const v1::TriggerRecord& record : written.triggers) {
    if (record.outcome() == v1::SKIPPED) {
      ++skipped;
      EXPECT_GT(record.dispatched_ns() - record.intended_ns(), 20 * kMs);
      EXPECT_THAT(record.error(), HasSubstr("not started within its deadline of 20 ms"));
    } else {
      EXPECT_EQ(record.outcome(), v1::OK) << record.error();
    }
  }
  EXPECT_GT(skipped, 0U) << "no host starts a thousand processes in 20 ms";
}

TEST_F(ExecCrowdsTest, ThousandsAtOnce) {
  const ManyDescriptors descriptors;
  const size_t count = descriptors.Processes(2000);
  const Written written = Execute(ExecSpec(1, count, static_cast<uint32_t>(count), {"sleep", "5"}));
  EXPECT_EQ(written.triggers.size(), count);
  for (const auto& record : written.triggers) EXPECT_EQ(record.outcome(), v1::OK) << record.error();
  EXPECT_GE(MostInFlight(written), count / 4);
}

TEST_F(ExecCrowdsTest, AThousandThatWaitAreKilledWithTheirGroupsAndNothingIsLeft) {
  const ManyDescriptors descriptors;
  const size_t count = descriptors.Processes(1000);
  const v1::ShareSpec spec =
      ExecSpec(1, count, static_cast<uint32_t>(count), {"sh", "-c", "trap '' TERM; sleep 1000 & wait; wait"});
  Begin(spec);
  const auto children = [](const auto& enough) {
    const int64_t deadline_ns = MonotonicNs() + kPatience;
    while (!enough(Children()) && MonotonicNs() < deadline_ns)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return Children();
  };
  EXPECT_EQ(children([&](size_t n) { return n == count; }), count);
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(1, v1::ENDED);
  EXPECT_EQ(sink_.Of(1).triggers.size(), count);
  EXPECT_EQ(children([](size_t n) { return n == 0; }), 0U) << "their sleeps included, which come to us as orphans";
}

TEST_F(ExecCrowdsTest, WithoutDescriptorsTriggersFailAsRows) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = OpenDescriptors() + 40;
  const v1::ShareSpec spec = ExecSpec(1, 100, 100, {"sleep", "0.5"});
  Want(spec, v1::PREPARE);
  Exchange();
  WaitForPhase(1, v1::READY);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  FireAll(spec);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ExpectRowsOfWhichSomeFailed(spec, "Too many open files");
}

// Room for ten processes of a user that has no others; root is not bound by the limit.
TEST_F(ExecCrowdsTest, WithoutProcessesTriggersFailAsRows) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become a user of whom nothing else runs";
  const uid_t somebody = SomebodyElse();
  constexpr rlim_t kRoom = 10;
  const v1::ShareSpec spec = ExecSpec(1, 100, 100, {"sleep", "0.5"});
  Want(spec, v1::PREPARE);
  Exchange();
  WaitForPhase(1, v1::READY);  // the executor has all its threads
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NPROC, &before), 0);
  const std::filesystem::directory_iterator threads("/proc/self/task");
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(std::distance(begin(threads), end(threads))) + kRoom;
  ASSERT_EQ(setresuid(somebody, somebody, 0), 0);
  ASSERT_EQ(setrlimit(RLIMIT_NPROC, &tight), 0);
  FireAll(spec);
  ASSERT_EQ(setrlimit(RLIMIT_NPROC, &before), 0);
  ASSERT_EQ(setresuid(0, 0, 0), 0);
  ExpectRowsOfWhichSomeFailed(spec, "cannot start 'sleep': Resource temporarily unavailable");
}

TEST_F(ExecCrowdsTest, WithoutRoomForAThreadAShareIsRefusedAndAHookNotRun) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become a user of whom nothing else runs";
  const uid_t somebody = SomebodyElse();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NPROC, &before), 0);
  rlimit none = before;
  none.rlim_cur = 1;
  v1::ShareSpec spec = ExecSpec(1, 1, 1, {"true"});
  spec.mutable_sampling()->set_every_ns(100 * kMs);
  spec.mutable_sampling()->set_host(true);
  Want(spec, v1::PREPARE);
  v1::DesiredHook& hook = *desired_.add_hooks();
  hook.set_hook_id(7);
  hook.mutable_hook()->add_argv("true");
  ASSERT_EQ(setrlimit(RLIMIT_NPROC, &none), 0);
  ASSERT_EQ(setresuid(somebody, somebody, 0), 0);
  Exchange();
  const v1::ShareStatus status = WaitForPhase(1, v1::REFUSED);
  const v1::HookStatus hook_status = WaitForHook(7);
  ASSERT_EQ(setresuid(0, 0, 0), 0);
  ASSERT_EQ(setrlimit(RLIMIT_NPROC, &before), 0);
  EXPECT_THAT(status.error(), testing::HasSubstr("cannot sample: no room for another thread"));
  EXPECT_THAT(hook_status.error(), testing::HasSubstr("not run: no room for another thread"));
}

}  // namespace
}  // namespace assay
