#ifndef ASSAY_TESTS_UNIT_AGENT_HTTP_FIXTURE_H_
#define ASSAY_TESTS_UNIT_AGENT_HTTP_FIXTURE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "executor_fixture.h"

namespace assay {

class HttpTriggerTest : public ExecutorTest {
 protected:
  // Of a run of its own.
  v1::ShareSpec Spec(const std::string& url, uint64_t count = 1, uint32_t slots = 1) {
    v1::ShareSpec spec = SleepSpec(++runs_, count, slots, 0);
    spec.mutable_trigger()->set_timeout_ns(kPatience);
    v1::HttpTrigger& http = *spec.mutable_trigger()->mutable_http();
    http.set_method("GET");
    http.set_url(url);
    auto* expect = http.add_expect();
    expect->set_from(200);
    expect->set_to(299);
    return spec;
  }

  // That were made for these triggers.
  static size_t Connections(const Written& written) {
    return static_cast<size_t>(std::count_if(written.triggers.begin(), written.triggers.end(),
                                             [](const auto& record) { return record.has_connected_ns(); }));
  }

 private:
  int64_t runs_ = 0;
};

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_AGENT_HTTP_FIXTURE_H_
