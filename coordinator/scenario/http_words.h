#ifndef ASSAY_COORDINATOR_SCENARIO_HTTP_WORDS_H_
#define ASSAY_COORDINATOR_SCENARIO_HTTP_WORDS_H_

#include <string>
#include <string_view>

namespace assay {

// What is wrong with words of an HTTP request, as far as they can be judged before the agent's names are put in. What
// would be a row's error at every trigger of every run is better told here.
struct WrongHttpWord {
  std::string what;  // empty: nothing is
  std::string mend;
};

WrongHttpWord WrongHttpUrl(std::string_view url);
WrongHttpWord WrongHttpHeader(std::string_view name, std::string_view value);

}  // namespace assay

#endif  // ASSAY_COORDINATOR_SCENARIO_HTTP_WORDS_H_
