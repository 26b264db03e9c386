#ifndef ASSAY_TESTS_UNIT_VERDICT_VERDICT_FIXTURE_H_
#define ASSAY_TESTS_UNIT_VERDICT_VERDICT_FIXTURE_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "common/nanoseconds.h"
#include "coordinator/verdict.h"

namespace assay {

// A clean run of 100 sleeps of 1 to 10 ms on 16 slots of two agents, sampled every 100 ms with a cool-down of 1 s.
struct Fixture {
  RunFacts facts;
  v1::CellSpec cell;
  v1::SweepSpec sweep;
  RunTrouble trouble;

  Fixture() {
    for (const char* name : {"a", "b"}) {
      RunFacts::Share share;
      share.agent = name;
      share.planned = share.rows = share.fired = 50;
      share.slots = 8;
      share.samples = true;
      share.first_dispatch_ns = 100'000;
      share.clock_bound_ns = 200'000;
      share.sampled_until_ns = 1050 * kMs;
      share.sampler_ticks = 12;
      facts.shares.push_back(share);
    }
    facts.ok = 100;
    facts.makespan_ns = 45 * kMs;
    facts.last_finished_ns = 45 * kMs;
    facts.slip_p99_ns = kMs;
    facts.planned_sum_ns = 550 * kMs;
    facts.planned_max_ns = 10 * kMs;
    facts.planned_rows = 100;
    facts.planned_stddev_ns = 2.6e6;
    facts.service_mean_ns = 5.6e6;
    facts.service_stddev_ns = 2.6e6;
    facts.distinct_services = 100;
    cell.set_target("dask");
    cell.mutable_sampling()->set_every_ns(100 * kMs);
    cell.mutable_sampling()->set_cooldown_ns(1000 * kMs);
    sweep.mutable_limits()->set_failures_fraction(-1);
    sweep.mutable_limits()->set_slip_p99_ns(-1);
    sweep.mutable_limits()->set_start_skew_ns(-1);
  }

  Verdict Judged() const { return Judge(facts, cell, sweep, trouble); }
  std::string Detail(const std::string& code) const {
    for (const Flag& flag : Judged().flags) {
      if (flag.code == code) return flag.detail;
    }
    return "";
  }
  // "code:severity" of all flags, sorted.
  std::vector<std::string> Flags() const {
    std::vector<std::string> all;
    for (const Flag& flag : Judged().flags) all.push_back(flag.code + ":" + flag.severity);
    std::sort(all.begin(), all.end());
    return all;
  }
};

using Codes = std::vector<std::string>;

}  // namespace assay

#endif  // ASSAY_TESTS_UNIT_VERDICT_VERDICT_FIXTURE_H_
