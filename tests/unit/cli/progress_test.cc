#include "cli/watch/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "assay/v1/control.pb.h"
#include "cli/results/flag_kinds.h"
#include "cli/watch/progress_printer.h"
#include "tests/unit/cli/finished_sweep.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

v1::SweepProgress Going() {
  v1::SweepProgress progress;
  progress.mutable_sweep()->set_sweep_id(3);
  progress.mutable_sweep()->set_name("quick");
  progress.mutable_sweep()->set_state("running");
  progress.mutable_sweep()->set_runs_total(12);
  progress.set_runs_done(3);
  progress.set_run_id(17);
  progress.set_cell("tasks=16000 sleep=1ms..10ms");
  progress.set_block(2);
  progress.set_run_phase("running");
  progress.set_triggers_total(16000);
  progress.set_triggers_done(1234);
  progress.set_not_ok(2);
  progress.set_in_flight(16);
  progress.set_rate_per_s(2812.4);
  progress.set_run_elapsed_ns(3'200'000'000);
  progress.set_eta_ns(80'000'000'000);
  return progress;
}

TEST(ProgressTest, Block) {
  EXPECT_THAT(RenderBlock(Going(), 100),
              ElementsAre("sweep 3 quick  [#####...............] 3/12 cells x blocks  ETA 1 min 20 s",
                          "  block 2: tasks=16000 sleep=1ms..10ms (running)",
                          "  1,234/16,000 triggers, 2 failed, 2,812/s, 16 in flight, 3.2 s"));
}

TEST(ProgressTest, WhatIsWaitedForWhileRecordsAreCollected) {
  v1::SweepProgress progress = Going();
  progress.set_run_phase("collecting");
  v1::CollectorStatus& collector = *progress.add_collectors();
  collector.set_records(640);
  collector.set_expected(1000);
  collector.set_elapsed_ns(12'000'000'000);
  collector.set_deadline_ns(60'000'000'000);
  EXPECT_THAT(RenderBlock(progress, 120)[1],
              EndsWith("sleep=1ms..10ms (collecting records: 640 of 1,000, 12 s, deadline 1 min 0 s)"));
  progress.mutable_collectors(0)->set_expected(0);
  EXPECT_THAT(RenderLine(progress), HasSubstr("(collecting records: 640, 12 s, deadline 1 min 0 s)"));
}

TEST(ProgressTest, NoLineIsWiderThanTheTerminal) {
  v1::SweepProgress progress = Going();
  progress.add_notices("agent b has been away for 3 s, which is a rather long story to tell");
  for (const std::string& line : RenderBlock(progress, 40)) EXPECT_LE(line.size(), 40U) << line;
}

TEST(ProgressTest, SaysWhatItWaitsForAndWhatIsWrong) {
  v1::SweepProgress progress = Going();
  progress.set_run_id(0);
  progress.set_doing("waiting for 1 more agent with role=load");
  progress.clear_eta_ns();
  progress.mutable_sweep()->set_rejected(1);
  progress.add_notices("agent b has been away for 3 s");
  EXPECT_THAT(RenderBlock(progress, 100),
              ElementsAre("sweep 3 quick  [#####...............] 3/12 cells x blocks, 1 try rejected  ETA unknown",
                          "  waiting for 1 more agent with role=load", "  note: agent b has been away for 3 s"));
  EXPECT_EQ(RenderLine(progress),
            "sweep 3: 3/12 cells x blocks, 1 try rejected, ETA unknown; waiting for 1 more agent with role=load; note: "
            "agent b has been away for 3 s");
}

TEST(ProgressTest, BeforeAnyRunHasEndedTheEtaIsABound) {
  v1::SweepProgress progress = Going();
  progress.set_eta_is_least(true);
  EXPECT_THAT(RenderBlock(progress, 100)[0], EndsWith("  ETA at least 1 min 20 s"));
}

TEST(ProgressTest, OneLine) {
  EXPECT_EQ(
      RenderLine(Going()),
      "sweep 3: 3/12 cells x blocks, ETA 1 min 20 s; block 2: tasks=16000 sleep=1ms..10ms (running): 1,234/16,000 "
      "triggers, 2 failed, 2,812/s");
  v1::SweepProgress by_duration = Going();
  by_duration.set_triggers_total(0);
  EXPECT_THAT(RenderLine(by_duration), HasSubstr("(running): 1,234 triggers,"));
}

TEST(ProgressTest, Results) {
  EXPECT_EQ(RenderResult(Accepted()),
            "run 17  block 1  tasks=1000  accepted  1,000 triggers, 0.352 s, 2,840/s, overhead 1.23 %");
  EXPECT_EQ(RenderResult(Rejected()),
            "run 18  block 1  tasks=1000  rejected (try 2)  1,000 triggers, 30 not ok, 0.352 s, 2,840/s  flags: "
            "failures (reject)\n"
            "    failures: 3 % of the triggers failed, limit 1 %");
}

TEST(ProgressTest, AFlagOfEveryAgentIsNotALineOfEveryAgent) {
  v1::RunResult run = Rejected();
  for (int i = 0; i < 9; ++i) *run.add_flags() = run.flags(0);
  const std::string text = RenderResult(run);
  EXPECT_THAT(text, HasSubstr("  flags: failures (reject)\n"));
  EXPECT_THAT(text, EndsWith("\n    and 7 more"));
  EXPECT_THAT(FlagLines({run}), ElementsAre(StartsWith("reject failures: 1 run (18) of tasks=1000: ")));
}

TEST(ProgressTest, AnEndedSweepHasNoEta) {
  v1::SweepProgress progress = Going();
  progress.set_run_id(0);
  progress.mutable_sweep()->set_state("cancelled");
  progress.set_doing("cancelled");
  EXPECT_EQ(RenderLine(progress), "sweep 3: 3/12 cells x blocks, cancelled");
}

// What reaches a descriptor that is no terminal.
std::string Printed(ProgressPrinter::Style style, const std::function<void(ProgressPrinter&)>& use) {
  std::FILE* file = std::tmpfile();
  {
    ProgressPrinter printer(fileno(file), style);
    use(printer);
  }
  std::rewind(file);
  std::string text(1 << 16, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

TEST(ProgressPrinterTest, WithoutATerminalALineEveryFiveSeconds) {
  const std::string text = Printed(ProgressPrinter::Style::kLines, [](ProgressPrinter& printer) {
    for (int64_t s = 1; s <= 7; ++s) printer.Update(Going(), s * 1'000'000'000);
  });
  EXPECT_EQ(text, RenderLine(Going()) + "\n" + RenderLine(Going()) + "\n");
}

TEST(ProgressPrinterTest, ALiveBlockIsTakenAwayBeforeAnythingElseIsPrinted) {
  const std::string text = Printed(ProgressPrinter::Style::kLive, [](ProgressPrinter& printer) {
    printer.Update(Going(), 1);
    printer.Result(Accepted());
  });
  EXPECT_THAT(text, EndsWith("\x1b[3F\x1b[J" + RenderResult(Accepted()) + "\n"));
}

TEST(ProgressPrinterTest, JsonHasOneObjectPerLine) {
  const std::string text = Printed(ProgressPrinter::Style::kJson, [](ProgressPrinter& printer) {
    printer.Update(Going(), 1);
    printer.Result(Rejected());
    printer.Notice("a \"notice\"");
  });
  std::istringstream lines(text);
  std::vector<std::string> starts;
  for (std::string line; std::getline(lines, line);) starts.push_back(line.substr(0, line.find(',')));
  EXPECT_THAT(starts,
              ElementsAre("{\"type\":\"progress\"", "{\"type\":\"run\"", "{\"type\":\"flag\"", "{\"type\":\"notice\""));
  EXPECT_THAT(text, HasSubstr("\"triggers_done\":1234"));
}

}  // namespace
}  // namespace assay
