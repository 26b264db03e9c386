#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/exit_code.h"
#include "cli/verbs/verb.h"
#include "cli/watch/progress_printer.h"
#include "common/protocol.h"

namespace assay {

std::string VersionText() { return fmt::format("assay {} (protocol {})", kVersion, kProtocolVersion); }

void AddVersionVerb(CLI::App& app, Action& action) {
  CLI::App* verb =
      app.add_subcommand("version", "Print the version, and that of the protocol between agents and coordinator");
  verb->footer(fmt::format("Example:  assay version\n\n{}", kExitCodesHelp));
  verb->callback([&action] {
    action = [] {
      WriteAll(STDOUT_FILENO, VersionText() + "\n");
      return kExitAccepted;
    };
  });
}

}  // namespace assay
