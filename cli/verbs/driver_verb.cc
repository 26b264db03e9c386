#include <absl/status/statusor.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/table.h"
#include "cli/verbs/driver_trial.h"
#include "cli/verbs/verb.h"
#include "cli/watch/interrupts.h"
#include "cli/watch/progress_printer.h"
#include "common/json_document.h"
#include "common/json_text.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 it keeps all rules; 2 bad usage (nothing ran); 3 it breaks some; 130 interrupted; 1 it could not be "
    "started, or anything else.";

struct TestOptions {
  DriverTrialPlan plan;
  std::string sleep = "1ms";
  std::string prepare_timeout = "60s";
  std::string timeout = "60s";
  bool json = false;
};

const char* NameOf(DriverTrialKind kind) {
  switch (kind) {
    case DriverTrialKind::kWhole:
      return "whole";
    case DriverTrialKind::kCancelled:
      return "cancelled";
    case DriverTrialKind::kLeft:
      return "left";
  }
  return "";
}

const char* Title(DriverTrialKind kind) {
  switch (kind) {
    case DriverTrialKind::kWhole:
      return "a whole run: hello, prepare, tasks, drain, bye";
    case DriverTrialKind::kCancelled:
      return "a run that is cancelled while its tasks are in flight";
    case DriverTrialKind::kLeft:
      return "an agent that dies: the end of stdin";
  }
  return "";
}

std::string EventsText(const DriverTrialReport& report) {
  std::vector<std::string> kinds;
  for (size_t i = 0; i < kDriverEvents; ++i) {
    if (report.kinds[i] > 0)
      kinds.push_back(fmt::format("{} {}", DriverEventName(static_cast<DriverEvent::Kind>(i)),
                                  FormatCount(static_cast<double>(report.kinds[i]))));
  }
  return fmt::format("{}", fmt::join(kinds, ", "));
}

std::string Text(const DriverTrialReport& report) {
  std::string text = fmt::format("{}\n", Title(report.kind));
  if (report.ready_ns > 0) {
    text += fmt::format("  ready    {} {} in {}, capacity {}\n", report.info.name(), report.info.version(),
                        FormatDuration(report.ready_ns),
                        report.info.capacity() == 0 ? "not told" : fmt::format("{}", report.info.capacity()));
  }
  if (report.tasks > 0) text += fmt::format("  tasks    {} given, {} ok\n", report.tasks, report.ok);
  if (report.events > 0) text += fmt::format("  events   {} in {} lines\n", EventsText(report), report.lines);
  if (report.tasks_ns > 0) {
    text += fmt::format("  rate     {} events/s, {} tasks/s, from the first task given to the last one done\n",
                        FormatRate(report.EventsPerSecond()),
                        FormatRate(static_cast<double>(report.tasks) * 1e9 / static_cast<double>(report.tasks_ns)));
  }
  for (const v1::Span& span : report.spans)
    text += fmt::format("  span     {} {}\n", span.name(), FormatDuration(span.ended_ns() - span.begun_ns()));
  for (const std::string& note : report.notes) text += fmt::format("  note     {}\n", note);
  for (const DriverTalk::Fault& fault : report.faults) {
    text += fmt::format("  BROKEN   {}\n", fault.what);
    if (!fault.excerpt.empty()) text += fmt::format("           {}\n", fault.excerpt);
    text += fmt::format("           {}\n", fault.mend);
  }
  if (report.faults_total > report.faults.size())
    text += fmt::format("  BROKEN   {} times more\n", report.faults_total - report.faults.size());
  return text;
}

std::string Json(const DriverTrialReport& report) {
  std::vector<std::string> kinds;
  for (size_t i = 0; i < kDriverEvents; ++i)
    kinds.push_back(fmt::format("\"{}\":{}", DriverEventName(static_cast<DriverEvent::Kind>(i)), report.kinds[i]));
  std::vector<std::string> notes;
  notes.reserve(report.notes.size());
  for (const std::string& note : report.notes) notes.push_back(JsonString(note));
  std::string text = fmt::format(
      "{{\"type\":\"trial\",\"kind\":\"{}\",\"name\":{},\"version\":{},\"capacity\":{},\"ready_ns\":{},\"tasks\":{},"
      "\"ok\":{},\"lines\":{},\"events\":{},\"events_by_kind\":{{{}}},\"tasks_ns\":{},\"events_per_s\":{:.1f},"
      "\"spans\":{},\"broken\":{},\"notes\":[{}]}}\n",
      NameOf(report.kind), JsonString(report.info.name()), JsonString(report.info.version()), report.info.capacity(),
      report.ready_ns, report.tasks, report.ok, report.lines, report.events, fmt::join(kinds, ","), report.tasks_ns,
      report.EventsPerSecond(), report.spans.size(), report.faults_total, fmt::join(notes, ","));
  for (const DriverTalk::Fault& fault : report.faults) {
    text += fmt::format("{{\"type\":\"broken_rule\",\"kind\":\"{}\",\"what\":{},\"excerpt\":{},\"mend\":{}}}\n",
                        NameOf(report.kind), JsonString(fault.what), JsonString(fault.excerpt), JsonString(fault.mend));
  }
  return text;
}

absl::Status ReadDuration(const char* flag, const std::string& text, int64_t& ns) {
  const absl::StatusOr<int64_t> read = ParseDurationNs(text);
  if (!read.ok()) return absl::InvalidArgumentError(fmt::format("{}: {}", flag, std::string(read.status().message())));
  ns = *read;
  return absl::OkStatus();
}

int Test(TestOptions options) {
  DriverTrialPlan& plan = options.plan;
  absl::Status read = ReadDuration("--sleep", options.sleep, plan.sleep_ns);
  read.Update(ReadDuration("--prepare-timeout", options.prepare_timeout, plan.prepare_timeout_ns));
  read.Update(ReadDuration("--timeout", options.timeout, plan.tasks_timeout_ns));
  if (read.ok() && !IsJsonObject(plan.options_json))
    read = absl::InvalidArgumentError(
        fmt::format("--options '{}': that is no JSON object; write '{{\"name\": value}}'", plan.options_json));
  if (!read.ok()) return Fail(read);
  const Interrupts interrupts;
  bool broken = false;
  for (const DriverTrialKind kind : {DriverTrialKind::kWhole, DriverTrialKind::kCancelled, DriverTrialKind::kLeft}) {
    const DriverTrialReport report = TryDriver(plan, kind, interrupts.fd());
    if (!WriteAll(STDOUT_FILENO, options.json ? Json(report) : Text(report))) return kExitFailure;
    if (report.interrupted) return kExitInterrupted;
    if (!report.started) return kExitFailure;
    broken |= report.faults_total > 0;
    // What it cannot do at all it need not be asked twice.
    if (report.ready_ns == 0) break;
  }
  if (!options.json && !WriteAll(STDOUT_FILENO, broken ? "it breaks rules of docs/driver.md\n"
                                                       : "it keeps all rules of docs/driver.md\n"))
    return kExitFailure;
  return broken ? kExitRejected : kExitAccepted;
}

}  // namespace

void AddDriverVerb(CLI::App& app, Action& action) {
  CLI::App* driver = app.add_subcommand("driver", "Try a driver, a program that tasks are given to");
  driver->require_subcommand(1);
  driver->footer(fmt::format("Example:  assay driver test -- python3 my_driver.py\n\n{}", kExitCodes));
  CLI::App* test = driver->add_subcommand("test", "Talk with a driver as an agent does, and check every rule");
  auto options = std::make_shared<TestOptions>();
  DriverTrialPlan& plan = options->plan;
  test->add_option("--tasks", plan.tasks, "How many it is given, all at once")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000'000).description(""))
      ->capture_default_str();
  test->add_option("--batch", plan.batch, "Tasks in one line at most")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000).description(""))
      ->capture_default_str();
  test->add_option("--sleep", options->sleep, "Nominal length of each task")
      ->type_name("DURATION")
      ->capture_default_str();
  test->add_option("--options", plan.options_json, "For its prepare, a JSON object")
      ->type_name("JSON")
      ->capture_default_str();
  test->add_option("--task", plan.task_json, "What comes with each task, as JSON")->type_name("JSON");
  test->add_option("--target", plan.target, "Name of the target")->type_name("NAME")->capture_default_str();
  test->add_option("--prepare-timeout", options->prepare_timeout, "Until it is ready, and until it is drained")
      ->type_name("DURATION")
      ->capture_default_str();
  test->add_option("--timeout", options->timeout, "Until all tasks are done")
      ->type_name("DURATION")
      ->capture_default_str();
  test->add_flag("--json", options->json, "Print what was seen as JSON");
  test->add_option("command", plan.argv, "Program and arguments, behind --")->type_name("CMD...")->required();
  test->footer(
      fmt::format("Its stderr goes to the terminal. It is started three times: for a whole run, for one that is "
                  "cancelled, and to see whether it ends with its agent.\n\n"
                  "Example:  assay driver test --tasks 10000 -- python3 my_driver.py\n\n{}",
                  kExitCodes));
  test->callback([&action, options] { action = [options] { return Test(*options); }; });
}

}  // namespace assay
