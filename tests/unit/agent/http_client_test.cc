// The HTTP client's own path for cleartext HTTP/1.1: what it sends and what it makes of answers.
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "../temp_dir.h"
#include "http_client_fixture.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using End = HttpResponse::End;

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
    // A close resets the connection, as not all of the body was read: what the client has not read by then is lost.
    std::this_thread::sleep_for(std::chrono::seconds(2));
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

}  // namespace
}  // namespace assay
