#include "cli/verbs/usage_error.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <vector>

#include "common/nearest_name.h"

namespace assay {
namespace {

std::vector<std::string> CommandsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

std::vector<std::string> FlagsOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string Unknown(const char* noun, const std::string& word, const std::vector<std::string>& known) {
  const std::optional<std::string> nearest = NearestName(word, known);
  return fmt::format("there is no {} '{}'{}", noun, word, nearest ? fmt::format("; did you mean '{}'?", *nearest) : "");
}

}  // namespace

std::string UsageErrorText(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string name = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  // CLI11 first misses what the unknown word was meant to be.
  std::string what = error.what();
  for (const std::string& word : command->remaining()) {
    const bool flag = word.starts_with("-");
    const std::vector<std::string> commands = CommandsOf(*command);
    if (!flag && commands.empty()) continue;
    what =
        flag ? Unknown("flag", word.substr(0, word.find('=')), FlagsOf(*command)) : Unknown("command", word, commands);
    break;
  }
  return fmt::format("{}: {}\nRun `{} --help`.\n", name, what, name);
}

}  // namespace assay
