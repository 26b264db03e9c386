#include "storage/private_server.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include <pqxx/pqxx>

#include "common/clock.h"
#include "common/command.h"
#include "common/spawn.h"
#include "storage/directory_lock.h"
#include "storage/postgres_programs.h"
#include "storage/server_cgroup.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kInitdbTimeoutNs = 120'000'000'000;
constexpr int64_t kStartTimeoutNs = 300'000'000'000;  // crash recovery may replay max_wal_size
constexpr int64_t kStopTimeoutNs = 30'000'000'000;
constexpr int64_t kAbortTimeoutNs = 10'000'000'000;
constexpr int64_t kSlowStartNs = 5'000'000'000;
constexpr size_t kLongestSocketDir = 100;  // sun_path holds 108 bytes, with the socket's own name
constexpr uintmax_t kLogLimitBytes = 10 << 20;
constexpr char kServerUser[] = "postgres";

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

void WaitAMoment() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

std::vector<std::string> AsServerUser(std::vector<std::string> argv) {
  std::vector<std::string> prefix = {"setpriv"};
  if (geteuid() == 0) {
    prefix.insert(prefix.end(), {"--reuid", kServerUser, "--regid", kServerUser, "--init-groups"});
  }
  prefix.insert(prefix.end(), {"--pdeathsig", "INT"});
  prefix.insert(prefix.end(), argv.begin(), argv.end());
  return prefix;
}

absl::Status FileError(const std::string& what, const std::string& path) {
  const int error = errno;
  const std::string message = fmt::format("cannot {} {}: {}", what, path, std::strerror(error));
  return error == ENOSPC ? absl::ResourceExhaustedError(message + "; free some space or use another --data")
                         : absl::PermissionDeniedError(message + "; use --data with a directory that you may write");
}

// A directory for the server alone.
absl::Status MakeServerDirectory(const std::string& path, const passwd* owner) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return FileError("make directory", path);
  if (owner != nullptr && chown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0) return FileError("change the owner of", path);
  return absl::OkStatus();
}

bool ServerUserCanEnter(const std::string& directory) {
  const absl::StatusOr<CommandResult> result =
      RunCommand({.argv = AsServerUser({"test", "-x", directory}), .env = {}, .cwd = "/"}, kInitdbTimeoutNs);
  return result.ok() && result->ok();
}

absl::Status CheckServerUserCanReach(const std::string& data_dir) {
  if (ServerUserCanEnter(data_dir)) return absl::OkStatus();
  std::string blocking = data_dir;
  fs::path prefix = "/";
  for (const fs::path& part : fs::path(data_dir).relative_path()) {
    prefix /= part;
    if (!ServerUserCanEnter(prefix.string())) {
      blocking = prefix.string();
      break;
    }
  }
  return absl::PermissionDeniedError(
      fmt::format("the user '{}', which runs the private PostgreSQL server when Assay runs as root, cannot enter {}; use --data /var/lib/assay, or chmod o+x {}",
                  kServerUser, blocking, blocking));
}

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

absl::Status ServerFailure(const std::string& what, const std::string& log) {
  const std::string message = fmt::format("{}:\n{}", what, log);
  return log.find("No space left on device") != std::string::npos ? absl::ResourceExhaustedError("disk full; free some space or use another --data. " + message)
                                                                   : absl::InternalError(message);
}

// initdb works in a directory beside, which is renamed when whole: a killed initdb leaves no half-made data behind.
absl::Status InitializeData(const PostgresPrograms& programs, const std::string& data, const passwd* owner) {
  const std::string unfinished = data + ".new";
  std::error_code error;
  fs::remove_all(unfinished, error);
  if (const absl::Status made = MakeServerDirectory(unfinished, owner); !made.ok()) return made;
  const absl::StatusOr<CommandResult> result =
      RunCommand({.argv = AsServerUser({programs.directory + "/initdb", "--pgdata", unfinished, "--username", "assay", "--auth-local", "trust", "--auth-host",
                                        "reject", "--encoding", "UTF8", "--locale", "C", "--no-instructions", "--no-sync"}),
                  .env = {"LC_ALL=C"},
                  .cwd = "/"},
                 kInitdbTimeoutNs);
  if (!result.ok()) return result.status();
  if (!result->ok()) {
    fs::remove_all(unfinished, error);
    return ServerFailure(fmt::format("initdb of {} {}", data, result->Describe()), result->output);
  }
  // One flush of the file system, where initdb would wait for the disk a thousand times.
  const int fd = open(unfinished.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool flushed = fd >= 0 && syncfs(fd) == 0;
  if (fd >= 0) close(fd);
  if (!flushed) return FileError("flush", unfinished);
  if (rename(unfinished.c_str(), data.c_str()) != 0) return FileError("rename to", data);
  return absl::OkStatus();
}

int DataMajor(const std::string& data) {
  std::ifstream file(data + "/PG_VERSION");
  int major = 0;
  file >> major;
  return major;
}

// Servers keep their data directory as working directory, so that tells them from other programs with a re-used pid.
std::vector<pid_t> ServersIn(const std::string& data) {
  std::vector<pid_t> pids;
  std::error_code error;
  const fs::path wanted = fs::canonical(data, error);
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code unreadable;
    if (fs::read_symlink(entry.path() / "cwd", unreadable) == wanted && !unreadable) pids.push_back(std::atoi(name.c_str()));
  }
  return pids;
}

pid_t PidFilePid(const std::string& data) {
  std::ifstream file(data + "/postmaster.pid");
  pid_t pid = 0;
  file >> pid;
  return pid;
}

// We hold the lock, so whatever still runs in the directory is the server of an Assay that was killed: on its way out, or to be sent there.
absl::Status EndOrphans(const std::string& data) {
  const int64_t begin_ns = MonotonicNs();
  std::vector<pid_t> pids = ServersIn(data);
  const pid_t postmaster = PidFilePid(data);
  for (const pid_t pid : pids) {
    if (pid == postmaster) kill(pid, SIGINT);
  }
  while (!(pids = ServersIn(data)).empty()) {
    if (MonotonicNs() - begin_ns > kStopTimeoutNs) {
      return absl::FailedPreconditionError(fmt::format("an earlier PostgreSQL server (pid {}) still runs in {}; end it with kill -QUIT {}", pids[0], data, pids[0]));
    }
    WaitAMoment();
  }
  // The pid in a file left behind may be another program's by now, and PostgreSQL would then refuse to start.
  unlink((data + "/postmaster.pid").c_str());
  return absl::OkStatus();
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

std::string PercentEncoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::string Url(const std::string& socket_dir, const char* database) {
  return fmt::format("postgresql://assay@/{}?host={}", database, PercentEncoded(socket_dir));
}

absl::Status MakeDatabase(const std::string& socket_dir) {
  try {
    pqxx::connection connection(Url(socket_dir, "template1"));
    pqxx::nontransaction session(connection);
    // initdb's own empty database under our name: another one would be 300 files more to make and flush.
    if (session.exec("SELECT FROM pg_database WHERE datname = 'assay'").empty()) session.exec("ALTER DATABASE postgres RENAME TO assay");
    return absl::OkStatus();
  } catch (const std::exception& e) {
    return ServerFailure("the private server cannot make its database", e.what());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivateServer>> PrivateServer::Start(const std::string& data_dir) {
  std::error_code error;
  const std::string directory = fs::absolute(data_dir, error).lexically_normal().string();
  const bool root = geteuid() == 0;
  const passwd* owner = root ? getpwnam(kServerUser) : nullptr;
  if (root && owner == nullptr) {
    return absl::NotFoundError(fmt::format("no user '{}' here to run a PostgreSQL server as; install it (Debian: apt-get install postgresql)", kServerUser));
  }
  const mode_t old_umask = umask(root ? 022 : 077);
  const absl::Cleanup restore_umask = [old_umask] { umask(old_umask); };
  if (!fs::create_directories(directory, error) && error) {
    errno = error.value();
    return FileError("make directory", directory);
  }

  spdlog::debug("starting the private PostgreSQL server in {}", directory);
  auto server = std::unique_ptr<PrivateServer>(new PrivateServer);
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = DirectoryLock::Acquire(directory);
  if (!lock.ok()) return lock.status();
  server->lock_ = *std::move(lock);
  if (root) {
    if (const absl::Status reachable = CheckServerUserCanReach(directory); !reachable.ok()) return reachable;
  }

  const std::string data = directory + "/postgres";
  const bool fresh = !fs::exists(data + "/PG_VERSION", error);
  if (fresh && fs::exists(data, error) && !fs::is_empty(data, error)) {
    return absl::FailedPreconditionError(fmt::format("{} is there but is no PostgreSQL data directory; use another --data", data));
  }
  const absl::StatusOr<PostgresPrograms> programs = FindPostgres(fresh ? 0 : DataMajor(data));
  if (!programs.ok()) return programs.status();
  if (fresh) {
    if (const absl::Status made = InitializeData(*programs, data, owner); !made.ok()) return made;
  } else {
    if (const absl::Status ended = EndOrphans(data); !ended.ok()) return ended;
  }
  RemoveServerCgroups(0);

  server->socket_dir_ = directory + "/socket";
  if (server->socket_dir_.size() > kLongestSocketDir) {
    std::string name = "/tmp/assay-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) return FileError("make directory", name);
    server->socket_dir_ = name;
    server->socket_dir_is_temporary_ = true;
  }
  if (const absl::Status made = MakeServerDirectory(server->socket_dir_, owner); !made.ok()) return made;
  // Left behind by a killed server; like postmaster.pid, the lock may name a process that lives by now, or one that is not yet buried.
  for (const char* leftover : {"/.s.PGSQL.5432", "/.s.PGSQL.5432.lock"}) fs::remove(server->socket_dir_ + leftover, error);

  const std::string log = directory + "/postgres.log";
  if (fs::file_size(log, error) > kLogLimitBytes && !error) fs::resize_file(log, 0, error);
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (log_fd < 0) return FileError("open", log);
  const absl::Cleanup close_log = [log_fd] { close(log_fd); };

  std::vector<std::string> argv = {programs->directory + "/postgres", "-D", data, "-c", "unix_socket_directories=" + server->socket_dir_};
  for (const char* setting : kSettings) argv.insert(argv.end(), {"-c", setting});
  const absl::StatusOr<Spawned> spawned =
      Spawn({.argv = AsServerUser(argv), .env = {"LC_ALL=C", "PGTZ=UTC"}, .cwd = "/", .stdout_fd = log_fd, .stderr_fd = log_fd});
  if (!spawned.ok()) return spawned.status();
  server->pid_ = spawned->pid;
  server->pidfd_ = spawned->pidfd;
  server->cgroup_ = MoveToOwnCgroup(spawned->pid);

  const int64_t begin_ns = MonotonicNs();
  bool told = false;
  while (!Ready(data, server->pid_)) {
    if (HasEnded(server->pidfd_, 10)) {
      return ServerFailure(fmt::format("the private PostgreSQL server in {} did not start; the last lines of {}", data, log), LastLines(log));
    }
    const int64_t waited_ns = MonotonicNs() - begin_ns;
    if (waited_ns > kSlowStartNs && !told) {
      told = true;
      spdlog::info("the private PostgreSQL server in {} takes its time; it may be recovering from a crash", data);
    }
    if (waited_ns > kStartTimeoutNs) {
      return ServerFailure(fmt::format("the private PostgreSQL server in {} did not come up in time; the last lines of {}", data, log), LastLines(log));
    }
  }
  // What was forked before the move is in the group of its parent at that moment.
  server->cgroup_ = MoveToOwnCgroup(spawned->pid);
  if (const absl::Status made = MakeDatabase(server->socket_dir_); !made.ok()) return made;
  server->url_ = Url(server->socket_dir_, "assay");
  return server;
}

PrivateServer::~PrivateServer() {
  if (pid_ > 0) {
    kill(pid_, SIGINT);
    if (!HasEnded(pidfd_, static_cast<int>(kStopTimeoutNs / 1'000'000))) {
      spdlog::warn("the private PostgreSQL server (pid {}) does not end; ending it at once, it will recover at its next start", pid_);
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
