// The HTTP trigger against a server of this test, good days and bad ones.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "http_fixture.h"
#include "request_server.h"

namespace assay {
namespace {

using testing::HasSubstr;

bool Ok(int fd, const std::string& body, const std::string& status = "200 OK") {
  Say(fd, "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  return true;
}

class HttpTest : public HttpTriggerTest {};

TEST_F(HttpTest, RequestsGoOverConnectionsThatAreKeptAlive) {
  RequestServer server(
      [](int fd, const std::string& request) { return Ok(fd, request.substr(0, request.find('\r'))); });
  const Written written = Execute(Spec(server.Url("/a?i=$(index)&r=$(run)"), 100, 4));
  ASSERT_EQ(written.triggers.size(), 100U);
  size_t connected = 0;
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::OK) << record.error();
    EXPECT_EQ(record.status(), 200);
    EXPECT_EQ(record.received_bytes(), ("GET /a?i=" + std::to_string(record.index()) + "&r=1 HTTP/1.1").size());
    EXPECT_EQ(record.output(), "") << "what is as expected is not kept";
    ASSERT_TRUE(record.has_first_byte_ns());
    EXPECT_GE(record.first_byte_ns(), record.started_ns());
    EXPECT_LE(record.first_byte_ns(), record.finished_ns());
    if (record.has_connected_ns()) {
      ++connected;
      EXPECT_LE(record.connected_ns(), record.first_byte_ns());
    }
    EXPECT_FALSE(record.has_secured_ns());
  }
  EXPECT_LE(server.connections(), 4);
  EXPECT_EQ(connected, static_cast<size_t>(server.connections()));
}

TEST_F(HttpTest, HundredsAtOnceAreAnsweredOnAsManyConnections) {
  RequestServer server([](int fd, const std::string& request) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return Ok(fd, request.substr(0, request.find('\r')));
  });
  const Written written = Execute(Spec(server.Url("/$(index)"), 900, 300));
  ASSERT_EQ(written.triggers.size(), 900U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::OK) << record.error();
    EXPECT_EQ(record.received_bytes(), ("GET /" + std::to_string(record.index()) + " HTTP/1.1").size());
  }
  EXPECT_GT(server.connections(), 128);
  EXPECT_LE(server.connections(), 300);
}

TEST_F(HttpTest, MethodHeadersAndBodyAreTemplates) {
  RequestServer server([](int fd, const std::string& request) { return Ok(fd, request, "418 Teapot"); });
  v1::ShareSpec spec = Spec(server.Url("/"));
  v1::HttpTrigger& http = *spec.mutable_trigger()->mutable_http();
  http.set_method("POST");
  (*http.mutable_headers())["X-Trigger"] = "$(agent)/$(index)";
  http.set_body(R"json({"n": $(index), "literal": "$$(index)"})json");
  const Written written = Execute(spec);
  const v1::TriggerRecord& record = written.triggers.at(0);
  EXPECT_EQ(record.outcome(), v1::FAILED);
  EXPECT_EQ(record.error(), "answered with status 418");
  EXPECT_THAT(record.output(), testing::StartsWith("POST / HTTP/1.1\r\n"));
  EXPECT_THAT(record.output(), HasSubstr("\r\nX-Trigger: alpha/0\r\n"));
  EXPECT_THAT(record.output(), testing::EndsWith("\r\n\r\n{\"n\": 0, \"literal\": \"$(index)\"}"));
  EXPECT_EQ(record.sent_bytes(), std::string(R"json({"n": 0, "literal": "$(index)"})json").size());
}

// Looked at while the body comes, for what was collected may be gone again at the end.
TEST_F(HttpTest, ABodyOfAGigabyteLeavesMemoryFlat) {
  constexpr uint64_t kGigabyte = 1 << 30;
  constexpr uint64_t kAllowedBytes = 64 << 20;
  const std::string piece(1 << 20, 'x');
  for (const auto& [status, as_expected] : {std::pair{"200 OK", true}, std::pair{"500 Oh", false}}) {
    std::atomic<uint64_t> most = 0;
    RequestServer server([&, status = status](int fd, const std::string&) {
      Say(fd, "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(kGigabyte) + "\r\n\r\n");
      for (uint64_t sent = 0; sent < kGigabyte; sent += piece.size()) {
        Say(fd, piece);
        most = std::max(most.load(), ResidentBytes());
      }
      return true;
    });
    const uint64_t before = ResidentBytes();
    const Written written = Execute(Spec(server.Url("/")));
    EXPECT_LT(most, before + kAllowedBytes);
    const v1::TriggerRecord& record = written.triggers.at(0);
    EXPECT_EQ(record.outcome(), as_expected ? v1::OK : v1::FAILED) << record.error();
    EXPECT_EQ(record.status(), as_expected ? 200 : 500);
    EXPECT_EQ(record.received_bytes(), kGigabyte);
    EXPECT_LT(record.output().size(), as_expected ? 1U : 10'000U);
  }
}

// The server keeps one of them as a whole, and is in this process too: what counts is that it does not become more.
TEST_F(HttpTest, AGigabyteOfBodiesThatAreSentLeavesMemoryFlat) {
  constexpr uint64_t kBodyBytes = 16 << 20;
  constexpr uint64_t kRequests = 64;
  constexpr uint64_t kAllowedBytes = 128 << 20;
  std::atomic<uint64_t> at_first = 0;
  std::atomic<uint64_t> most = 0;
  RequestServer server([&](int fd, const std::string& request) {
    const uint64_t now = ResidentBytes();
    if (at_first == 0) at_first = now;
    most = std::max(most.load(), now);
    return Ok(fd, request.size() > kBodyBytes ? "all of it" : "", request.size() > kBodyBytes ? "200 OK" : "400 Bad");
  });
  v1::ShareSpec spec = Spec(server.Url("/"), kRequests, 1);
  spec.mutable_trigger()->mutable_http()->set_method("PUT");
  spec.mutable_trigger()->mutable_http()->set_body(std::string(kBodyBytes, 'x'));
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), kRequests);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::OK) << record.error();
    EXPECT_EQ(record.sent_bytes(), kBodyBytes);
  }
#if !defined(__SANITIZE_ADDRESS__)  // which keeps what was freed, up to 256 MiB
  EXPECT_LT(most, at_first + kAllowedBytes);
#endif
}

TEST_F(HttpTest, ASlowAnswerTimesOutAsAWholeOrBeforeItsFirstByte) {
  RequestServer loris([](int fd, const std::string&) {
    Say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 150; ++i) {
      Say(fd, "x");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  });
  v1::ShareSpec spec = Spec(loris.Url("/"));
  spec.mutable_trigger()->set_timeout_ns(kSecond);  // of three
  const Written slow = Execute(spec);
  EXPECT_EQ(slow.triggers.at(0).outcome(), v1::TIMEOUT);
  EXPECT_EQ(slow.triggers.at(0).error(), "took longer than 1 s");
  EXPECT_EQ(slow.triggers.at(0).status(), 200);
  EXPECT_GT(slow.triggers.at(0).received_bytes(), 0U);

  RequestServer silent([](int, const std::string&) { return true; });
  v1::ShareSpec waiting = Spec(silent.Url("/"), 20, 10);
  waiting.mutable_trigger()->set_timeout_ns(kPatience);
  waiting.mutable_trigger()->mutable_http()->set_first_byte_timeout_ns(500 * kMs);
  const Written nothing = Execute(waiting);
  ASSERT_EQ(nothing.triggers.size(), 20U);
  for (const v1::TriggerRecord& record : nothing.triggers) {
    EXPECT_EQ(record.outcome(), v1::TIMEOUT);
    EXPECT_EQ(record.error(), "no byte of the answer within 500 ms");
    EXPECT_FALSE(record.has_first_byte_ns());
  }
}

// It sends byte by byte: first the head, then the body too.
TEST_F(HttpTest, ASlowLorisServerIsATimeoutAndGivesItsSlotBack) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
  std::atomic<bool> stop = false;
  const auto trickle = [&stop](int fd, const std::string& text) {
    for (size_t i = 0; i < text.size() && !stop; ++i) {
      Say(fd, text.substr(i, 1));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  };
  RequestServer loris([&](int fd, const std::string& request) {
    if (request.starts_with("GET /3 ")) return Ok(fd, "at once");
    if (request.starts_with("GET /2 ")) Say(fd, head);
    trickle(fd, request.starts_with("GET /2 ") ? std::string(1000, 'x') : head);
    return false;
  });
  v1::ShareSpec spec = Spec(loris.Url("/$(index)"), 4, 1);
  spec.mutable_trigger()->set_timeout_ns(kSecond);  // enough for what comes at once, and a quarter of the head
  const Written written = Execute(spec);
  stop = true;
  ASSERT_EQ(written.triggers.size(), 4U) << "the slot came back after each";
  for (const v1::TriggerRecord& record : written.triggers) {
    SCOPED_TRACE(record.ShortDebugString());
    if (record.index() == 3) {
      EXPECT_EQ(record.outcome(), v1::OK);
      continue;
    }
    EXPECT_EQ(record.outcome(), v1::TIMEOUT);
    EXPECT_EQ(record.error(), "took longer than 1 s");
    EXPECT_TRUE(record.has_connected_ns());
    const bool head_came = record.index() == 2;
    EXPECT_EQ(record.status(), head_came ? 200 : 0);
    EXPECT_EQ(record.has_first_byte_ns(), head_came);
    EXPECT_EQ(record.received_bytes() > 0, head_came);
  }
  EXPECT_EQ(MostInFlight(written), 1U);
}

TEST_F(HttpTest, AHostThatCannotBeResolvedIsARowThatNamesIt) {
  for (const std::string scheme : {"http", "https"}) {
    const Written written = Execute(Spec(scheme + "://no.such.host.invalid/", 3, 2));
    ASSERT_EQ(written.triggers.size(), 3U);
    for (const v1::TriggerRecord& record : written.triggers) {
      EXPECT_EQ(record.outcome(), v1::FAILED);
      EXPECT_THAT(record.error(), HasSubstr("resolve"));
      EXPECT_THAT(record.error(), HasSubstr("no.such.host.invalid"));
      EXPECT_EQ(record.status(), 0);
      EXPECT_FALSE(record.has_connected_ns());
      EXPECT_FALSE(record.has_first_byte_ns());
    }
  }
}

TEST_F(HttpTest, WhatDoesNotAnswerIsARowWithItsReason) {
  RequestServer closes([](int, const std::string&) { return false; });
  EXPECT_THAT(Execute(Spec(closes.Url("/"))).triggers.at(0).error(), HasSubstr("Empty reply from server"));
  RequestServer garbles([](int fd, const std::string&) {
    Say(fd, std::string("\x00\x01garbage\r\n\r\n", 13));
    return false;
  });
  v1::ShareSpec spec = Spec(garbles.Url("/"));
  EXPECT_EQ(Execute(spec).triggers.at(0).outcome(), v1::FAILED);
  spec = Spec("http://127.0.0.1:1/");
  const Written refused = Execute(spec);
  EXPECT_EQ(refused.triggers.at(0).outcome(), v1::FAILED);
  EXPECT_EQ(refused.triggers.at(0).error(), "cannot connect to 127.0.0.1:1: Connection refused");
  EXPECT_EQ(refused.triggers.at(0).status(), 0);
  spec = Spec("gopher://127.0.0.1/");
  EXPECT_THAT(Execute(spec).triggers.at(0).error(), HasSubstr("gopher"));
}

// Whichever path it takes. A socket that is told to be connected to nothing resets its connection.
TEST_F(HttpTest, AResetNamesTheHostAndSaysTheKernelsWords) {
  RequestServer resets([](int fd, const std::string&) {
    const sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    EXPECT_EQ(connect(fd, &nowhere, sizeof(nowhere)), 0);
    return false;
  });
  const std::string host = resets.Url("").substr(std::string("http://").size());
  for (const auto version : {v1::HttpTrigger::HTTP1, v1::HttpTrigger::HTTP2}) {
    v1::ShareSpec spec = Spec(resets.Url("/"));
    spec.mutable_trigger()->mutable_http()->set_version(version);
    const v1::TriggerRecord record = Execute(spec).triggers.at(0);
    EXPECT_EQ(record.outcome(), v1::FAILED);
    EXPECT_THAT(record.error(), testing::StartsWith(host + ": "));
    EXPECT_THAT(record.error(), HasSubstr("Connection reset by peer"));
  }
}

TEST_F(HttpTest, CancelEndsWhatIsInFlight) {
  RequestServer silent([](int, const std::string&) { return true; });
  const v1::ShareSpec spec = Spec(silent.Url("/"), 100, 50);
  Begin(spec);
  WaitFor(1, [](const v1::ShareStatus& s) { return s.in_flight() == 50; });
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(1, v1::ENDED);
  const Written written = sink_.Of(1);
  EXPECT_EQ(written.triggers.size(), 50U);
  for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.outcome(), v1::CANCELLED);
}

TEST_F(HttpTest, MoreRequestsThanTheHostAllowsAreRefused) {
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 0, .max_sockets = 10});
  Want(Spec("http://127.0.0.1:1/", 100, 20), v1::PREPARE);
  Exchange();
  EXPECT_THAT(WaitForPhase(1, v1::REFUSED).error(), HasSubstr("raise 'ulimit -n'"));
}

// The server says that it closes: without a word a request may meet the closing connection.
TEST_F(HttpTest, AConnectionThatTheServerClosesIsMadeAnew) {
  RequestServer server([](int fd, const std::string&) {
    Say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    return false;
  });
  const Written written = Execute(Spec(server.Url("/"), 50, 2));
  for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.outcome(), v1::OK) << record.error();
  EXPECT_EQ(server.connections(), 50);
}

}  // namespace
}  // namespace assay
