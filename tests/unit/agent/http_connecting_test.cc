// How the HTTP client comes to a connection: names, addresses, limits.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "http_client_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using End = HttpResponse::End;

TEST_F(HttpClientTest, AllAddressesOfAHostAreTried) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  ASSERT_EQ(getaddrinfo("localhost", nullptr, &hints, &first), 0);
  const bool several = first->ai_next != nullptr;
  freeaddrinfo(first);
  RequestServer server([](int fd, const std::string&) { return Ok(fd, "x"); });  // on 127.0.0.1 alone
  const std::string port = server.Url("").substr(std::string("http://127.0.0.1:").size());
  EXPECT_EQ(Ask("http://localhost:" + port + "/").body, "x");
  EXPECT_EQ(Ask("http://127.1:" + port + "/").body, "x");
  const std::string refused = Ask("http://localhost:1/").response.error;
  EXPECT_THAT(refused, StartsWith("cannot connect to localhost:1"));
  EXPECT_THAT(refused, HasSubstr("Connection refused"));
  if (several) EXPECT_THAT(refused, HasSubstr("127.0.0.1: Connection refused"));
  EXPECT_EQ(Ask("http://127.0.0.1:1/").response.error, "cannot connect to 127.0.0.1:1: Connection refused");
  EXPECT_THAT(Ask("http://no.such.host.invalid/").response.error,
              StartsWith("cannot resolve the host name 'no.such.host.invalid': "));
}

HostNames::Address AddressOf(const std::string& text) {
  HostNames::Address address;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&address.socket);
  v4->sin_family = AF_INET;
  EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &v4->sin_addr), 1);
  address.length = sizeof(*v4);
  return address;
}

// The server is on 127.0.0.1 alone: 127.0.0.2 and 3 refuse.
TEST_F(HttpClientTest, AnAddressThatRefusesIsFollowedByTheNext) {
  std::vector<std::string> texts;
  OnLoop([&] {
    client_ = std::make_unique<HttpClient>(loop_, 16,
                                           [&texts](const std::string& host) -> absl::StatusOr<HostNames::Addresses> {
                                             if (host != "several.example")
                                               return absl::NotFoundError("the resolver of this test has no " + host);
                                             auto addresses = std::make_shared<std::vector<HostNames::Address>>();
                                             for (const std::string& text : texts)
                                               addresses->push_back(AddressOf(text));
                                             return addresses;
                                           });
  });
  RequestServer server([](int fd, const std::string& request) { return Ok(fd, request); });
  const std::string host = "several.example:" + std::to_string(server.port());
  texts = {"127.0.0.2", "127.0.0.1"};
  const Answer answer = Ask("http://" + host + "/");
  EXPECT_EQ(answer.response.error, "");
  EXPECT_EQ(answer.response.status, 200);
  EXPECT_GE(answer.response.connected_ns, answer.response.started_ns);
  EXPECT_THAT(answer.body, HasSubstr("\r\nHost: " + host + "\r\n"));
  EXPECT_EQ(Ask("http://" + host + "/").response.connected_ns, -1) << "kept, whichever address it was";
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(Ask("http://nobody.example/").response.error, "the resolver of this test has no nobody.example");
  const HttpResponse refused = Ask("http://several.example:1/").response;
  EXPECT_EQ(refused.end, End::kFailed);
  EXPECT_EQ(refused.error,
            "cannot connect to several.example:1 at any of its addresses: 127.0.0.2: Connection refused; 127.0.0.1: "
            "Connection refused");
}

TEST_F(HttpClientTest, AnAddressOfIpv6StandsInBrackets) {
  const int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  const bool there = bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  if (!there) GTEST_SKIP() << "this host has no IPv6 loopback (::1)";
  RequestServer server([](int fd, const std::string& request) { return Ok(fd, request); },
                       RequestServer::Loopback::kV6);
  const Answer answer = Ask(server.Url("/"));
  EXPECT_EQ(answer.response.error, "");
  EXPECT_THAT(answer.body, HasSubstr("\r\nHost: [::1]:" + std::to_string(server.port()) + "\r\n"));
  EXPECT_EQ(Ask("http://[::1]:1/").response.error, "cannot connect to [::1]:1: Connection refused");
}

// A listener whose queue is full takes no more connections, and says nothing.
TEST_F(HttpClientTest, WhatIsNotConnectedInTimeSaysSo) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  socklen_t length = sizeof(address);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::vector<int> fillers;
  for (int i = 0; i < 8; ++i) {
    fillers.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_LE(connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  HttpRequest request = Get("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  request.connect_timeout_ns = 50 * kMs;
  const HttpResponse late = Ask(request).response;
  EXPECT_EQ(late.end, End::kTimedOut);
  EXPECT_EQ(late.error, "not connected within 50 ms");
  EXPECT_EQ(late.connected_ns, -1);
  EXPECT_GE(late.finished_ns - late.started_ns, 50 * kMs);
  request.timeout_ns = 30 * kMs;
  EXPECT_EQ(Ask(request).response.error, "took longer than 30 ms; it was not even connected");
  for (const int fd : fillers) close(fd);
  close(listener);
}

}  // namespace
}  // namespace assay
