#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <memory>

#include "cli/exit_code.h"
#include "cli/shell_words.h"
#include "cli/stack/data_dir.h"
#include "cli/stack/local_agents.h"
#include "cli/stack/local_stack.h"
#include "cli/stack/program_path.h"
#include "cli/verbs/verb.h"
#include "cli/watch/interrupts.h"
#include "common/host_port.h"
#include "common/whole_file.h"

namespace assay {
namespace {

constexpr int kLookEveryMs = 50;
constexpr int kWatchEveryMs = 1000;

struct UpOptions {
  LocalStackOptions stack;
  bool supervise = false;
};

// The process that owns the kept stack: in a session of its own, it outlives the terminal that `assay up` was typed in.
int Supervise(const LocalStackOptions& options) {
  Interrupts interrupts;
  const absl::StatusOr<std::unique_ptr<LocalStack>> stack = LocalStack::Start(options);
  if (!stack.ok()) return Fail(stack.status());
  while (true) {
    pollfd told{interrupts.fd(), POLLIN, 0};
    poll(&told, 1, kWatchEveryMs);
    while (const std::optional<int> signal = interrupts.Take()) {
      if (*signal != SIGHUP) return kExitAccepted;
    }
    for (const std::string& death : (*stack)->TakeDeaths()) fmt::print(stderr, "assay: {}\n", death);
    if ((*stack)->broken())
      return Fail(absl::InternalError("the local stack has broken down and is taken down; what was measured is kept"));
  }
}

absl::StatusOr<pid_t> StartSupervisor(const LocalStackOptions& options, const std::string& log) {
  std::vector<std::string> words = {
      OwnPath(),  "up",          "--supervise", "--data", options.data_dir, "--agents", std::to_string(options.agents),
      "--listen", options.listen};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const absl::Cleanup free_actions = [&] { posix_spawn_file_actions_destroy(&actions); };
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  const absl::Cleanup free_attributes = [&] { posix_spawnattr_destroy(&attributes); };
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, words[0].c_str(), &actions, &attributes, argv.data(), environ);
  if (error != 0)
    return absl::InternalError(fmt::format("cannot start {} in the background: {}", words[0], std::strerror(error)));
  return pid;
}

// `data`: the flag that names the directory, if one did.
void PrintFacts(const StackFacts& facts, const std::string& data_dir, const std::string& data, bool was_up) {
  fmt::print(
      "{} on {}: process {}, coordinator {}, {} {}\nUse it with `assay run{} FILE` and `assay sweep ...{}`; `assay "
      "down{}` ends it.\n",
      was_up ? "already up" : "up", data_dir, facts.pid, facts.coordinator, facts.agents,
      facts.agents == 1 ? "agent" : "agents", data, data, data);
}

int Up(UpOptions options) {
  const absl::StatusOr<std::string> data_dir = ChooseDataDir(options.stack.data_dir);
  if (!data_dir.ok()) return Fail(data_dir.status());
  const std::string data = DataFlag(*data_dir, options.stack.data_dir);
  options.stack.data_dir = *data_dir;
  options.stack.kept = true;
  if (options.supervise) return Supervise(options.stack);

  if (const absl::Status good = CheckHostPort(options.stack.listen, /*serves=*/true); !good.ok())
    return Fail(absl::InvalidArgumentError(fmt::format("--listen {}", std::string(good.message()))));
  if (const std::optional<StackFacts> facts = FindStack(*data_dir); facts && facts->kept) {
    PrintFacts(*facts, *data_dir, data, true);
    return kExitAccepted;
  }
  Interrupts interrupts;
  if (const absl::Status made = MakeDirectories(*data_dir + "/log"); !made.ok()) return Fail(made);
  const std::string log = *data_dir + "/log/stack.log";
  const absl::StatusOr<pid_t> supervisor = StartSupervisor(options.stack, log);
  if (!supervisor.ok()) return Fail(supervisor.status());
  while (true) {
    if (const std::optional<StackFacts> facts = FindStack(*data_dir); facts && facts->pid == *supervisor) {
      PrintFacts(*facts, *data_dir, data, false);
      return kExitAccepted;
    }
    int status = 0;
    if (waitpid(*supervisor, &status, WNOHANG) == *supervisor) {
      fmt::print(stderr, "{}", ReadWhole(log));
      if (WIFSIGNALED(status))
        fmt::print(stderr, "assay: the stack's process was killed by signal {}; see {}\n", WTERMSIG(status), log);
      return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : kExitFailure;
    }
    pollfd told{interrupts.fd(), POLLIN, 0};
    if (poll(&told, 1, kLookEveryMs) > 0) {
      kill(*supervisor, SIGTERM);
      waitpid(*supervisor, &status, 0);
      return kExitInterrupted;
    }
  }
}

}  // namespace

void AddUpVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("up", "Start the local stack in the background and keep it between sweeps");
  auto options = std::make_shared<UpOptions>();
  verb->add_option("--agents", options->stack.agents, "Agents to start")
      ->type_name("N")
      ->check(CLI::Range(0U, kLocalAgentsMax).description(""))
      ->capture_default_str();
  verb->add_option("--data", options->stack.data_dir, "Data directory")->type_name("DIR");
  verb->add_option("--listen", options->stack.listen,
                   "Where the coordinator listens; agents of other hosts may then join")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  verb->add_flag("--supervise", options->supervise)->group("");  // this is how `up` calls itself
  verb->footer(fmt::format("Example:  assay up --agents 4; assay run scenario.yaml; assay down\n\n{}", kExitCodesHelp));
  verb->callback([&action, options] { action = [options] { return Up(*options); }; });
}

}  // namespace assay
