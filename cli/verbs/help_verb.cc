#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/assay_main.h"
#include "cli/exit_code.h"
#include "cli/verbs/verb.h"

namespace assay {
namespace {

// The command line that shows the help. One that names no verb goes through as it is, for its error message: it cannot
// run anything.
std::vector<std::string> Asked(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> asked = {app.get_name()};
  const CLI::App* command = &app;
  for (const std::string& word : words) {
    const std::vector<const CLI::App*> verbs = command->get_subcommands([](const CLI::App*) { return true; });
    if (verbs.empty()) break;
    asked.push_back(word);
    const auto found =
        std::find_if(verbs.begin(), verbs.end(), [&](const CLI::App* verb) { return verb->get_name() == word; });
    if (found == verbs.end()) return asked;
    command = *found;
  }
  asked.emplace_back("--help");
  return asked;
}

}  // namespace

void AddHelpVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("help", "Show this help, or that of a verb");
  auto words = std::make_shared<std::vector<std::string>>();
  verb->add_option("VERB", *words, "The verb, behind its group's name if it has one")->type_name("");
  verb->footer(fmt::format("Example:  assay help sweep start\n\n{}", kExitCodesHelp));
  verb->callback([&app, &action, words] {
    action = [&app, words] {
      const std::vector<std::string> asked = Asked(app, *words);
      std::vector<const char*> argv;
      argv.reserve(asked.size());
      for (const std::string& word : asked) argv.push_back(word.c_str());
      return AssayMain(static_cast<int>(argv.size()), argv.data());
    };
  });
}

}  // namespace assay
