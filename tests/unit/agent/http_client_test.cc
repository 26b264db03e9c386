// The HTTP client's own path for cleartext HTTP/1.1, against servers that say what each test likes.
#include "agent/clients/http/http_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../temp_dir.h"
#include "agent/loop/event_loop.h"
#include "request_server.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using End = HttpResponse::End;

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kPatience = 60'000 * kMs;  // for what must come; never a measure of anything

struct Answer {
  HttpResponse response;
  std::string body;
};

class HttpClientTest : public testing::Test {
 protected:
  template <typename F>
  auto OnLoop(F f) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto result = task.get_future();
    loop_.Post([&task] { task(); });
    return result.get();
  }

  void SetUp() override {
    thread_ = std::thread([this] { loop_.Run(); });
    OnLoop([this] { client_ = std::make_unique<HttpClient>(loop_, 16); });
  }
  void TearDown() override {
    OnLoop([this] { client_.reset(); });
    loop_.Stop();
    thread_.join();
  }

  static HttpRequest Get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    request.timeout_ns = kPatience;
    return request;
  }

  // Started on the loop; the future is kept with its answer.
  struct Asked {
    HttpClient::Id id = 0;
    std::future<Answer> answer;
  };
  Asked Start(HttpRequest request) {
    const auto promise = std::make_shared<std::promise<Answer>>();
    const auto body = std::make_shared<std::string>();
    Asked asked{.id = 0, .answer = promise->get_future()};
    const auto shared = std::make_shared<const HttpRequest>(std::move(request));
    asked.id = OnLoop([&] {
      return client_->Start(
          shared, [body](int, std::string_view bytes) { body->append(bytes.substr(0, 1 << 20)); },
          [promise, body](HttpResponse&& response) {
            promise->set_value({std::move(response), std::move(*body)});
          });
    });
    return asked;
  }
  Answer Ask(HttpRequest request) { return Start(std::move(request)).answer.get(); }
  Answer Ask(const std::string& url) { return Ask(Get(url)); }

  EventLoop loop_;
  std::unique_ptr<HttpClient> client_;

 private:
  std::thread thread_;
};

bool Ok(int fd, const std::string& body) {
  Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  return true;
}

// libcurl speaks over the unix socket, the client itself over TCP.
TEST_F(HttpClientTest, WhatGoesOverTheWireIsWhatLibcurlSends) {
  const TempDir dir;
  const auto echo = [](int fd, const std::string& request) { return Ok(fd, request); };
  RequestServer tcp(echo);
  RequestServer unix_server(dir.path() + "/http.sock", echo);
  const std::string port = tcp.Url("").substr(std::string("http://127.0.0.1:").size());
  struct Case {
    std::string method, url, body;
    std::vector<std::string> headers;
  };
  const std::string root = "http://127.0.0.1:" + port;
  const std::vector<Case> cases{
      {"GET", root + "/", "", {}},
      {"GET", root, "", {}},
      {"GET", "HTTP://127.0.0.1:" + port + "/Up", "", {}},
      {"GET", root + "?only=query", "", {}},
      {"GET", root + "/a/b?x=1&y=%20#fragment", "", {}},
      {"GET", root + "/a/./b/../c?d=../e", "", {}},
      {"GET", root + "/caf\xc3\xa9/{b}|\"c\"", "", {}},
      {"GET", "http://us%40er:p%3Ass@127.0.0.1:" + port + "/", "", {}},
      {"GET", "http://user@127.0.0.1:" + port + "/", "", {"Authorization: Bearer x"}},
      {"GET", root + "/", "", {"Host: other.example", "Accept: text/plain", "X-Two:  spaces ", "x-three: y"}},
      {"GET", root + "/", "", {"Accept:", "X-Empty:"}},
      {"GET", root + "/", "", {"Connection: close"}},
      {"GET", root + "/", "with a body", {}},
      {"POST", root + "/", "", {}},
      {"POST", root + "/", "a=b", {}},
      {"POST", root + "/", "{}", {"content-type: application/json"}},
      {"POST", root + "/", "abc", {"Content-Length: 3"}},
      {"PUT", root + "/", std::string("\0\r\n\r\n\xff", 6), {}},
      {"PATCH", root + "/", std::string(100'000, 'x'), {}},
      {"DELETE", root + "/", "", {}},
      {"OPTIONS", root + "/", "", {}},
  };
  for (const Case& wanted : cases) {
    HttpRequest request = Get(wanted.url);
    request.method = wanted.method;
    request.headers = wanted.headers;
    request.body = wanted.body;
    const Answer own = Ask(request);
    request.unix_socket = dir.path() + "/http.sock";
    const Answer curl = Ask(request);
    EXPECT_EQ(own.response.error, "") << wanted.url;
    EXPECT_EQ(own.body, curl.body);
    EXPECT_EQ(own.response.sent_bytes, curl.response.sent_bytes) << wanted.method;
    EXPECT_EQ(own.response.received_bytes, curl.response.received_bytes);
  }
}

// Told one by one over the same client: what a good answer leaves behind is a connection that serves the next request.
TEST_F(HttpClientTest, AnswersOfAllKinds) {
  struct Case {
    std::string answer;
    bool closes;
    int status;
    std::string body;
    std::string error;
    bool kept;
    std::string method = "GET";
  };
  const std::string long_header = "X-Long: " + std::string(70'000, 'x') + "\r\n";
  const std::vector<Case> cases{
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, 200, "hi", "", true},
      {"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nhi", false, 200, "hi", "", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", "", true},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;ext=1\r\nhi\r\n3\r\n ho\r\n0\r\nX-Trailer: t\r\n\r\n",
       false, 200, "hi ho", "", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", false, 200,
       "hi", "", true},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
       "1\r\n\r\nx",
       false, 200, "x", "", true},
      {"HTTP/1.0 200 OK\r\n\r\nuntil the end", true, 200, "until the end", "", false},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, 200, "until the end", "", false},
      {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", false, 200, "x", "", true},
      {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", false, 200, "x", "", false},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", false, 200, "x", "", false},
      {"HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", "", true},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n", false, 304, "", "", true},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", false, 200, "", "", true, "HEAD"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, 200, "", "", true, "HEAD"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n", false, 200, "hi", "", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", true, 200, "hello", "after 5 of 10 bytes", false},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, 200, "hello",
       "after 5 bytes of its answer's body, before the last chunk", false},
      {"HTTP/1.1 200 OK\r\nContent-", true, 0, "", "in the middle of its answer's headers", false},
      {"HTTP/1.1 200 OK\r\n" + long_header + "\r\n", true, 0, "", "longer than 64", false},
      {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", true, 0, "", "not HTTP/1.1", false},
      {"SSH-2.0-OpenSSH_9.2\r\n", true, 0, "", "not HTTP/1.1", false},
      {"", true, 0, "", "Empty reply from server", false},
  };
  for (const bool in_pieces : {false, true}) {
    for (const Case& told : cases) {
      // What comes behind an answer may in pieces come when the next request is on its way already.
      const bool more_behind = told.answer.ends_with("hiHTTP/1.1 200 OK\r\n\r\n");
      if (in_pieces && (more_behind || told.answer.size() > 1000)) continue;
      RequestServer server([&](int fd, const std::string& request) {
        if (request.find(" /next ") != std::string::npos) return Ok(fd, "next");
        if (!in_pieces) Say(fd, told.answer);
        for (size_t i = 0; in_pieces && i < told.answer.size(); ++i) {
          Say(fd, told.answer.substr(i, 1));
          std::this_thread::sleep_for(std::chrono::microseconds(20));  // so that they come one by one, mostly
        }
        return !told.closes;
      });
      HttpRequest request = Get(server.Url("/"));
      request.method = told.method;
      const Answer answer = Ask(request);
      EXPECT_EQ(answer.response.status, told.status) << told.answer;
      EXPECT_EQ(answer.body, told.body) << told.answer;
      EXPECT_EQ(answer.response.received_bytes, told.body.size());
      if (told.error.empty()) {
        EXPECT_EQ(answer.response.error, "") << told.answer;
        EXPECT_EQ(answer.response.end, End::kAnswered);
      } else {
        EXPECT_THAT(answer.response.error, HasSubstr(told.error));
        EXPECT_THAT(answer.response.error, StartsWith("127.0.0.1:"));
        EXPECT_EQ(answer.response.end, End::kFailed);
      }
      const Answer next = Ask(server.Url("/next"));
      EXPECT_EQ(next.body, "next") << next.response.error << " after " << told.answer;
      EXPECT_EQ(next.response.connected_ns < 0, told.kept) << told.answer;
      EXPECT_EQ(server.connections(), told.kept ? 1 : 2) << told.answer;
    }
  }
}

TEST_F(HttpClientTest, AKeptConnectionThatTheServerClosedIsNotUsed) {
  std::atomic<int> closed = 0;
  RequestServer server([&](int fd, const std::string&) {
    Ok(fd, "x");
    shutdown(fd, SHUT_RDWR);
    ++closed;
    return false;
  });
  for (int i = 1; i <= 50; ++i) {
    EXPECT_EQ(Ask(server.Url("/")).response.error, "");
    while (closed < i) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // longer than a connection counts as fresh
  }
  EXPECT_EQ(server.connections(), 50);
}

TEST_F(HttpClientTest, ARequestThatMeetsTheCloseOfItsKeptConnectionIsNotSentAgain) {
  std::atomic<int> requests = 0;
  RequestServer server([&](int fd, const std::string&) { return ++requests % 2 == 1 && Ok(fd, "x"); });
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Ask(server.Url("/")).response.error, "");
    const HttpResponse met = Ask(server.Url("/")).response;
    EXPECT_EQ(met.end, End::kFailed);
    EXPECT_THAT(met.error, HasSubstr("the server closed the kept connection as the request came"));
  }
  EXPECT_EQ(requests, 10);
}

TEST_F(HttpClientTest, ABigBodyGoesToASlowReaderPieceByPiece) {
  std::string body(48 << 20, ' ');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  RequestServer server([&](int fd, const std::string& request) {
    return Ok(fd, request.ends_with(body) && request.size() < body.size() + 1000 ? "same" : "not the same");
  });
  HttpRequest request = Get(server.Url("/"));
  request.method = "PUT";
  request.body = body;
  for (int i = 0; i < 2; ++i) {
    const Answer answer = Ask(request);
    EXPECT_EQ(answer.body, "same") << answer.response.error;
    EXPECT_EQ(answer.response.sent_bytes, body.size());
  }
  EXPECT_EQ(server.connections(), 1);
}

// The server of this test does not see a length in small letters, and so answers before the body has come.
TEST_F(HttpClientTest, AnAnswerBeforeTheBodyWasSentCounts) {
  RequestServer server([](int fd, const std::string&) {
    Say(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return false;
  });
  HttpRequest request = Get(server.Url("/"));
  request.method = "POST";
  request.body.assign(64 << 20, 'x');
  request.headers = {"content-length: " + std::to_string(request.body.size())};
  const Answer answer = Ask(request);
  EXPECT_EQ(answer.response.status, 413) << answer.response.error;
  EXPECT_EQ(answer.body, "big");
  EXPECT_LT(answer.response.sent_bytes, request.body.size());
}

TEST_F(HttpClientTest, WhatWouldSmuggleAHeaderInIsRefused) {
  std::atomic<int> requests = 0;
  const TempDir dir;
  const auto count = [&](int fd, const std::string&) {
    ++requests;
    return Ok(fd, "x");
  };
  RequestServer server(count);
  RequestServer unix_server(dir.path() + "/http.sock", count);
  for (const std::string& path : {std::string(), dir.path() + "/http.sock"}) {
    HttpRequest request = Get(server.Url("/"));
    request.unix_socket = path;
    request.headers = {"X-A: b\r\nX-Evil: c"};
    EXPECT_THAT(Ask(request).response.error, HasSubstr("the header 'X-A' has a line break"));
    request.headers = {"X-A\nX-Evil: c"};
    EXPECT_THAT(Ask(request).response.error, HasSubstr("the header 'X-A' has a line break"));
    request.headers = {"no colon"};
    EXPECT_THAT(Ask(request).response.error, HasSubstr("'Name: value'"));
    request.headers = {};
    request.method = "GET /evil HTTP/1.1\r\n\r\n";
    EXPECT_THAT(Ask(request).response.error, HasSubstr("is no HTTP method"));
    request.method = "GET";
    request.url = server.Url("/a\r\nX-Evil: c");
    EXPECT_THAT(Ask(request).response.error, HasSubstr("the URL has a line break"));
  }
  EXPECT_THAT(Ask(server.Url("/a b")).response.error, HasSubstr("/a b"));
  EXPECT_THAT(Ask("http://[::1/").response.error, HasSubstr("http://[::1/"));
  EXPECT_EQ(requests, 0);
}

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

TEST_F(HttpClientTest, OneThatSendsWithoutEndDoesNotStarveTheOthers) {
  std::atomic<bool> stop = false;
  RequestServer server([&](int fd, const std::string& request) {
    if (request.find(" /endless ") == std::string::npos) return Ok(fd, "x");
    Say(fd, "HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(1 << 20, 'x');
    while (!stop && send(fd, piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
    }
    return false;
  });
  std::atomic<uint64_t> received = 0;
  std::promise<HttpResponse> ended;
  const HttpClient::Id endless = OnLoop([&] {
    return client_->Start(
        std::make_shared<const HttpRequest>(Get(server.Url("/endless"))),
        [&](int, std::string_view bytes) { received += bytes.size(); },
        [&](HttpResponse&& response) { ended.set_value(std::move(response)); });
  });
  while (received < 10 << 20) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Ask(server.Url("/")).response.error, "");
  OnLoop([&] { client_->Cancel(endless); });
  stop = true;
  EXPECT_EQ(ended.get_future().get().end, End::kCancelled);
}

TEST_F(HttpClientTest, WhatIsCancelledEndsOnceAndMayStartAnother) {
  RequestServer server(
      [](int fd, const std::string& request) { return request.find(" /silent ") != std::string::npos || Ok(fd, "x"); });
  const auto silent = std::make_shared<const HttpRequest>(Get(server.Url("/silent")));
  const auto loud = std::make_shared<const HttpRequest>(Get(server.Url("/")));
  const auto nowhere = std::make_shared<const HttpRequest>(Get("http://no.such.host.invalid/"));
  std::atomic<int> cancelled = 0;
  std::promise<HttpResponse> last;
  const auto cancel = OnLoop([&] {
    std::vector<HttpClient::Id> ids;
    ids.reserve(10);
    for (int i = 0; i < 10; ++i)
      ids.push_back(client_->Start(i % 2 == 0 ? silent : nowhere, nullptr,
                                   [&](HttpResponse&& r) { cancelled += r.end == End::kCancelled ? 1 : 0; }));
    return ids;
  });
  EXPECT_EQ(OnLoop([&] { return client_->in_flight(); }) >= 5, true);
  OnLoop([&] {
    for (int twice = 0; twice < 2; ++twice) {
      for (const HttpClient::Id id : cancel) client_->Cancel(id);
    }
  });
  EXPECT_GE(cancelled, 5);
  OnLoop([&] {
    client_->Start(silent, nullptr, [&](HttpResponse&&) {
      client_->Start(loud, nullptr, [&](HttpResponse&& response) { last.set_value(std::move(response)); });
    });
    client_->Cancel(client_->Start(silent, nullptr, [](HttpResponse&&) {}));
  });
  // An id names one request: those of before do nothing to what came after them.
  OnLoop([&] {
    for (const HttpClient::Id id : cancel) client_->Cancel(id);
    EXPECT_EQ(client_->in_flight(), 1U);
    client_->CancelAll();
  });
  last.get_future().wait();
  EXPECT_EQ(OnLoop([&] { return client_->in_flight(); }), 0U);
}

// Whichever path it was on, and whichever the next one would take.
TEST_F(HttpClientTest, CancelAllLeavesNothingThatACancelledOneStarts) {
  const TempDir dir;
  std::atomic<int> requests = 0;
  const auto silent = [&](int, const std::string&) {
    ++requests;
    return true;
  };
  RequestServer tcp(silent);
  RequestServer unix_server(dir.path() + "/http.sock", silent);
  HttpRequest over_libcurl = Get(tcp.Url("/"));
  over_libcurl.unix_socket = dir.path() + "/http.sock";
  const auto plain = std::make_shared<const HttpRequest>(Get(tcp.Url("/")));
  const auto curl = std::make_shared<const HttpRequest>(over_libcurl);
  std::atomic<int> cancelled = 0;
  OnLoop([&] {
    for (int i = 0; i < 8; ++i) {
      client_->Start(i % 2 == 0 ? plain : curl, nullptr, [&, i](HttpResponse&& first) {
        cancelled += first.end == End::kCancelled ? 1 : 0;
        client_->Start(i / 2 % 2 == 0 ? plain : curl, nullptr,
                       [&](HttpResponse&& next) { cancelled += next.end == End::kCancelled ? 1 : 0; });
      });
    }
  });
  while (requests < 8) std::this_thread::yield();
  OnLoop([&] { client_->CancelAll(); });
  EXPECT_EQ(OnLoop([&] { return client_->in_flight(); }), 0U);
  EXPECT_EQ(cancelled, 16);
  EXPECT_EQ(requests, 8);
  std::promise<void> ended;
  OnLoop([&] {
    client_->Start(plain, nullptr, [&](HttpResponse&&) { ended.set_value(); });
    EXPECT_EQ(client_->in_flight(), 1U) << "what comes later is as before";
    client_->CancelAll();
  });
  ended.get_future().wait();
}

TEST_F(HttpClientTest, WhatIsInFlightWhenTheClientEndsIsDropped) {
  RequestServer server([](int, const std::string&) { return true; });
  std::atomic<int> ended = 0;
  OnLoop([&] {
    for (const std::string& url : {server.Url("/"), std::string("http://no.such.host.invalid/")})
      client_->Start(std::make_shared<const HttpRequest>(Get(url)), nullptr, [&](HttpResponse&&) { ++ended; });
    client_.reset();
  });
  OnLoop([] {});
  EXPECT_EQ(ended, 0);
}

// Of six that were in flight at once four are kept.
TEST_F(HttpClientTest, NoMoreConnectionsAreKeptThanItWasTold) {
  OnLoop([this] { client_ = std::make_unique<HttpClient>(loop_, 4); });
  std::atomic<int> waiting = 0;
  RequestServer server([&](int fd, const std::string& request) {
    if (request.find(" /together ") != std::string::npos) {
      ++waiting;
      while (waiting % 6 != 0) std::this_thread::yield();
    }
    return Ok(fd, "x");
  });
  for (int i = 1; i <= 2; ++i) {
    std::vector<Asked> asked;
    asked.reserve(6);
    for (int n = 0; n < 6; ++n) asked.push_back(Start(Get(server.Url("/together"))));
    for (Asked& one : asked) EXPECT_EQ(one.answer.get().response.error, "");
    EXPECT_EQ(server.connections(), i == 1 ? 6 : 8);
  }
  EXPECT_EQ(Ask(server.Url("/")).response.connected_ns, -1);
}

}  // namespace
}  // namespace assay
