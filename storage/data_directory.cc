#include "storage/data_directory.h"

#include <absl/cleanup/cleanup.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/clock.h"
#include "common/command.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kInitdbTimeoutNs = 120'000'000'000;
constexpr int64_t kOrphanTimeoutNs = 30'000'000'000;
constexpr char kServerUser[] = "postgres";

void WaitAMoment() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

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
      fmt::format("the user '{}', which runs the private PostgreSQL server when Assay runs as root, cannot enter {}; "
                  "use --data /var/lib/assay, or chmod o+x {}",
                  kServerUser, blocking, blocking));
}

// initdb works in a directory beside, which is renamed when whole: a killed initdb leaves no half-made data behind.
absl::Status InitializeData(const PostgresPrograms& programs, const std::string& data) {
  const std::string unfinished = data + ".new";
  std::error_code error;
  fs::remove_all(unfinished, error);
  if (absl::Status made = MakeServerDirectory(unfinished); !made.ok()) return made;
  const absl::StatusOr<CommandResult> result =
      RunCommand({.argv = AsServerUser({programs.directory + "/initdb", "--pgdata", unfinished, "--username", "assay",
                                        "--auth-local", "trust", "--auth-host", "reject", "--encoding", "UTF8",
                                        "--locale", "C", "--no-instructions", "--no-sync"}),
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
    if (fs::read_symlink(entry.path() / "cwd", unreadable) == wanted && !unreadable)
      pids.push_back(std::atoi(name.c_str()));
  }
  return pids;
}

pid_t PidFilePid(const std::string& data) {
  std::ifstream file(data + "/postmaster.pid");
  pid_t pid = 0;
  file >> pid;
  return pid;
}

// We hold the lock, so whatever still runs in the directory is the server of an Assay that was killed: on its way out,
// or to be sent there.
absl::Status EndOrphans(const std::string& data) {
  const int64_t begin_ns = MonotonicNs();
  std::vector<pid_t> pids = ServersIn(data);
  const pid_t postmaster = PidFilePid(data);
  for (const pid_t pid : pids) {
    if (pid == postmaster) kill(pid, SIGINT);
  }
  while (!(pids = ServersIn(data)).empty()) {
    if (MonotonicNs() - begin_ns > kOrphanTimeoutNs) {
      return absl::FailedPreconditionError(fmt::format(
          "an earlier PostgreSQL server (pid {}) still runs in {}; end it with kill -QUIT {}", pids[0], data, pids[0]));
    }
    WaitAMoment();
  }
  // The pid in a file left behind may be another program's by now, and PostgreSQL would then refuse to start.
  unlink((data + "/postmaster.pid").c_str());
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> AsServerUser(const std::vector<std::string>& argv) {
  std::vector<std::string> prefixed = {"setpriv"};
  if (geteuid() == 0) {
    prefixed.insert(prefixed.end(), {"--reuid", kServerUser, "--regid", kServerUser, "--init-groups"});
  }
  prefixed.insert(prefixed.end(), {"--pdeathsig", "INT"});
  prefixed.insert(prefixed.end(), argv.begin(), argv.end());
  return prefixed;
}

absl::Status PrepareDirectory(const std::string& directory) {
  const bool root = geteuid() == 0;
  if (root && getpwnam(kServerUser) == nullptr) {
    return absl::NotFoundError(
        fmt::format("no user '{}' here to run a PostgreSQL server as; install it (Debian: apt-get install postgresql)",
                    kServerUser));
  }
  const mode_t old_umask = umask(root ? 022 : 077);
  const absl::Cleanup restore_umask = [old_umask] { umask(old_umask); };
  std::error_code error;
  if (!fs::create_directories(directory, error) && error) {
    errno = error.value();
    return FileError("make directory", directory);
  }
  return root ? CheckServerUserCanReach(directory) : absl::OkStatus();
}

absl::Status MakeServerDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return FileError("make directory", path);
  if (geteuid() != 0) return absl::OkStatus();
  const passwd* user = getpwnam(kServerUser);
  if (user == nullptr || chown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
    return FileError("change the owner of", path);
  return absl::OkStatus();
}

absl::StatusOr<PostgresPrograms> PrepareData(const std::string& data) {
  std::error_code error;
  const bool fresh = !fs::exists(data + "/PG_VERSION", error);
  if (fresh && fs::exists(data, error) && !fs::is_empty(data, error)) {
    return absl::FailedPreconditionError(
        fmt::format("{} is there but is no PostgreSQL data directory; use another --data", data));
  }
  absl::StatusOr<PostgresPrograms> programs = FindPostgres(fresh ? 0 : DataMajor(data));
  if (!programs.ok()) return programs.status();
  if (absl::Status ready = fresh ? InitializeData(*programs, data) : EndOrphans(data); !ready.ok()) return ready;
  return programs;
}

absl::Status FileError(const std::string& what, const std::string& path) {
  const int error = errno;
  const std::string message = fmt::format("cannot {} {}: {}", what, path, std::strerror(error));
  return error == ENOSPC ? absl::ResourceExhaustedError(message + "; free some space or use another --data")
                         : absl::PermissionDeniedError(message + "; use --data with a directory that you may write");
}

absl::Status ServerFailure(const std::string& what, const std::string& log) {
  const std::string message = fmt::format("{}:\n{}", what, log);
  return log.find("No space left on device") != std::string::npos
             ? absl::ResourceExhaustedError("disk full; free some space or use another --data. " + message)
             : absl::InternalError(message);
}

}  // namespace assay
