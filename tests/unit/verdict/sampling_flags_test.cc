#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/verdict/verdict_fixture.h"

namespace assay {
namespace {

TEST(Verdict, SamplingGapsAndAnEarlyEndAreSeen) {
  Fixture f;
  f.facts.shares[0].missed_ticks = 3;
  EXPECT_EQ(f.Flags(), Codes{"sampler_gap:warning"});
  f.facts.shares[0].sampler_ticks = 10'000;
  EXPECT_EQ(f.Flags(), Codes{"sampler_gap:info"});
  f.facts.shares[0].missed_ticks = 0;
  f.facts.shares[1].sampled_until_ns = 900 * kMs;
  EXPECT_EQ(f.Flags(), Codes{"sampling_ended_early:warning"});
  f.facts.shares[1].sampled_until_ns = 1050 * kMs;
  f.facts.shares[1].unmatched_cgroups = {"/docker/*"};
  EXPECT_EQ(f.Flags(), Codes{"cgroup_missing:warning"});
  f.facts.shares[1].unmatched_cgroups = {"@postgres"};
  EXPECT_NE(f.Judged().flags.at(0).detail.find("start it with --cgroup postgres=PATH"), std::string::npos);
  f.facts.shares[1].unmatched_cgroups = {"containers: web; no engine answers"};
  EXPECT_NE(f.Judged().flags.at(0).detail.find("no cgroup matched 'containers: web'; no engine answers"),
            std::string::npos);
  f.facts.shares[1].unmatched_cgroups = {"run; cannot make /x/assay"};
  EXPECT_THAT(f.Judged().flags.at(0).detail,
              testing::EndsWith("not all that the run's processes used is counted as 'run'; cannot make /x/assay"));
  for (RunFacts::Share& share : f.facts.shares) share.samples = false;
  EXPECT_EQ(f.Flags(), Codes{"not_sampled:warning"});
}

TEST(Verdict, AContainerThatWasSampledByNameAndNotThereAllTheTimeIsAWarning) {
  Fixture f;
  f.facts.last_finished_ns = 5000 * kMs;
  f.facts.shares[0].sampled_until_ns = f.facts.shares[1].sampled_until_ns = 6100 * kMs;
  f.facts.shares[0].lives = {
      {"web", true, -9000 * kMs, -2000 * kMs},                                            // stopped by a hook
      {"web", true, -1000 * kMs, 3200 * kMs},     {"web", true, 3900 * kMs, 5500 * kMs},  // in the cool-down
      {"db", true, -1000 * kMs, std::nullopt},    {"late", true, 4000 * kMs, std::nullopt},
      {"x.service", false, -1000 * kMs, 10 * kMs}};
  EXPECT_EQ(f.Flags(), Codes{}) << "only a pattern matches them";
  f.cell.mutable_sampling()->add_containers("*");
  EXPECT_EQ(f.Flags(), Codes{"container_absent:warning"});
  EXPECT_THAT(f.Judged().flags.at(0).detail,
              testing::EndsWith("agent a: not all that is sampled by name was there from T0 to the last finish: 'late' "
                                "was not there before 4 s; 'web' ended at 3.2 s and was started again at 3.9 s"));
  f.cell.mutable_sampling()->clear_containers();
  f.cell.mutable_sampling()->add_units("x");
  EXPECT_THAT(f.Judged().flags.at(0).detail, testing::EndsWith(": 'x.service' ended at 10 ms"));
}

}  // namespace
}  // namespace assay
