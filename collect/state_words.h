#ifndef ASSAY_COLLECT_STATE_WORDS_H_
#define ASSAY_COLLECT_STATE_WORDS_H_

#include <map>
#include <string>
#include <string_view>

#include "assay/v1/record.pb.h"
#include "assay/v1/scenario.pb.h"

namespace assay {

// What a target's words for the state of a task mean.
class StateWords {
 public:
  // What the scenario says of them (collect.outcomes) comes before the words that many systems have in common.
  explicit StateWords(const google::protobuf::Map<std::string, std::string>& outcomes);

  // Upper or lower case. Unspecified: it has not ended, or the word is not known.
  v1::Outcome OutcomeOf(std::string_view state) const;

 private:
  std::map<std::string, v1::Outcome, std::less<>> words_;
};

}  // namespace assay

#endif  // ASSAY_COLLECT_STATE_WORDS_H_
