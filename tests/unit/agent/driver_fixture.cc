#include "driver_fixture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "common/clock.h"

namespace assay {
namespace {

constexpr const char* kPrelude = R"python(
import json, os, sys, time
now = time.monotonic_ns
def raw(text):
    sys.stdout.write(text)
    sys.stdout.flush()
def say(**line): raw(json.dumps(line) + "\n")
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else {"type": "bye"}
def tell(*events): say(type="events", events=list(events))
def about(index, event, **more): return dict(index=index, event=event, at=now(), **more)
def begin(**ready):
    hello = hear()
    say(type="hello", protocol=1, name="fake", version="0")
    prepare = hear()
    say(type="ready", **ready)
    return prepare
def tasks(take):
    line = hear()
    while line["type"] != "bye":
        if line["type"] == "tasks":
            for task in line["tasks"]: take(task)
        if line["type"] == "drain": say(type="drained")
        line = hear()
)python";

// Zombies do not count: nobody may be there to wait for orphans.
bool Lives(pid_t group) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;
    std::istringstream rest(line.substr(std::min(line.rfind(')') + 1, line.size())));
    char state = 0;
    pid_t parent = 0;
    pid_t of = 0;
    if (rest >> state >> parent >> of && of == group && state != 'Z' && state != 'X') return true;
  }
  return false;
}

}  // namespace

void DriverTest::SetUp() {
  std::signal(SIGPIPE, SIG_IGN);  // as every program of ours does
  ExecutorTest::SetUp();
}

v1::ShareSpec DriverTest::DriverSpec(uint64_t count, uint32_t slots, const std::string& body) {
  const auto file = dir_.At(fmt::format("driver{}.py", ++drivers_));
  std::ofstream(file) << kPrelude << body;
  v1::ShareSpec spec = SleepSpec(drivers_, count, slots, 0);
  spec.set_target("thing");
  v1::DriverTrigger& driver = *spec.mutable_trigger()->mutable_driver();
  driver.add_argv("python3");
  driver.add_argv(file.string());
  driver.set_prepare_timeout_ns(30 * kSecond);
  return spec;
}

v1::ShareSpec DriverTest::Obliging(uint64_t count, const std::string& before) {
  return DriverSpec(count, 4,
                    fmt::format(R"python(
begin()
def take(task):
    {}
    tell(about(task["index"], "done"))
tasks(take)
)python",
                                before.empty() ? "pass" : before));
}

const v1::Finding* DriverTest::FindingOf(const Written& written, const std::string& code) {
  for (const v1::Finding& finding : written.end->findings()) {
    if (finding.code() == code) return &finding;
  }
  return nullptr;
}

void DriverTest::ExpectOnlyGarbage(const v1::ShareSpec& spec, uint64_t count, const std::string& detail) {
  const Written written = Execute(spec);
  ExpectSound(written, spec);
  EXPECT_THAT(written.triggers, testing::SizeIs(spec.count()));
  for (const auto& record : written.triggers) EXPECT_EQ(record.outcome(), v1::OK) << record.error();
  ASSERT_NE(FindingOf(written, "driver_garbage"), nullptr);
  EXPECT_EQ(FindingOf(written, "driver_garbage")->count(), count);
  EXPECT_THAT(FindingOf(written, "driver_garbage")->detail(), testing::HasSubstr(detail));
  EXPECT_EQ(FindingOf(written, "driver_failed"), nullptr) << FindingOf(written, "driver_failed")->detail();
}

std::string DriverTest::Failure(const Written& written) {
  EXPECT_NE(FindingOf(written, "driver_failed"), nullptr);
  return FindingOf(written, "driver_failed") == nullptr ? "" : FindingOf(written, "driver_failed")->detail();
}

bool GroupIsGone(pid_t group) {
  const int64_t deadline_ns = MonotonicNs() + kPatience;
  while (Lives(group)) {
    if (MonotonicNs() > deadline_ns) return false;
    std::this_thread::yield();
  }
  return true;
}

pid_t PidIn(const std::filesystem::path& file) {
  pid_t pid = 0;
  std::ifstream(file) >> pid;
  return pid;
}

}  // namespace assay
