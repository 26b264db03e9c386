// The `assay sweep ...` group: one small verb each.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "cli/exit_code.h"
#include "cli/json_line.h"
#include "cli/results/outcome.h"
#include "cli/results/unfinished_sweep.h"
#include "cli/table.h"
#include "cli/verbs/endpoint.h"
#include "cli/verbs/scenario_file.h"
#include "cli/verbs/verb.h"
#include "cli/watch/follow_sweep.h"
#include "common/clock.h"
#include "common/units.h"

namespace assay {
namespace {

constexpr int64_t kCancelPatienceNs = 3'000'000'000;
constexpr std::chrono::milliseconds kCancelLookEvery(50);

struct SweepOptions {
  EndpointOptions endpoint;
  ScenarioArguments scenario;
  std::string sweep;  // id or "last"
  bool watch = false;
  bool detach = false;  // the default: only to be said
  bool now = false;
};

// Watching is not owning: an interrupt ends the watching, never the sweep.
int Watch(const SweepOptions& options, ControlClient& client, int64_t sweep_id, Interrupts& interrupts) {
  ProgressPrinter printer(STDOUT_FILENO, ProgressPrinter::StyleFor(STDOUT_FILENO, options.endpoint.json));
  const Followed followed = FollowSweep(client.address(), sweep_id, interrupts, printer, {});
  if (followed.interrupted) {
    printer.Notice(fmt::format(
        "the sweep goes on; `assay sweep watch {0}` shows it again, `assay sweep cancel {0}` ends it", sweep_id));
    return kExitInterrupted;
  }
  if (!followed.status.ok()) return Fail(followed.status);
  const absl::StatusOr<Outcome> outcome = ReadOutcome(client, sweep_id);
  if (!outcome.ok()) return Fail(outcome.status());
  const ExitCode code = ExitCodeOf(outcome->sweep);
  WriteAll(STDOUT_FILENO,
           options.endpoint.json ? OutcomeJson(*outcome, code, "") + "\n" : "\n" + OutcomeText(*outcome));
  return code;
}

int Start(const SweepOptions& options) {
  const absl::StatusOr<ScenarioFile> scenario = ReadScenarioFile(options.scenario);
  if (!scenario.ok()) return Fail(scenario.status());
  // Before the first call: gRPC's threads inherit the signal mask.
  std::optional<Interrupts> interrupts;
  if (options.watch) interrupts.emplace();
  const absl::StatusOr<Endpoint> endpoint = FindEndpoint(options.endpoint, /*stored=*/false);
  if (!endpoint.ok()) return Fail(endpoint.status());
  const absl::StatusOr<v1::StartSweepReply> started = endpoint->client->StartSweep(scenario->request);
  if (!started.ok()) return Fail(started.status());
  // stdout is the id alone, for scripts.
  for (const std::string& warning : started->warnings()) fmt::print(stderr, "assay: warning: {}\n", warning);
  WriteAll(STDOUT_FILENO,
           options.endpoint.json ? JsonLine("sweep", *started) + "\n" : fmt::format("{}\n", started->sweep_id()));
  return options.watch ? Watch(options, *endpoint->client, started->sweep_id(), *interrupts) : kExitAccepted;
}

int WatchVerb(const SweepOptions& options) {
  Interrupts interrupts;
  const absl::StatusOr<SweepEndpoint> sweep = FindSweep(options.endpoint, options.sweep, /*stored=*/true);
  if (!sweep.ok()) return Fail(sweep.status());
  if (sweep->endpoint.stack != nullptr) {
    const absl::StatusOr<v1::SweepProgress> now = sweep->endpoint.client->Progress(sweep->sweep_id);
    if (!now.ok()) return Fail(now.status());
    // The stack of the moment has no agents: nothing would ever happen.
    if (!HasEnded(now->sweep()))
      return Fail(absl::FailedPreconditionError("nothing goes on: no local stack is up, and " +
                                                UnfinishedText(now->sweep(), options.endpoint.data_dir)));
  }
  return Watch(options, *sweep->endpoint.client, sweep->sweep_id, interrupts);
}

int List(const SweepOptions& options) {
  const absl::StatusOr<Endpoint> endpoint = FindEndpoint(options.endpoint, /*stored=*/true);
  if (!endpoint.ok()) return Fail(endpoint.status());
  const absl::StatusOr<v1::ListSweepsReply> reply = endpoint->client->ListSweeps();
  if (!reply.ok()) return Fail(reply.status());
  std::string text;
  if (options.endpoint.json) {
    for (const v1::SweepInfo& sweep : reply->sweeps()) text += JsonLine("sweep", sweep) + "\n";
  } else {
    TextTable table({"sweep", "name", "state", "cells x blocks", "accepted", "rejected tries", "begun (UTC)", "about"});
    for (const v1::SweepInfo& sweep : reply->sweeps()) {
      table.AddRow({std::to_string(sweep.sweep_id()), sweep.name(), sweep.state(), std::to_string(sweep.runs_total()),
                    std::to_string(sweep.accepted()), std::to_string(sweep.rejected()),
                    UtcText(sweep.created_wall_ns(), ' ').substr(0, 19), Shorten(sweep.about(), 60)});
    }
    text = table.empty() ? "no sweeps yet\n" : table.Plain();
  }
  WriteAll(STDOUT_FILENO, text);
  return kExitAccepted;
}

int Show(const SweepOptions& options) {
  const absl::StatusOr<SweepEndpoint> sweep = FindSweep(options.endpoint, options.sweep, /*stored=*/true);
  if (!sweep.ok()) return Fail(sweep.status());
  const absl::StatusOr<Outcome> outcome = ReadOutcome(*sweep->endpoint.client, sweep->sweep_id);
  if (!outcome.ok()) return Fail(outcome.status());
  WriteAll(STDOUT_FILENO, options.endpoint.json ? OutcomeJson(*outcome, ExitCodeOf(outcome->sweep), "") + "\n"
                                                : OutcomeText(*outcome));
  if (sweep->endpoint.stack != nullptr && !HasEnded(outcome->sweep))
    fmt::print(stderr, "assay: {}\n", UnfinishedText(outcome->sweep, options.endpoint.data_dir));
  return kExitAccepted;
}

// A stack of the moment can end a sweep of which nothing is in flight; what else is there ends with the next one.
absl::StatusOr<v1::SweepInfo> AwaitCancelled(ControlClient& client, int64_t sweep_id) {
  const int64_t deadline_ns = MonotonicNs() + kCancelPatienceNs;
  while (true) {
    const absl::StatusOr<v1::SweepProgress> now = client.Progress(sweep_id);
    if (!now.ok()) return now.status();
    if (HasEnded(now->sweep()) || MonotonicNs() > deadline_ns) return now->sweep();
    std::this_thread::sleep_for(kCancelLookEvery);
  }
}

int Cancel(const SweepOptions& options) {
  const absl::StatusOr<SweepEndpoint> sweep = FindSweep(options.endpoint, options.sweep, /*stored=*/true);
  if (!sweep.ok()) return Fail(sweep.status());
  ControlClient& client = *sweep->endpoint.client;
  const absl::Status cancelled = client.CancelSweep(sweep->sweep_id, options.now);
  if (!cancelled.ok()) return Fail(cancelled);
  std::string text = fmt::format("sweep {}: {}", sweep->sweep_id,
                                 options.now ? "stopping now" : "draining: triggers in flight end first");
  if (sweep->endpoint.stack != nullptr) {
    const absl::StatusOr<v1::SweepInfo> now = AwaitCancelled(client, sweep->sweep_id);
    if (!now.ok()) return Fail(now.status());
    text = HasEnded(*now) ? fmt::format("sweep {} is {}", sweep->sweep_id, now->state())
                          : UnfinishedText(*now, options.endpoint.data_dir);
  }
  WriteAll(STDOUT_FILENO, options.endpoint.json ? fmt::format("{{\"type\":\"cancelled\",\"sweep_id\":{},\"now\":{}}}\n",
                                                              sweep->sweep_id, options.now)
                                                : text + "\n");
  return kExitAccepted;
}

int Remove(const SweepOptions& options) {
  // Not `last`: what is removed is gone, so it is named by number.
  if (options.sweep == "last")
    return Fail(absl::InvalidArgumentError("name the sweep to remove by its number; `assay sweep list` shows them"));
  const absl::StatusOr<SweepEndpoint> sweep = FindSweep(options.endpoint, options.sweep, /*stored=*/true);
  if (!sweep.ok()) return Fail(sweep.status());
  const absl::Status removed = sweep->endpoint.client->RemoveSweep(sweep->sweep_id);
  if (!removed.ok()) return Fail(removed);
  WriteAll(STDOUT_FILENO, options.endpoint.json
                              ? fmt::format("{{\"type\":\"removed\",\"sweep_id\":{}}}\n", sweep->sweep_id)
                              : fmt::format("sweep {} is removed with all its rows\n", sweep->sweep_id));
  return kExitAccepted;
}

}  // namespace

void AddSweepVerbs(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("sweep", "Start, watch, list, show, cancel and remove sweeps of a coordinator");
  group->require_subcommand(1);
  group->footer(kExitCodesHelp);
  const auto add = [&](const char* name, const char* what, const std::string& example,
                       int (*run)(const SweepOptions&)) {
    CLI::App* verb = group->add_subcommand(name, what);
    auto options = std::make_shared<SweepOptions>();
    AddEndpointOptions(*verb, options->endpoint);
    verb->footer(fmt::format("Example:  {}\n\n{}", example, kExitCodesHelp));
    verb->callback([&action, options, run] { action = [options, run] { return run(*options); }; });
    return std::pair(verb, options);
  };
  const auto add_id = [](const auto& added, const char* what) {
    added.first->add_option("ID", added.second->sweep, what)->required()->type_name("");
  };

  const auto start = add("start", "Start a scenario; prints the sweep's id and returns",
                         "assay sweep start scenario.yaml --coordinator head:7420 --watch", Start);
  AddScenarioArguments(*start.first, start.second->scenario);
  CLI::Option* watch = start.first->add_flag("--watch", start.second->watch,
                                             "Stay and show the progress; Ctrl-C then ends only the watching");
  start.first->add_flag("--detach", start.second->detach, "Return at once (the default)")->excludes(watch);
  add_id(add("watch", "Show a sweep's progress until it ends", "assay sweep watch last", WatchVerb),
         "The sweep's id, or `last`");
  add("list", "List the sweeps", "assay sweep list", List);
  add_id(add("show", "Show a sweep's results", "assay sweep show last", Show), "The sweep's id, or `last`");
  const auto cancel =
      add("cancel", "End a sweep early; what was measured is kept", "assay sweep cancel 7 --now", Cancel);
  add_id(cancel, "The sweep's id, or `last`");
  cancel.first->add_flag("--now", cancel.second->now,
                         "Stop the triggers in flight too, and the hooks that run: SIGTERM, SIGKILL after 2 s");
  add_id(add("rm", "Remove a sweep that has ended, with all its rows", "assay sweep rm 7", Remove), "The sweep's id");
}

}  // namespace assay
