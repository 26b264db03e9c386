#include "collect/state_words.h"

#include <algorithm>
#include <cctype>

namespace assay {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

v1::Outcome Named(std::string_view outcome) {
  return outcome == "ok"          ? v1::OK
         : outcome == "timeout"   ? v1::TIMEOUT
         : outcome == "cancelled" ? v1::CANCELLED
         : outcome == "skipped"   ? v1::SKIPPED
                                  : v1::FAILED;
}

}  // namespace

StateWords::StateWords(const google::protobuf::Map<std::string, std::string>& outcomes) {
  for (const char* word : {"ok", "success", "succeeded", "successful", "complete", "completed", "done", "finished",
                           "passed", "cached", "memory"})
    words_[word] = v1::OK;
  for (const char* word :
       {"failed", "failure", "fail", "error", "errored", "erred", "crashed", "killed", "lost", "upstream_failed"})
    words_[word] = v1::FAILED;
  for (const char* word : {"timeout", "timedout", "timed_out", "timed out"}) words_[word] = v1::TIMEOUT;
  for (const char* word : {"cancelled", "canceled", "aborted", "revoked", "removed"}) words_[word] = v1::CANCELLED;
  for (const char* word : {"skipped", "skip"}) words_[word] = v1::SKIPPED;
  for (const auto& [word, outcome] : outcomes) words_[Lower(word)] = Named(outcome);
}

v1::Outcome StateWords::OutcomeOf(std::string_view state) const {
  const auto found = words_.find(Lower(state));
  return found == words_.end() ? v1::OUTCOME_UNSPECIFIED : found->second;
}

}  // namespace assay
