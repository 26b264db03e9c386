#include "cli/trial/driver_end.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <initializer_list>
#include <string_view>

#include "cli/shell_words.h"
#include "common/bounded_output.h"

namespace assay {
namespace {
constexpr int kCannotExecute = 126;  // a shell's, and that of env
constexpr int kNotFound = 127;

bool HasOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

std::string HowEnded(const DriverEnd& end) {
  if (end.code >= 0) return fmt::format("exited with {}", end.code);
  return fmt::format("was killed by signal {} ({})", -end.code, strsignal(-end.code));
}

std::string MendOfEnd(const DriverEnd& end, const std::string& by_hand) {
  if (end.code == 0) return "read stdin and go on until bye: whoever exits gets no more tasks";
  std::string by_hand_too = fmt::format("see it by hand: {}", by_hand);
  if (end.code == -SIGKILL) return "the kernel kills where memory runs out, which dmesg tells; else " + by_hand_too;
  if (end.code < 0) return "its own code crashed, or a library's; " + by_hand_too;
  const std::string last_line = WithLastLine("", end.output);
  if (HasOneOf(last_line, {"No module named", "Cannot find module"}))
    return "install the module for the interpreter that runs the driver, or name its directory: "
           "PYTHONPATH=scenarios/drivers has assay_driver";
  if (end.code == kNotFound) return "install the command that it calls, or write the path of it; " + by_hand_too;
  if (end.code == kCannotExecute) return "make what it calls executable (chmod +x), or name the interpreter before it";
  if (HasOneOf(last_line, {"No such file or directory"}))
    return "mend the path: a relative one starts where assay was called; " + by_hand_too;
  return by_hand_too;
}

std::string MendOfStart(const absl::Status& refused, const std::vector<std::string>& argv) {
  const std::string program = argv.empty() ? "" : ShellWord(argv[0]);
  if (argv.size() == 1 && argv[0].find(' ') != std::string::npos)
    return fmt::format("write program and arguments as words of their own: assay driver test -- {}", argv[0]);
  if (absl::IsNotFound(refused))
    return program.find('/') == std::string::npos
               ? fmt::format("install it, or write its path: ./{} for a file that is here", program)
               : "mend the path, or the interpreter in its first line (#!)";
  if (absl::IsPermissionDenied(refused))
    return fmt::format("make it executable: chmod +x {}; or name its interpreter before it", program);
  if (absl::IsResourceExhausted(refused)) return "end other processes, or raise ulimit -u and ulimit -n";
  return "begin it with #! and its interpreter, or name that before it";
}

}  // namespace assay
