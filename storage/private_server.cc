#include "storage/private_server.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <pqxx/pqxx>
#include <sstream>
#include <vector>

#include "common/clock.h"
#include "common/percent_encoding.h"
#include "common/spawn.h"
#include "storage/data_directory.h"
#include "storage/directory_lock.h"
#include "storage/postgres_programs.h"
#include "storage/server_cgroup.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kStartTimeoutNs = 300'000'000'000;  // crash recovery may replay max_wal_size
constexpr int64_t kStopTimeoutNs = 30'000'000'000;
constexpr int64_t kAbortTimeoutNs = 10'000'000'000;
constexpr int64_t kSlowStartNs = 5'000'000'000;
constexpr size_t kLongestSocketDir = 100;  // sun_path holds 108 bytes, with the socket's own name
constexpr uintmax_t kLogLimitBytes = 10 << 20;

// Given on the command line, so that a newer Assay brings its own settings to old data.
constexpr const char* kSettings[] = {
    "listen_addresses=",
    "max_connections=100",
    "shared_buffers=256MB",
    "work_mem=32MB",
    "maintenance_work_mem=128MB",
    "wal_level=minimal",  // nobody replicates from a private server
    "max_wal_senders=0",
    "wal_compression=on",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "synchronous_commit=on",  // an ack promises durability
    "jit=off",                // short queries; compiling them costs more than it brings
    "timezone=UTC",
    "log_timezone=UTC",
    "logging_collector=off",
    "log_destination=stderr",
    "log_checkpoints=off",
    "cluster_name=assay",
};

std::string LastLines(const std::string& path) {
  constexpr std::streamoff kTailBytes = 2000;
  std::ifstream file(path, std::ios::ate);
  if (!file) return "(no log)";
  const std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - kTailBytes));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The last word of postmaster.pid, which pg_ctl trusts too.
bool Ready(const std::string& data, pid_t pid) {
  std::ifstream file(data + "/postmaster.pid");
  constexpr int kStatusLine = 8;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1 && line != fmt::format("{}", pid)) return false;
    if (number == kStatusLine) return line.starts_with("ready");
  }
  return false;
}

bool HasEnded(int pidfd, int wait_ms) {
  pollfd fd{pidfd, POLLIN, 0};
  return poll(&fd, 1, wait_ms) > 0;
}

std::string Url(const std::string& socket_dir, const char* database) {
  return fmt::format("postgresql://assay@/{}?host={}", database, PercentEncoded(socket_dir));
}

absl::Status MakeDatabase(const std::string& socket_dir) {
  try {
    pqxx::connection connection(Url(socket_dir, "template1"));
    pqxx::nontransaction session(connection);
    // initdb's own empty database under our name: another one would be 300 files more to make and flush.
    if (session.exec("SELECT FROM pg_database WHERE datname = 'assay'").empty())
      session.exec("ALTER DATABASE postgres RENAME TO assay");
    return absl::OkStatus();
  } catch (const std::exception& e) {
    return ServerFailure("the private server cannot make its database", e.what());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateServer>> PrivateServer::Start(const std::string& data_dir) {
  std::error_code error;
  const std::string directory = fs::absolute(data_dir, error).lexically_normal().string();
  if (const absl::Status prepared = PrepareDirectory(directory); !prepared.ok()) return prepared;
  spdlog::debug("starting the private PostgreSQL server in {}", directory);
  auto server = std::unique_ptr<PrivateServer>(new PrivateServer);
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = DirectoryLock::Acquire(directory);
  if (!lock.ok()) return lock.status();
  server->lock_ = *std::move(lock);
  const std::string data = directory + "/postgres";
  const absl::StatusOr<PostgresPrograms> programs = PrepareData(data);
  if (!programs.ok()) return programs.status();
  RemoveServerCgroups(0);

  server->socket_dir_ = directory + "/socket";
  if (server->socket_dir_.size() > kLongestSocketDir) {
    std::string name = "/tmp/assay-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) return FileError("make directory", name);
    server->socket_dir_ = name;
    server->socket_dir_is_temporary_ = true;
  }
  if (const absl::Status made = MakeServerDirectory(server->socket_dir_); !made.ok()) return made;
  // Left behind by a killed server; like postmaster.pid, the lock may name a process that lives by now, or one that is
  // not yet buried.
  for (const char* leftover : {"/.s.PGSQL.5432", "/.s.PGSQL.5432.lock"})
    fs::remove(server->socket_dir_ + leftover, error);

  const std::string log = server->log_ = directory + "/postgres.log";
  if (fs::file_size(log, error) > kLogLimitBytes && !error) fs::resize_file(log, 0, error);
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (log_fd < 0) return FileError("open", log);
  const absl::Cleanup close_log = [log_fd] { close(log_fd); };

  std::vector<std::string> argv = {programs->directory + "/postgres", "-D", data, "-c",
                                   "unix_socket_directories=" + server->socket_dir_};
  for (const char* setting : kSettings) argv.insert(argv.end(), {"-c", setting});
  const absl::StatusOr<Spawned> spawned = Spawn({.argv = AsServerUser(argv),
                                                 .env = {"LC_ALL=C", "PGTZ=UTC"},
                                                 .cwd = "/",
                                                 .stdout_fd = log_fd,
                                                 .stderr_fd = log_fd});
  if (!spawned.ok()) return spawned.status();
  server->pid_ = spawned->pid;
  server->pidfd_ = spawned->pidfd;
  server->cgroup_ = MoveToOwnCgroup(spawned->pid);

  const int64_t begin_ns = MonotonicNs();
  bool told = false;
  while (!Ready(data, server->pid_)) {
    if (HasEnded(server->pidfd_, 10)) {
      return ServerFailure(
          fmt::format("the private PostgreSQL server in {} did not start; the last lines of {}", data, log),
          LastLines(log));
    }
    const int64_t waited_ns = MonotonicNs() - begin_ns;
    if (waited_ns > kSlowStartNs && !told) {
      told = true;
      spdlog::info("the private PostgreSQL server in {} takes its time; it may be recovering from a crash", data);
    }
    if (waited_ns > kStartTimeoutNs) {
      return ServerFailure(
          fmt::format("the private PostgreSQL server in {} did not come up in time; the last lines of {}", data, log),
          LastLines(log));
    }
  }
  // What was forked before the move is in the group of its parent at that moment.
  server->cgroup_ = MoveToOwnCgroup(spawned->pid);
  if (const absl::Status made = MakeDatabase(server->socket_dir_); !made.ok()) return made;
  server->url_ = Url(server->socket_dir_, "assay");
  return server;
}

bool PrivateServer::running() const { return !HasEnded(pidfd_, 0); }

std::string PrivateServer::Obituary() const {
  return fmt::format("the private PostgreSQL server (process {}) has ended; the last lines of {}:\n{}", pid_, log_,
                     LastLines(log_));
}

PrivateServer::~PrivateServer() {
  if (pid_ > 0) {
    kill(pid_, SIGINT);
    if (!HasEnded(pidfd_, static_cast<int>(kStopTimeoutNs / 1'000'000))) {
      spdlog::warn(
          "the private PostgreSQL server (pid {}) does not end; ending it at once, it will recover at its next start",
          pid_);
      kill(pid_, SIGQUIT);
      if (!HasEnded(pidfd_, static_cast<int>(kAbortTimeoutNs / 1'000'000))) kill(-pid_, SIGKILL);
    }
    waitpid(pid_, nullptr, 0);
    close(pidfd_);
    RemoveServerCgroups(pid_);
  }
  std::error_code ignored;
  if (socket_dir_is_temporary_) fs::remove_all(socket_dir_, ignored);
}

}  // namespace assay
