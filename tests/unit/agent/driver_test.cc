// What a driver is told and tells: rows of its triggers and tasks, batches, refusals, cancelling.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "driver_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST_F(DriverTest, EachTaskIsARowOfTheTriggerAndOneOfTheTask) {
  v1::ShareSpec spec = DriverSpec(100, 8,
                                  fmt::format(R"python(
prepare = begin(capacity=16, version="2026.8.0")
open("{}", "w").write(json.dumps(prepare) + os.environ["RUN"])
def take(task):
    index = task["index"]
    assert task["task"] == {{"n": index, "agent": "alpha"}}, task
    tell(about(index, "accepted", task="key-%d" % index), about(index, "started", worker="w"))
    tell(about(index, "finished", state="memory"), about(index, "done"))
tasks(take)
say(type="too late")
)python",
                                              dir_.At("prepare").string()));
  spec.set_first_index(3);
  spec.set_stride(2);
  v1::DriverTrigger& driver = *spec.mutable_trigger()->mutable_driver();
  driver.set_options(R"({"threads": 16})");
  driver.set_task(R"json({"n": $(index), "agent": "$(agent)"})json");
  (*driver.mutable_env())["RUN"] = "$(run)";
  driver.mutable_sleep()->set_fixed_ns(5 * kMs);
  const Written written = Execute(spec);
  ExpectSound(written, spec);
  EXPECT_EQ(written.start->driver().name(), "fake");
  EXPECT_EQ(written.start->driver().version(), "2026.8.0");
  EXPECT_EQ(written.start->driver().capacity(), 16U);
  ASSERT_THAT(written.triggers, SizeIs(100));
  EXPECT_LE(MostInFlight(written), 8U);
  std::map<uint64_t, v1::TaskRecord> tasks;
  for (const auto& task : written.tasks) tasks[task.index()] = task;
  ASSERT_THAT(tasks, SizeIs(100));
  for (const auto& record : written.triggers) {
    ASSERT_EQ(record.outcome(), v1::OK) << record.error();
    EXPECT_EQ(record.planned_ns(), 5 * kMs);
    EXPECT_EQ(record.remote_id(), fmt::format("key-{}", record.index()));
    EXPECT_EQ(record.remote_state(), "memory");
    EXPECT_LE(record.started_ns(), record.accepted_ns() + kMs);
    EXPECT_LE(record.accepted_ns(), record.completed_ns());
    EXPECT_LE(record.completed_ns(), record.finished_ns());
    const v1::TaskRecord& task = tasks[record.index()];
    EXPECT_EQ(task.task(), record.remote_id());
    EXPECT_EQ(task.origin(), "driver");
    EXPECT_EQ(task.outcome(), v1::OK);
    EXPECT_EQ(task.finished_ns(), record.completed_ns()) << "both since T0";
    EXPECT_GE(task.started_ns(), record.started_ns());
  }
  std::ifstream file(dir_.At("prepare"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
            R"({"type": "prepare", "run": 1, "target": "thing", "tasks": 100, "options": {"threads": 16}}1)");
  EXPECT_EQ(FindingOf(written, "driver_failed"), nullptr);
  ASSERT_NE(FindingOf(written, "driver_garbage"), nullptr);
  EXPECT_THAT(FindingOf(written, "driver_garbage")->detail(), HasSubstr("too late"));
}

TEST_F(DriverTest, WhatIsToldInTheDrainCountsToo) {
  const v1::ShareSpec spec = DriverSpec(3, 3, R"python(
begin()
line = hear()
taken = []
while len(taken) < 3:
    for task in line["tasks"]:
        taken.append(task["index"])
        tell(about(task["index"], "done"))
    if len(taken) < 3: line = hear()
assert hear()["type"] == "drain"
begun = now()
for index in taken: tell(about(index, "finished", state="memory"))
say(type="span", name="gather", begun=begun, ended=now())
say(type="drained")
assert hear()["type"] == "bye"
)python");
  const Written written = Execute(spec);
  EXPECT_THAT(written.end->findings(), IsEmpty()) << written.end->findings(0).detail();
  ASSERT_THAT(written.tasks, SizeIs(3));
  for (const auto& task : written.tasks) EXPECT_EQ(task.outcome(), v1::OK);
  ASSERT_THAT(written.end->spans(), SizeIs(1));
  EXPECT_EQ(written.end->spans(0).name(), "gather");
  EXPECT_GT(written.end->spans(0).begun_ns(), 0) << "since T0";
  EXPECT_LT(written.end->spans(0).begun_ns(), kPatience);
}

TEST_F(DriverTest, TasksComeInBatches) {
  v1::ShareSpec spec = DriverSpec(1000, 1000,
                                  fmt::format(R"python(
begin()
sizes = []
line = hear()
while line["type"] == "tasks":
    sizes.append(len(line["tasks"]))
    tell(*[about(task["index"], "done") for task in line["tasks"]])
    line = hear()
open("{}", "w").write("%d %d" % (max(sizes), sum(sizes)))
say(type="drained")
)python",
                                              dir_.At("sizes").string()));
  spec.mutable_trigger()->mutable_driver()->set_batch(64);
  EXPECT_THAT(Execute(spec).triggers, SizeIs(1000));
  int most = 0;
  int all = 0;
  std::ifstream(dir_.At("sizes")) >> most >> all;
  EXPECT_LE(most, 64);
  EXPECT_GT(most, 1);
  EXPECT_EQ(all, 1000);
}

TEST_F(DriverTest, ShareIsRefusedInTheDriversWords) {
  EXPECT_THAT(Refusal(DriverSpec(1, 1, R"(sys.exit("no module named dask"))")),
              HasSubstr("exited with 1; its output ends with: no module named dask"));
  v1::ShareSpec spec = DriverSpec(1, 1, R"(
hear(); say(type="hello", protocol=1, name="fake"); hear()
say(type="failed", error="no scheduler at tcp://nowhere")
)");
  EXPECT_THAT(Refusal(spec), HasSubstr("failed: no scheduler at tcp://nowhere"));
  spec = DriverSpec(1, 1, "time.sleep(1000)");
  spec.mutable_trigger()->mutable_driver()->set_prepare_timeout_ns(100 * kMs);
  EXPECT_THAT(Refusal(spec), HasSubstr("was not ready within 100 ms (trigger.driver.prepare_timeout)"));
  spec = DriverSpec(1, 1, "");
  spec.mutable_trigger()->mutable_driver()->set_argv(0, "no-such-program");
  EXPECT_THAT(Refusal(spec), HasSubstr("cannot start 'no-such-program': no such program in PATH"));
  spec = DriverSpec(1, 1, R"(hear(); say(type="hello", protocol=9, name="fake"); time.sleep(1000))");
  EXPECT_THAT(Refusal(spec), HasSubstr("it speaks protocol 9, and this is 1"));
}

TEST_F(DriverTest, CancelIsPoliteThenForced) {
  for (const bool polite : {true, false}) {
    v1::ShareSpec spec =
        DriverSpec(8, 4,
                   fmt::format(R"python(
import signal, subprocess
if not {0}: signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
begin()
taken = []
line = hear()
while line["type"] == "tasks":
    for task in line["tasks"]:
        taken.append(task["index"])
        tell(about(task["index"], "started"))
    open("{1}.new", "w").write("%d %d" % (os.getpid(), len(taken)))
    os.rename("{1}.new", "{1}")
    line = hear()
if not {0}: time.sleep(1000)
assert line["type"] == "cancel", line
open("{2}", "w").write("cancelled")
tell(*[about(index, "done") for index in taken])
tasks(None)
)python",
                               polite ? "True" : "False", dir_.At("taken").string(), dir_.At("cancelled").string()));
    std::filesystem::remove(dir_.At("taken"));
    Begin(spec);
    pid_t pid = 0;
    int taken = 0;
    const int64_t deadline_ns = MonotonicNs() + kPatience;
    while (taken < 4 && MonotonicNs() < deadline_ns) {
      std::ifstream(dir_.At("taken")) >> pid >> taken;
      std::this_thread::yield();
    }
    ASSERT_EQ(taken, 4);
    Want(spec, v1::CANCEL);
    Exchange();
    WaitForPhase(spec.run_id(), v1::ENDED);
    const Written written = sink_.Of(spec.run_id());
    ExpectSound(written, spec);
    EXPECT_THAT(written.triggers, SizeIs(4));
    for (const auto& record : written.triggers) EXPECT_EQ(record.outcome(), v1::CANCELLED);
    EXPECT_THAT(written.tasks, SizeIs(4));
    EXPECT_THAT(written.end->findings(), IsEmpty()) << written.end->findings(0).detail();
    EXPECT_EQ(std::filesystem::remove(dir_.At("cancelled")), polite);
    EXPECT_TRUE(GroupIsGone(pid));
  }
}

TEST_F(DriverTest, TasksOfACancelledRunAreRowsWhetherToldOfOrNot) {
  const v1::ShareSpec spec = DriverSpec(8, 4,
                                        fmt::format(R"python(
begin()
given = []
while len(given) < 4: given += hear()["tasks"]
tell(about(given[0]["index"], "started"))
open("{}", "w").write("given")
assert hear()["type"] == "cancel"
tasks(None)
)python",
                                                    dir_.At("given").string()));
  Begin(spec);
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (!std::filesystem::exists(dir_.At("given")) && MonotonicNs() < deadline_ns) std::this_thread::yield();
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
  const Written written = sink_.Of(spec.run_id());
  EXPECT_THAT(written.triggers, SizeIs(4));
  ASSERT_THAT(written.tasks, SizeIs(4));
  size_t not_told = 0;
  for (const auto& task : written.tasks) {
    EXPECT_EQ(task.outcome(), v1::OUTCOME_UNSPECIFIED);
    not_told += task.state() == "not told" ? 1 : 0;
  }
  EXPECT_EQ(not_told, 3U);
}

TEST_F(DriverTest, OneThatIsStillGettingReadyNeedNotWhenItsRunIsCancelled) {
  v1::ShareSpec spec = DriverSpec(8, 4,
                                  fmt::format(R"python(
hear()
say(type="hello", protocol=1, name="fake")
hear()
open("{0}.new", "w").write(str(os.getpid()))
os.rename("{0}.new", "{0}")
time.sleep(1000)
)python",
                                              dir_.At("pid").string()));
  spec.mutable_trigger()->mutable_driver()->set_prepare_timeout_ns(1000 * kSecond);
  Want(spec, v1::PREPARE);
  Exchange();
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (!std::filesystem::exists(dir_.At("pid")) && MonotonicNs() < deadline_ns) std::this_thread::yield();
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
  EXPECT_THAT(sink_.Of(spec.run_id()).triggers, IsEmpty());
  EXPECT_TRUE(GroupIsGone(PidIn(dir_.At("pid"))));
}

TEST_F(DriverTest, AnAgentThatEndsTakesItsDriverAlong) {
  const v1::ShareSpec spec = DriverSpec(8, 4,
                                        fmt::format(R"python(
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
open("{}", "w").write(str(os.getpid()))
begin()
time.sleep(1000)
)python",
                                                    dir_.At("pid").string()));
  Want(spec, v1::PREPARE);
  Exchange();
  WaitForPhase(spec.run_id(), v1::READY);
  OnLoop([this] { executor_.reset(); });
  EXPECT_TRUE(GroupIsGone(PidIn(dir_.At("pid"))));
}

TEST_F(DriverTest, ASecretReachesTheDriverAndNoRecord) {
  dir_.Write("KEY", "hush-hush\n");
  Restart({.agent_name = "alpha", .secrets_directory = dir_.path()});
  v1::ShareSpec spec = DriverSpec(1, 1, R"python(
begin()
def take(task): tell(about(task["index"], "failed", state="gone", error="no " + os.environ["KEY"]), about(task["index"], "done"))
tasks(take)
)python");
  (*spec.mutable_trigger()->mutable_driver()->mutable_env())["KEY"] = "$(secret:KEY)";
  const Written written = Execute(spec);
  ASSERT_THAT(written.triggers, SizeIs(1));
  EXPECT_THAT(written.triggers[0].error(), Not(HasSubstr("hush")));
  ASSERT_THAT(written.tasks, SizeIs(1));
  EXPECT_EQ(written.tasks[0].error(), "no ***");
}

}  // namespace
}  // namespace assay
