#include "common/program.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>

namespace assay {
namespace {

constexpr int kExitUsage = 2;

}  // namespace

int BadUsage(std::string_view program, std::string_view message) {
  fmt::print(stderr, "{}: {}\nRun {} --help for the flags.\n", program, message, program);
  return kExitUsage;
}

void LogToStderr(const std::string& program, const std::string& level) {
  spdlog::set_default_logger(spdlog::stderr_color_mt(program));
  spdlog::set_level(spdlog::level::from_str(level));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
}

bool EndWithParent(pid_t parent, int signal) {
  prctl(PR_SET_PDEATHSIG, signal);
  // It may have ended before the line above.
  return getppid() == parent;
}

}  // namespace assay
