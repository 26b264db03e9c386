#ifndef ASSAY_COORDINATOR_SCENARIO_SCENARIO_WORDS_H_
#define ASSAY_COORDINATOR_SCENARIO_SCENARIO_WORDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "coordinator/scenario/scenario_rules.h"

namespace assay {

// "a whole number from 1 to 500", "a duration from 10ms to 1h, such as ...": for messages.
std::string Wanted(const Rule& rule);

bool IsName(std::string_view text);

// The shortest way to write a duration: 10ms, 1h.
std::string ShortDuration(int64_t ns);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_SCENARIO_WORDS_H_
