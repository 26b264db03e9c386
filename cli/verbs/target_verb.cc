#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cli/exit_code.h"
#include "cli/json_line.h"
#include "cli/shell_words.h"
#include "cli/stack/data_dir.h"
#include "cli/stack/target_folder.h"
#include "cli/table.h"
#include "cli/verbs/verb.h"
#include "cli/watch/progress_printer.h"

namespace assay {
namespace {

constexpr const char* kTargetExitCodesHelp =
    "Exit codes: 0 done; 2 bad usage, or there is no such target; 130 interrupted; 1 anything else.";

struct TargetOptions {
  std::string name;
  std::string data_dir;
  std::string targets;
  std::vector<std::string> arguments;  // for `up`, behind --
  uint32_t port = 0;
  bool keep = false;
  bool follow = false;
  bool json = false;
};

struct Folder {
  std::string data_dir;
  std::string targets;
};

absl::StatusOr<Folder> FindFolder(const TargetOptions& options) {
  const absl::StatusOr<std::string> data_dir = ChooseDataDir(options.data_dir);
  if (!data_dir.ok()) return data_dir.status();
  const absl::StatusOr<std::string> targets = FindTargets(options.targets);
  if (!targets.ok()) return targets.status();
  const std::vector<std::string> names = TargetNames(*targets);
  if (!options.name.empty() && std::find(names.begin(), names.end(), options.name) == names.end()) {
    return absl::InvalidArgumentError(
        fmt::format("no target is called '{}'; in {} there are: {}", options.name, *targets, fmt::join(names, ", ")));
  }
  return Folder{*data_dir, *targets};
}

// Becomes the program, so that signals and exit codes are its own.
absl::Status Become(const std::vector<std::string>& words) {
  std::vector<std::string> copy = words;
  std::vector<char*> argv;
  argv.reserve(copy.size() + 1);
  for (std::string& word : copy) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  execvp(argv[0], argv.data());
  return absl::InternalError(fmt::format("cannot start {}: {}", words[0], std::strerror(errno)));
}

int UpOrDown(const TargetOptions& options, const char* program) {
  const absl::StatusOr<Folder> folder = FindFolder(options);
  if (!folder.ok()) return Fail(folder.status());
  if (const absl::Status made = MakeDirectories(folder->data_dir); !made.ok()) return Fail(made);
  setenv("ASSAY_DATA", folder->data_dir.c_str(), 1);
  // For the commands that it advises.
  setenv("ASSAY_DATA_FLAG", DataFlag(folder->data_dir, options.data_dir).c_str(), 1);
  std::vector<std::string> words = {fmt::format("{}/{}/{}", folder->targets, options.name, program)};
  if (options.port != 0) words.insert(words.end(), {"--port", std::to_string(options.port)});
  if (options.keep) words.emplace_back("--keep");
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  return Fail(Become(words));
}

std::string JsonOf(const TargetState& target) {
  std::string ports;
  std::string pids;
  for (const auto& [name, port] : target.ports)
    ports += fmt::format("{}{}: {}", ports.empty() ? "" : ", ", JsonString(name), port);
  for (const auto& [name, pid] : target.processes)
    pids += fmt::format("{}{}: {}", pids.empty() ? "" : ", ", JsonString(name), pid);
  return fmt::format(
             R"({{"type": "target", "target": {}, "state": "{}", "version": {}, "ports": {{{}}}, "pids": {{{}}}}})",
             JsonString(target.name), target.Word(), target.made ? JsonString(target.version) : "null", ports, pids) +
         "\n";
}

int ListTargets(const TargetOptions& options) {
  const absl::StatusOr<Folder> folder = FindFolder(options);
  if (!folder.ok()) return Fail(folder.status());
  std::string json;
  TextTable table({"target", "state", "version", "ports", "pids", "problem"});
  for (const std::string& name : TargetNames(folder->targets)) {
    const TargetState target = LookAtTarget(folder->data_dir, name);
    json += JsonOf(target);
    std::vector<std::string> ports;
    std::vector<std::string> pids;
    for (const auto& [port, number] : target.ports) ports.push_back(fmt::format("{}={}", port, number));
    for (const auto& [process, pid] : target.processes) pids.push_back(fmt::format("{}={}", process, pid));
    table.AddRow({name, std::string(target.Word()), target.version, fmt::format("{}", fmt::join(ports, " ")),
                  fmt::format("{}", fmt::join(pids, " ")),
                  target.dead.empty() ? "" : fmt::format("has ended: {}", fmt::join(target.dead, ", "))});
  }
  WriteAll(STDOUT_FILENO, options.json ? json : table.Plain());
  return kExitAccepted;
}

int Logs(const TargetOptions& options) {
  const absl::StatusOr<Folder> folder = FindFolder(options);
  if (!folder.ok()) return Fail(folder.status());
  const std::string pattern = TargetHome(folder->data_dir, options.name) + "/log/*.log";
  std::vector<std::string> words = {"tail", "-n", "+1"};
  if (options.follow) words.emplace_back("-F");
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) != 0) {
    globfree(&found);
    return Fail(
        absl::NotFoundError(fmt::format("no logs at {}: `assay target up {}{}` makes them, and `down` removes them",
                                        pattern, options.name, DataFlag(folder->data_dir, options.data_dir))));
  }
  words.insert(words.end(), found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return Fail(Become(words));
}

}  // namespace

void AddTargetVerb(CLI::App& app, Action& action) {
  CLI::App* group = app.add_subcommand("target", "Install, start and end the systems that scenarios measure here");
  group->require_subcommand(1);
  group->footer(kTargetExitCodesHelp);
  const auto add = [&](const char* name, const char* what, const std::string& example, auto run) {
    CLI::App* verb = group->add_subcommand(name, what);
    auto options = std::make_shared<TargetOptions>();
    verb->add_option("--data", options->data_dir,
                     "Data directory; a target keeps all that it makes in DIR/targets/NAME")
        ->type_name("DIR");
    verb->add_option("--targets", options->targets, "Folder of targets, instead of Assay's own scenarios/targets")
        ->type_name("DIR");
    verb->footer(fmt::format("Example:  {}\n\n{}", example, kTargetExitCodesHelp));
    verb->callback([&action, options, run] { action = [options, run] { return run(*options); }; });
    return std::pair(verb, options);
  };
  const auto add_name = [](const auto& added) {
    added.first->add_option("NAME", added.second->name, "The target")->required()->type_name("");
  };

  const auto up =
      add("up", "Install a target's packages, start it, and write the secrets that scenarios refer to",
          "assay target up prefect --port 4200", [](const TargetOptions& options) { return UpOrDown(options, "up"); });
  add_name(up);
  up.first->add_option("--port", up.second->port, "Port of its main server; without it a free one")
      ->type_name("PORT")
      ->check(CLI::Range(1U, 65535U).description(""));
  up.first->add_option("ARGS", up.second->arguments, "More for the target's own `up`, after --")->type_name("");
  const auto down = add("down", "End a target and remove all that it made", "assay target down prefect --keep",
                        [](const TargetOptions& options) { return UpOrDown(options, "down"); });
  add_name(down);
  down.first->add_flag("--keep", down.second->keep, "Keep its packages: the next `up` installs nothing");
  const auto list =
      add("list", "List the targets: state, version, ports, processes", "assay target list --json", ListTargets);
  list.first->add_flag("--json", list.second->json, "One JSON object per line");
  const auto logs = add("logs", "Print the logs of a target", "assay target logs prefect -f", Logs);
  add_name(logs);
  logs.first->add_flag("-f,--follow", logs.second->follow, "Go on with what is written; Ctrl-C ends it");
}

}  // namespace assay
