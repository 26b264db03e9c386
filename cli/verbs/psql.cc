#include "cli/verbs/psql.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "storage/postgres_programs.h"

namespace assay {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

absl::Status StartError(int error) {
  if (error == ENOENT)
    return absl::NotFoundError("cannot find psql; install it (Debian: apt-get install postgresql-client)");
  return absl::UnknownError(fmt::format("cannot start psql: {}", std::strerror(error)));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> PsqlCommand(const PsqlRequest& request) {
  std::string program = "psql";
  if (const absl::StatusOr<PostgresPrograms> programs = FindPostgres(0); programs.ok()) {
    const std::string beside = programs->directory + "/psql";
    if (access(beside.c_str(), X_OK) == 0) program = beside;
  }
  std::vector<std::string> argv = {program, "--dbname", request.url};
  // What a script reads must not depend on the user's .psqlrc or wait in a pager.
  if (!request.sql.empty()) argv.insert(argv.end(), {"--no-psqlrc", "--pset", "pager=off"});
  for (const std::string& sql : request.sql) argv.insert(argv.end(), {"--command", sql});
  argv.insert(argv.end(), request.arguments.begin(), request.arguments.end());
  return argv;
}

void SetSearchPath() {
  const char* before = std::getenv("PGOPTIONS");
  const std::string options =
      fmt::format("{}{}-c search_path=assay,public", before == nullptr ? "" : before, before == nullptr ? "" : " ");
  setenv("PGOPTIONS", options.c_str(), 1);
}

absl::Status ExecPsql(const PsqlRequest& request) {
  absl::StatusOr<std::vector<std::string>> argv = PsqlCommand(request);
  if (!argv.ok()) return argv.status();
  SetSearchPath();
  std::signal(SIGPIPE, SIG_DFL);
  execvp((*argv)[0].c_str(), Pointers(*argv).data());
  return StartError(errno);
}

absl::StatusOr<int> RunPsql(const PsqlRequest& request) {
  absl::StatusOr<std::vector<std::string>> argv = PsqlCommand(request);
  if (!argv.ok()) return argv.status();
  SetSearchPath();
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t all;
  sigfillset(&all);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before {};
  sigaction(SIGINT, &ignore, &before);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, (*argv)[0].c_str(), nullptr, &attributes, Pointers(*argv).data(), environ);
  posix_spawnattr_destroy(&attributes);
  int status = 0;
  if (error == 0) {
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  }
  sigaction(SIGINT, &before, nullptr);
  if (error != 0) return StartError(error);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace assay
