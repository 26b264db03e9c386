// The HTTP trigger against servers that Debian ships: TLS and its certificates, HTTP/2 with and without it.
#include <gmock/gmock.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "../temp_dir.h"
#include "http_fixture.h"
#include "tests/targets/server_process.h"
#include "tests/targets/test_certificate.h"

namespace assay {
namespace {

using testing::HasSubstr;

class HttpsTest : public HttpTriggerTest {
 protected:
  void SetUp() override {
    HttpTriggerTest::SetUp();
    dir_.Write("index.html", "hello");
  }

  // HTTP/1.1 only.
  std::unique_ptr<ServerProcess> Http1Server(const TestCertificate& certificate) {
    return std::make_unique<ServerProcess>(std::vector<std::string>{
        "openssl", "s_server", "-quiet", "-www", "-accept", "127.0.0.1:PORT", "-key",
        dir_.Write("server.key", certificate.key), "-cert", dir_.Write("server.pem", certificate.certificate)});
  }

  // HTTP/2 only; `certificate` empty: without TLS.
  std::unique_ptr<ServerProcess> Http2Server(const TestCertificate* certificate) {
    std::vector<std::string> words{"/usr/sbin/nghttpd", "--address=127.0.0.1", "--htdocs=" + dir_.path()};
    if (certificate == nullptr) words.emplace_back("--no-tls");
    words.emplace_back("PORT");
    if (certificate != nullptr) {
      words.push_back(dir_.Write("server.key", certificate->key));
      words.push_back(dir_.Write("server.pem", certificate->certificate));
    }
    return std::make_unique<ServerProcess>(words);
  }

  // One request to localhost, with these certificates trusted; none: the system's.
  v1::TriggerRecord Ask(const ServerProcess& server, const std::string& trusted, bool verify = true) {
    v1::ShareSpec spec = Spec("https://localhost:" + std::to_string(server.port()) + "/index.html");
    spec.mutable_trigger()->mutable_http()->set_insecure(!verify);
    if (!trusted.empty()) spec.mutable_trigger()->mutable_http()->set_ca_file(dir_.Write("ca.pem", trusted));
    const Written written = Execute(spec);
    EXPECT_EQ(written.triggers.size(), 1U);
    return written.triggers.empty() ? v1::TriggerRecord() : written.triggers.front();
  }

  const TempDir dir_;
};

// With nghttpd, where it is installed.
class Http2Test : public HttpsTest {
 protected:
  void SetUp() override {
    HttpsTest::SetUp();
    if (access("/usr/sbin/nghttpd", X_OK) != 0)
      GTEST_SKIP() << "there is no nghttpd here; deploy/install test brings it";
  }
};

TEST_F(HttpsTest, AServerOfAnotherNameIsARowThatNamesIt) {
  const TestCertificate other = TestCertificate::For("DNS:db.example,IP:127.0.0.2");
  const auto server = Http1Server(other);
  const v1::TriggerRecord record = Ask(*server, other.certificate);
  EXPECT_EQ(record.outcome(), v1::FAILED);
  EXPECT_THAT(record.error(), HasSubstr("matches target host name 'localhost'"));
  EXPECT_EQ(record.status(), 0);
  EXPECT_FALSE(record.has_secured_ns());
  EXPECT_FALSE(record.has_first_byte_ns());
  const v1::TriggerRecord unverified = Ask(*server, "", /*verify=*/false);
  EXPECT_EQ(unverified.status(), 200) << unverified.error();
  EXPECT_TRUE(unverified.has_secured_ns());
}

TEST_F(Http2Test, CertificatesThatDoNotFitSayWhy) {
  const TestCertificate good = TestCertificate::For("DNS:localhost,IP:127.0.0.1");
  const TestCertificate other = TestCertificate::For("DNS:db.example,IP:127.0.0.2");
  const TestCertificate expired = TestCertificate::For("DNS:localhost", /*expired=*/true);
  {
    const auto server = Http2Server(&good);
    const v1::TriggerRecord record = Ask(*server, good.certificate);
    EXPECT_EQ(record.error(), "");
    EXPECT_EQ(record.received_bytes(), 5U);
    ASSERT_TRUE(record.has_secured_ns());
    EXPECT_LE(record.connected_ns(), record.secured_ns());
    EXPECT_LE(record.secured_ns(), record.first_byte_ns());
    const v1::TriggerRecord unknown = Ask(*server, "");
    EXPECT_EQ(unknown.outcome(), v1::FAILED);
    EXPECT_THAT(unknown.error(), testing::AllOf(HasSubstr("self-signed certificate"),
                                                HasSubstr("; name who signed it: tls: {ca: FILE}")));
    EXPECT_FALSE(unknown.has_secured_ns());
    EXPECT_EQ(Ask(*server, "", /*verify=*/false).error(), "");
    EXPECT_THAT(Ask(*server, other.certificate).error(), HasSubstr("certificate"));
  }
  {
    const auto server = Http2Server(&other);
    EXPECT_THAT(Ask(*server, other.certificate).error(), HasSubstr("matches target host name 'localhost'"));
    EXPECT_EQ(Ask(*server, "", /*verify=*/false).error(), "");
  }
  {
    const auto server = Http2Server(&expired);
    EXPECT_THAT(Ask(*server, expired.certificate).error(), HasSubstr("certificate has expired"));
  }
}

TEST_F(HttpsTest, ATlsServerWithoutHttp2IsSpokenToInOlderWords) {
  const TestCertificate good = TestCertificate::For("DNS:localhost");
  const v1::TriggerRecord record = Ask(*Http1Server(good), good.certificate);
  EXPECT_EQ(record.status(), 200) << record.error();
  EXPECT_TRUE(record.has_secured_ns());
}

TEST_F(Http2Test, TlsAndPlainWordsDoNotMeet) {
  const TestCertificate good = TestCertificate::For("DNS:localhost");
  const auto plain = Http2Server(nullptr);
  EXPECT_EQ(Ask(*plain, good.certificate).outcome(), v1::FAILED);
  const auto secure = Http2Server(&good);
  const v1::TriggerRecord record =
      Execute(Spec("http://localhost:" + std::to_string(secure->port()) + "/")).triggers.at(0);
  EXPECT_EQ(record.outcome(), v1::FAILED);
  EXPECT_NE(record.error(), "");
  v1::ShareSpec missing = Spec("https://localhost:" + std::to_string(secure->port()) + "/");
  missing.mutable_trigger()->mutable_http()->set_ca_file("/no/such.pem");
  missing.set_run_id(77);
  Want(missing, v1::PREPARE);
  Exchange();
  EXPECT_THAT(
      WaitForPhase(77, v1::REFUSED).error(),
      HasSubstr("agent 'alpha': cannot read the certificates of tls.ca, /no/such.pem: No such file or directory"));
}

TEST_F(Http2Test, ManyRequestsAreInFlightOnOneHttp2Connection) {
  const TestCertificate good = TestCertificate::For("DNS:localhost");
  for (const bool tls : {true, false}) {
    const auto server = Http2Server(tls ? &good : nullptr);
    v1::ShareSpec spec =
        Spec((tls ? "https" : "http") + ("://localhost:" + std::to_string(server->port())) + "/index.html", 2000, 64);
    spec.mutable_trigger()->mutable_http()->set_ca_file(dir_.Write("ca.pem", good.certificate));
    spec.mutable_trigger()->mutable_http()->set_version(v1::HttpTrigger::HTTP2);
    const Written written = Execute(spec);
    ASSERT_EQ(written.triggers.size(), 2000U);
    for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.error(), "");
    EXPECT_GE(Connections(written), 1U);
    EXPECT_LE(Connections(written), tls ? 1U : 4U);
    EXPECT_EQ(MostInFlight(written), 64U);
  }
}

TEST_F(HttpsTest, NobodyThereIsARowWithPriorKnowledgeToo) {
  v1::ShareSpec spec = Spec("http://127.0.0.1:1/", 20, 4);
  spec.mutable_trigger()->mutable_http()->set_version(v1::HttpTrigger::HTTP2);
  const Written written = Execute(spec);
  ASSERT_EQ(written.triggers.size(), 20U);
  for (const v1::TriggerRecord& record : written.triggers) {
    EXPECT_EQ(record.error(), "cannot connect to 127.0.0.1:1: Connection refused");
  }
}

TEST_F(Http2Test, AutoTakesHttp2WhereTlsOffersIt) {
  const TestCertificate good = TestCertificate::For("DNS:localhost");
  const auto server = Http2Server(&good);  // and nothing else
  v1::ShareSpec spec = Spec("https://localhost:" + std::to_string(server->port()) + "/index.html", 500, 16);
  spec.mutable_trigger()->mutable_http()->set_ca_file(dir_.Write("ca.pem", good.certificate));
  const Written written = Execute(spec);
  for (const v1::TriggerRecord& record : written.triggers) EXPECT_EQ(record.error(), "");
  EXPECT_LE(Connections(written), 16U);
  spec = Spec("https://localhost:" + std::to_string(server->port()) + "/index.html");
  spec.mutable_trigger()->mutable_http()->set_ca_file(dir_.Write("ca.pem", good.certificate));
  spec.mutable_trigger()->mutable_http()->set_version(v1::HttpTrigger::HTTP1);
  EXPECT_EQ(Execute(spec).triggers.at(0).outcome(), v1::FAILED) << "1.1 was asked for, and is not spoken there";
}

}  // namespace
}  // namespace assay
