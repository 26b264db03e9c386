#include "coordinator/sampling_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "common/units.h"
#include "coordinator/absence.h"

namespace assay {
namespace {

constexpr double kFewMissedTicks = 0.01;

}  // namespace

std::vector<Flag> SamplingFlags(const RunFacts& f, const v1::CellSpec& cell, const RunTrouble& trouble) {
  std::vector<Flag> flags;
  if (!cell.has_sampling()) return flags;
  if (std::none_of(f.shares.begin(), f.shares.end(), [](const RunFacts::Share& s) { return s.samples; })) {
    flags.push_back({"not_sampled", "warning",
                     "the scenario asks for samples, but no connected agent has the labels of sample.where"});
  }
  for (const RunFacts::Share& s : f.shares) {
    if (!s.samples || s.lost) continue;
    if (s.missed_ticks > 0) {
      const double missed = static_cast<double>(s.missed_ticks) / static_cast<double>(s.missed_ticks + s.sampler_ticks);
      flags.push_back({"sampler_gap", missed > kFewMissedTicks ? "warning" : "info",
                       fmt::format("agent {}: {} of {} sampling ticks were missed ({:.1f} %)", s.agent, s.missed_ticks,
                                   s.missed_ticks + s.sampler_ticks, missed * 100)});
    }
    const int64_t due = f.last_finished_ns + cell.sampling().cooldown_ns() - cell.sampling().every_ns();
    if (trouble.code.empty() && s.sampled_until_ns < due) {
      flags.push_back({"sampling_ended_early", "warning",
                       fmt::format("agent {}: the last sample is {} before the end of the cool-down", s.agent,
                                   FormatDuration(due - s.sampled_until_ns))});
    }
    if (const std::string absences = Absences(s, cell.sampling(), f.last_finished_ns); !absences.empty()) {
      flags.push_back({"container_absent", "warning",
                       fmt::format("agent {}: not all that is sampled by name was there from T0 to the last finish: {}",
                                   s.agent, absences)});
    }
    for (const std::string& pattern : s.unmatched_cgroups) {
      // "containers: web; why that may be".
      const size_t why = pattern.find("; ");
      const std::string reason = why == std::string::npos ? "" : pattern.substr(why);
      flags.push_back(
          {"cgroup_missing", "warning",
           pattern.starts_with("run;")
               ? fmt::format("agent {}: not all that the run's processes used is counted as 'run'{}", s.agent, reason)
           : pattern.starts_with("@")
               ? fmt::format("agent {} has no cgroup of the name '{}', or it is gone; start it with --cgroup {}=PATH",
                             s.agent, pattern, pattern.substr(1))
               : fmt::format("agent {}: no cgroup matched '{}'{}", s.agent, pattern.substr(0, why), reason)});
    }
  }
  return flags;
}

}  // namespace assay
