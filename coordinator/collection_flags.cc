#include "coordinator/collection_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>

#include "common/units.h"

namespace assay {
namespace {

constexpr double kFewMissing = 0.01;  // as ideal_from has it

}  // namespace

std::vector<Flag> CollectionFlags(const RunFacts& f) {
  std::vector<Flag> flags;
  for (const RunFacts::Collection& c : f.collections) {
    const std::string who = c.origin.empty() ? fmt::format("the collector on {}", c.place)
                                             : fmt::format("collector {} on {}", c.origin, c.place);
    const uint64_t missing = std::max(c.expected - std::min(c.records, c.expected), c.unmatched);
    if (!c.error.empty() || missing > 0) {
      const double fraction = static_cast<double>(missing) / static_cast<double>(std::max<uint64_t>(c.expected, 1));
      std::string detail = who;
      if (missing > 0) {
        detail += fmt::format(": {} of {} task records never came ({:.1f} %), looked for over {}", missing, c.expected,
                              100 * fraction, FormatDuration(std::llround(c.elapsed_s * 1e9)));
      }
      if (!c.error.empty()) detail += ": " + c.error;
      if (fraction > kFewMissing && c.origin == f.tasks.witness)
        detail += "; without them the tasks' sum is not known, and so no overhead";
      // A fragment says nothing of the target's work; a driver's word stands without it.
      const bool fragment = c.stopped && f.tasks.witness != "driver";
      flags.push_back({"records_missing", fragment ? "reject" : "warning", std::move(detail)});
    }
    if (c.unfinished > 0) {
      flags.push_back({"records_unfinished", "warning",
                       fmt::format("{}: {} of {} task records do not tell of an end, looked for over {}", who,
                                   c.unfinished, c.records, FormatDuration(std::llround(c.elapsed_s * 1e9)))});
    }
    if (c.record_lag_s && c.records > 0) {
      flags.push_back({"record_lag", "info",
                       fmt::format("{}: the last of {} records was there {}{} {} the last finish{}", who, c.records,
                                   c.at_first_look ? "at most " : "",
                                   FormatDuration(std::llround(std::fabs(*c.record_lag_s) * 1e9)),
                                   *c.record_lag_s < 0 ? "before" : "after",
                                   c.quiet     ? ""
                                   : c.stopped ? ", when it was stopped"
                                               : ", and more may have come after the deadline")});
    }
  }
  return flags;
}

}  // namespace assay
