#include "coordinator/server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "common/rpc.h"
#include "common/units.h"
#include "coordinator/agent_service.h"
#include "coordinator/control_service.h"
#include "coordinator/coordinator.h"
#include "coordinator/ingest.h"
#include "storage/migrator.h"

namespace assay {
namespace {

constexpr auto kLeasePoll = std::chrono::milliseconds(200);
constexpr auto kShutdownPatience = std::chrono::seconds(2);

std::string Holder() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return fmt::format("{} pid {}", host.data(), getpid());
}

absl::StatusOr<bool> AwaitDatabase(Connection& connection, const std::atomic<bool>& stop) {
  absl::StatusOr<bool> has_schema = HasSchema(connection);
  if (IsGettingReady(has_schema.status()))
    spdlog::warn("{}; waiting for it", std::string(has_schema.status().message()));
  while (IsGettingReady(has_schema.status())) {
    if (stop) return absl::CancelledError("told to stop while the database was getting ready");
    std::this_thread::sleep_for(kLeasePoll);
    has_schema = HasSchema(connection);
  }
  return has_schema;
}

absl::StatusOr<int64_t> AwaitLease(Lease& lease, const std::atomic<bool>& stop) {
  bool said = false;
  bool said_trouble = false;
  while (!stop) {
    const absl::StatusOr<Lease::Attempt> attempt = lease.TryAcquire();
    // The database answered a moment ago. One that is restarted comes back, and one where the other coordinator hangs
    // in a transaction ends that after a while.
    if (absl::IsUnavailable(attempt.status())) {
      if (!std::exchange(said_trouble, true)) {
        spdlog::warn("cannot take the database over yet, trying on: {}", std::string(attempt.status().message()));
      }
      std::this_thread::sleep_for(kLeasePoll);
      continue;
    }
    if (!attempt.ok()) return attempt.status();
    if (attempt->acquired) return attempt->term;
    if (!std::exchange(said, true)) {
      spdlog::info("another coordinator holds this database: {}; waiting until it stops or is silent for {}",
                   attempt->other_holder, FormatDuration(attempt->other_expires_in_ms * 1'000'000));
    }
    std::this_thread::sleep_for(kLeasePoll);
  }
  return absl::CancelledError("told to stop while another coordinator held the database");
}

}  // namespace

// In the order in which they are made; they go in the opposite one.
struct Server::Parts {
  Parts(const Options& options, std::function<void(const absl::Status&)> on_fatal)
      : connection(options.database_url, "assay-coordinator"),
        lease(connection, Holder(), options.lease_ttl_ms),
        fatal(std::move(on_fatal)) {}

  Connection connection;
  Lease lease;
  const std::function<void(const absl::Status&)> fatal;
  std::atomic<bool> lost = false;
  std::unique_ptr<Coordinator> coordinator;
  std::unique_ptr<Ingest> ingest;
  std::unique_ptr<grpc::Service> agents;
  std::unique_ptr<ControlService> control;
  std::unique_ptr<grpc::Server> server;
  std::string address;
};

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options, const std::atomic<bool>& stop,
                                                      std::function<void(const absl::Status&)> fatal) {
  auto parts = std::make_unique<Parts>(options, std::move(fatal));
  Parts& p = *parts;
  // The lease is in the schema. One that is there is left alone until the lease is ours: an older coordinator may be
  // using it.
  const absl::StatusOr<bool> has_schema = AwaitDatabase(p.connection, stop);
  if (!has_schema.ok()) return has_schema.status();
  if (!*has_schema) {
    if (const absl::Status migrated = Migrate(p.connection); !migrated.ok()) return migrated;
  }
  const absl::StatusOr<int64_t> term = AwaitLease(p.lease, stop);
  if (!term.ok()) return term.status();
  p.connection.FenceWith(*term);

  // From here on the destructor stops what runs and lets the lease go.
  std::unique_ptr<Server> server(new Server(std::move(parts)));
  if (const absl::Status migrated = Migrate(p.connection); !migrated.ok()) return migrated;
  const absl::StatusOr<std::string> cluster_id = ClusterId(p.connection);
  if (!cluster_id.ok()) return cluster_id.status();
  const auto on_fatal = [&p](const absl::Status& status) {
    if (!p.lost.exchange(true)) p.fatal(status);
  };
  p.coordinator = std::make_unique<Coordinator>(
      Coordinator::Options{options.database_url, *cluster_id, *term, options.scheduler, options.secrets_directory},
      p.connection, p.lease, on_fatal);
  Coordinator& coordinator = *p.coordinator;
  if (const absl::Status started = coordinator.Start(); !started.ok()) return started;
  p.ingest = std::make_unique<Ingest>(
      options.database_url, *cluster_id, *term,
      Ingest::News{[&coordinator](int64_t run_id, int64_t agent_id, const v1::ShareEnd& end) {
                     coordinator.ShareEnded(run_id, agent_id, end);
                   },
                   [&coordinator](int64_t hook_id) { coordinator.Collected(hook_id); },
                   [&coordinator](int64_t run_id) { coordinator.LateRows(run_id); },
                   [&coordinator](absl::Status status) { coordinator.ResultsTrouble(std::move(status)); }, on_fatal});
  p.agents = MakeAgentService(coordinator, *p.ingest);
  p.control = std::make_unique<ControlService>(coordinator, options.database_url, *term);

  grpc::ServerBuilder builder;
  ConfigureServer(builder);
  int port = 0;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(p.agents.get());
  builder.RegisterService(p.control->service());
  p.server = builder.BuildAndStart();
  if (p.server == nullptr || port == 0) {
    return absl::ResourceExhaustedError(
        fmt::format("cannot listen on {} (--listen): the port is in use, or the address is not this host's; choose "
                    "another, or port 0 for any",
                    options.listen));
  }
  p.address = fmt::format("{}:{}", options.listen.substr(0, options.listen.rfind(':')), port);
  spdlog::info("serving agents and users on {}; database {}, term {}", p.address, p.connection.Where(), *term);
  return server;
}

Server::~Server() {
  Parts& p = *parts_;
  if (p.control) p.control->Stop();
  // What pauses a stream must be gone before the server can end it.
  if (p.ingest) p.ingest->Stop();
  if (p.server) p.server->Shutdown(std::chrono::system_clock::now() + kShutdownPatience);
  if (p.coordinator) p.coordinator->Stop();
  if (!p.lost) (void)p.lease.Release();
}

const std::string& Server::address() const { return parts_->address; }

}  // namespace assay
