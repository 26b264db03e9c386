// What drivers do wrong, and what is kept all the same.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "driver_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(DriverTest, GarbageIsCountedAndCostsNoRows) {
  ExpectOnlyGarbage(Obliging(20, R"(raw("hello?\n" if task["index"] < 5 else ""))"), 5, "no JSON: hello?");
  ExpectOnlyGarbage(Obliging(20, R"(os.write(1, b"\xff\x00\n"))"), 20, "no JSON");
  ExpectOnlyGarbage(Obliging(20, R"(tell(about(task["index"] + 1000, "done")))"), 20, "was never given");
  ExpectOnlyGarbage(Obliging(20, R"(tell(about(task["index"], "begun")))"), 20, "there is no event \"begun\"");
  ExpectOnlyGarbage(
      Obliging(
          20,
          R"(tell(about(task["index"], "done"), about(task["index"], "finished"), about(task["index"], "failed")))"),
      40, "although it had ended");
}

TEST_F(DriverTest, HalfALineAtItsEndIsCounted) {
  ExpectOnlyGarbage(DriverSpec(5, 2, R"python(
begin()
tasks(lambda task: tell(about(task["index"], "done")))
raw('{"type":"events","eve')
)python"),
                    1, "its last line has no end: {\"type\":\"events\",\"eve");
}

TEST_F(DriverTest, OneThatDoesNotExitIsKilledWithItsGroup) {
  const v1::ShareSpec spec = DriverSpec(2, 2,
                                        fmt::format(R"python(
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
open("{}", "w").write(str(os.getpid()))
begin()
tasks(lambda task: tell(about(task["index"], "done")))
while True: time.sleep(1)
)python",
                                                    dir_.At("pid").string()));
  ExpectOnlyGarbage(spec, 1, "it did not exit within 20 s of bye");
  EXPECT_TRUE(GroupIsGone(PidIn(dir_.At("pid"))));
}

TEST_F(DriverTest, OneThatClosesItsStdoutBeforeItExitsHasItsTimeAfterBye) {
  const Written written = Execute(DriverSpec(2, 2, R"python(
begin()
tasks(lambda task: tell(about(task["index"], "done")))
os.close(1)
time.sleep(2)
os._exit(0)
)python"));
  EXPECT_EQ(written.end->findings_size(), 0) << written.end->ShortDebugString();
}

TEST_F(DriverTest, ACrashFailsWhatIsInFlightAndKeepsTheRest) {
  const v1::ShareSpec spec = DriverSpec(50, 4, R"python(
begin()
def take(task):
    if task["index"] == 10:
        tell(about(task["index"], "started"))
        print("no such table", file=sys.stderr)
        sys.exit(3)
    tell(about(task["index"], "done"))
tasks(take)
)python");
  const Written written = Execute(spec);
  ExpectSound(written, spec);
  ASSERT_THAT(written.triggers, SizeIs(50));
  size_t failed = 0;
  for (const auto& record : written.triggers) {
    if (record.index() < 10) EXPECT_EQ(record.outcome(), v1::OK);
    if (record.outcome() == v1::OK) continue;
    ++failed;
    EXPECT_EQ(record.outcome(), v1::FAILED);
    EXPECT_EQ(record.error(), "its driver exited with 3; its output ends with: no such table");
  }
  EXPECT_EQ(failed, 40U);
  EXPECT_EQ(Failure(written), "its driver exited with 3; its output ends with: no such table");
  size_t told = 0;
  for (const auto& task : written.tasks) told += task.state() == "not told" ? 0 : 1;
  EXPECT_EQ(told, 11U);
}

// Each is a row, given or gone, so that a join of triggers and tasks loses none.
TEST_F(DriverTest, TasksOfWhichADriverThatDiedToldNothingAreRows) {
  const v1::ShareSpec spec = DriverSpec(4, 4, R"python(
begin()
given = []
while len(given) < 4: given += hear()["tasks"]
tell(about(2, "started", task="key"))
sys.exit(3)
)python");
  const Written written = Execute(spec);
  ExpectSound(written, spec);
  EXPECT_THAT(written.triggers, SizeIs(4));
  ASSERT_THAT(written.tasks, SizeIs(4));
  for (uint64_t index = 0; index < 4; ++index) {
    const v1::TaskRecord& task = written.tasks[index];
    EXPECT_EQ(task.index(), index);
    EXPECT_EQ(task.origin(), "driver");
    EXPECT_EQ(task.attempt(), 1U);
    EXPECT_EQ(task.outcome(), v1::OUTCOME_UNSPECIFIED);
    EXPECT_EQ(task.state(), index == 2 ? "started" : "not told");
    EXPECT_EQ(task.has_started_ns(), index == 2);
    if (index != 2) EXPECT_FALSE(task.has_created_ns() || task.has_finished_ns() || task.has_recorded_ns());
  }
  for (const auto& record : written.triggers) EXPECT_NE(record.remote_state(), "not told") << "no word of the target's";
}

TEST_F(DriverTest, WhatIsFiredWhenTheDriverIsGoneWasGivenToNobody) {
  const Written written = Execute(DriverSpec(20, 1, R"python(
begin()
hear()
sys.exit(3)
)python"));
  EXPECT_THAT(written.triggers, SizeIs(20));
  ASSERT_THAT(written.tasks, SizeIs(1));
  EXPECT_EQ(written.tasks[0].index(), 0U);
  EXPECT_EQ(written.tasks[0].state(), "not told");
}

TEST_F(DriverTest, OneThatFailsInWordsIsQuoted) {
  const Written written = Execute(DriverSpec(5, 1, R"python(
begin()
hear()
say(type="failed", error="the cluster is gone")
time.sleep(1000)
)python"));
  EXPECT_THAT(written.triggers, SizeIs(5));
  EXPECT_THAT(Failure(written), HasSubstr("failed: the cluster is gone"));
  EXPECT_THAT(written.triggers[0].error(), HasSubstr("the cluster is gone"));
}

TEST_F(DriverTest, SilenceIsATimeoutAndTold) {
  v1::ShareSpec spec = DriverSpec(4, 4, R"python(
begin()
tasks(lambda task: None)
)python");
  spec.mutable_trigger()->set_timeout_ns(200 * kMs);
  const Written written = Execute(spec);
  ASSERT_THAT(written.triggers, SizeIs(4));
  for (const auto& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::TIMEOUT);
    EXPECT_THAT(record.error(), HasSubstr("took longer than 200 ms; its driver said nothing in that time"));
  }
  EXPECT_THAT(Failure(written), HasSubstr("it said nothing for 200 ms"));
  ASSERT_THAT(written.tasks, SizeIs(4));
  for (const auto& task : written.tasks) EXPECT_EQ(task.state(), "not told");
}

TEST_F(DriverTest, ATaskThatTakesTooLongIsATimeoutWithItsLastState) {
  v1::ShareSpec spec = DriverSpec(3, 3, R"python(
begin()
def take(task):
    tell(about(task["index"], "started", state="Running"))
    if task["index"] != 1: tell(about(task["index"], "done"))
tasks(take)
)python");
  spec.mutable_trigger()->set_timeout_ns(5 * kSecond);
  const Written written = Execute(spec);
  ASSERT_THAT(written.triggers, SizeIs(3));
  for (const auto& record : written.triggers) {
    EXPECT_EQ(record.outcome(), record.index() == 1 ? v1::TIMEOUT : v1::OK);
    if (record.index() == 1) EXPECT_EQ(record.error(), "took longer than 5 s");
    EXPECT_EQ(record.remote_state(), "Running");
  }
  EXPECT_THAT(written.end->findings(), IsEmpty());
}

TEST_F(DriverTest, AFloodIsEnded) {
  Written written = Execute(DriverSpec(5, 1, R"python(
begin()
hear()
while True: raw("x" * 65536)
)python"));
  EXPECT_THAT(written.triggers, SizeIs(5));
  EXPECT_THAT(Failure(written), HasSubstr("wrote a line of more than 1024 KiB"));

  v1::ShareSpec spec = DriverSpec(5, 1, R"python(
begin()
index = hear()["tasks"][0]["index"]
line = json.dumps(dict(type="events", events=[about(index, "started")] * 1000)) + "\n"
while True: raw(line)
)python");
  written = Execute(spec);
  EXPECT_THAT(written.triggers, SizeIs(5));
  EXPECT_THAT(Failure(written), HasSubstr("said more than any driver has to say"));

  // One that does not heed SIGTERM and goes on: each further line must not put off its end.
  written = Execute(DriverSpec(5, 1, R"python(
import signal
begin()
index = hear()["tasks"][0]["index"]
signal.signal(signal.SIGTERM, signal.SIG_IGN)
line = json.dumps(dict(type="events", events=[about(index, "started")] * 1000)) + "\n"
while True: raw(line)
)python"));
  EXPECT_THAT(written.triggers, SizeIs(5));
  EXPECT_THAT(Failure(written), HasSubstr("said more than any driver has to say"));
}

TEST_F(DriverTest, OneThatClosesItsStdoutIsOver) {
  const Written written = Execute(DriverSpec(5, 1, R"python(
begin()
hear()
os.close(1)
time.sleep(1000)
)python"));
  EXPECT_THAT(written.triggers, SizeIs(5));
  EXPECT_THAT(Failure(written), HasSubstr("closed its stdout and did not exit"));
}

TEST_F(DriverTest, ASilentOneGetsNoMoreTasksUntilItSpeaks) {
  v1::ShareSpec spec = DriverSpec(1'000, 2, R"python(
begin()
tasks(lambda task: None)
)python");
  spec.mutable_trigger()->set_timeout_ns(300 * kMs);
  const Written silent = Execute(spec);
  ASSERT_THAT(silent.triggers, SizeIs(1'000));
  const auto timeouts = std::count_if(silent.triggers.begin(), silent.triggers.end(),
                                      [](const auto& record) { return record.outcome() == v1::TIMEOUT; });
  EXPECT_LE(timeouts, 4) << "one pair, and what was given in the turn of its end";
  EXPECT_THAT(silent.triggers.back().error(), HasSubstr("not given: its driver had said nothing for 300 ms"));

  // It is silent while it works on its first task, far beyond that one's timeout, and sound after that.
  spec = DriverSpec(40, 40, R"python(
begin()
def work(task):
    if task["index"] == 0: time.sleep(1.5)
    tell(about(task["index"], "done"))
tasks(work)
)python");
  spec.mutable_trigger()->set_timeout_ns(500 * kMs);
  spec.mutable_open()->mutable_rates()->add_segments()->set_from_per_s(10);
  spec.mutable_open()->set_deadline_ns(kPatience);
  const Written late = Execute(spec);
  const auto ok = std::count_if(late.triggers.begin(), late.triggers.end(),
                                [](const auto& record) { return record.outcome() == v1::OK; });
  EXPECT_GE(ok, 10);
  EXPECT_LT(ok, 40);
}

TEST_F(DriverTest, OneThatDoesNotReadHoldsNobodyUp) {
  v1::ShareSpec spec = DriverSpec(3000, 3000, R"python(
begin()
time.sleep(1000)
)python");
  spec.mutable_trigger()->mutable_driver()->set_task("\"" + std::string(1000, 'x') + "\"");
  spec.mutable_trigger()->set_timeout_ns(500 * kMs);
  spec.mutable_trigger()->mutable_driver()->set_prepare_timeout_ns(8 * kSecond);
  const Written written = Execute(spec);
  EXPECT_THAT(written.triggers, SizeIs(3000));
  EXPECT_THAT(Failure(written), HasSubstr("it said nothing"));
  EXPECT_GE(FindingOf(written, "driver_failed")->count(), 3001U) << "nor was it drained";
}

}  // namespace
}  // namespace assay
