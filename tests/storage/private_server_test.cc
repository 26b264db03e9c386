#include "storage/private_server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <vector>

#include "common/spawn.h"
#include "storage/connection.h"
#include "storage/table.h"
#include "tests/unit/temp_dir.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Nobody may be there to reap an orphan: a zombie is gone too.
bool Gone(pid_t pid) {
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  const std::string text((std::istreambuf_iterator<char>(stat)), {});
  return text.empty() || text.find(") Z ") != std::string::npos;
}

std::string Ask(const std::string& url, const std::string& sql) {
  Connection connection(url, "test");
  const absl::StatusOr<Table> table = Query(connection, sql);
  return table.ok() ? table->rows.at(0).at(0).value_or("null") : table.status().ToString();
}

class PrivateServerTest : public ::testing::Test {
 protected:
  PrivateServerTest() { chmod(root_.c_str(), 0755); }
  const TempDir temp_;
  const std::string root_ = temp_.path();
};

// A process of its own that holds a server; its stdout tells which.
class Holder {
 public:
  explicit Holder(const std::string& data_dir) {
    std::array<int, 2> fds{};
    EXPECT_EQ(pipe2(fds.data(), O_CLOEXEC), 0);
    const absl::StatusOr<Spawned> spawned = Spawn({.argv = {ASSAY_BINARY_DIR "/tests/private_server_holder", data_dir},
                                                   .env = {},
                                                   .cwd = "/",
                                                   .stdout_fd = fds[1]});
    close(fds[1]);
    EXPECT_TRUE(spawned.ok()) << spawned.status();
    pid_ = spawned->pid;
    close(spawned->pidfd);
    std::string line;
    for (char c = 0; read(fds[0], &c, 1) == 1 && c != '\n';) line += c;
    close(fds[0]);
    std::istringstream(line) >> server_pid_ >> cgroup_ >> url_;
    EXPECT_GT(server_pid_, 0) << line;
  }
  ~Holder() { Kill(SIGKILL); }
  void Kill(int signal) {
    if (pid_ <= 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }
  pid_t server_pid() const { return server_pid_; }
  const std::string& url() const { return url_; }

 private:
  pid_t pid_ = -1;
  pid_t server_pid_ = -1;
  std::string cgroup_;
  std::string url_;
};

TEST_F(PrivateServerTest, MakesItsDirectoryListensToNoNetworkAndIsGoneWithTheObject) {
  const std::string data_dir = root_ + "/not/yet there";
  pid_t pid = 0;
  std::string cgroup;
  {
    const auto server = PrivateServer::Start(data_dir);
    ASSERT_TRUE(server.ok()) << server.status();
    pid = (*server)->pid();
    cgroup = (*server)->cgroup();
    EXPECT_EQ(Ask((*server)->url(), "SELECT current_database() || current_user"), "assayassay");
    EXPECT_EQ(Ask((*server)->url(), "SHOW listen_addresses"), "");
    EXPECT_EQ(Ask((*server)->url(), "SHOW synchronous_commit"), "on");
    if (cgroup == fmt::format("/assay/postgres-{}", pid)) {
      std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pid));
      for (pid_t child = 0; children >> child;) {
        std::ifstream file(fmt::format("/proc/{}/cgroup", child));
        const std::string text((std::istreambuf_iterator<char>(file)), {});
        EXPECT_THAT(text, HasSubstr(cgroup)) << "a process that was forked before the move";
      }
    }
  }
  EXPECT_TRUE(Gone(pid));
  if (cgroup == fmt::format("/assay/postgres-{}", pid)) {
    for (const auto& hierarchy : fs::directory_iterator("/sys/fs/cgroup")) {
      std::error_code ignored;
      EXPECT_FALSE(fs::exists(hierarchy.path() / "assay" / fmt::format("postgres-{}", pid), ignored))
          << hierarchy.path();
    }
  }
}

TEST_F(PrivateServerTest, RefusesADirectoryInUseAndNamesTheHolder) {
  const auto server = PrivateServer::Start(root_);
  ASSERT_TRUE(server.ok()) << server.status();
  const auto second = PrivateServer::Start(root_ + "/.");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(fmt::format("in use by another assay (pid {})", getpid())));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("assay down"));
  EXPECT_EQ(Ask((*server)->url(), "SELECT 1"), "1") << "the first one is not disturbed";
}

TEST_F(PrivateServerTest, EndsWhenItsParentIsKilledAndStartsAgainWithTheData) {
  pid_t server_pid = 0;
  {
    Holder holder(root_);
    server_pid = holder.server_pid();
    Connection connection(holder.url(), "test");
    ASSERT_TRUE(Query(connection, "CREATE TABLE public.kept (answer int)").ok());
    ASSERT_TRUE(Query(connection, "INSERT INTO public.kept VALUES (42)").ok());
    holder.Kill(SIGKILL);
  }
  // Starting at once: the old server may still be shutting down, and is waited for.
  {
    const auto server = PrivateServer::Start(root_);
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_TRUE(Gone(server_pid));
    EXPECT_EQ(Ask((*server)->url(), "SELECT answer FROM public.kept"), "42");
  }
  Holder again(root_);
  server_pid = again.server_pid();
  again.Kill(SIGKILL);
  EXPECT_TRUE(Eventually([&] { return Gone(server_pid); })) << "nobody but the kernel told it";
}

TEST_F(PrivateServerTest, RecoversFromAKilledServerWhosePidIsAnothersNow) {
  {
    Holder holder(root_);
    std::vector<pid_t> processes{holder.server_pid()};
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", holder.server_pid()));
    for (pid_t child = 0; children >> child;) processes.push_back(child);
    ASSERT_EQ(kill(holder.server_pid(), SIGKILL), 0);
    // As long as one of its children has not noticed, no other server starts on these data.
    for (const pid_t pid : processes) ASSERT_TRUE(Eventually([&] { return Gone(pid); }));
  }
  ASSERT_TRUE(fs::exists(root_ + "/postgres/postmaster.pid"));
  {
    // As after a reboot: the number in the file now belongs to a process that lives, this one.
    std::ifstream in(root_ + "/postgres/postmaster.pid");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    text.replace(0, text.find('\n'), fmt::format("{}", getpid()));
    std::ofstream(root_ + "/postgres/postmaster.pid") << text;
  }
  const auto server = PrivateServer::Start(root_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(Ask((*server)->url(), "SELECT 1"), "1");
}

TEST_F(PrivateServerTest, StartsAnewWhereAnInitdbWasKilled) {
  fs::create_directories(root_ + "/postgres.new/base");
  std::ofstream(root_ + "/postgres.new/half") << "made";
  const auto server = PrivateServer::Start(root_);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_FALSE(fs::exists(root_ + "/postgres.new"));
}

TEST_F(PrivateServerTest, PutsTheSocketElsewhereWhenThePathIsTooLong) {
  auto server = PrivateServer::Start(root_ + "/" + std::string(90, 'x'));
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_LE((*server)->socket_dir().size(), 100u);
  EXPECT_EQ(Ask((*server)->url(), "SELECT 1"), "1");
  const std::string socket_dir = (*server)->socket_dir();
  server->reset();
  EXPECT_FALSE(fs::exists(socket_dir));
}

TEST_F(PrivateServerTest, NamesWhatIsMissing) {
  setenv("ASSAY_POSTGRES_BIN", root_.c_str(), 1);
  const auto no_programs = PrivateServer::Start(root_ + "/data");
  EXPECT_EQ(no_programs.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(no_programs.status().message()), HasSubstr("apt-get install postgresql"));

  // Programs too old, and data that only newer ones can read.
  for (const char* program : {"initdb", "postgres"}) {
    std::ofstream(root_ + "/" + program) << "#!/bin/sh\necho 'postgres (PostgreSQL) 13.9'\n";
    chmod((root_ + "/" + program).c_str(), 0755);
  }
  const auto old = PrivateServer::Start(root_ + "/data");
  EXPECT_EQ(old.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(old.status().message()), HasSubstr("(version 13)"));
  fs::create_directories(root_ + "/data/postgres");
  std::ofstream(root_ + "/data/postgres/PG_VERSION") << "99\n";
  const auto other_major = PrivateServer::Start(root_ + "/data");
  EXPECT_EQ(other_major.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(other_major.status().message()), HasSubstr("made by PostgreSQL 99"));
  unsetenv("ASSAY_POSTGRES_BIN");

  fs::create_directories(root_ + "/foreign/postgres/something");
  const auto foreign = PrivateServer::Start(root_ + "/foreign");
  EXPECT_EQ(foreign.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(foreign.status().message()), HasSubstr("no PostgreSQL data directory"));

  std::ofstream(root_ + "/file") << "";
  EXPECT_FALSE(PrivateServer::Start(root_ + "/file/data").ok());
}

TEST_F(PrivateServerTest, ShowsTheLogWhereTheServerDoesNotStart) {
  { ASSERT_TRUE(PrivateServer::Start(root_).ok()); }
  std::ofstream(root_ + "/postgres/postgresql.auto.conf") << "no_such_setting = 1\n";
  const auto server = PrivateServer::Start(root_);
  ASSERT_FALSE(server.ok());
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("no_such_setting"));
}

TEST_F(PrivateServerTest, NamesTheDirectoryThatBlocksTheServersUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root runs the server as another user";
  fs::create_directories(root_ + "/closed/data");
  chmod((root_ + "/closed").c_str(), 0700);
  const auto server = PrivateServer::Start(root_ + "/closed/data");
  EXPECT_EQ(server.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("chmod o+x " + root_ + "/closed"));
  EXPECT_THAT(std::string(server.status().message()), ::testing::Not(HasSubstr("closed/data,")));
}

}  // namespace
}  // namespace assay
