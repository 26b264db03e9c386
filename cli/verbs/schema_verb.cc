#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/exit_code.h"
#include "cli/verbs/verb.h"
#include "cli/watch/progress_printer.h"
#include "coordinator/scenario/scenario_loader.h"

namespace assay {

void AddSchemaVerb(CLI::App& app, Action& action) {
  CLI::App* verb = app.add_subcommand("schema", "Print the scenario language's JSON Schema, for editors");
  verb->footer(fmt::format("Example:  assay schema > scenario.schema.json\n\n{}", kExitCodesHelp));
  verb->callback([&action] {
    action = [] { return WriteAll(STDOUT_FILENO, ScenarioSchema() + "\n") ? kExitAccepted : kExitFailure; };
  });
}

}  // namespace assay
