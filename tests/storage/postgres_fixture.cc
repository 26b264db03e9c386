#include "tests/storage/postgres_fixture.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <pqxx/pqxx>

#include "storage/connection.h"
#include "storage/migrator.h"
#include "storage/private_server.h"

// libpqxx 6.4.5 forgets the result in which libpq says that the connection broke (connection_base::make_result throws
// before it owns it), 2 KB for each connection that broke. Read by LeakSanitizer, where a program is built with it.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" const char* __lsan_default_suppressions() { return "leak:libpq.so\n"; }

namespace assay {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "no PostgreSQL server for the tests: %s\n", why.c_str());
  std::abort();
}

// A test program that was killed could not remove its directory; the next one does.
void RemoveLeftovers(const fs::path& parent, const std::string& prefix) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const int pid = std::atoi(name.c_str() + prefix.size());
    if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) fs::remove_all(entry.path(), ignored);
  }
}

// A database is 300 files to make and to remove, a hundred of them take a disk its time: memory is better where there
// is enough.
fs::path Parent() {
  constexpr uintmax_t kRoomBytes = uintmax_t{2} << 30;
  const fs::path memory = "/dev/shm";
  std::error_code error;
  const fs::space_info space = fs::space(memory, error);
  const bool usable = !error && space.available >= kRoomBytes && access(memory.c_str(), W_OK) == 0;
  return usable ? memory : fs::temp_directory_path();
}

void Execute(const std::string& url, const std::string& sql) {
  try {
    pqxx::connection connection(url);
    pqxx::nontransaction(connection).exec(sql);
  } catch (const std::exception& e) {
    Die(e.what());
  }
}

class Server {
 public:
  Server() {
    const std::string prefix = "assay-test-postgres-";
    const fs::path parent = Parent();
    RemoveLeftovers(parent, prefix);
    std::string name = (parent / fmt::format("{}{}-XXXXXX", prefix, getpid())).string();
    if (mkdtemp(name.data()) == nullptr) Die("cannot make " + name);
    directory_ = name;
    chmod(directory_.c_str(), 0755);
    absl::StatusOr<std::unique_ptr<PrivateServer>> server = PrivateServer::Start(directory_);
    if (!server.ok()) Die(server.status().ToString());
    server_ = *std::move(server);
    // No test pulls the plug.
    Execute(server_->url(), "ALTER SYSTEM SET fsync = off");
    Execute(server_->url(), "SELECT pg_reload_conf()");
  }
  ~Server() {
    server_.reset();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  PrivateServer& server() { return *server_; }

 private:
  std::string directory_;
  std::unique_ptr<PrivateServer> server_;
};

std::string UrlOf(const std::string& database) {
  const std::string assay = "/assay?";
  std::string url = TestServer().url();
  return url.replace(url.find(assay), assay.size(), "/" + database + "?");
}

}  // namespace

PrivateServer& TestServer() {
  static Server server;
  return server.server();
}

std::string FreshDatabaseUrl() {
  static std::atomic<int> count{0};
  const std::string name = fmt::format("test_{}", ++count);
  Execute(TestServer().url(), "CREATE DATABASE " + name);
  return UrlOf(name);
}

std::string MigratedDatabaseUrl() {
  static const bool made = [] {
    Execute(TestServer().url(), "CREATE DATABASE migrated");
    Connection connection(UrlOf("migrated"), "test");
    if (const absl::Status migrated = Migrate(connection); !migrated.ok()) Die(migrated.ToString());
    return true;
  }();
  static std::atomic<int> count{0};
  const std::string name = fmt::format("test_migrated_{}", ++count);
  if (made) Execute(TestServer().url(), fmt::format("CREATE DATABASE {} TEMPLATE migrated", name));
  std::string url = UrlOf(name);
  Execute(url, "UPDATE assay.meta SET cluster_id = gen_random_uuid()::text");
  return url;
}

}  // namespace assay
