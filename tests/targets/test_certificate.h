#ifndef ASSAY_TESTS_TARGETS_TEST_CERTIFICATE_H_
#define ASSAY_TESTS_TARGETS_TEST_CERTIFICATE_H_

#include <string>

namespace assay {

// A server's certificate, signed by itself: whoever trusts it as an authority trusts the server.
struct TestCertificate {
  std::string certificate;  // PEM
  std::string key;          // PEM

  // `names`: as OpenSSL writes them, "DNS:localhost,IP:127.0.0.1".
  static TestCertificate For(const std::string& names, bool expired = false);
};

}  // namespace assay

#endif  // ASSAY_TESTS_TARGETS_TEST_CERTIFICATE_H_
