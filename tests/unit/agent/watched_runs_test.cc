// What becomes of a trigger as its run is seen, and what is told while looks fail, with no clock and no target.
#include "agent/completion/watched_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/completion/failed_looks.h"
#include "common/nanoseconds.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Lt;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class WatchedRunsTest : public testing::Test {
 protected:
  static v1::Completion Completion() {
    v1::Completion completion;
    completion.add_done("success");
    completion.add_failed("failed");
    return completion;
  }
  WatchedRuns::Key Add(const std::string& id, uint64_t index = 0, int64_t accepted_ns = 10 * kSecond) {
    v1::TriggerRecord record;
    record.set_index(index);
    record.set_remote_id(id);
    record.set_accepted_ns(accepted_ns);
    return runs_.Add(std::move(record));
  }
  void See(const std::string& id, const std::string& state, int64_t asked_ns, int64_t seen_ns,
           const std::string& finished = "", const std::string& no_instant = "") {
    runs_.See({.id = id,
               .state = state,
               .finished = finished,
               .no_instant = no_instant,
               .asked_ns = asked_ns,
               .seen_ns = seen_ns},
              1'795'375'847 * kSecond);
  }

  std::vector<v1::TriggerRecord> ended_;
  std::vector<std::string> faults_;
  WatchedRuns runs_{Completion(), [this](WatchedRuns::Key, v1::TriggerRecord&& record) { ended_.push_back(record); },
                    [this](const std::string& fault) { faults_.push_back(fault); }};
};

TEST_F(WatchedRunsTest, TheErrorIsTheTimeSinceTheLastLookThatShowedItUnfinished) {
  Add("a");
  See("a", "queued", 11 * kSecond, 12 * kSecond);
  See("a", "running", 13 * kSecond, 14 * kSecond);
  EXPECT_TRUE(ended_.empty());
  See("a", "success", 15 * kSecond, 16 * kSecond);
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].outcome(), v1::OK);
  EXPECT_EQ(ended_[0].remote_state(), "success");
  EXPECT_EQ(ended_[0].completed_ns(), 16 * kSecond);
  EXPECT_EQ(ended_[0].completed_error_ns(), 3 * kSecond);
  EXPECT_EQ(ended_[0].finished_ns(), 16 * kSecond);
  EXPECT_TRUE(runs_.empty());
}

TEST_F(WatchedRunsTest, SeenFinishedAtOnceItMayHaveEndedAnyTimeSinceItWasAccepted) {
  Add("a");
  See("a", "failed", 11 * kSecond, 12 * kSecond);
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].outcome(), v1::FAILED);
  EXPECT_EQ(ended_[0].error(), "what it started ended as 'failed'");
  EXPECT_EQ(ended_[0].completed_error_ns(), 2 * kSecond);
}

TEST_F(WatchedRunsTest, TheTargetsOwnInstantCounts) {
  Add("a");
  Add("b");
  See("a", "success", 15 * kSecond, 16 * kSecond, "2026-11-22T19:30:59Z");  // 12 s of the monotonic clock
  See("b", "success", 15 * kSecond, 16 * kSecond, "2026-11-22 19:31:10.25+00");
  ASSERT_EQ(ended_.size(), 2U);
  EXPECT_EQ(ended_[0].completed_ns(), 12 * kSecond);
  EXPECT_EQ(ended_[0].completed_error_ns(), kSecond);
  EXPECT_EQ(ended_[0].finished_ns(), 16 * kSecond) << "the trigger ends when that is known";
  EXPECT_EQ(ended_[1].completed_ns(), 23 * kSecond + kSecond / 4) << "a clock that is ahead is not bent to look right";
  EXPECT_EQ(ended_[1].completed_error_ns(), kSecond / 100);
}

TEST_F(WatchedRunsTest, AnInstantWithoutAZoneIsAFaultAndTheLookCounts) {
  Add("a");
  See("a", "success", 15 * kSecond, 16 * kSecond, "2026-11-22T19:30:59");
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].completed_ns(), 16 * kSecond);
  ASSERT_EQ(faults_.size(), 1U);
  EXPECT_THAT(faults_[0], HasSubstr("no time zone"));
}

TEST_F(WatchedRunsTest, AnInstantThatIsNotThereIsAFaultAndTheLookCounts) {
  Add("a");
  See("a", "running", 13 * kSecond, 14 * kSecond);
  See("a", "success", 15 * kSecond, 16 * kSecond, "", "finished: /end points nowhere in it");
  ASSERT_EQ(ended_.size(), 1U);
  EXPECT_EQ(ended_[0].outcome(), v1::OK);
  EXPECT_EQ(ended_[0].completed_ns(), 16 * kSecond);
  EXPECT_EQ(ended_[0].completed_error_ns(), 3 * kSecond);
  EXPECT_THAT(faults_, ElementsAre("finished: /end points nowhere in it"));
}

TEST_F(WatchedRunsTest, ATimeoutHasTheLastState) {
  const auto a = Add("a", 1);
  const auto b = Add("b", 2);
  runs_.TimeOut(b, 19 * kSecond, 9 * kSecond);
  See("a", "stuck", 11 * kSecond, 12 * kSecond);
  runs_.ListedAll();
  const auto c = Add("c", 3);
  runs_.TimeOut(a, 20 * kSecond, 10 * kSecond);
  runs_.TimeOut(c, 21 * kSecond, 10 * kSecond);
  runs_.TimeOut(c, 21 * kSecond, 10 * kSecond);
  ASSERT_EQ(ended_.size(), 3U);
  for (const v1::TriggerRecord& record : ended_) {
    EXPECT_EQ(record.outcome(), v1::TIMEOUT);
    EXPECT_FALSE(record.has_completed_ns());
  }
  EXPECT_EQ(ended_[0].remote_state(), "");
  EXPECT_THAT(ended_[0].error(), HasSubstr("the target never told its state"));
  EXPECT_EQ(ended_[1].remote_state(), "stuck");
  EXPECT_EQ(ended_[1].error(),
            "what it started did not end within 10 s: its last state 'stuck' is none of done: success, failed: "
            "failed (they are compared letter by letter)");
  EXPECT_EQ(ended_[2].remote_state(), "not listed");
}

TEST_F(WatchedRunsTest, ATimeoutNamesTheWordsThatItsStateIsNot) {
  v1::Completion completion;
  completion.add_done("success");
  std::vector<std::string> errors;
  const auto ended = [&](WatchedRuns::Key, v1::TriggerRecord&& record) { errors.push_back(record.error()); };
  const auto last_state = [&](const std::string& state) {
    WatchedRuns runs(completion, ended, [](const std::string&) {});
    v1::TriggerRecord record;
    record.set_remote_id("a");
    const WatchedRuns::Key key = runs.Add(std::move(record));
    runs.See({.id = "a", .state = state, .finished = "", .no_instant = "", .asked_ns = 1, .seen_ns = 2}, 0);
    runs.TimeOut(key, kSecond, kSecond);
    return errors.back();
  };
  EXPECT_EQ(last_state("SUCCESS"),
            "what it started did not end within 1 s: its last state 'SUCCESS' is none of done: success (they are "
            "compared letter by letter)");
  for (int i = 0; i < 1000; ++i) completion.add_failed("failed\n" + std::to_string(i));
  EXPECT_THAT(last_state("over"), AllOf(HasSubstr("done: success, failed: failed?0, failed?1, "),
                                        HasSubstr("... (they are compared"), SizeIs(Lt(500U))));
}

TEST_F(WatchedRunsTest, OneIdOfSeveralTriggersEndsThemAll) {
  Add("a", 1);
  Add("a", 2);
  Add("b", 3);
  EXPECT_THAT(runs_.Ids(), UnorderedElementsAre("a", "b"));
  See("zzz", "success", 11 * kSecond, 12 * kSecond);
  See("a", "success", 11 * kSecond, 12 * kSecond);
  EXPECT_EQ(ended_.size(), 2U);
  runs_.CancelAll(13 * kSecond);
  ASSERT_EQ(ended_.size(), 3U);
  EXPECT_EQ(ended_[2].outcome(), v1::CANCELLED);
  EXPECT_TRUE(runs_.empty());
}

TEST(FailedLooksTest, TheyAreToldFromTheThirdOnAndThatTheyAreOver) {
  FailedLooks looks;
  looks.Failed("no such run", 10 * kSecond);
  looks.Failed("no such run", 10 * kSecond + kSecond / 2);
  EXPECT_EQ(looks.Notice(11 * kSecond), "");
  looks.Succeeded(11 * kSecond);
  EXPECT_EQ(looks.Notice(11 * kSecond), "") << "that they failed was not told either";
  EXPECT_EQ(looks.in_a_row(), 0U);
  looks.Failed("status 404", 12 * kSecond);
  looks.Failed("status 404", 13 * kSecond);
  looks.Failed("status 500", 14 * kSecond);
  EXPECT_EQ(looks.in_a_row(), 3U);
  EXPECT_EQ(looks.Notice(14 * kSecond),
            "for 2 s no look at what triggers started went well (3 failed), the last: status 500");
  looks.Succeeded(15 * kSecond);
  looks.Succeeded(16 * kSecond);
  EXPECT_EQ(looks.Notice(16 * kSecond), "looks at what triggers started go well again: for 3 s none did, 3 failed");
  EXPECT_EQ(looks.Notice(30 * kSecond), "") << "nobody needs to know that for ever";
}

TEST(FailedLooksTest, FewThatTakeLongAreToldToo) {
  FailedLooks looks;
  looks.Failed("no answer within 10 s", 10 * kSecond);
  EXPECT_EQ(looks.Notice(12 * kSecond), "");
  EXPECT_EQ(looks.Notice(20 * kSecond),
            "for 10 s no look at what triggers started went well (1 failed), the last: no answer within 10 s");
}

}  // namespace
}  // namespace assay
