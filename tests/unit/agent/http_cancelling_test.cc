// The HTTP client's requests beside each other, and their ends before the answer.
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../temp_dir.h"
#include "http_client_fixture.h"

namespace assay {
namespace {

using End = HttpResponse::End;

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
