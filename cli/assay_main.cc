#include "cli/assay_main.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <memory>

#include "cli/exit_code.h"
#include "cli/verbs/usage_error.h"
#include "cli/verbs/verb.h"

namespace assay {

int AssayMain(int argc, const char* const* argv) {
  // A reader that went away (assay sweep list | head, a closed terminal) must not end a sweep.
  std::signal(SIGPIPE, SIG_IGN);
  // stdout is for results.
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("assay", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  spdlog::set_pattern("assay: %v");

  CLI::App app("Runs benchmark scenarios on many hosts at once and keeps every measurement in PostgreSQL.", "assay");
  app.footer(fmt::format("Start here:  assay run scenarios/quickstart.yaml\n\n{}", kExitCodesHelp));
  app.require_subcommand(1);
  app.set_version_flag("--version", VersionText());
  Action action;
  AddRunVerb(app, action);
  AddCheckVerb(app, action);
  AddSweepVerbs(app, action);
  AddAgentsVerb(app, action);
  AddCalibrateVerb(app, action);
  AddExportVerb(app, action);
  AddSqlVerb(app, action);
  AddDriverVerb(app, action);
  AddUpVerb(app, action);
  AddDownVerb(app, action);
  AddTargetVerb(app, action);
  AddSchemaVerb(app, action);
  AddVersionVerb(app, action);
  AddHelpVerb(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" with code 0.
    if (error.get_exit_code() == 0) return app.exit(error) == 0 ? kExitAccepted : kExitFailure;
    fmt::print(stderr, "{}", UsageErrorText(app, error));
    return kExitUsage;
  }
  try {
    return action();
  } catch (const std::exception& error) {
    // Nothing of ours throws: this is memory or a library's bug.
    fmt::print(stderr, "assay: {}\n", error.what());
    return kExitFailure;
  }
}

}  // namespace assay
