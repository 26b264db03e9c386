#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <thread>

#include "common/host_port.h"
#include "common/open_files.h"
#include "common/program.h"
#include "common/protocol.h"
#include "common/start_thread.h"
#include "common/units.h"
#include "common/whole_file.h"
#include "coordinator/server.h"

namespace assay {
namespace {

struct Flags {
  std::string database;
  std::string listen = "127.0.0.1:7420";
  std::string announce;
  std::string log_level = "info";
  std::string lease_ttl = "20s";
  std::string lease_grace = "5s";
  std::string secrets;
  bool exit_with_parent = false;
};

int Fail(const absl::Status& status) {
  spdlog::error("{}", std::string(status.message()));
  return 1;
}

// Set by the thread that waits for signals.
std::atomic<bool> stop = false;

int Serve(const Flags& flags, const Scheduler::Options& scheduler) {
  // Every thread inherits the mask, so that signals come to sigwait alone and nothing runs in a handler.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // It may outlive this function, so it knows nothing of it.
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    stop = true;
    stop.notify_all();
  }).detach();

  std::atomic<bool> lost = false;
  const absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start({.database_url = flags.database,
                     .listen = flags.listen,
                     .secrets_directory = flags.secrets,
                     .scheduler = scheduler},
                    stop, [&lost](const absl::Status& status) {
                      lost = true;
                      spdlog::error("this coordinator stops: {}", std::string(status.message()));
                      kill(getpid(), SIGTERM);
                    });
  if (server.status().code() == absl::StatusCode::kCancelled) return 0;
  if (!server.ok()) return Fail(server.status());
  if (!flags.announce.empty()) {
    const absl::Status announced = WriteWhole(flags.announce, (*server)->address() + "\n");
    if (!announced.ok())
      return Fail(absl::UnknownError(fmt::format("--announce: {}", std::string(announced.message()))));
  }
  stop.wait(false);
  spdlog::info("stopping; agents keep what they measure until a coordinator is back");
  return lost ? 1 : 0;
}

int Main(int argc, char** argv) {
  const pid_t parent = getppid();
  Flags flags;
  CLI::App app{
      "Schedules benchmark sweeps on agents and stores every result in PostgreSQL.\n\n"
      "Example:\n"
      "  assay-coordinator --database postgresql://assay@db.example.org/assay --listen 0.0.0.0:7420\n\n"
      "Exit codes: 0 stopped by a signal, 2 bad usage, 1 anything else."};
  app.add_option("--database", flags.database,
                 "URL of the PostgreSQL database (15 or later); its schema `assay` is made and kept up to date")
      ->envname("ASSAY_DATABASE")
      ->type_name("URL")
      ->required();
  app.add_option("--listen", flags.listen, "where to serve; port 0 takes any free one")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  app.add_option("--announce", flags.announce, "write the address served on to this file")->type_name("FILE");
  app.add_option("--lease-ttl", flags.lease_ttl, "how long an agent goes on firing without word from here")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option("--lease-grace", flags.lease_grace, "how much longer a silent agent's share is waited for")
      ->type_name("DURATION")
      ->capture_default_str();
  app.add_option(
         "--secrets", flags.secrets,
         "directory of what the coordinator's hooks call $(secret:NAME): a file NAME with one value for each; what "
         "is not there is looked for in the environment, as ASSAY_SECRET_NAME")
      ->type_name("DIR");
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")
      ->capture_default_str()
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "warning", "error"}).description(""));
  app.add_flag("--exit-with-parent", flags.exit_with_parent, "stop when the process that started this one ends");
  app.set_version_flag("--version", fmt::format("assay-coordinator {}", kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  LogToStderr("assay-coordinator", flags.log_level);

  Scheduler::Options scheduler;
  for (const auto& [flag, text, value] : {std::tuple{"--lease-ttl", &flags.lease_ttl, &scheduler.lease_ttl_ns},
                                          std::tuple{"--lease-grace", &flags.lease_grace, &scheduler.grace_ns}}) {
    const absl::StatusOr<int64_t> parsed = ParseDurationNs(*text);
    if (!parsed.ok() || *parsed < 1'000'000'000) {
      fmt::print(stderr, "{}: {}\n", flag,
                 parsed.ok() ? "must be at least 1s" : std::string(parsed.status().message()));
      return 2;
    }
    *value = *parsed;
  }
  if (const absl::Status good = CheckHostPort(flags.listen, /*serves=*/true); !good.ok()) {
    fmt::print(stderr, "--listen {}\n", std::string(good.message()));
    return 2;
  }
  if (flags.exit_with_parent && !EndWithParent(parent)) return 1;
  RaiseOpenFiles();
  return Serve(flags, scheduler);
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  assay::EndInWordsWithoutRoomForThreads("assay-coordinator");
  return assay::Main(argc, argv);
}
