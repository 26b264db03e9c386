#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>

#include "cli/assay_main.h"
#include "cli/cell_results.h"
#include "cli/child_program.h"
#include "cli/data_dir.h"
#include "cli/endpoint.h"
#include "cli/exit_code.h"
#include "cli/export_files.h"
#include "cli/flag_kinds.h"
#include "cli/interrupts.h"
#include "cli/json_line.h"
#include "cli/meaning.h"
#include "cli/outcome.h"
#include "cli/progress.h"
#include "cli/progress_printer.h"
#include "cli/report.h"
#include "cli/stack_file.h"
#include "cli/table.h"
#include "cli/unfinished_sweep.h"
#include "cli/unrun_cells.h"
#include "cli/view_rows.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::string Content(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Ran {
  int code;
  std::string out;
  std::string err;
};

Ran Assay(std::vector<std::string> arguments) {
  std::vector<const char*> argv = {"assay"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::fflush(nullptr);
  // WriteAll goes below stdio, so the descriptors themselves are captured.
  const TempDir dir;
  const int out = dup(1);
  const int err = dup(2);
  const std::string out_path = dir.Write("out", "");
  const std::string err_path = dir.Write("err", "");
  if (std::freopen(out_path.c_str(), "a", stdout) == nullptr || std::freopen(err_path.c_str(), "a", stderr) == nullptr)
    std::abort();
  const int code = AssayMain(static_cast<int>(argv.size()), argv.data());
  std::cout.flush();
  std::cerr.flush();
  std::fflush(nullptr);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  return {code, Content(out_path), Content(err_path)};
}

// What the environment of the person who runs the tests says must not matter.
class CliTest : public testing::Test {
 protected:
  CliTest() {
    for (const char* name : {"ASSAY_COORDINATOR", "ASSAY_DATABASE"}) unsetenv(name);
    setenv("ASSAY_DATA", data_.path().c_str(), 1);
  }
  ~CliTest() override { unsetenv("ASSAY_DATA"); }
  const TempDir data_;
};

// --- tables and numbers

TEST(TextTableTest, NumbersAreRightAlignedAndWordsLeft) {
  TextTable table({"cell", "runs", "time s"});
  table.AddRow({"tasks=1000", "2", "1.02 [0.98..1.1]"});
  table.AddRow({"b", "12", "-"});
  EXPECT_EQ(table.Plain(),
            "cell        runs            time s\n"
            "----------  ----  ----------------\n"
            "tasks=1000     2  1.02 [0.98..1.1]\n"
            "b             12                 -\n");
}

TEST(TextTableTest, NoBlanksAtLineEndsAndMissingCellsAreBlank) {
  TextTable table({"a", "long title"});
  table.AddRow({"x"});
  EXPECT_EQ(table.Plain(), "a  long title\n-  ----------\nx\n");
}

TEST(TextTableTest, MarkdownEscapesBars) {
  TextTable table({"what", "n"});
  table.AddRow({"a|b\nc", "1"});
  EXPECT_EQ(table.Markdown(), "| what | n |\n| --- | ---: |\n| a\\|b c | 1 |\n");
}

TEST(FormatTest, Numbers) {
  EXPECT_EQ(FormatNumber(0), "0");
  EXPECT_EQ(FormatNumber(0.012345), "0.0123");
  EXPECT_EQ(FormatNumber(1.5), "1.50");
  EXPECT_EQ(FormatNumber(12345.6), "12346");
  EXPECT_EQ(FormatNumber(-2.345), "-2.35");
  EXPECT_EQ(FormatNumber(std::nan("")), "-");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
  EXPECT_EQ(FormatRate(0.375), "0.375") << "not 0/s";
  EXPECT_EQ(FormatRate(5735.4), "5,735");
}

TEST(FormatTest, ShortenKeepsCharactersWhole) {
  EXPECT_EQ(Shorten("hello", 5), "hello");
  EXPECT_EQ(Shorten("hello!", 5), "he...");
  EXPECT_EQ(Shorten("aa\xC3\xA9zzzz", 6), "aa...");
}

TEST(JsonLineTest, TypeComesFirstAndStringsAreEscaped) {
  v1::FlagInfo flag;
  flag.set_code("slip");
  flag.set_detail("a \"b\"\n");
  EXPECT_EQ(JsonLine("flag", flag, {{"run_id", "7"}}),
            "{\"type\":\"flag\",\"run_id\":7,\"code\":\"slip\",\"severity\":\"\",\"detail\":\"a \\\"b\\\"\\n\"}");
  EXPECT_EQ(JsonLine("none", v1::CancelSweepReply()), "{\"type\":\"none\"}");
}

TEST(JsonLineTest, NumbersAreNumbersAndWhatIsUnknownIsNull) {
  v1::SweepInfo sweep;
  sweep.set_sweep_id(int64_t{1} << 53);
  sweep.set_created_wall_ns(1'778'241'600'123'456'789);
  EXPECT_EQ(JsonLine("sweep", sweep),
            R"({"type":"sweep","sweep_id":9007199254740992,"name":"","state":"","runs_total":0,"accepted":0,)"
            R"("rejected":0,"created":"2026-05-08T12:00:00.123456Z","ended":null,"about":""})");
  v1::RunResult run;
  run.set_overhead_percent(0);
  run.set_throughput_per_s(std::nan(""));
  EXPECT_THAT(JsonLine("run", run),
              HasSubstr(R"("makespan_s":null,"overhead_percent":0,"throughput_per_s":null,"flags":[])"));
  v1::SweepProgress progress;
  progress.add_notices("a \"b\"");
  EXPECT_THAT(JsonLine("progress", progress, {}, {"results", "more"}),
              testing::AllOf(StartsWith(R"({"type":"progress","sweep":null,)"), HasSubstr(R"("eta_ns":null)"),
                             HasSubstr(R"("notices":["a \"b\""])")));
}

TEST(JsonLineTest, LabelsAreAnObjectOfLists) {
  v1::AgentInfo agent;
  EXPECT_THAT(JsonLine("agent", agent), EndsWith(R"("labels":{}})"));
  for (const auto& [key, value] : {std::pair{"role", "load"}, {"zone", "b"}, {"role", "target"}}) {
    v1::Label& label = *agent.add_labels();
    label.set_key(key);
    label.set_value(value);
  }
  EXPECT_THAT(JsonLine("agent", agent), EndsWith(R"("labels":{"role":["load","target"],"zone":["b"]}})"));
}

// --- data directory and stack file

std::string DataDirFor(const std::string& flag, std::map<std::string, std::string> environment, bool root) {
  const auto env = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  };
  const absl::StatusOr<std::string> chosen = ChooseDataDir(flag, env, root);
  return chosen.ok() ? *chosen : "error: " + std::string(chosen.status().message());
}

TEST(DataDirTest, TheFirstThatIsGivenWins) {
  const std::map<std::string, std::string> all = {
      {"ASSAY_DATA", "/data"}, {"XDG_DATA_HOME", "/xdg"}, {"HOME", "/home/me"}};
  EXPECT_EQ(DataDirFor("/flag/", all, true), "/flag");
  EXPECT_EQ(DataDirFor("", all, true), "/data");
  EXPECT_EQ(DataDirFor("", {{"XDG_DATA_HOME", "/xdg"}, {"HOME", "/home/me"}}, true), "/xdg/assay");
  EXPECT_EQ(DataDirFor("", {{"HOME", "/root"}}, true), "/var/lib/assay");
  EXPECT_EQ(DataDirFor("", {{"HOME", "/h/me"}}, false), "/h/me/.local/share/assay");
  EXPECT_EQ(DataDirFor("here/./it", {}, false), (std::filesystem::current_path() / "here/it").string());
  EXPECT_THAT(DataDirFor("", {}, false), StartsWith("error: no HOME"));
}

TEST(StackFileTest, FactsSurviveTheirJson) {
  StackFacts facts;
  facts.pid = 4711;
  facts.coordinator = "127.0.0.1:7070";
  facts.url = "postgresql://assay@/assay?host=%2Fa%20\"b";
  facts.agents = 3;
  facts.kept = true;
  const absl::StatusOr<StackFacts> read = ParseStackJson(StackJson(facts));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->pid, facts.pid);
  EXPECT_EQ(read->coordinator, facts.coordinator);
  EXPECT_EQ(read->url, facts.url);
  EXPECT_EQ(read->agents, 3U);
  EXPECT_TRUE(read->kept);
  EXPECT_FALSE(ParseStackJson("{\"pid\": 1").ok());
  EXPECT_FALSE(ParseStackJson("{\"pid\": 1}").ok());
}

TEST(StackFileTest, AStackIsBelievedOnlyWhileItsLockIsHeld) {
  const TempDir dir;
  StackFacts facts;
  facts.pid = getpid();
  facts.url = "postgresql:///assay";
  {
    absl::StatusOr<StackLock> lock = StackLock::Take(dir.path());
    ASSERT_TRUE(lock.ok());
    EXPECT_TRUE(IsStackLocked(dir.path()));
    EXPECT_FALSE(FindStack(dir.path()));
    ASSERT_TRUE(lock->Announce(facts).ok());
    ASSERT_TRUE(FindStack(dir.path()));
    EXPECT_EQ(FindStack(dir.path())->pid, getpid());
    const absl::Status second = StackLock::Take(dir.path()).status();
    EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(second.message()), HasSubstr(std::to_string(getpid())));
  }
  EXPECT_FALSE(IsStackLocked(dir.path()));
  // As a killed process leaves it.
  dir.Write("stack.json", StackJson(facts));
  EXPECT_FALSE(FindStack(dir.path()));
}

// --- progress

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

v1::RunResult Accepted() {
  v1::RunResult run;
  run.set_run_id(17);
  run.set_block(1);
  run.set_attempt(1);
  run.set_cell("tasks=1000");
  run.set_verdict("accepted");
  run.set_triggers(1000);
  run.set_makespan_s(0.3521);
  run.set_overhead_percent(1.234);
  run.set_throughput_per_s(2840.1);
  return run;
}

v1::RunResult Rejected() {
  v1::RunResult run = Accepted();
  run.set_run_id(18);
  run.set_attempt(2);
  run.set_verdict("rejected");
  run.set_not_ok(30);
  run.clear_overhead_percent();
  v1::FlagInfo& flag = *run.add_flags();
  flag.set_code("failures");
  flag.set_severity("reject");
  flag.set_detail("3 % of the triggers failed, limit 1 %");
  return run;
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

// --- interrupts

constexpr int64_t kSecondNs = 1'000'000'000;

TEST(InterruptLadderTest, CtrlCThreeTimes) {
  InterruptLadder ladder;
  EXPECT_FALSE(ladder.interrupted());
  EXPECT_EQ(ladder.Signalled(SIGINT, 0), InterruptLadder::Step::kDrain);
  EXPECT_EQ(ladder.Tick(3600 * kSecondNs), InterruptLadder::Step::kNone);
  EXPECT_EQ(ladder.Signalled(SIGINT, 0), InterruptLadder::Step::kStopNow);
  EXPECT_EQ(ladder.Signalled(SIGINT, 0), InterruptLadder::Step::kLeave);
  EXPECT_TRUE(ladder.interrupted());
}

TEST(InterruptLadderTest, TermStopsByItselfAfterTenSeconds) {
  InterruptLadder ladder;
  EXPECT_EQ(ladder.Signalled(SIGTERM, 5 * kSecondNs), InterruptLadder::Step::kDrain);
  EXPECT_EQ(ladder.Tick(14 * kSecondNs), InterruptLadder::Step::kNone);
  EXPECT_EQ(ladder.Tick(15 * kSecondNs), InterruptLadder::Step::kStopNow);
  EXPECT_EQ(ladder.Tick(99 * kSecondNs), InterruptLadder::Step::kNone);
}

TEST(InterruptLadderTest, AClosedTerminalDrainsOnce) {
  InterruptLadder ladder;
  EXPECT_EQ(ladder.Signalled(SIGHUP, 0), InterruptLadder::Step::kDrainQuietly);
  EXPECT_EQ(ladder.Signalled(SIGHUP, 0), InterruptLadder::Step::kNone);
  EXPECT_EQ(ladder.Signalled(SIGTERM, 0), InterruptLadder::Step::kStopNow);
}

TEST(InterruptsTest, SignalsBecomeEvents) {
  Interrupts interrupts;
  EXPECT_FALSE(interrupts.Take());
  raise(SIGINT);
  EXPECT_EQ(interrupts.Take(), SIGINT);
  raise(SIGTERM);  // not looked at: dropped with the object, or this process would end here
}

// --- results and what they mean

v1::ViewRows RunSummary() {
  v1::ViewRows rows;
  for (const char* column : {"cell_id",
                             "run_id",
                             "target",
                             "cell",
                             "params",
                             "verdict",
                             "triggers",
                             "ok",
                             "failed",
                             "timeout",
                             "makespan_s",
                             "list_schedule_s",
                             "planned_list_schedule_s",
                             "throughput_per_s",
                             "overhead_percent",
                             "slip_p99_ms",
                             "flags",
                             "service_p50_ms",
                             "service_p99_ms",
                             "floor_per_s",
                             "floor_p50_ms",
                             "floor_p99_ms"}) {
    rows.add_columns(column);
  }
  const auto add = [&](std::initializer_list<const char*> values) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
  };
  const char* small = "{\"tasks\": 1000, \"sleep\": \"1ms\"}";
  const char* large = "{\"tasks\": 16000, \"sleep\": \"1ms\"}";
  add({"1",      "10",       "",     "sleep=1ms tasks=1000",
       small,    "accepted", "1000", "990",
       "5",      "5",        "1.0",  "0.996",
       "0.995",  "1000",     "2.5",  "0.2",
       "{cold}", "5.5",      "9.9",  "2000",
       "1",      "2"});
  add({"1",    "11",       "",     "sleep=1ms tasks=1000",
       small,  "accepted", "1000", "1000",
       "0",    "0",        "1.2",  "1.195",
       "1.19", "900",      "3.5",  "0.3",
       "{}",   "5.7",      "9.9",  "2200",
       "1",    "2"});
  add({"2", "12", "", "sleep=1ms tasks=16000", large, "accepted", "16000", "16000", "0", "0", "16", "15.9328", "",
       "1000", "2.0", "0.4", "{}"});
  add({"2", "13", "", "sleep=1ms tasks=16000", large, "rejected", "16000", "1", "0", "0", "99", "9", "9", "1", "500",
       "70", "{slip,failures}"});
  return rows;
}

TEST(CellResultsTest, AnOpenLoopIsShownByItsResponseTimes) {
  CellResult open;
  open.label = "rate=200";
  open.accepted = 2;
  open.makespan_s = Spread{20, 20, 20};
  open.response_p50_ms = Spread{10, 10, 10};
  open.response_p99_ms = Spread{900, 890, 910};
  EXPECT_EQ("\n" + CellTable({open}).Plain(), R"(
cell      accepted  makespan s  p50 ms          p99 ms  flags
--------  --------  ----------  ------  --------------  -----
rate=200         2        20.0    10.0  900 [890..910]
)");
  EXPECT_THAT(CellTableNote({open}), AllOf(HasSubstr("of response times"), Not(HasSubstr("verhead"))));
}

TEST(ViewRowsTest, ReadsPostgresText) {
  v1::ViewRows proto;
  for (const char* column : {"n", "list", "object"}) proto.add_columns(column);
  v1::ViewRows::Row& row = *proto.add_rows();
  row.add_values("NaN");
  row.add_values("{a,\"b, \\\"c\\\"\"}");
  row.add_values("{\"tasks\": 1000, \"sleep\": {\"uniform\": [\"1ms\"]}, \"f\": 0.5}");
  const ViewRows rows(proto);
  EXPECT_FALSE(rows.Number(0, "n"));
  EXPECT_FALSE(rows.Number(0, "not there"));
  EXPECT_THAT(rows.List(0, "list"), ElementsAre("a", "b, \"c\""));
  EXPECT_THAT(rows.List(0, "n"), SizeIs(0));
  EXPECT_EQ(rows.Object(0, "object").at("tasks"), "1000");
  EXPECT_EQ(rows.Object(0, "object").at("sleep"), "{\"uniform\":[\"1ms\"]}");
  EXPECT_EQ(rows.Object(0, "object").at("f"), "0.5");
}

TEST(SpreadTest, MedianAndRange) {
  EXPECT_FALSE(SpreadOf({}));
  EXPECT_EQ(SpreadOf({3, 1, 2})->median, 2);
  EXPECT_EQ(SpreadOf({4, 1, 2, 3})->median, 2.5);
  EXPECT_EQ(FormatSpread(SpreadOf({1, 3})), "2.00 [1.00..3.00]");
  EXPECT_EQ(FormatSpread(SpreadOf({2})), "2.00");
  EXPECT_EQ(FormatSpread(std::nullopt), "-");
}

TEST(CellResultsTest, OnlyAcceptedRunsCountAndTheOthersAreNumbered) {
  const std::vector<CellResult> cells = CellResults(ViewRows(RunSummary()));
  ASSERT_THAT(cells, SizeIs(2));
  EXPECT_EQ(cells[0].label, "sleep=1ms tasks=1000");
  EXPECT_EQ(cells[0].accepted, 2U);
  EXPECT_EQ(cells[0].left_out, 0U);
  EXPECT_DOUBLE_EQ(cells[0].makespan_s->median, 1.1);
  EXPECT_EQ(cells[1].accepted, 1U);
  EXPECT_EQ(cells[1].left_out, 1U);
  EXPECT_NEAR(cells[0].over_list_us_per_task->median, 4.5, 1e-9);
  EXPECT_NEAR(cells[1].over_list_us_per_task->max, 4.2, 1e-9);
  EXPECT_EQ(cells[1].flags.at("slip"), 1U);
  EXPECT_NEAR(cells[0].over_planned_us_per_task->median, 7.5, 1e-9);
  EXPECT_FALSE(cells[1].over_planned_us_per_task) << "no nominal lengths are known";
  EXPECT_EQ("\n" + CellTable(cells).Plain(), R"(
cell                   accepted  triggers         makespan s  per s  overhead %  us/task over list  us/task over nominal  slip p99 ms  floor p50/p99 ms, per s  flags
---------------------  --------  --------  -----------------  -----  ----------  -----------------  --------------------  -----------  -----------------------  -------------
sleep=1ms tasks=1000          2     1,000  1.10 [1.00..1.20]    950        3.00  4.50 [4.00..5.00]     7.50 [5.00..10.0]        0.250         1.00/2.00, 2,100  cold
sleep=1ms tasks=16000    1 of 2    16,000               16.0  1,000        2.00               4.20                     -        0.400                        -  failures slip
)");
}

Outcome Finished() {
  Outcome outcome;
  outcome.sweep.set_sweep_id(3);
  outcome.sweep.set_name("quick");
  outcome.sweep.set_state("finished");
  outcome.sweep.set_runs_total(4);
  outcome.sweep.set_accepted(3);
  outcome.sweep.set_rejected(1);
  outcome.cells = CellResults(ViewRows(RunSummary()));
  for (int64_t id = 10; id <= 13; ++id) {
    v1::RunResult run = id == 13 ? Rejected() : Accepted();
    run.set_run_id(id);
    outcome.results.push_back(run);
  }
  return outcome;
}

TEST(MeaningTest, FlatOverheadAndWhatIsLeftOut) {
  Outcome outcome = Finished();
  outcome.cells[1].accepted = 2;
  outcome.cells[1].over_list_us_per_task = Spread{4.5, 4.2, 4.8};
  EXPECT_THAT(Meaning(outcome),
              ElementsAre("Overhead over the list schedule (sleep=1ms): 4.50 [4.00..5.00] us per task at 1,000 tasks, "
                          "4.50 [4.20..4.80] us at 16,000: flat.",
                          "No cgroup was sampled in an accepted run.",
                          "1 of 4 runs is left out: run 13 (failures); their rows are kept."));
  outcome.cells[1].over_planned_us_per_task = Spread{8, 7, 9};
  EXPECT_THAT(
      Meaning(outcome)[0],
      StartsWith("Overhead over the nominal sleeps (sleep=1ms): 7.50 [5.00..10.0] us per task at 1,000 tasks, "));
}

TEST(MeaningTest, TheBusiestCgroupIsTold) {
  v1::ViewRows rows;
  for (const char* column : {"run_id", "cgroup", "verdict", "cores_avg", "cores_max", "working_set_max_bytes"})
    rows.add_columns(column);
  const auto add = [&](std::initializer_list<const char*> values) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
  };
  add({"10", "/db", "accepted", "0.2", "0.5", "1048576"});
  add({"11", "/db", "accepted", "0.4", "0.9", "3145728"});
  add({"12", "/db", "rejected", "7", "8", "99999999999"});
  add({"10", "/idle", "accepted", "0.01", "0.02", "1024"});
  Outcome outcome = Finished();
  outcome.container_usage = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[1],
            "/db used 0.300 cores in the median run (peak 0.900) and at most 3.0 MiB of memory; it is the busiest of 2 "
            "sampled cgroups.");
  rows.set_cut(true);
  outcome.container_usage = ViewRows(rows);
  EXPECT_THAT(Meaning(outcome)[1], EndsWith("(of the first 4 rows of container_usage only)."));
  for (v1::ViewRows::Row& row : *rows.mutable_rows()) row.set_values(5, "");
  outcome.container_usage = ViewRows(rows);
  EXPECT_THAT(Meaning(outcome)[1],
              StartsWith("/db used 0.300 cores in the median run (peak 0.900); it is the busiest"));
  EXPECT_THAT(ReportMarkdown(outcome, {}), HasSubstr("Of the first 4 rows of the view container_usage only."));
}

TEST(MeaningTest, RisingOnlyBeyondTheSpreadOfTheRuns) {
  Outcome outcome = Finished();
  outcome.cells[1].over_list_us_per_task = Spread{9, 8, 10};
  EXPECT_THAT(Meaning(outcome)[0], EndsWith("at 16,000: cannot tell from single runs."));
  outcome.cells[1].accepted = 2;
  EXPECT_THAT(Meaning(outcome)[0], EndsWith("9.00 [8.00..10.0] us at 16,000: rising, x 2.0."));
  outcome.cells[0].over_list_us_per_task = Spread{3, 2, 8.5};
  EXPECT_THAT(Meaning(outcome)[0], EndsWith("at 16,000: cannot tell, the ranges overlap."));
  outcome.cells[0].over_list_us_per_task = Spread{90, 80, 100};
  EXPECT_THAT(Meaning(outcome)[0], EndsWith("at 16,000: falling, x 0.10."));
}

CellResult CellOf(const std::string& target, const std::string& label, double triggers, Spread over_list) {
  CellResult cell;
  cell.target = target;
  cell.label = label;
  cell.accepted = 2;
  cell.params = {{"n", fmt::format("{:.0f}", triggers)}, {"sleep", "{\"uniform\":[\"1ms\",\"2ms\"]}"}, {"slots", "10"}};
  cell.triggers = Spread{triggers, triggers, triggers};
  cell.over_list_us_per_task = over_list;
  return cell;
}

TEST(MeaningTest, EveryTargetIsToldInTheOrderAndWordsOfTheTable) {
  Outcome outcome = Finished();
  outcome.cells = {CellOf("b", "target=b slots=10 n=10 sleep=1ms..2ms", 10, {1, 1, 1}),
                   CellOf("b", "target=b slots=10 n=2000 sleep=1ms..2ms", 2000, {3, 3, 3}),
                   CellOf("a", "target=a slots=10 n=10 sleep=1ms..2ms", 10, {5, 5, 5})};
  const std::vector<std::string> lines = Meaning(outcome);
  EXPECT_EQ(lines[0], "The targets (b, a) have no cells of the same parameters, so they are not compared.");
  EXPECT_EQ(lines[1],
            "Overhead over the list schedule (target=b slots=10 sleep=1ms..2ms): 1.00 us per task at 10 tasks, 3.00 us "
            "at 2,000: rising, x 3.0.");
  EXPECT_EQ(
      lines[2],
      "Overhead over the list schedule (target=a slots=10 sleep=1ms..2ms): 5.00 us per task at 10 tasks; one size "
      "only, so nothing is known about how it scales.");
  while (outcome.cells.size() < 6)
    outcome.cells.push_back(CellOf("a", fmt::format("target=a k={}", outcome.cells.size()), 10, {5, 5, 5}));
  EXPECT_EQ(Meaning(outcome)[5], "1 more kinds of cells are in the table alone; the view scaling has their curves.");
}

TEST(MeaningTest, RivalsAreComparedAndCannotTellIsAnAnswer) {
  v1::ViewRows rows;
  for (const char* column :
       {"differs_in", "target", "baseline_target", "accepted", "baseline_accepted", "throughput_ratio",
        "throughput_ratio_low", "throughput_ratio_high", "judged_by", "response_p99_ratio", "response_p99_ratio_low",
        "response_p99_ratio_high", "loop", "baseline_loop"})
    rows.add_columns(column);
  const auto add = [&](std::initializer_list<const char*> values) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
    while (row.values_size() < rows.columns_size()) row.add_values(row.values_size() == 8 ? "throughput" : "");
  };
  Outcome outcome = Finished();
  add({"target", "airflow", "dask", "3", "3", "0.5", "0.4", "0.6"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[0], "airflow beside dask, in triggers per s: slower (x 0.500).");
  add({"target", "airflow", "dask", "3", "3", "0.25", "0.2", "0.3"});
  add({"target", "airflow", "dask", "3", "3", "1.2", "0.9", "1.5"});
  add({"target", "airflow", "dask", "1", "3", "1.2", "1.1", "1.5"});
  add({"target", "airflow", "dask", "0", "3", "", "", ""});
  add({"target", "gust", "dask", "2", "3", "1.5", "1.1", "1.9"});
  add({"parameters", "gust", "gust", "2", "3", "1.5", "1.1", "1.9"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(
      Meaning(outcome)[0],
      "airflow beside dask, in triggers per s: slower in 2 of 5 cells (x 0.250..0.500), cannot tell in 2 of 5 cells "
      "(their runs overlap, or are single ones), nothing to compare in 1 of 5 cells (no accepted run on one side).");
  EXPECT_EQ(Meaning(outcome)[1], "gust beside dask, in triggers per s: faster (x 1.50).");

  // The scenario sets an open loop's throughput; and of response times less is better.
  rows.clear_rows();
  add({"target", "old", "closed", "2", "2", "0.01", "0.01", "0.01", "response_p99", "40", "35", "45"});
  add({"target", "new", "closed", "2", "2", "1", "1", "1", "response_p99", "0.5", "0.4", "0.6"});
  outcome.comparison = ViewRows(rows);
  EXPECT_EQ(Meaning(outcome)[0], "old beside closed, by the p99 of response times: slower (x 40.0).");
  EXPECT_EQ(Meaning(outcome)[1], "new beside closed, by the p99 of response times: faster (x 0.500).");
  rows.clear_rows();
  add({"target", "open", "closed", "2", "2", "1", "1", "1", "response_p99", "40", "35", "45", "open", "closed"});
  outcome.comparison = ViewRows(rows);
  EXPECT_THAT(Meaning(outcome)[0], StartsWith("open beside closed: not compared, for one is an open loop"));
}

TEST(MeaningTest, OneSizeAndNoSleeps) {
  Outcome outcome = Finished();
  outcome.cells.pop_back();
  EXPECT_THAT(Meaning(outcome)[0], HasSubstr("one size only"));
  outcome = Finished();
  for (CellResult& cell : outcome.cells) cell.over_list_us_per_task.reset();
  outcome.cells[1].throughput_per_s = Spread{400, 400, 400};
  EXPECT_EQ(Meaning(outcome)[0],
            "Fastest: sleep=1ms tasks=1000 with 950 triggers per s; slowest: sleep=1ms tasks=16000 with 400.");
  outcome.cells.clear();
  outcome.results.clear();
  EXPECT_THAT(Meaning(outcome), ElementsAre("No run was accepted, so there is nothing to compare.",
                                            "No cgroup was sampled in an accepted run.", "No run has ended."));
}

TEST(MeaningTest, FlagsByKindRejectingFirst) {
  std::vector<v1::RunResult> results = Finished().results;
  for (int i = 0; i < 2; ++i) {
    v1::FlagInfo& flag = *results[static_cast<size_t>(i)].add_flags();
    flag.set_code("slip");
    flag.set_severity("warning");
    flag.set_detail("p99 is 7 ms");
  }
  EXPECT_THAT(FlagLines(results),
              ElementsAre("reject failures: 1 run (13) of tasks=1000: 3 % of the triggers failed, limit 1 %",
                          "warning slip: 2 runs (10, 11) of tasks=1000, e.g. p99 is 7 ms"));
  for (int64_t id = 20; id < 60; ++id) {
    results.push_back(results[0]);
    results.back().set_run_id(id);
    results.back().set_cell(fmt::format("tasks={}", id % 5));
  }
  EXPECT_EQ(
      FlagLines(results)[1],
      "warning slip: 42 runs (10, 11, 20, 21, 22, 23, ...) of tasks=1000, tasks=0, tasks=1 and 3 more, e.g. p99 is "
      "7 ms");
}

TEST(OutcomeTest, TextAndJson) {
  const std::string text = OutcomeText(Finished());
  EXPECT_THAT(text, StartsWith("sweep 3 quick: finished, 3 of 4 cells x blocks accepted; 1 try rejected\n"));
  EXPECT_THAT(text, HasSubstr("What it means\n  Overhead over the list schedule"));
  Outcome waiting;
  waiting.sweep.set_state("pending");
  waiting.doing = "waiting for 1 more agent";
  EXPECT_THAT(OutcomeText(waiting), HasSubstr("\nwaiting for 1 more agent\n"));
  const std::string json = OutcomeJson(Finished(), 3, "/d/reports/sweep-3.md");
  EXPECT_THAT(
      json,
      StartsWith("{\"type\":\"end\",\"exit_code\":3,\"report\":\"/d/reports/sweep-3.md\",\"cells\":[{\"cell_id\":1,"));
  EXPECT_THAT(json, HasSubstr("\"accepted\":3"));
  EXPECT_THAT(json, HasSubstr(R"("params":{"tasks": 1000, "sleep": "1ms"},"accepted":2)"));
  EXPECT_THAT(json, HasSubstr(R"("overhead_over_planned_us_per_task":null)"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
}

// --- cells without a run, unfinished sweeps

v1::ViewRows Rows(const std::vector<const char*>& columns, const std::vector<std::vector<const char*>>& rows) {
  v1::ViewRows proto;
  for (const char* column : columns) proto.add_columns(column);
  for (const std::vector<const char*>& values : rows) {
    v1::ViewRows::Row& row = *proto.add_rows();
    for (const char* value : values) row.add_values(value);
  }
  return proto;
}

TEST(UnrunCellsTest, OfACancelledSweepAreNamedWithTheirBlocks) {
  const ViewRows cells(Rows({"cell_id", "label"}, {{"7", "n=1"}, {"8", "n=2"}, {"9", "n=3"}}));
  const ViewRows runs(
      Rows({"cell_id", "block", "verdict"},
           {{"7", "1", "rejected"}, {"7", "1", "accepted"}, {"9", "2", "rejected"}, {"9", "1", "accepted"}}));
  const std::vector<UnrunCell> unrun = UnrunCells(cells, runs, 2);
  EXPECT_EQ(UnrunText(unrun, 2), "Not run: n=1 (block 2), n=2");
  EXPECT_EQ(UnrunText(UnrunCells(cells, runs, 4), 4), "Not run: n=1 (blocks 2, 3, 4), n=2, n=3 (blocks 3, 4)");
  EXPECT_EQ(UnrunText({}, 2), "");
  EXPECT_EQ(UnrunText({{"", {1}}}, 1), "Not run: the cell");
  EXPECT_THAT(UnrunText(std::vector<UnrunCell>(23, {"x", {1}}), 1), EndsWith(", x, and 3 more"));
  std::vector<uint32_t> many(12);
  for (uint32_t i = 0; i < 12; ++i) many[i] = i + 2;
  EXPECT_THAT(UnrunText({{"x", many}}, 20), EndsWith("x (blocks 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...)"));
  Outcome outcome = Finished();
  outcome.sweep.set_state("cancelled");
  outcome.unrun = unrun;
  outcome.blocks = 2;
  EXPECT_THAT(OutcomeText(outcome), HasSubstr("1 try rejected\nNot run: n=1 (block 2), n=2\n\n"));
}

TEST(UnfinishedSweepTest, SaysWhatBecomesOfItAndTheWayOut) {
  v1::SweepInfo sweep = Finished().sweep;
  sweep.set_state("running");
  EXPECT_EQ(UnfinishedText(sweep, ""),
            "sweep 3 (quick) is not finished: 3 of 4 cells x blocks accepted so far; it goes on when `assay up` starts "
            "the stack again, and `assay sweep cancel 3` ends it");
  EXPECT_THAT(UnfinishedText(sweep, "d"), HasSubstr("`assay sweep cancel 3 --data d` ends it"));
  sweep.set_state("cancelling");
  EXPECT_EQ(UnfinishedText(sweep, "d"),
            "sweep 3 (quick) is cancelled, and ends when `assay up --data d` starts the stack again");
}

TEST(ReportTest, HoldsAllAndIsWrittenWhole) {
  Outcome outcome = Finished();
  v1::AgentInfo& agent = *outcome.agents.add_agents();
  agent.set_name("local-1");
  agent.set_clock_bound_ms(0.05);
  const TempDir dir;
  const absl::StatusOr<std::string> path =
      WriteReport(dir.path(), outcome, {"quick.yaml", "name: quick\n", {"tasks=[1000]"}});
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(*path, dir.path() + "/reports/sweep-3.md");
  const std::string text = Content(*path);
  EXPECT_THAT(text, StartsWith("# Sweep 3: quick\n"));
  EXPECT_THAT(text, HasSubstr("| sleep=1ms tasks=1000 | 2 | 1,000 | 1.10 [1.00..1.20] |"));
  EXPECT_THAT(text,
              HasSubstr("| reject | failures | 1 run (13) | tasks=1000 | 3 % of the triggers failed, limit 1 % |"));
  EXPECT_THAT(text, HasSubstr("| local-1 |"));
  EXPECT_THAT(text, HasSubstr("| 0.0500 |"));
  EXPECT_THAT(text, HasSubstr("- `--set tasks=[1000]`"));
  EXPECT_THAT(text, EndsWith("```yaml\nname: quick\n```\n"));
  EXPECT_FALSE(std::filesystem::exists(*path + ".new"));
}

TEST(ReportTest, ContainersAreARowPerCellAndWhatWasNotMeasuredIsADash) {
  v1::ViewRows rows;
  for (const char* column : {"cell_id", "agent", "cgroup", "verdict", "samples", "gaps", "cores_avg", "cores_max",
                             "working_set_max_bytes", "memory_max_bytes", "io_read_bytes_per_s", "container"})
    rows.add_columns(column);
  const auto add = [&](std::initializer_list<const char*> values) {
    v1::ViewRows::Row& row = *rows.add_rows();
    for (const char* value : values) row.add_values(value);
  };
  add({"1", "a", "/docker/1", "accepted", "9", "0", "0.2", "0.5", "1048576", "2097152", "", "db"});
  add({"1", "a", "/docker/2", "accepted", "9", "1", "0.4", "0.9", "3145728", "4194304", "", "db"});
  add({"1", "a", "/plain", "accepted", "9", "0", "0.1", "0.1", "1048576", "1048576", "", ""});
  add({"2", "a", "/docker/1", "rejected", "9", "0", "7", "8", "1", "1", "1", "db"});
  Outcome outcome = Finished();
  outcome.container_usage = ViewRows(rows);
  const std::string text = ReportMarkdown(outcome, {});
  EXPECT_THAT(
      text,
      HasSubstr("| sleep=1ms tasks=1000 | a | db | 2 | 0.300 | 0.900 | - | 3.0 MiB | 4.0 MiB | - | - | 1 | - |\n"));
  EXPECT_THAT(text, HasSubstr("| sleep=1ms tasks=1000 | a | /plain | 1 |"));
}

TEST(ReportTest, ASweepWithoutRunsSaysSo) {
  Outcome outcome;
  outcome.sweep.set_state("cancelled");
  outcome.doing = "cancelled";
  const std::string text = ReportMarkdown(outcome, {});
  EXPECT_THAT(text, HasSubstr("## Results\n\nNo run has ended.\n"));
  EXPECT_THAT(text, HasSubstr("## Flags\n\nNone.\n"));
  EXPECT_THAT(text, HasSubstr("## Agents\n\nNone is connected.\n"));
  EXPECT_THAT(text, HasSubstr("Nothing was sampled.\n"));
  EXPECT_THAT(OutcomeText(outcome), HasSubstr("No run has ended."));
  EXPECT_THAT(OutcomeJson(outcome, 130, ""), HasSubstr("\"cells\":[]"));
}

// --- exit codes, children, export

TEST(ExitCodeTest, OfASweep) {
  v1::SweepInfo sweep = Finished().sweep;
  EXPECT_EQ(ExitCodeOf(sweep), kExitRejected);
  sweep.set_accepted(4);  // the rejected try was repeated
  EXPECT_EQ(ExitCodeOf(sweep), kExitAccepted);
  sweep.set_state("cancelled");
  EXPECT_EQ(ExitCodeOf(sweep), kExitInterrupted);
  sweep.set_state("failed");
  EXPECT_EQ(ExitCodeOf(sweep), kExitFailure);
}

TEST(ExitCodeTest, OfAnError) {
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("x")), kExitUsage);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), kExitFailure);
}

TEST(ChildProgramTest, TellsHowItEndedWithTheEndOfItsLog) {
  const TempDir dir;
  const std::string log = dir.Write("log", "from an earlier life\n");
  absl::StatusOr<std::unique_ptr<ChildProgram>> child =
      ChildProgram::Start("agent a", {"sh", "-c", "echo no disk; exit 7"}, log);
  ASSERT_TRUE(child.ok());
  while ((*child)->running()) usleep(1000);
  EXPECT_EQ((*child)->Obituary(), "agent a ended with exit code 7; the end of " + log + ":\n  no disk");
}

TEST(ChildProgramTest, WhatIgnoresTermIsKilledWithItsGroup) {
  const TempDir dir;
  absl::StatusOr<std::unique_ptr<ChildProgram>> child =
      ChildProgram::Start("stubborn", {"sh", "-c", "trap '' TERM; echo ready; sleep 1000 & wait"}, dir.path() + "/log");
  ASSERT_TRUE(child.ok());
  while (Content(dir.path() + "/log").empty()) usleep(1000);
  const pid_t group = (*child)->pid();
  (*child)->Stop(1'000'000);
  EXPECT_THAT((*child)->Obituary(), HasSubstr("was killed by signal 9"));
  // The orphaned sleep is reaped by init (or by nobody in a container): what counts is that nothing of the group runs.
  while (kill(-group, 0) == 0) {
    bool zombies_only = true;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream stat(entry.path() / "stat");
      std::string pid, name, state, parent;
      pid_t its_group = 0;
      stat >> pid >> name >> state >> parent >> its_group;
      if (its_group == group && state != "Z") zombies_only = false;
    }
    if (zombies_only) break;
    usleep(1000);
  }
}

TEST(ExportFilesTest, WritesChunksAndRefusesToLeaveTheDirectory) {
  const TempDir dir;
  ExportFiles files(dir.path() + "/to");
  v1::ExportChunk chunk;
  chunk.set_file("a.csv");
  chunk.set_data("1,");
  ASSERT_TRUE(files.Take(chunk).ok());
  chunk.set_data("2\n");
  ASSERT_TRUE(files.Take(chunk).ok());
  EXPECT_FALSE(std::filesystem::exists(dir.path() + "/to/a.csv"));
  chunk.set_file("b.csv");
  ASSERT_TRUE(files.Take(chunk).ok());
  for (const char* bad : {"../c.csv", "/etc/x", "", ".hidden"}) {
    chunk.set_file(bad);
    EXPECT_EQ(files.Take(chunk).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  ASSERT_TRUE(files.Finish().ok());
  EXPECT_EQ(Content(dir.path() + "/to/a.csv"), "1,2\n");
  EXPECT_THAT(files.written(), SizeIs(2));
}

TEST(ExportFilesTest, TheDirectoryIsMadeWithTheUsersUmask) {
  const TempDir dir;
  const mode_t before = umask(022);
  ExportFiles files(dir.path() + "/a/to");
  v1::ExportChunk chunk;
  chunk.set_file("a.csv");
  const absl::Status taken = files.Take(chunk);
  umask(before);
  ASSERT_TRUE(taken.ok()) << taken;
  for (const char* made : {"/a", "/a/to"}) {
    struct stat info {};
    ASSERT_EQ(stat((dir.path() + made).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0755) << made;
  }
}

TEST(ExportFilesTest, ABrokenExportLeavesNoHalfFile) {
  const TempDir dir;
  {
    ExportFiles files(dir.path());
    v1::ExportChunk chunk;
    chunk.set_file("a.csv");
    chunk.set_data("1,");
    ASSERT_TRUE(files.Take(chunk).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

// --- the program

TEST_F(CliTest, HelpOfEveryVerbHasAnExampleAndTheExitCodes) {
  const std::vector<std::vector<std::string>> verbs = {{"run"},
                                                       {"check"},
                                                       {"sweep", "start"},
                                                       {"sweep", "watch"},
                                                       {"sweep", "list"},
                                                       {"sweep", "show"},
                                                       {"sweep", "cancel"},
                                                       {"sweep", "rm"},
                                                       {"agents"},
                                                       {"calibrate"},
                                                       {"export"},
                                                       {"sql"},
                                                       {"up"},
                                                       {"down"},
                                                       {"schema"},
                                                       {"version"},
                                                       {"help"}};
  for (std::vector<std::string> verb : verbs) {
    verb.push_back("--help");
    const Ran ran = Assay(verb);
    EXPECT_EQ(ran.code, 0) << verb[0];
    EXPECT_THAT(ran.out, HasSubstr("Example:  assay " + verb[0]));
    EXPECT_THAT(ran.out, HasSubstr("130 interrupted"));
    for (const char* noise : {"UINT", "INT in", "TEXT", ":{"}) EXPECT_THAT(ran.out, Not(HasSubstr(noise))) << verb[0];
  }
}

TEST_F(CliTest, HelpIsAVerbToo) {
  EXPECT_EQ(Assay({"help"}).out, Assay({"--help"}).out);
  EXPECT_EQ(Assay({"help", "run"}).out, Assay({"run", "--help"}).out);
  const Ran nested = Assay({"help", "sweep", "start"});
  EXPECT_EQ(nested.code, 0);
  EXPECT_THAT(nested.out, HasSubstr("Usage: assay sweep start [OPTIONS] FILE"));
  EXPECT_EQ(Assay({"help", "run", "x.yaml"}).out, Assay({"run", "--help"}).out);
  const Ran wrong = Assay({"help", "rnu"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("there is no command 'rnu'; did you mean 'run'?"));
}

TEST_F(CliTest, CalibrateRefusesWhatItCannotMeasureBeforeAnythingIsStarted) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--kinds", "exec,htp"}, "--kinds 'htp': there is no such kind of trigger; did you mean 'http'?"},
      {{"--kinds", "sql"}, "there are sleep, exec, http, grpc and container"},
      {{"--kinds", "sleep,container"}, "with --container NAME"},
      {{"--select", "role"}, "--select 'role': write key=value"},
      {{"--concurrency", "0"}, "--concurrency"},
      {{"--concurrency", "257"}, "--concurrency"},
      {{"--coordinator", "http://head:7420"}, "is a URL"},
      {{"--select", "disk=ssd"},
       "assay calibrate --select: the scenario needs 1 agent with disk=ssd, but local agents have role=load"}};
  for (const auto& [words, message] : wrong) {
    std::vector<std::string> arguments = {"calibrate"};
    arguments.insert(arguments.end(), words.begin(), words.end());
    const Ran ran = Assay(arguments);
    EXPECT_EQ(ran.code, 2) << words[1];
    EXPECT_THAT(ran.err, HasSubstr(message));
    EXPECT_EQ(ran.out, "");
  }
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(CliTest, AnAddressThatIsAUrlIsRefusedWithTheMend) {
  const Ran flag = Assay({"sweep", "list", "--coordinator", "http://head:7420"});
  EXPECT_EQ(flag.code, 2);
  EXPECT_EQ(flag.err,
            "assay: --coordinator 'http://head:7420' is a URL; give HOST:PORT without http://, such as head:7420\n");
  setenv("ASSAY_COORDINATOR", "head", 1);
  const Ran environment = Assay({"agents"});
  unsetenv("ASSAY_COORDINATOR");
  EXPECT_EQ(environment.code, 2);
  EXPECT_THAT(environment.err, StartsWith("assay: ASSAY_COORDINATOR 'head' has no port"));
  const Ran listen = Assay({"up", "--listen", "http://0.0.0.0:7420"});
  EXPECT_EQ(listen.code, 2);
  EXPECT_THAT(listen.err, StartsWith("assay: --listen 'http://0.0.0.0:7420' is a URL"));
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(CliTest, AWrongWordIsNamedWithTheOneThatWasMeant) {
  EXPECT_EQ(Assay({"rnu", "x.yaml"}).err,
            "assay: there is no command 'rnu'; did you mean 'run'?\nRun `assay --help`.\n");
  EXPECT_THAT(Assay({"sweep", "strat"}).err,
              StartsWith("assay sweep: there is no command 'strat'; did you mean 'start'?"));
  EXPECT_EQ(Assay({"run", "x.yaml", "--agent", "2"}).err,
            "assay run: there is no flag '--agent'; did you mean '--agents'?\nRun `assay run --help`.\n");
  EXPECT_THAT(Assay({"run", "--frobnicate=7"}).err, StartsWith("assay run: there is no flag '--frobnicate'\n"));
  EXPECT_THAT(Assay({"sweep", "start"}).err, StartsWith("assay sweep start: FILE is required\n"));
}

TEST_F(CliTest, BadUsageIsTwoAndStartsNothing) {
  EXPECT_EQ(Assay({}).code, 2);
  EXPECT_EQ(Assay({"frobnicate"}).code, 2);
  EXPECT_EQ(Assay({"run"}).code, 2);
  EXPECT_EQ(Assay({"run", "x.yaml", "--agents", "0"}).code, 2);
  EXPECT_EQ(Assay({"run", "x.yaml", "--frob"}).code, 2);
  EXPECT_EQ(Assay({"sweep"}).code, 2);
  EXPECT_EQ(Assay({"export", "1", "--format", "xml", "--to", "x"}).code, 2);
  EXPECT_EQ(Assay({"export", "1", "--format", "gust", "--view", "run_summary", "--to", "x"}).code, 2);
  EXPECT_EQ(Assay({"sweep", "show", "seven", "--coordinator", "127.0.0.1:1"}).code, 2);
  EXPECT_EQ(Assay({"sweep", "list", "--coordinator", "localhost"}).code, 2);
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(CliTest, ABadScenarioIsTwoNamesItsPlaceAndStartsNothing) {
  const TempDir dir;
  const std::string file = dir.Write("bad.yaml", "name: x\nblockz: 3\n");
  for (const char* verb : {"run", "check"}) {
    const Ran ran = Assay({verb, file});
    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, HasSubstr(file + ":2:1"));
    EXPECT_THAT(ran.err, HasSubstr("blocks"));
  }
  EXPECT_EQ(Assay({"run", dir.path() + "/missing.yaml"}).code, 2);
  EXPECT_EQ(Assay({"run", dir.path()}).code, 2);
  dir.Write("large.yaml", std::string(2 << 20, '#'));
  EXPECT_EQ(Assay({"check", dir.path() + "/large.yaml"}).code, 2);
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

constexpr const char* kScenario = R"(name: tiny
grid:
  tasks: [10, 20]
load:
  closed: {concurrency: 2}
  triggers: $(tasks)
trigger:
  sleep: {for: 1ms}
)";

TEST_F(CliTest, SetMayStandBeforeTheFileAndSeveralTimes) {
  const TempDir dir;
  const std::string file = dir.Write("tiny.yaml", kScenario);
  const Ran plain = Assay({"check", file, "--json"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  const Ran set = Assay({"check", "--set", "tasks=[7,8,9]", "--set", "blocks=4", file, "--json"});
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_THAT(set.out, HasSubstr("tasks=9"));
  EXPECT_THAT(plain.out, Not(HasSubstr("tasks=9")));
}

TEST_F(CliTest, WithoutACoordinatorItSaysWhoIsMissingAndTheMend) {
  const Ran ran = Assay({"sweep", "list", "--coordinator", "127.0.0.1:1"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err,
            "assay: cannot reach a coordinator at 127.0.0.1:1: Connection refused; start one with assay-coordinator or "
            "use `assay up`\n");
  setenv("ASSAY_COORDINATOR", "127.0.0.1:2", 1);
  EXPECT_THAT(Assay({"agents"}).err, HasSubstr("127.0.0.1:2"));
  unsetenv("ASSAY_COORDINATOR");
}

TEST_F(CliTest, WithoutDataReadingSaysSoAndMakesNothing) {
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"sweep", "list"},
                                             {"sweep", "show", "last"},
                                             {"sql", "-c", "select 1"},
                                             {"export", "1", "--format", "csv", "--to", "x"}}) {
    const Ran ran = Assay(verb);
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("no results in " + data_.path()));
  }
  EXPECT_THAT(Assay({"agents"}).err, HasSubstr("no local stack is up on " + data_.path()));
  EXPECT_TRUE(std::filesystem::is_empty(data_.path()));
}

TEST_F(CliTest, DownWithNothingUpIsNoError) {
  const Ran ran = Assay({"down"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("nothing is up"));
}

TEST_F(CliTest, DownLeavesTheStackOfAnotherCommandAlone) {
  absl::StatusOr<StackLock> lock = StackLock::Take(data_.path());
  ASSERT_TRUE(lock.ok());
  StackFacts facts;
  facts.pid = getpid();
  facts.url = "postgresql:///assay";
  ASSERT_TRUE(lock->Announce(facts).ok());
  const Ran ran = Assay({"down"});
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("belongs to another command"));
}

TEST_F(CliTest, SchemaAndVersionPrint) {
  EXPECT_THAT(Assay({"schema"}).out, HasSubstr("\"$schema\""));
  EXPECT_THAT(Assay({"version"}).out, StartsWith("assay 0."));
  EXPECT_EQ(Assay({"--version"}).out, Assay({"version"}).out);
}

TEST(Endpoint, AnAddressForOtherHostsHasAHostsName) {
  char name[256] = "";
  ASSERT_EQ(gethostname(name, sizeof(name) - 1), 0);
  EXPECT_EQ(AddressFromElsewhere("0.0.0.0:7420"), std::string(name) + ":7420");
  EXPECT_EQ(AddressFromElsewhere("[::]:7420"), std::string(name) + ":7420");
  EXPECT_EQ(AddressFromElsewhere("10.0.0.7:7420"), "10.0.0.7:7420");
}

}  // namespace
}  // namespace assay
