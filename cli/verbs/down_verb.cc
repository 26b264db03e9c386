#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <memory>
#include <thread>

#include "cli/control_client.h"
#include "cli/exit_code.h"
#include "cli/results/unfinished_sweep.h"
#include "cli/stack/data_dir.h"
#include "cli/stack/stack_file.h"
#include "cli/verbs/verb.h"
#include "common/clock.h"

namespace assay {
namespace {

constexpr int64_t kPatienceNs = 90'000'000'000;
constexpr std::chrono::milliseconds kDownLookEvery(50);

// A coordinator that does not answer must not keep the stack up.
constexpr std::chrono::seconds kSweepsDeadline(5);

std::string UnfinishedLines(const StackFacts& facts, const std::string& data_flag) {
  const absl::StatusOr<v1::ListSweepsReply> reply = ControlClient(facts.coordinator).ListSweeps(kSweepsDeadline);
  if (!reply.ok()) return "";
  std::string lines;
  for (const v1::SweepInfo& sweep : reply->sweeps()) {
    if (!HasEnded(sweep)) lines += UnfinishedText(sweep, data_flag) + "\n";
  }
  return lines;
}

int Down(const std::string& chosen) {
  const absl::StatusOr<std::string> data_dir = ChooseDataDir(chosen);
  if (!data_dir.ok()) return Fail(data_dir.status());
  const std::optional<StackFacts> facts = FindStack(*data_dir);
  if (!facts) {
    if (IsStackLocked(*data_dir))
      return Fail(
          absl::FailedPreconditionError(fmt::format("a stack on {} is just starting or ending; try again", *data_dir)));
    fmt::print("nothing is up on {}\n", *data_dir);
    return kExitAccepted;
  }
  if (!facts->kept) {
    return Fail(absl::FailedPreconditionError(
        fmt::format("the stack on {} belongs to another command (process {}) and ends with it; press Ctrl-C there",
                    *data_dir, facts->pid)));
  }
  const std::string unfinished = UnfinishedLines(*facts, chosen);
  if (kill(facts->pid, SIGTERM) != 0)
    return Fail(absl::PermissionDeniedError(fmt::format("cannot end process {}: it is another user's", facts->pid)));
  const int64_t deadline_ns = MonotonicNs() + kPatienceNs;
  while (IsStackLocked(*data_dir)) {
    if (MonotonicNs() > deadline_ns) {
      return Fail(absl::DeadlineExceededError(
          fmt::format("process {} does not end; see {}/log, or kill -KILL {} (its programs end with it)", facts->pid,
                      *data_dir, facts->pid)));
    }
    std::this_thread::sleep_for(kDownLookEvery);
  }
  fmt::print("down; the results stay in {}\n{}", *data_dir, unfinished);
  return kExitAccepted;
}

}  // namespace

void AddDownVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("down", "Stop the local stack that `assay up` started; results stay");
  auto data_dir = std::make_shared<std::string>();
  verb->add_option("--data", *data_dir, "Data directory")->type_name("DIR");
  verb->footer(fmt::format("Example:  assay down\n\n{}", kExitCodesHelp));
  verb->callback([&action, data_dir] { action = [data_dir] { return Down(*data_dir); }; });
}

}  // namespace assay
