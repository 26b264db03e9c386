#include "coordinator/collection_flags.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

#include "common/units.h"

namespace assay {

std::vector<Flag> CollectionFlags(const RunFacts& f) {
  std::vector<Flag> flags;
  for (const RunFacts::Collection& c : f.collections) {
    const std::string who = c.origin.empty() ? fmt::format("the collector on {}", c.place)
                                             : fmt::format("collector {} on {}", c.origin, c.place);
    if (!c.error.empty() || c.records < c.expected) {
      std::string detail = who;
      if (c.records < c.expected) {
        detail += fmt::format(": {} of {} task records never came ({:.1f} %), looked for over {}",
                              c.expected - c.records, c.expected,
                              100.0 * static_cast<double>(c.expected - c.records) / static_cast<double>(c.expected),
                              FormatDuration(std::llround(c.elapsed_s * 1e9)));
      }
      if (!c.error.empty()) detail += ": " + c.error;
      flags.push_back({"records_missing", "warning", std::move(detail)});
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
                                   c.quiet ? "" : ", and more may have come after the deadline")});
    }
  }
  return flags;
}

}  // namespace assay
