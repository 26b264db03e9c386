#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>
#include <optional>

#include "cli/control_client.h"
#include "cli/exit_code.h"
#include "cli/results/outcome.h"
#include "cli/results/report.h"
#include "cli/shell_words.h"
#include "cli/stack/data_dir.h"
#include "cli/stack/local_agents.h"
#include "cli/verbs/place.h"
#include "cli/verbs/scenario_file.h"
#include "cli/verbs/verb.h"
#include "cli/watch/follow_sweep.h"

namespace assay {
namespace {

struct RunOptions {
  ScenarioArguments scenario;
  std::optional<uint32_t> agents;
  std::string data_dir;
  bool json = false;
};

// With the program as it was called, so that they can be copied.
std::string FurtherCommands(const std::string& data_dir, const std::string& chosen_data_dir, int64_t sweep_id) {
  const std::string data = DataFlag(data_dir, chosen_data_dir);
  return fmt::format(
      "\nLook further\n"
      "  {2} sql{0}\n"
      "  {2} sql{0} -c \"select block, params, verdict, makespan_s, overhead_percent, flags from run_summary where "
      "sweep_id = {1} order by run_id\"\n"
      "  {2} export{0} {1} --format csv --to results/\n"
      "  {2} sweep show{0} {1}\n",
      data, sweep_id, ShellWord(program_invocation_name));
}

// What an Assay that was killed left behind goes on first: its finished cells are not run again.
void TellOfOthers(ControlClient& client, int64_t sweep_id, ProgressPrinter& printer) {
  const absl::StatusOr<v1::ListSweepsReply> reply = client.ListSweeps();
  if (!reply.ok()) return;
  for (const v1::SweepInfo& sweep : reply->sweeps()) {
    if (sweep.sweep_id() >= sweep_id || HasEnded(sweep)) continue;
    printer.Notice(fmt::format("sweep {0} ({1}) is unfinished and goes on first; `assay sweep cancel {0}` ends it",
                               sweep.sweep_id(), sweep.name()));
  }
}

ExitCode CodeOf(const Followed& followed) {
  if (followed.interrupted) return kExitInterrupted;
  return followed.status.ok() ? ExitCodeOf(followed.last.sweep()) : kExitFailure;
}

// What is known at the end is shown and written down whatever the end was like.
ExitCode Conclude(const RunOptions& options, const std::string& data_dir, const std::string& yaml,
                  ControlClient& client, int64_t sweep_id, const Followed& followed) {
  if (!followed.status.ok()) Fail(followed.status);
  const ExitCode code = CodeOf(followed);
  const absl::StatusOr<Outcome> outcome = ReadOutcome(client, sweep_id);
  if (!outcome.ok()) {
    Fail(outcome.status());
    return code == kExitInterrupted ? code : kExitFailure;
  }
  const absl::StatusOr<std::string> report =
      WriteReport(data_dir, *outcome, {options.scenario.file, yaml, options.scenario.sets});
  if (!report.ok()) Fail(report.status());
  if (options.json) {
    WriteAll(STDOUT_FILENO, OutcomeJson(*outcome, code, report.ok() ? *report : "") + "\n");
  } else {
    std::string text = "\n" + OutcomeText(*outcome);
    if (report.ok()) text += fmt::format("\nReport: {}\n", *report);
    WriteAll(STDOUT_FILENO, text + FurtherCommands(data_dir, options.data_dir, sweep_id));
  }
  return code;
}

int Run(const RunOptions& options) {
  const absl::StatusOr<ScenarioFile> scenario = ReadScenarioFile(options.scenario);
  if (!scenario.ok()) return Fail(scenario.status());
  const absl::StatusOr<std::string> data_dir = ChooseDataDir(options.data_dir);
  if (!data_dir.ok()) return Fail(data_dir.status());

  Interrupts interrupts;
  ProgressPrinter printer(STDOUT_FILENO, ProgressPrinter::StyleFor(STDOUT_FILENO, options.json));
  const absl::StatusOr<Place> place =
      FindPlace({*data_dir, options.scenario.file, options.agents}, scenario->plan.spec, printer);
  if (interrupts.Take()) return kExitInterrupted;
  if (!place.ok()) return Fail(place.status());

  ControlClient client(place->coordinator);
  const absl::StatusOr<v1::StartSweepReply> started = client.StartSweep(scenario->request);
  if (!started.ok()) return Fail(started.status());
  for (const std::string& warning : started->warnings()) printer.Notice("warning: " + warning);

  TellOfOthers(client, started->sweep_id(), printer);
  FollowOptions follow;
  follow.cancel_on_interrupt = true;
  follow.stack = place->own.get();
  const Followed followed = FollowSweep(place->coordinator, started->sweep_id(), interrupts, printer, follow);
  if (followed.left) {
    if (!followed.status.ok()) Fail(followed.status);
    return CodeOf(followed);
  }
  return Conclude(options, *data_dir, scenario->request.scenario_yaml(), client, started->sweep_id(), followed);
}

}  // namespace

void AddRunVerb(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* verb = app.add_subcommand("run", "Run a scenario on this machine: the whole job in one command");
  AddScenarioArguments(*verb, options->scenario);
  verb->add_option("--agents", options->agents, "Agents to start (default: the scenario's agents.count, at least 2)")
      ->type_name("N")
      ->check(CLI::Range(1U, kLocalAgentsMax).description(""));
  verb->add_option("--data", options->data_dir,
                   "Where results are kept (else $ASSAY_DATA, $XDG_DATA_HOME/assay, /var/lib/assay for root, "
                   "~/.local/share/assay)")
      ->type_name("DIR");
  verb->add_flag("--json", options->json, "Print JSON lines: progress, run, flag, notice, end (docs/json.md)");
  verb->footer(
      fmt::format("Example:  assay run scenarios/scheduler-overhead.yaml --set 'tasks=[1000,100000]' --agents 4\n\n"
                  "Ctrl-C once lets the triggers in flight end, twice stops them, three times leaves at once. Results "
                  "are kept.\n{}",
                  kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Run(*options); }; });
}

}  // namespace assay
