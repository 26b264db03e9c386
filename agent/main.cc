#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/agent.h"
#include "agent/host_check.h"
#include "agent/host_limits.h"
#include "agent/loop/priority.h"
#include "agent/triggers/null_driver.h"
#include "common/command_line.h"
#include "common/host_port.h"
#include "common/open_files.h"
#include "common/program.h"
#include "common/protocol.h"
#include "common/start_thread.h"
#include "common/units.h"
#include "mock/serve.h"

namespace assay {
namespace {

constexpr int kExitFailure = 1;
constexpr int64_t kMostCalibrateNs = 10'000'000'000;

constexpr const char* kFooter =
    "Example:\n"
    "  assay-agent --coordinator bench-head:7420 --name node-17 --label role=load\n\n"
    "Ctrl-C or SIGTERM once: starts nothing more, lets what is in flight end, delivers results for up to 10 s; twice: "
    "stops now.\n"
    "Ctrl-\\ or SIGQUIT: kills what is in flight and leaves at once, without delivering.\n"
    "Results that were not delivered stay in the spool and are sent by the next agent that is started with it.\n\n"
    "Exit codes: 0 told to stop (--check: an agent can run here); 1 cannot run, or the coordinator's database was "
    "exchanged;\n"
    "2 bad usage, or the coordinator speaks another protocol version.";

struct Flags {
  std::string coordinator = "127.0.0.1:7420";
  std::string name;
  std::vector<std::string> labels;
  std::string spool;
  std::string spool_limit = "1GiB";
  std::vector<std::string> cgroups;
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string proc_root = "/proc";
  std::string secrets;
  uint32_t max_processes = 0;
  bool exit_with_parent = false;
  std::string calibrate = "300ms";
  std::string echo;  // a protocol
  std::string log_level = "info";
  bool check = false;
  bool json = false;
};

int Usage(std::string_view message) { return BadUsage("assay-agent", message); }

std::string DefaultSpool(const std::string& name) {
  if (geteuid() == 0) return "/var/lib/assay/spool/" + name;
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return fmt::format("{}/assay/spool/{}", state, name);
  const char* home = std::getenv("HOME");
  return fmt::format("{}/.local/state/assay/spool/{}", home == nullptr ? "" : home, name);
}

// "key=value"; nothing if there is no key or no value.
std::optional<std::pair<std::string, std::string>> KeyAndValue(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) return std::nullopt;
  return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

bool GoodName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && name.front() != '.' && name.front() != '-' &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
}

// Signals come as reads of a descriptor, so that nothing runs in a handler. Before any thread: they inherit the mask.
int SignalDescriptor() {
  sigset_t stop;
  sigemptyset(&stop);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&stop, number);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file size limit is to be an error of write, as a full disk is
  return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

int Run(const Agent::Options& options) {
  const int signals = SignalDescriptor();
  EventLoop loop;
  auto agent = Agent::Start(loop, options);
  if (!agent.ok()) {
    spdlog::error("{}", std::string(agent.status().message()));
    return kExitFailure;
  }
  bool signalled = false;
  const bool watching = loop.Watch(signals, EPOLLIN, [&](uint32_t) {
    signalfd_siginfo info{};
    while (read(signals, &info, sizeof(info)) == sizeof(info)) {
      // At once: what is in flight is killed with the agent's end, and its rows are closed by the next one's.
      if (info.ssi_signo == SIGQUIT) return loop.Stop();
      // The terminal going away is said once by each of its processes; it never means "now".
      const bool now = signalled && info.ssi_signo != SIGHUP;
      signalled = true;
      (*agent)->Stop(now);
    }
  });
  if (!watching) {
    spdlog::error("no signal can be received: too many epoll watches (fs.epoll.max_user_watches)");
    return kExitFailure;
  }
  RunAheadOfTriggers();
  loop.Run();
  const int exit_code = (*agent)->exit_code();
  agent->reset();
  spdlog::info("stopped");
  return exit_code;
}

int Echo(const std::string& protocol) {
  MockSettings settings;
  settings.http.listen = "127.0.0.1:0";
  settings.http.items = 0;
  if (protocol == "grpc") settings.grpc.listen = settings.http.listen;
  return ServeMock(settings, /*json=*/false);
}

int Main(int argc, char** argv) {
  const pid_t parent = getppid();
  Flags flags;
  CLI::App app(
      "Assay agent: fires the triggers of benchmark runs on this host, samples its cgroups, and streams the results to "
      "the coordinator.",
      "assay-agent");
  app.footer(kFooter);
  app.set_version_flag("--version", fmt::format("assay-agent {} (protocol {})", kVersion, kProtocolVersion));
  app.add_option("--coordinator", flags.coordinator, "Where the coordinator is")
      ->type_name("HOST:PORT")
      ->envname("ASSAY_COORDINATOR")
      ->capture_default_str();
  app.add_option("--name", flags.name, "Name of this agent, unique in the cluster (default: the host's name)")
      ->type_name("NAME");
  app.add_option("--label", flags.labels,
                 "Label that scenarios choose agents by; may be repeated, also with the same key")
      ->type_name("KEY=VALUE")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--spool", flags.spool,
                 "Directory where results wait for the coordinator (default: /var/lib/assay/spool/NAME as root, else "
                 "$XDG_STATE_HOME/assay/spool/NAME)")
      ->type_name("DIR");
  app.add_option("--spool-limit", flags.spool_limit, "No triggers are started above 80 % of it")
      ->type_name("SIZE")
      ->capture_default_str();
  app.add_option("--cgroup", flags.cgroups,
                 "A path below the cgroup root that scenarios may sample as @NAME; may be repeated")
      ->type_name("NAME=PATH")
      ->take_all()
      ->allow_extra_args(false);
  app.add_option("--cgroup-root", flags.cgroup_root, "Where cgroups are mounted")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--proc-root", flags.proc_root, "Where proc is mounted, e.g. the host's in a container")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option(
         "--secrets", flags.secrets,
         "Directory of what scenarios call $(secret:NAME): a file NAME with one value for each. What is not there "
         "is looked for in the environment, as ASSAY_SECRET_NAME")
      ->type_name("DIR");
  app.add_option("--max-processes", flags.max_processes,
                 "Processes in flight at once (default: computed from this host's limits)")
      ->type_name("N");
  app.add_option(
         "--calibrate", flags.calibrate,
         "How long triggers that do nothing are fired before the first run of a kind and each hour, to know what "
         "the harness itself costs; up to 2 s where they are too few by then; 0: not at all")
      ->type_name("DURATION")
      ->capture_default_str();
  // What the agent starts for itself while it calibrates; see EchoChild and NullDriver.
  app.add_option("--echo", flags.echo)->check(CLI::IsMember({"http", "grpc", "driver"}))->group("");
  app.add_flag("--exit-with-parent", flags.exit_with_parent,
               "Stop (as by SIGTERM) when the process that started this one ends");
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "warning", "error"}).description(""))
      ->capture_default_str();
  app.add_flag("--check", flags.check, "Say what this host can measure, and end");
  app.add_flag("--json", flags.json, "With --check: as JSON");
  if (const auto exit_code = ParseCommandLine(app, argc, argv)) return *exit_code;
  if (flags.json && !flags.check) return Usage("--json goes with --check only");

  if (!flags.echo.empty()) {
    if (!EndWithParent(parent, SIGKILL)) return 0;
    return flags.echo == kNullDriver ? ServeNullDriver() : Echo(flags.echo);
  }

  if (flags.name.empty()) {
    std::array<char, 256> host{};
    gethostname(host.data(), host.size() - 1);
    flags.name = host.data();
  }
  if (!GoodName(flags.name)) {
    return Usage(fmt::format("--name '{}': a name has letters, digits, '-', '_' and '.' only", flags.name));
  }
  // Results name where a hook ran: an agent, or the coordinator.
  if (flags.name == "coordinator")
    return Usage("--name 'coordinator': that is what results call the coordinator; give the agent another name");
  Agent::Options options;
  options.name = flags.name;
  options.coordinator = flags.coordinator;
  if (const absl::Status good = CheckHostPort(flags.coordinator); !good.ok())
    return Usage(fmt::format("--coordinator {}", std::string(good.message())));
  for (const std::string& label : flags.labels) {
    const auto pair = KeyAndValue(label);
    if (!pair) return Usage(fmt::format("--label '{}': write key=value, such as role=load", label));
    options.labels.push_back(*pair);
  }
  const auto limit = ParseBytes(flags.spool_limit);
  if (!limit.ok()) return Usage(fmt::format("--spool-limit: {}", std::string(limit.status().message())));
  if (*limit < (1 << 20)) return Usage(fmt::format("--spool-limit {}: at least 1MiB is needed", flags.spool_limit));
  options.spool_limit_bytes = *limit;
  options.spool_directory = flags.spool.empty() ? DefaultSpool(flags.name) : flags.spool;
  options.sampler.cgroup_root = flags.cgroup_root;
  options.sampler.proc_root = flags.proc_root;
  options.secrets_directory = flags.secrets;
  for (const std::string& cgroup : flags.cgroups) {
    const auto pair = KeyAndValue(cgroup);
    if (!pair)
      return Usage(fmt::format("--cgroup '{}': write NAME=PATH, such as db=/system.slice/postgresql.service", cgroup));
    if (!options.sampler.aliases.insert(*pair).second)
      return Usage(fmt::format("--cgroup {} is given twice", pair->first));
  }

  const auto calibrate = ParseDurationNs(flags.calibrate);
  if (!calibrate.ok()) return Usage(fmt::format("--calibrate: {}", std::string(calibrate.status().message())));
  if (*calibrate > kMostCalibrateNs) {
    return Usage(fmt::format("--calibrate {}: every run's start would wait for it; at most 10s", flags.calibrate));
  }
  options.calibrate_ns = *calibrate;
  // This very program, also when the file has been replaced since.
  options.echo_argv = {"/proc/self/exe", "--echo"};

  RaiseOpenFiles();
  if (flags.check) {
    const auto findings = CheckHost({.sampler = options.sampler, .spool_directory = options.spool_directory});
    fmt::print("{}", flags.json ? FormatJson(findings) : FormatTable(findings));
    return CanRun(findings) ? 0 : kExitFailure;
  }
  const HostLimits limits = HostLimits::Read(flags.proc_root, DetectCgroupLayout(flags.cgroup_root));
  options.max_sockets = limits.max_sockets;
  options.max_processes = flags.max_processes > 0 ? flags.max_processes : limits.max_processes;

  LogToStderr("agent", flags.log_level);
  if (flags.exit_with_parent && !EndWithParent(parent)) return 0;
  return Run(options);
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  assay::EndInWordsWithoutRoomForThreads("assay-agent");
  return assay::Main(argc, argv);
}
