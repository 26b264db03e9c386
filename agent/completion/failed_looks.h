#ifndef ASSAY_AGENT_COMPLETION_FAILED_LOOKS_H_
#define ASSAY_AGENT_COMPLETION_FAILED_LOOKS_H_

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/units.h"

namespace assay {

// Looks that failed one after the other, in words for who follows the run: at its end it is too late to mend a server.
// Pure: time comes in as an argument.
class FailedLooks {
 public:
  // A look that began then showed nothing but errors.
  void Failed(std::string_view error, int64_t began_ns) {
    if (in_a_row_++ == 0) since_ns_ = began_ns;
    error_ = error;
  }

  // A look went well.
  void Succeeded(int64_t now_ns) {
    if (ToldOf(now_ns)) {
      over_ = fmt::format("looks at what triggers started go well again: for {} none did, {} failed",
                          FormatDuration(now_ns - since_ns_), in_a_row_);
      over_until_ns_ = now_ns + kOverToldNs;
    }
    in_a_row_ = 0;
  }

  // One at a time: that they fail, as long as they do and from the third on or after a few seconds; for a while then
  // that they do no more. Empty: all is well.
  std::string Notice(int64_t now_ns) const {
    if (ToldOf(now_ns)) {
      return fmt::format("for {} no look at what triggers started went well ({} failed), the last: {}",
                         FormatDuration(now_ns - since_ns_), in_a_row_, error_);
    }
    return now_ns < over_until_ns_ ? over_ : "";
  }

  uint64_t in_a_row() const { return in_a_row_; }

 private:
  static constexpr uint64_t kToldFrom = 3;
  static constexpr int64_t kToldAfterNs = 3'000'000'000;
  static constexpr int64_t kOverToldNs = 10'000'000'000;

  // A single one may be a run that its target does not show yet.
  bool ToldOf(int64_t now_ns) const {
    return in_a_row_ >= kToldFrom || (in_a_row_ > 0 && now_ns - since_ns_ >= kToldAfterNs);
  }

  uint64_t in_a_row_ = 0;
  int64_t since_ns_ = 0;
  std::string error_;  // of the last
  std::string over_;
  int64_t over_until_ns_ = INT64_MIN;
};

}  // namespace assay

#endif  // ASSAY_AGENT_COMPLETION_FAILED_LOOKS_H_
