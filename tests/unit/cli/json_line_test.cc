#include "cli/json_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <utility>

#include "assay/v1/control.pb.h"

namespace assay {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(JsonLineTest, TypeComesFirstAndStringsAreEscaped) {
  v1::FlagInfo flag;
  flag.set_code("slip");
  flag.set_detail("a \"b\"\n");
  EXPECT_EQ(JsonLine("flag", flag, {{"run_id", "7"}}),
            "{\"type\":\"flag\",\"run_id\":7,\"code\":\"slip\",\"severity\":\"\",\"detail\":\"a \\\"b\\\"\\n\"}");
  EXPECT_EQ(JsonLine("none", v1::CancelSweepReply()), "{\"type\":\"none\"}");
}

TEST(JsonLineTest, NumbersAreNumbersAndWhatIsUnknownIsNull) {
  v1::SweepInfo sweep;
  sweep.set_sweep_id(int64_t{1} << 53);
  sweep.set_created_wall_ns(1'778'241'600'123'456'789);
  EXPECT_EQ(JsonLine("sweep", sweep),
            R"({"type":"sweep","sweep_id":9007199254740992,"name":"","state":"","runs_total":0,"accepted":0,)"
            R"("rejected":0,"created":"2026-05-08T12:00:00.123456Z","ended":null,"about":""})");
  v1::RunResult run;
  run.set_overhead_percent(0);
  run.set_throughput_per_s(std::nan(""));
  EXPECT_THAT(JsonLine("run", run),
              HasSubstr(R"("makespan_s":null,"overhead_percent":0,"throughput_per_s":null,"flags":[])"));
  v1::SweepProgress progress;
  progress.add_notices("a \"b\"");
  EXPECT_THAT(JsonLine("progress", progress, {}, {"results", "more"}),
              testing::AllOf(StartsWith(R"({"type":"progress","sweep":null,)"), HasSubstr(R"("eta_ns":null)"),
                             HasSubstr(R"("notices":["a \"b\""])")));
}

TEST(JsonLineTest, LabelsAreAnObjectOfLists) {
  v1::AgentInfo agent;
  EXPECT_THAT(JsonLine("agent", agent), EndsWith(R"("labels":{}})"));
  for (const auto& [key, value] : {std::pair{"role", "load"}, {"zone", "b"}, {"role", "target"}}) {
    v1::Label& label = *agent.add_labels();
    label.set_key(key);
    label.set_value(value);
  }
  EXPECT_THAT(JsonLine("agent", agent), EndsWith(R"("labels":{"role":["load","target"],"zone":["b"]}})"));
}

}  // namespace
}  // namespace assay
