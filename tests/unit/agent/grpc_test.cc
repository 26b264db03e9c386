// The gRPC trigger against a server of this test: what becomes of calls. grpc_prepare_test.cc has what refuses a share.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "../captured_log.h"
#include "../temp_dir.h"
#include "grpc_fixture.h"
#include "tests/targets/echo_server.h"
#include "tests/targets/test_certificate.h"

// c-ares, with which gRPC looks names up, keeps a few bytes of a name that is not found.
extern "C" const char* __lsan_default_suppressions();  // NOLINT: the sanitizer's name
extern "C" const char* __lsan_default_suppressions() { return "leak:libcares.so"; }

namespace assay {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int kDeadlineExceeded = 4;
constexpr int kNotFound = 5;
constexpr int kUnavailable = 14;

TEST_F(GrpcTest, JsonAndMetadataAreTemplates) {
  std::mutex mutex;
  std::map<std::string, test::EchoAnswer> seen;
  EchoServer server({.seen = [&](const test::EchoAnswer& answer) {
    const std::lock_guard lock(mutex);
    seen[answer.request().text()] = answer;
  }});
  v1::ShareSpec spec = JsonSpec(server.Address(),
                                R"json({"text": "t$(index)", "number": $(index), "points": [{"x": 1}, {"y": -2}],
      "places": {"home": {"x": 3}}, "since": "2024-01-02T03:04:05Z"})json",
                                100, 8);
  (*spec.mutable_trigger()->mutable_grpc()->mutable_metadata())["x-who"] = "$(agent)/$(index)";
  (*spec.mutable_trigger()->mutable_grpc()->mutable_metadata())["x-run"] = "$(run)";
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 100U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::OK) << record.error();
    EXPECT_TRUE(record.has_status());
    EXPECT_EQ(record.status(), 0);
    const test::EchoAnswer& answer = seen["t" + std::to_string(record.index())];
    EXPECT_GE(record.sent_bytes(), answer.request().ByteSizeLong());
    EXPECT_EQ(record.received_bytes(), answer.ByteSizeLong());
    EXPECT_EQ(answer.request().number(), static_cast<int32_t>(record.index()));
    EXPECT_EQ(answer.request().places().at("home").x(), 3);
    EXPECT_EQ(answer.request().since().seconds(), 1704164645);
    EXPECT_EQ(answer.metadata().at("x-who"), "alpha/" + std::to_string(record.index()));
    EXPECT_EQ(answer.metadata().at("x-run"), "1");
    EXPECT_FALSE(record.has_connected_ns());
    EXPECT_FALSE(record.has_first_byte_ns());
  }
}

TEST_F(GrpcTest, BytesAndNothingNeedNoDescription) {
  std::mutex mutex;
  std::string text = "none";
  EchoServer server({.reflection = false, .seen = [&](const test::EchoAnswer& answer) {
                       const std::lock_guard lock(mutex);
                       text = answer.request().text();
                     }});
  EXPECT_EQ(One(Spec(server.Address())).outcome(), v1::OK);
  EXPECT_EQ(text, "");
  test::EchoRequest request;
  request.set_text("raw");
  v1::ShareSpec spec = Spec(server.Address());
  spec.mutable_trigger()->mutable_grpc()->set_raw(request.SerializeAsString());
  EXPECT_EQ(One(spec).outcome(), v1::OK);
  EXPECT_EQ(text, "raw");
  spec = Spec(server.Address());
  spec.mutable_trigger()->mutable_grpc()->set_method("assay.test.Echo/Cal");
  EXPECT_THAT(One(spec).error(), StartsWith("UNIMPLEMENTED: "));
}

TEST_F(GrpcTest, AnErrorOfTheServerIsItsCodeAndItsMessage) {
  EchoServer server({});
  const v1::ShareSpec spec = JsonSpec(server.Address(), R"({"code": 5, "text": "no such cow"})");
  const v1::TriggerRecord record = One(spec);
  EXPECT_EQ(record.outcome(), v1::FAILED);
  EXPECT_EQ(record.status(), kNotFound);
  EXPECT_EQ(record.error(), "NOT_FOUND: no such cow");

  const v1::ShareSpec no_text = JsonSpec(server.Address(), R"({"code": 5, "text": "no such ", "blob": "/mNvdw=="})");
  EXPECT_EQ(One(no_text).error(),
            "NOT_FOUND: no such \xEF\xBF\xBD"
            "cow")
      << "what is no UTF-8 would stop the whole batch";

  v1::ShareSpec expected = JsonSpec(server.Address(), R"({"code": 5})");
  expected.mutable_trigger()->mutable_grpc()->set_expect_code(kNotFound);
  EXPECT_EQ(One(expected).outcome(), v1::OK);
  v1::ShareSpec other = JsonSpec(server.Address(), "{}");
  other.mutable_trigger()->mutable_grpc()->set_expect_code(kNotFound);
  EXPECT_EQ(One(other).error(), "OK, but NOT_FOUND was expected");
}

TEST_F(GrpcTest, AServerThatNeverAnswersRunsIntoTheDeadline) {
  EchoServer server({});
  v1::ShareSpec spec = JsonSpec(server.Address(), R"({"never_answer": true})", 20, 10);
  spec.mutable_trigger()->set_timeout_ns(50 * kMs);
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 20U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::TIMEOUT);
    EXPECT_EQ(record.status(), kDeadlineExceeded);
    EXPECT_EQ(record.error(), "took longer than 50 ms");
  }
  // The same code, but from the server and long before the trigger's own deadline.
  v1::ShareSpec of_server = JsonSpec(server.Address(), R"({"code": 4, "text": "my database"})");
  of_server.mutable_trigger()->set_timeout_ns(kPatience);
  const v1::TriggerRecord record = One(of_server);
  EXPECT_EQ(record.outcome(), v1::FAILED);
  EXPECT_EQ(record.error(), "DEADLINE_EXCEEDED: my database");
}

TEST_F(GrpcTest, AHostThatCannotBeReachedIsARowWithItsReason) {
  const v1::TriggerRecord refused = One(Spec("127.0.0.1:1"));
  EXPECT_EQ(refused.outcome(), v1::FAILED);
  EXPECT_EQ(refused.status(), kUnavailable);
  EXPECT_THAT(refused.error(), StartsWith("UNAVAILABLE: "));
  EXPECT_THAT(refused.error(), HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(refused.error(), HasSubstr("Connection refused"));
  const v1::TriggerRecord nobody = One(Spec("no.such.host.invalid:50051"));
  EXPECT_EQ(nobody.status(), kUnavailable);
  EXPECT_THAT(nobody.error(), HasSubstr("no.such.host.invalid"));
}

TEST_F(GrpcTest, APeerThatSaysNothingRunsIntoTheDeadline) {
  const SilentPeer peer;
  v1::ShareSpec spec = Spec(peer.Address(), 10, 10);
  spec.mutable_trigger()->set_timeout_ns(100 * kMs);
  // Before it is given up that no connection stands, the agent may be told to go.
  Want(spec, v1::PREPARE);
  Exchange();
  EXPECT_EQ(WaitForPhase(spec.run_id(), v1::PREPARING).fired(), 0U);
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 0});
  ++runs_;
  spec.set_run_id(runs_);
  const CapturedLog log;
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 10U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::TIMEOUT);
    EXPECT_EQ(record.error(), "took longer than 100 ms");
  }
  EXPECT_THAT(log.Text(), HasSubstr("1 of 1 connections to " + peer.Address() + " do not stand after 2 s"));
}

TEST_F(GrpcTest, TlsChecksTheServersNameAndCertificate) {
  const TempDir dir;
  const TestCertificate good = TestCertificate::For("DNS:localhost,IP:127.0.0.1");
  const TestCertificate other = TestCertificate::For("DNS:db.example,IP:127.0.0.2");
  const TestCertificate expired = TestCertificate::For("DNS:localhost", /*expired=*/true);
  const auto call = [&](const TestCertificate& of_server, const std::string& ca, bool verify) {
    EchoServer server({.certificate = of_server.certificate, .key = of_server.key});
    v1::ShareSpec spec = Spec(server.Address("localhost"));
    spec.mutable_trigger()->mutable_grpc()->set_tls(true);
    spec.mutable_trigger()->mutable_grpc()->set_insecure(!verify);
    spec.mutable_trigger()->mutable_grpc()->set_ca_file(ca.empty() ? "" : dir.Write("ca.pem", ca));
    return One(spec);
  };
  EXPECT_EQ(call(good, good.certificate, true).error(), "");
  EXPECT_EQ(call(other, "", false).error(), "") << "tls.verify: false";
  EXPECT_EQ(call(expired, "", false).error(), "") << "tls.verify: false";
  const v1::TriggerRecord wrong_name = call(other, other.certificate, true);
  EXPECT_EQ(wrong_name.status(), kUnavailable);
  EXPECT_THAT(wrong_name.error(), HasSubstr("localhost"));
  EXPECT_THAT(wrong_name.error(), HasSubstr("is not in peer certificate"));
  EXPECT_EQ(call(expired, expired.certificate, true).status(), kUnavailable);
  EXPECT_EQ(call(good, "", true).status(), kUnavailable) << "the system does not know its authority";
  // With TLS to a server without it, and the other way round.
  EchoServer plain({});
  v1::ShareSpec spec = Spec(plain.Address());
  spec.mutable_trigger()->mutable_grpc()->set_tls(true);
  EXPECT_EQ(One(spec).status(), kUnavailable);
  EchoServer secure({.certificate = good.certificate, .key = good.key});
  EXPECT_EQ(One(Spec(secure.Address())).status(), kUnavailable);
}

TEST_F(GrpcTest, HundredsAreInFlightOnOneConnectionAndEndTogether) {
  EchoServer server({});
  v1::ShareSpec spec = JsonSpec(server.Address(), R"({"delay_ms": 3000})", 500, 500);
  EXPECT_EQ(MostInFlight(Execute(spec)), 500U);
  spec = JsonSpec(server.Address(), R"({"number": $(index)})", 2000, 300);
  spec.mutable_trigger()->mutable_grpc()->set_connections(4);
  for (const v1::TriggerRecord& record : Execute(spec).triggers) EXPECT_EQ(record.error(), "");
}

// One connection carries what the server lets it, the other calls wait here for their turn; more of them carry more.
TEST_F(GrpcTest, ConnectionsMultiplyWhatAServerAllowsOnOne) {
  std::atomic<int> seen = 0;
  EchoServer server({.streams = 5, .seen = [&](const test::EchoAnswer&) { ++seen; }});
  v1::ShareSpec spec = JsonSpec(server.Address(), R"({"never_answer": true})", 20, 20);
  spec.mutable_trigger()->mutable_grpc()->set_connections(4);
  Begin(spec);
  const int64_t until_ns = MonotonicNs() + kPatience;
  while (seen < 20 && MonotonicNs() < until_ns) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_EQ(seen, 20);
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
}

TEST_F(GrpcTest, CancelEndsWhatIsInFlight) {
  EchoServer server({});
  const v1::ShareSpec spec = JsonSpec(server.Address(), R"({"never_answer": true})", 1000, 300);
  Begin(spec);
  WaitFor(spec.run_id(), [](const v1::ShareStatus& s) { return s.in_flight() == 300; });
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
  const Written written = sink_.Of(spec.run_id());
  EXPECT_EQ(written.triggers.size(), 300U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.outcome(), v1::CANCELLED);
    EXPECT_EQ(record.error(), "cancelled");
  }
  // An agent that goes with calls in flight leaves none behind.
  const v1::ShareSpec another = JsonSpec(server.Address(), R"({"never_answer": true})", 1000, 300);
  Begin(another);
  WaitFor(another.run_id(), [](const v1::ShareStatus& s) { return s.in_flight() == 300; });
  Restart({.agent_name = "alpha", .sampler = {}, .max_processes = 0});
}

TEST_F(GrpcTest, AServerThatComesBackIsCalledAgain) {
  auto server = std::make_unique<EchoServer>(EchoServer::Options{});
  v1::ShareSpec spec = Spec(server->Address(), 0, 1);
  spec.set_duration_ns(kPatience);
  Begin(spec);
  WaitFor(spec.run_id(), [](const v1::ShareStatus& s) { return s.fired() > 10; });
  const int port = server->port();
  server.reset();
  WaitFor(spec.run_id(), [](const v1::ShareStatus& s) { return s.not_ok() > 0; });
  const EchoServer again({.port = port});
  const v1::ShareStatus before = Status(spec.run_id()).value();
  WaitFor(spec.run_id(), [ok = before.fired() - before.not_ok()](const v1::ShareStatus& s) {
    return s.fired() - s.not_ok() > ok + 10;
  });
  Want(spec, v1::CANCEL);
  Exchange();
  WaitForPhase(spec.run_id(), v1::ENDED);
}

}  // namespace
}  // namespace assay
