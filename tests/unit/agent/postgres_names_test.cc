// The hosts of a completion's database: looked up where nobody waits, and given to libpq as addresses.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/completion/postgres_poll.h"
#include "collect/postgres_place.h"
#include "common/descriptor.h"
#include "executor_fixture.h"
#include "tests/storage/postgres_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A TCP port of 127.0.0.1 in front of a server on a unix socket, for one connection.
class Relay {
 public:
  explicit Relay(std::string socket_path) : path_(std::move(socket_path)) {
    listener_ = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_.get(), 8), 0);
    socklen_t length = sizeof(address);
    EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Relay() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  uint16_t port() const { return port_; }

 private:
  void Serve() const {
    const Descriptor client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.ok()) return;
    const Descriptor server(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    if (connect(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) return;
    std::array<pollfd, 2> fds{{{client.get(), POLLIN, 0}, {server.get(), POLLIN, 0}}};
    while (poll(fds.data(), fds.size(), -1) > 0) {
      for (const size_t from : {0U, 1U}) {
        if (fds[from].revents == 0) continue;
        std::array<char, 4096> bytes{};
        const ssize_t count = read(fds[from].fd, bytes.data(), bytes.size());
        if (count <= 0 || send(fds[1 - from].fd, bytes.data(), static_cast<size_t>(count), MSG_NOSIGNAL) != count)
          return;
      }
    }
  }

  const std::string path_;
  Descriptor listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

HostNames::Addresses AddressesOf(const std::vector<std::string>& texts) {
  auto addresses = std::make_shared<std::vector<HostNames::Address>>();
  for (const std::string& text : texts) {
    HostNames::Address& address = addresses->emplace_back();
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.socket);
    v4->sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &v4->sin_addr), 1);
    address.length = sizeof(*v4);
  }
  return addresses;
}

class PostgresNamesTest : public ExecutorTest {
 protected:
  void SetUp() override {
    TestServer();  // first on this thread: the server ends with it
    ExecutorTest::SetUp();
  }

  std::unique_ptr<PostgresPoll> PollOf(const std::string& url, HostNames::Resolve resolve) {
    v1::Completion::Postgres postgres;
    postgres.set_url(url);
    postgres.set_query("SELECT 'run' AS id, 'done' AS state WHERE 'run' = ANY ($1)");
    return OnLoop([&] {
      return std::make_unique<PostgresPoll>(
          loop_, postgres, BuiltInNames{}, [] {}, std::move(resolve));
    });
  }
  absl::Status Prepared(PostgresPoll& poll) {
    std::promise<absl::Status> prepared;
    OnLoop([&] { poll.Prepare([&](absl::Status status) { prepared.set_value(std::move(status)); }); });
    return prepared.get_future().get();
  }
};

TEST_F(PostgresNamesTest, ANameServerThatSaysNothingHoldsNeitherTheLoopNorTheEnd) {
  const auto asked = std::make_shared<std::promise<void>>();
  const auto says = std::make_shared<std::promise<void>>();
  std::unique_ptr<PostgresPoll> poll =
      PollOf("postgresql://u@db.example/d",
             [asked, gate = says->get_future().share()](const std::string&) -> absl::StatusOr<HostNames::Addresses> {
               asked->set_value();
               gate.wait();
               return absl::NotFoundError("nobody");
             });
  std::atomic<bool> answered = false;
  OnLoop([&] { poll->Prepare([&](const absl::Status&) { answered = true; }); });
  asked->get_future().wait();
  std::future<void> gone = std::async(std::launch::async, [&] { OnLoop([&] { poll.reset(); }); });
  EXPECT_EQ(gone.wait_for(std::chrono::nanoseconds(kPatience)), std::future_status::ready);
  says->set_value();
  gone.wait();
  OnLoop([] {});
  EXPECT_FALSE(answered);
}

TEST_F(PostgresNamesTest, LibpqConnectsToTheAddressesThatWereFoundOneAfterTheOther) {
  const std::string url = FreshDatabaseUrl();
  const std::string socket_directory = [&] {
    const absl::StatusOr<PostgresPlace> place = PostgresPlace::Of(url);
    return place.ok() ? place->Text().substr(0, place->Text().rfind(':')) : "";
  }();
  const Relay relay(socket_directory + "/.s.PGSQL.5432");
  std::string over_tcp = url.substr(0, url.find('?'));
  over_tcp.insert(over_tcp.find('@') + 1, fmt::format("db.example:{}", relay.port()));
  int lookups = 0;
  std::unique_ptr<PostgresPoll> poll = PollOf(over_tcp, [&](const std::string& host) {
    ++lookups;
    EXPECT_EQ(host, "db.example");
    return absl::StatusOr<HostNames::Addresses>(AddressesOf({"127.0.0.2", "127.0.0.1"}));  // nobody is at the first
  });
  EXPECT_EQ(Prepared(*poll), absl::OkStatus());
  std::promise<Looked> looked;
  OnLoop([&] { poll->Look({"run"}, [&](Looked&& one) { looked.set_value(std::move(one)); }); });
  const Looked seen = looked.get_future().get();
  ASSERT_EQ(seen.seen.size(), 1U) << seen.error;
  EXPECT_EQ(seen.seen[0].state, "done");
  EXPECT_EQ(lookups, 1) << "who is connected needs no address";
  OnLoop([&] { poll.reset(); });
}

TEST_F(PostgresNamesTest, AHostThatIsNotFoundIsNamedWithItsDatabase) {
  std::unique_ptr<PostgresPoll> poll = PollOf("postgresql://u:hush@db.example:5433/flows", [](const std::string& host) {
    return absl::StatusOr<HostNames::Addresses>(absl::NotFoundError("no address of " + host));
  });
  EXPECT_EQ(std::string(Prepared(*poll).message()),
            "completion.postgres: PostgreSQL at db.example:5433/flows: no address of db.example");
  std::promise<Looked> looked;
  OnLoop([&] { poll->Look({"run"}, [&](Looked&& one) { looked.set_value(std::move(one)); }); });
  EXPECT_THAT(looked.get_future().get().error, HasSubstr("no address of db.example"));
  OnLoop([&] { poll.reset(); });
}

TEST(PostgresPlace, NamesAreWhatLibpqWouldHaveToLookUp) {
  const auto names = [](const std::string& url) {
    const absl::StatusOr<PostgresPlace> place = PostgresPlace::Of(url);
    EXPECT_TRUE(place.ok()) << place.status();
    return place->Names();
  };
  EXPECT_THAT(names("postgresql://u@one,two:5433,one/d"), ElementsAre("one", "two"));
  EXPECT_THAT(names("host=one dbname=d"), ElementsAre("one"));
  EXPECT_THAT(names("postgresql://u@one/d?hostaddr=10.0.0.1"), IsEmpty());
  EXPECT_THAT(names("postgresql:///d?host=/run/postgresql"), IsEmpty());
  EXPECT_THAT(names("service=flows"), IsEmpty());
  EXPECT_EQ(PostgresPlace::Of("postgresql://u:hush@one,two:5433/d?password=hush")->Text(), "one:5432,two:5433/d");
  const absl::StatusOr<PostgresPlace> bad = PostgresPlace::Of("postgresql://u@[one/d");
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("the url cannot be read: "));
  EXPECT_THAT(std::string(bad.status().message()), HasSubstr("; it reads like postgresql://user@host:5432/database"));
}

TEST(PostgresPlace, EveryAddressOfEveryHostIsAnEntry) {
  const absl::StatusOr<PostgresPlace> place = PostgresPlace::Of("postgresql://u@one,two:5433,gone/d");
  ASSERT_TRUE(place.ok()) << place.status();
  const PostgresPlace::Resolved all = place->With({{"one", {"10.0.0.1", "fd00::1"}}, {"two", {"10.0.0.2"}}});
  EXPECT_EQ(all.hosts, "one,one,two");
  EXPECT_EQ(all.addresses, "10.0.0.1,fd00::1,10.0.0.2");
  EXPECT_EQ(all.ports, "5432,5432,5433");
  EXPECT_EQ(place->With({}).addresses, "") << "the url is enough";
}

}  // namespace
}  // namespace assay
