#include <absl/status/statusor.h>
#include <absl/strings/str_replace.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/exit_code.h"
#include "cli/trial/driver_trial.h"
#include "cli/trial/driver_trial_text.h"
#include "cli/verbs/verb.h"
#include "cli/watch/interrupts.h"
#include "cli/watch/progress_printer.h"
#include "common/built_in_names.h"
#include "common/json_document.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 it keeps all rules; 2 bad usage (nothing ran); 3 it breaks some; 130 interrupted; 1 it could not be "
    "started, none of its tasks was ok, or anything else.";

struct TestOptions {
  DriverTrialPlan plan;
  std::string sleep = "1ms";
  std::string prepare_timeout = "60s";
  std::string timeout = "60s";
  bool json = false;
};

absl::Status ReadDuration(const char* flag, const std::string& text, int64_t& ns) {
  const absl::StatusOr<int64_t> read = ParseDurationNs(text);
  if (!read.ok()) return absl::InvalidArgumentError(fmt::format("{}: {}", flag, std::string(read.status().message())));
  ns = *read;
  return absl::OkStatus();
}

// As a scenario's loader does: a text that is nothing but a number's name is that number.
std::string JsonTemplate(const std::string& json) {
  return absl::StrReplaceAll(json,
                             {{"\"$(index)\"", "$(index)"}, {"\"$(run)\"", "$(run)"}, {"\"$(block)\"", "$(block)"}});
}

absl::Status ReadJson(DriverTrialPlan& plan) {
  plan.options_json = JsonTemplate(plan.options_json);
  plan.task_json = JsonTemplate(plan.task_json);
  const BuiltInNames names{.agent = "", .target = ""};
  if (!IsJsonObject(names.Expand(plan.options_json)))
    return absl::InvalidArgumentError(
        fmt::format("--options '{}': that is no JSON object; write '{{\"name\": value}}'", plan.options_json));
  if (!plan.task_json.empty() && !JsonDocument::Parse(names.Expand(plan.task_json, 0)).ok())
    return absl::InvalidArgumentError(
        fmt::format("--task '{}': that is no JSON; write it as '{{\"name\": value}}'", plan.task_json));
  return absl::OkStatus();
}

absl::Status Read(TestOptions& options) {
  DriverTrialPlan& plan = options.plan;
  absl::Status read = ReadDuration("--sleep", options.sleep, plan.sleep_ns);
  read.Update(ReadDuration("--prepare-timeout", options.prepare_timeout, plan.prepare_timeout_ns));
  read.Update(ReadDuration("--timeout", options.timeout, plan.tasks_timeout_ns));
  read.Update(ReadJson(plan));
  return read;
}

// What the whole trial came to.
struct Sum {
  bool broken = false;
  uint64_t tasks = 0;  // of the whole run, the only one that is to do its tasks
  uint64_t failed = 0;

  bool NoneOk() const { return tasks > 0 && failed == tasks; }
};

std::string SumText(const Sum& sum) {
  const std::string_view page = "rules of docs/driver.md";
  if (sum.broken) return fmt::format("it breaks {}\n", page);
  if (sum.failed == 0) return fmt::format("it keeps all {}\n", page);
  return fmt::format("it keeps all {}, but {} of {} tasks failed{}\n", page, CountText(sum.failed),
                     CountText(sum.tasks), sum.NoneOk() ? ": nothing was measured" : "");
}

int Test(TestOptions options) {
  if (const absl::Status read = Read(options); !read.ok()) return Fail(read);
  const DriverTrialPlan& plan = options.plan;
  const Interrupts interrupts;
  Sum sum;
  for (const DriverTrialKind kind : {DriverTrialKind::kWhole, DriverTrialKind::kCancelled, DriverTrialKind::kLeft}) {
    const DriverTrialReport report = TryDriver(plan, kind, interrupts.fd());
    if (!WriteAll(STDOUT_FILENO, options.json ? DriverTrialJson(report) : DriverTrialText(report))) return kExitFailure;
    if (report.interrupted) return kExitInterrupted;
    if (!report.started) return kExitFailure;
    sum.broken |= report.broken.total() > 0;
    if (kind == DriverTrialKind::kWhole) {
      sum.tasks = report.tasks;
      sum.failed = report.failed;
    }
    // What it cannot do at all it need not be asked twice.
    if (report.ready_ns == 0) break;
  }
  if (!options.json && !WriteAll(STDOUT_FILENO, SumText(sum))) return kExitFailure;
  if (sum.broken) return kExitRejected;
  return sum.NoneOk() ? kExitFailure : kExitAccepted;
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
