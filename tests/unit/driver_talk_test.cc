// What a driver's lines make of tasks, without a process.
#include "common/driver/driver_talk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "common/driver/driver_order.h"
#include "common/nanoseconds.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Phase = DriverTalk::Phase;
constexpr int64_t kGiven = 1'000 * kSecond;      // when the tasks are given
constexpr int64_t kNow = kGiven + 10 * kSecond;  // when lines are read
constexpr int64_t kWallAhead = 1'700'000'000 * kSecond;

class Talk : public testing::Test {
 protected:
  void Say(const std::string& line) { talk_.Read(line, {now_ns_, -kWallAhead}); }
  // `events` without the list's brackets.
  void Tell(const std::string& events) { Say(R"({"type":"events","events":[)" + events + "]}"); }
  void Greet() {
    Say(R"({"type":"hello","protocol":1,"name":"dask","version":"1"})");
    Say(R"({"type":"ready","capacity":16,"version":"2026.8.0"})");
  }
  void Give(uint64_t tasks) {
    for (uint64_t index = 0; index < tasks; ++index) {
      v1::TriggerRecord trigger;
      trigger.set_index(index);
      trigger.set_started_ns(kGiven);
      talk_.tasks().Give(std::move(trigger));
    }
  }
  std::map<uint64_t, v1::TriggerRecord> Ended() {
    for (v1::TriggerRecord& record : talk_.tasks().TakeEnded()) ended_[record.index()] = record;
    return ended_;
  }
  std::map<uint64_t, v1::TaskRecord> Tasks() {
    std::map<uint64_t, v1::TaskRecord> tasks;
    for (v1::TaskRecord& record : talk_.tasks().TakeTasks(1'000'000)) tasks[record.index()] = record;
    return tasks;
  }

  int64_t now_ns_ = kNow;
  std::vector<std::string> faults_;
  DriverTalk talk_{30 * kSecond, [this](const DriverTalk::Fault& fault) {
                     EXPECT_NE(fault.mend, "") << fault.what;
                     faults_.push_back(fault.what);
                   }};
  std::map<uint64_t, v1::TriggerRecord> ended_;
};

int64_t At(int64_t ms) { return kGiven + ms * 1'000'000; }

TEST_F(Talk, ATaskFromBeginningToEnd) {
  Greet();
  EXPECT_EQ(talk_.phase(), Phase::kReady);
  EXPECT_EQ(talk_.info().name(), "dask");
  EXPECT_EQ(talk_.info().version(), "2026.8.0");
  EXPECT_EQ(talk_.info().capacity(), 16U);
  Give(1);
  Tell(fmt::format(R"({{"index":0,"event":"accepted","at":{},"task":"key-1"}})", At(1)));
  Tell(fmt::format(R"({{"index":0,"event":"scheduled","at":{},"state":"processing","from":"scheduler"}},
                       {{"index":0,"event":"started","at":{},"worker":"w1","from":"worker"}})",
                   At(2), At(3)));
  EXPECT_THAT(Ended(), IsEmpty());
  Tell(fmt::format(R"({{"index":0,"event":"finished","at":{},"state":"memory","error_ns":500,"body":[{},{}]}})", At(9),
                   At(4), At(8)));
  Tell(fmt::format(R"({{"index":0,"event":"done","at":{}}})", At(12)));
  ASSERT_THAT(Ended(), SizeIs(1));
  const v1::TriggerRecord trigger = Ended()[0];
  EXPECT_EQ(trigger.outcome(), v1::OK);
  EXPECT_EQ(trigger.error(), "");
  EXPECT_EQ(trigger.accepted_ns(), At(1));
  EXPECT_EQ(trigger.completed_ns(), At(9));
  EXPECT_EQ(trigger.completed_error_ns(), 500);
  EXPECT_EQ(trigger.finished_ns(), At(12));
  EXPECT_EQ(trigger.remote_id(), "key-1");
  EXPECT_EQ(trigger.remote_state(), "memory");
  // Told when its trigger has long ended, and kept all the same.
  Tell(fmt::format(R"({{"index":0,"event":"queued","at":{}}})", At(2)));
  talk_.Drain();
  Say(R"({"type":"drained"})");
  EXPECT_EQ(talk_.phase(), Phase::kDrained);
  const v1::TaskRecord task = Tasks()[0];
  EXPECT_EQ(task.task(), "key-1");
  EXPECT_EQ(task.origin(), "driver");
  EXPECT_EQ(task.outcome(), v1::OK);
  EXPECT_EQ(task.state(), "memory");
  EXPECT_EQ(task.attempt(), 1U);
  EXPECT_EQ(task.worker(), "w1");
  EXPECT_EQ(task.instants_from(), "scheduled=scheduler,started=worker");
  EXPECT_FALSE(task.has_created_ns());
  EXPECT_EQ(task.scheduled_ns(), At(2));
  EXPECT_EQ(task.queued_ns(), At(2));
  EXPECT_EQ(task.started_ns(), At(3));
  EXPECT_EQ(task.body_started_ns(), At(4));
  EXPECT_EQ(task.body_finished_ns(), At(8));
  EXPECT_EQ(task.finished_ns(), At(9));
  EXPECT_EQ(task.recorded_ns(), kNow);
  EXPECT_EQ(task.error_ns(), 500);
  EXPECT_THAT(faults_, IsEmpty());
  EXPECT_EQ(talk_.events(), 6U);
}

TEST_F(Talk, OneEventMayTellAll) {
  Give(3);
  Tell(fmt::format(R"({{"index":0,"event":"done","at":{},"instants":{{"accepted":{},"started":{},"finished":{}}}}})",
                   At(9), At(1), At(2), At(8)));
  Tell(fmt::format(R"({{"index":1,"event":"done","at":{},"error":"no room","instants":{{"finished":{}}}}})", At(9),
                   At(8)));
  Tell(fmt::format(R"({{"index":2,"event":"done","at":{},"cached":true}})", At(9)));
  EXPECT_EQ(Ended()[0].outcome(), v1::OK);
  EXPECT_EQ(Ended()[0].accepted_ns(), At(1));
  EXPECT_EQ(Ended()[0].completed_ns(), At(8));
  EXPECT_EQ(Ended()[1].outcome(), v1::FAILED);
  EXPECT_EQ(Ended()[1].error(), "no room");
  EXPECT_EQ(Ended()[2].outcome(), v1::OK) << "whose driver tells no more than that";
  EXPECT_FALSE(Ended()[2].has_completed_ns());
  const auto tasks = Tasks();
  EXPECT_EQ(tasks.at(0).outcome(), v1::OK);
  EXPECT_EQ(tasks.at(0).state(), "finished");
  EXPECT_EQ(tasks.at(1).outcome(), v1::FAILED);
  EXPECT_EQ(tasks.at(1).error(), "no room");
  EXPECT_EQ(tasks.at(2).outcome(), v1::OK) << "as its done says, when all that was told is in";
  EXPECT_FALSE(tasks.at(2).has_finished_ns());
  EXPECT_EQ(tasks.at(2).state(), "done");
  EXPECT_EQ(tasks.at(2).task(), "2");
  EXPECT_TRUE(tasks.at(2).cached());
}

TEST_F(Talk, DoneIsAsTheTargetSaysUnlessTheDriverOverrules) {
  Give(4);
  Tell(fmt::format(
      R"({{"index":0,"event":"failed","at":{0},"error":"ZeroDivisionError"}},{{"index":0,"event":"done","at":{0}}},
                       {{"index":1,"event":"cancelled","at":{0},"state":"Cancelled"}},{{"index":1,"event":"done","at":{0}}},
                       {{"index":2,"event":"failed","at":{0}}},{{"index":2,"event":"done","at":{0},"ok":true}},
                       {{"index":3,"event":"finished","at":{0}}},{{"index":3,"event":"done","at":{0},"ok":false}})",
      At(5)));
  EXPECT_EQ(Ended()[0].outcome(), v1::FAILED);
  EXPECT_EQ(Ended()[0].error(), "ZeroDivisionError");
  EXPECT_EQ(Ended()[1].outcome(), v1::FAILED);
  EXPECT_EQ(Ended()[1].error(), "the target says: Cancelled");
  EXPECT_EQ(Ended()[2].outcome(), v1::OK);
  EXPECT_EQ(Ended()[3].outcome(), v1::FAILED);
  EXPECT_EQ(Ended()[3].error(), "the driver says that it is not ok");
  EXPECT_THAT(faults_, IsEmpty());
}

TEST_F(Talk, AnInstantIsKeptAsFirstToldAndAnewForALaterAttempt) {
  Give(1);
  Tell(fmt::format(R"({{"index":0,"event":"created","at":{}}},{{"index":0,"event":"started","at":{}}},
                       {{"index":0,"event":"started","at":{}}},{{"index":0,"event":"failed","at":{},"error":"oh"}})",
                   At(1), At(2), At(3), At(4)));
  Tell(fmt::format(R"({{"index":0,"event":"started","at":{},"attempt":2}})", At(6)));
  Tell(fmt::format(R"({{"index":0,"event":"failed","at":{},"attempt":1}})", At(5)));
  Tell(fmt::format(R"({{"index":0,"event":"finished","at":{}}},{{"index":0,"event":"done","at":{}}})", At(8), At(9)));
  EXPECT_EQ(Ended()[0].outcome(), v1::OK);
  const v1::TaskRecord task = Tasks()[0];
  EXPECT_EQ(task.attempt(), 2U);
  EXPECT_EQ(task.created_ns(), At(1));
  EXPECT_EQ(task.started_ns(), At(6));
  EXPECT_EQ(task.finished_ns(), At(8));
  EXPECT_EQ(task.outcome(), v1::OK);
  EXPECT_EQ(task.error(), "");
  EXPECT_THAT(faults_, IsEmpty());
}

TEST_F(Talk, LateWordOfAnEarlierTryIsNoSecondEnd) {
  Give(1);
  Tell(fmt::format(R"({{"index":0,"event":"finished","at":{},"attempt":2}})", At(6)));
  Tell(fmt::format(R"({{"index":0,"event":"failed","at":{},"attempt":1}})", At(5)));
  EXPECT_THAT(faults_, IsEmpty());
  Tell(fmt::format(R"({{"index":0,"event":"failed","at":{},"attempt":2}})", At(7)));
  EXPECT_THAT(faults_, SizeIs(1));
  EXPECT_EQ(Tasks()[0].outcome(), v1::OK);
}

// Each end has its own time for a done.
TEST_F(Talk, ARetryThatEndedIsNotOverWhenItsFirstTryWas) {
  Give(1);
  Tell(fmt::format(R"({{"index":0,"event":"failed","at":{}}})", At(5)));
  now_ns_ += 9 * kSecond;
  Tell(fmt::format(R"({{"index":0,"event":"finished","at":{},"attempt":2}})", At(9'005)));
  talk_.tasks().Pass(kNow + 10 * kSecond);
  EXPECT_THAT(Ended(), IsEmpty());
  talk_.tasks().Pass(kNow + 19 * kSecond);
  EXPECT_EQ(Ended()[0].outcome(), v1::OK);
  EXPECT_EQ(Ended()[0].finished_ns(), kNow + 9 * kSecond);
}

TEST_F(Talk, TheWallClockIsMapped) {
  Give(1);
  Tell(fmt::format(R"({{"index":0,"event":"done","at":{},"clock":"wall","instants":{{"started":{},"finished":{}}}}})",
                   At(9) + kWallAhead, At(1) + kWallAhead, At(8) + kWallAhead));
  EXPECT_EQ(Ended()[0].finished_ns(), At(9));
  EXPECT_EQ(Tasks()[0].started_ns(), At(1));
  Say(fmt::format(R"({{"type":"span","name":"gather","begun":{},"ended":{},"clock":"wall"}})", At(1) + kWallAhead,
                  At(2) + kWallAhead));
  ASSERT_THAT(talk_.spans(), SizeIs(1));
  EXPECT_EQ(talk_.spans()[0].begun_ns(), At(1));
}

TEST_F(Talk, TriggersEndAtTheirTimeoutAndWithoutADone) {
  Give(2);
  Tell(fmt::format(R"({{"index":1,"event":"started","at":{},"state":"Running"}})", At(5)));
  Tell(fmt::format(R"({{"index":0,"event":"failed","at":{},"error":"lost"}})", At(7)));
  EXPECT_EQ(talk_.tasks().NextDueNs(), kNow + 10 * kSecond) << "for a done";
  talk_.tasks().Pass(kNow + 10 * kSecond - 1);
  EXPECT_THAT(Ended(), IsEmpty());
  talk_.tasks().Pass(kNow + 10 * kSecond);
  EXPECT_EQ(Ended()[0].outcome(), v1::FAILED);
  EXPECT_EQ(Ended()[0].error(), "lost");
  EXPECT_EQ(Ended()[0].finished_ns(), kNow) << "when its end was told";
  EXPECT_EQ(talk_.tasks().undone(), 1u);
  EXPECT_EQ(talk_.tasks().first_undone(), 0u);
  EXPECT_EQ(talk_.tasks().NextDueNs(), kGiven + 30 * kSecond);
  talk_.tasks().Pass(kGiven + 30 * kSecond);
  EXPECT_EQ(Ended()[1].outcome(), v1::TIMEOUT);
  EXPECT_EQ(Ended()[1].remote_state(), "Running");
  EXPECT_EQ(Ended()[1].error(), "took longer than 30 s");
  EXPECT_EQ(talk_.tasks().in_flight(), 0U);
  // What comes of it later is the task's, not the trigger's.
  now_ns_ = kGiven + 40 * kSecond;
  Tell(fmt::format(R"({{"index":1,"event":"finished","at":{0}}},{{"index":1,"event":"done","at":{0}}})", At(35'000)));
  EXPECT_THAT(Ended(), SizeIs(2));
  EXPECT_EQ(Tasks()[1].outcome(), v1::OK);
  EXPECT_THAT(faults_, IsEmpty());
}

TEST_F(Talk, WhatBreaksTheRulesIsAFaultAndChangesNothing) {
  Greet();
  Give(1);
  const std::string done = fmt::format(R"({{"index":0,"event":"done","at":{}}})", At(5));
  Tell(done);
  ASSERT_THAT(Ended(), SizeIs(1));
  struct Case {
    std::string line;
    std::string what;
  };
  const auto event = [](const std::string& text) { return R"({"type":"events","events":[)" + text + "]}"; };
  const std::vector<Case> cases{
      {"hello?", "no JSON"},
      {"", "no JSON"},
      {R"({"type":"events","events":[{"index":0)", "no JSON"},
      {"\"\xff\"", "no JSON"},
      {"[1]", "no JSON object"},
      {R"({"events":[]})", "an object without \"type\""},
      {R"({"type":"event"})", "no driver's line has the type \"event\""},
      {R"({"type":"events"})", "\"events\" must be a list"},
      {R"({"type":"hello","protocol":1,"name":"x"})", "a second hello"},
      {R"({"type":"hello","protocol":1})", "a hello without \"name\""},
      {R"({"type":"ready"})", "a second ready"},
      {R"({"type":"ready","capacity":-1})", "\"capacity\" must be"},
      {R"({"type":"drained"})", "drained although it was not told to drain"},
      {R"({"type":"span","name":"g","begun":2})", "a span's \"begun\" and \"ended\""},
      {R"({"type":"span","name":"g","begun":2,"ended":1})", "ends before it has begun"},
      {fmt::format(R"({{"type":"span","name":"g","begun":2,"ended":{}}})", kNow + kSecond), "ends in the future"},
      {event("7"), "an event that is no object"},
      {event(R"({"event":"done","at":1})"), "without the \"index\""},
      {event(R"({"index":-1,"event":"done","at":1})"), "without the \"index\""},
      {event(R"({"index":0,"at":1})"), "an event without \"event\""},
      {event(R"({"index":0,"event":"begun","at":1})"), "there is no event \"begun\""},
      {event(R"({"index":0,"event":"started"})"), "an event without \"at\""},
      {event(R"({"index":0,"event":"started","at":81.5})"), "\"at\" must be whole nanoseconds"},
      {event(fmt::format(R"({{"index":0,"event":"started","at":{},"worker":3}})", At(5))), "\"worker\" must be a text"},
      {event(fmt::format(R"({{"index":0,"event":"started","at":{},"body":[1]}})", At(5))), "\"body\" must be"},
      {event(fmt::format(R"({{"index":0,"event":"started","at":{},"attempt":0}})", At(5))), "\"attempt\" must be"},
      {event(fmt::format(R"({{"index":0,"event":"started","at":{},"clock":"cpu"}})", At(5))), "\"clock\" must be"},
      {event(fmt::format(R"({{"index":0,"event":"started","at":{},"instants":{{"ended":3,"ready":"x"}}}})", At(5))),
       "\"instants\" must be"},
      {event(fmt::format(R"({{"index":1,"event":"started","at":{}}})", At(5))), "started: task 1 was never given"},
      {event(done), "task 0 is done a second time"},
      {event(fmt::format(R"({{"index":0,"event":"started","at":{}}})", kNow + kSecond)), "lies in the future"},
      {event(R"({"index":0,"event":"started","at":81})"), "lies before the task was given"},
      {event(R"({"index":0,"event":"started","at":1700000000,"clock":"wall"})"), "lies before the task was given"},
      {event(R"({"index":0,"event":"started","at":9223372036854775807,"clock":"wall"})"), "lies in the future"},
      {event(R"({"index":0,"event":"started","at":9223372036854775808})"), "\"at\" must be whole nanoseconds"},
      {event(R"({"index":0,"event":"started","at":81,"error_ns":9000000000000000})"), "\"error_ns\" must be"},
      {R"({"type":"span","name":"g","begun":1700000000,"ended":1700000001,"clock":"wall"})", "more than a year ago"},
  };
  for (const Case& c : cases) {
    faults_.clear();
    Say(c.line);
    EXPECT_THAT(faults_, ElementsAre(HasSubstr(c.what))) << c.line;
  }
  EXPECT_EQ(talk_.phase(), Phase::kReady);
  EXPECT_THAT(faults_[0], testing::StartsWith(fmt::format("line {}: ", 3 + cases.size())));
  EXPECT_THAT(Ended(), SizeIs(1));
  EXPECT_FALSE(Tasks()[0].has_started_ns());
}

TEST_F(Talk, ATaskThatEndsTwiceIsAFault) {
  Give(1);
  Tell(fmt::format(R"({{"index":0,"event":"finished","at":{}}})", At(5)));
  Tell(fmt::format(R"({{"index":0,"event":"failed","at":{}}})", At(6)));
  EXPECT_THAT(faults_, ElementsAre(HasSubstr("task 0 failed although it had ended")));
  EXPECT_EQ(Tasks()[0].outcome(), v1::OK);
}

TEST_F(Talk, OneBadEventDoesNotCostTheOthersOfItsLine) {
  Give(2);
  Tell(fmt::format(R"({{"index":0,"event":"done","at":{0}}},{{"index":9,"event":"done","at":{0}}},3,
                       {{"index":1,"event":"done","at":{0}}})",
                   At(5)));
  EXPECT_THAT(Ended(), SizeIs(2));
  EXPECT_THAT(faults_, SizeIs(2));
}

TEST_F(Talk, ADriverMayFailAtAnyTimeAndSpeakAnotherProtocol) {
  Say(R"({"type":"failed","error":"no cluster"})");
  EXPECT_EQ(talk_.phase(), Phase::kFailed);
  EXPECT_EQ(talk_.error(), "no cluster");
  Greet();
  EXPECT_EQ(talk_.phase(), Phase::kFailed);
  EXPECT_THAT(faults_, ElementsAre("line 2: hello after failed", "line 3: ready after failed"));

  DriverTalk other(0, [](const DriverTalk::Fault&) {});
  other.Read(R"({"type":"hello","protocol":2,"name":"x"})", {kNow, 0});
  EXPECT_EQ(other.phase(), Phase::kFailed);
  EXPECT_EQ(other.error(), "it speaks protocol 2, and this is 1");
}

TEST_F(Talk, MoreThanAnyDriverHasToSayIsAFlood) {
  Greet();
  Give(1);
  const std::string started = fmt::format(R"({{"index":0,"event":"started","at":{}}})", At(5));
  std::string many = started;
  for (int i = 1; i < 1000; ++i) many += "," + started;
  for (int i = 0; i < 101; ++i) Tell(many);
  EXPECT_FALSE(talk_.Floods());
  Tell(many);
  EXPECT_TRUE(talk_.Floods());
  EXPECT_THAT(faults_, IsEmpty());
}

TEST_F(Talk, FieldsThatNobodyReadsAreNamedOnce) {
  Give(1);
  for (int i = 0; i < 3; ++i)
    Tell(fmt::format(R"({{"index":0,"event":"started","at":{},"wroker":"w","instants":{{"end":{}}}}})", At(5), At(6)));
  EXPECT_THAT(faults_, IsEmpty());
  EXPECT_THAT(talk_.unused(), ElementsAre("instants.end", "wroker"));
}

TEST(DriverLines, WhatAnAgentSaysCanBeReadAgain) {
  EXPECT_EQ(DriverHelloLine(), "{\"type\":\"hello\",\"protocol\":1}\n");
  EXPECT_EQ(DriverPrepareLine(7, "da\"sk", 10, R"({"a":1})"),
            "{\"type\":\"prepare\",\"run\":7,\"target\":\"da\\\"sk\",\"tasks\":10,\"options\":{\"a\":1}}\n");
  const std::string line = DriverTasksLine({{0, 4100, "{\"n\":0}"}, {5, -1, ""}});
  EXPECT_EQ(line,
            "{\"type\":\"tasks\",\"tasks\":[{\"index\":0,\"sleep_ns\":4100,\"task\":{\"n\":0}},{\"index\":5}]}\n");
  const auto order = ParseDriverOrder(line);
  ASSERT_TRUE(order.ok());
  EXPECT_THAT(order->indices, ElementsAre(0U, 5U));
  EXPECT_EQ(ParseDriverOrder(kDriverByeLine)->type, "bye");
  for (const char* none : {"", "[]", "{}", R"({"type":"tasks"})", R"({"type":"tasks","tasks":[{}]})",
                           R"({"type":"tasks","tasks":[{"index":-1}]})"})
    EXPECT_FALSE(ParseDriverOrder(none).ok()) << none;
}

}  // namespace
}  // namespace assay
