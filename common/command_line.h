#ifndef ASSAY_COMMON_COMMAND_LINE_H_
#define ASSAY_COMMON_COMMAND_LINE_H_

#include <CLI/CLI.hpp>
#include <optional>

#include "common/program.h"

namespace assay {

// The exit code if the program is to end here: after --help and --version, and after bad usage. Apart from program.h
// and inline, because CLI11's header is slow to compile and only mains need it.
inline std::optional<int> ParseCommandLine(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    return BadUsage(app.get_name(), error.what());
  }
  return std::nullopt;
}

}  // namespace assay

#endif  // ASSAY_COMMON_COMMAND_LINE_H_
