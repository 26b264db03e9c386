#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>
#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "common/protocol.h"
#include "common/rpc.h"
#include "common/units.h"
#include "coordinator/agent_service.h"
#include "coordinator/control_service.h"
#include "coordinator/coordinator.h"
#include "coordinator/ingest.h"
#include "storage/migrator.h"

namespace assay {
namespace {

constexpr int64_t kLeaseTtlMs = 10'000;
constexpr int kLeasePollMs = 500;
constexpr auto kShutdownPatience = std::chrono::seconds(2);

struct Flags {
  std::string database;
  std::string listen = "127.0.0.1:7420";
  std::string announce;
  std::string log_level = "info";
  std::string lease_ttl = "20s";
  std::string lease_grace = "5s";
  bool exit_with_parent = false;
};

int Fail(const absl::Status& status) {
  spdlog::error("{}", std::string(status.message()));
  return 1;
}

// Signals come as reads of a descriptor, so that nothing runs in a handler.
int SignalDescriptor() {
  sigset_t stop;
  sigemptyset(&stop);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&stop, signal);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool Signalled(int descriptor, int wait_ms) {
  pollfd waiting{descriptor, POLLIN, 0};
  return poll(&waiting, 1, wait_ms) > 0;
}

// True once this process is the database's coordinator; false if it was told to stop first.
absl::StatusOr<bool> WaitForLease(Lease& lease, int signals, int64_t* term) {
  bool said = false;
  while (true) {
    const absl::StatusOr<Lease::Attempt> attempt = lease.TryAcquire();
    if (!attempt.ok()) return attempt.status();
    if (attempt->acquired) {
      *term = attempt->term;
      return true;
    }
    if (!said) {
      spdlog::info("another coordinator holds this database: {}; waiting until it ends or is silent for {} s", attempt->other_holder, kLeaseTtlMs / 1000);
      said = true;
    }
    if (Signalled(signals, kLeasePollMs)) return false;
  }
}

// Readers see the whole address or nothing.
absl::Status Announce(const std::string& file, const std::string& address) {
  if (file.empty()) return absl::OkStatus();
  const std::string partial = file + ".partial";
  std::ofstream(partial) << address << "\n";
  if (std::rename(partial.c_str(), file.c_str()) != 0) return absl::UnknownError(fmt::format("cannot write the address to '{}' (--announce)", file));
  return absl::OkStatus();
}

int Serve(const Flags& flags, const Scheduler::Options& scheduler) {
  const int signals = SignalDescriptor();
  Connection connection(flags.database, "assay-coordinator");
  if (const absl::Status migrated = Migrate(connection); !migrated.ok()) return Fail(migrated);
  const absl::StatusOr<std::string> cluster_id = ClusterId(connection);
  if (!cluster_id.ok()) return Fail(cluster_id.status());

  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  Lease lease(connection, fmt::format("{} pid {}", host, getpid()), kLeaseTtlMs);
  int64_t term = 0;
  const absl::StatusOr<bool> leased = WaitForLease(lease, signals, &term);
  if (!leased.ok()) return Fail(leased.status());
  if (!*leased) return 0;
  connection.FenceWith(term);

  std::atomic<bool> lost = false;
  const auto fatal = [&](const absl::Status& status) {
    if (!lost.exchange(true)) spdlog::error("this coordinator stops: {}", std::string(status.message()));
    kill(getpid(), SIGTERM);
  };
  Coordinator coordinator({flags.database, *cluster_id, term, scheduler}, connection, lease, fatal);
  Ingest ingest(flags.database, *cluster_id, term,
                {[&](int64_t run_id, int64_t agent_id, const v1::ShareEnd& end) { coordinator.ShareEnded(run_id, agent_id, end); },
                 [&](int64_t run_id) { coordinator.LateRows(run_id); }, fatal});
  if (const absl::Status started = coordinator.Start(); !started.ok()) return Fail(started);
  const std::unique_ptr<grpc::Service> agents = MakeAgentService(coordinator, ingest);
  ControlService control(coordinator, flags.database, term);

  grpc::ServerBuilder builder;
  ConfigureServer(builder);
  int port = 0;
  builder.AddListeningPort(flags.listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(agents.get());
  builder.RegisterService(control.service());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  int exit_code = 0;
  if (server == nullptr || port == 0) {
    spdlog::error("cannot listen on {} (--listen): the port is in use, or the address is not this host's; choose another, or port 0 for any", flags.listen);
    exit_code = 1;
  } else {
    const std::string address = fmt::format("{}:{}", flags.listen.substr(0, flags.listen.rfind(':')), port);
    spdlog::info("coordinator {} serves agents and users on {}; database {}, term {}", kVersion, address, connection.Where(), term);
    if (const absl::Status announced = Announce(flags.announce, address); !announced.ok()) {
      exit_code = Fail(announced);
    } else {
      while (!Signalled(signals, -1)) {
      }
      spdlog::info("stopping; agents keep what they measure until a coordinator is back");
    }
  }
  control.Stop();
  // What pauses a stream must be gone before the server can end it.
  ingest.Stop();
  if (server != nullptr) server->Shutdown(std::chrono::system_clock::now() + kShutdownPatience);
  coordinator.Stop();
  if (!lost) (void)lease.Release();
  return lost ? 1 : exit_code;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app{
      "Schedules benchmark sweeps on agents and stores every result in PostgreSQL.\n\n"
      "Example:\n"
      "  assay-coordinator --database postgresql://assay@db.example.org/assay --listen 0.0.0.0:7420\n\n"
      "Exit codes: 0 stopped by a signal, 2 bad usage, 1 anything else."};
  app.add_option("--database", flags.database, "URL of the PostgreSQL database (15 or later); its schema `assay` is made and kept up to date")->envname("ASSAY_DATABASE")->required();
  app.add_option("--listen", flags.listen, "address and port to serve on; port 0 takes any free one")->capture_default_str();
  app.add_option("--announce", flags.announce, "write the address served on to this file");
  app.add_option("--lease-ttl", flags.lease_ttl, "how long an agent goes on firing without word from here")->capture_default_str();
  app.add_option("--lease-grace", flags.lease_grace, "how much longer a silent agent's share is waited for")->capture_default_str();
  app.add_option("--log-level", flags.log_level, "debug, info, warn or error")->capture_default_str()->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  app.add_flag("--exit-with-parent", flags.exit_with_parent, "stop when the process that started this one ends");
  app.set_version_flag("--version", fmt::format("assay-coordinator {}", kVersion));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("assay-coordinator"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  spdlog::set_level(spdlog::level::from_str(flags.log_level));

  Scheduler::Options scheduler;
  for (const auto& [flag, text, value] :
       {std::tuple{"--lease-ttl", &flags.lease_ttl, &scheduler.lease_ttl_ns}, std::tuple{"--lease-grace", &flags.lease_grace, &scheduler.grace_ns}}) {
    const absl::StatusOr<int64_t> parsed = ParseDurationNs(*text);
    if (!parsed.ok() || *parsed < 1'000'000'000) {
      fmt::print(stderr, "{}: {}\n", flag, parsed.ok() ? "must be at least 1s" : std::string(parsed.status().message()));
      return 2;
    }
    *value = *parsed;
  }
  if (flags.listen.rfind(':') == std::string::npos) {
    fmt::print(stderr, "--listen: '{}' has no port; write ADDRESS:PORT, such as 0.0.0.0:7420\n", flags.listen);
    return 2;
  }
  if (flags.exit_with_parent) {
    const pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) return 1;
  }
  return Serve(flags, scheduler);
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) { return assay::Main(argc, argv); }
