#ifndef ASSAY_TESTS_UNIT_AGENT_DRIVER_FIXTURE_H_
#define ASSAY_TESTS_UNIT_AGENT_DRIVER_FIXTURE_H_

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "executor_fixture.h"
#include "tests/unit/temp_dir.h"

namespace assay {

// Shares of tasks for real drivers: small Python programs that speak the protocol themselves, well or badly.
class DriverTest : public ExecutorTest {
 protected:
  void SetUp() override;
  // Its run is called by the number of specs so far. `body`: behind what every such program has; see the .cc.
  v1::ShareSpec DriverSpec(uint64_t count, uint32_t slots, const std::string& body);
  // Says done for all its tasks, having run `before` for each.
  v1::ShareSpec Obliging(uint64_t count, const std::string& before = "");
  static const v1::Finding* FindingOf(const Written& written, const std::string& code);
  // All its triggers are rows that are ok, and one finding says what the driver did besides.
  void ExpectOnlyGarbage(const v1::ShareSpec& spec, uint64_t count, const std::string& detail);
  static std::string Failure(const Written& written);

  TempDir dir_;
  int drivers_ = 0;
};

// Whether it is so before the tests' patience is over.
bool GroupIsGone(pid_t group);
pid_t PidIn(const std::filesystem::path& file);

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_AGENT_DRIVER_FIXTURE_H_
